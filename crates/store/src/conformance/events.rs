//! Events are kept once and each gets exactly one outcome.

use std::sync::Arc;

use super::sample::{Sample, at};
use crate::error::CommitError;
use crate::port::{EventFilter, Store};
use crate::record::{Event, EventOutcome, OutcomeRow};
use crate::transaction::Transaction;

fn accept(event: &Event) -> Transaction {
    Transaction { events: vec![event.clone()], ..Transaction::default() }
}

fn decide(event: &Event, reason: &str) -> Transaction {
    let outcome = EventOutcome::Filtered { reason: reason.to_owned() };
    let row = OutcomeRow { event: event.id, outcome, at: at(9) };
    Transaction { outcomes: vec![row], ..Transaction::default() }
}

/// The same delivery again is told the event that is there; another source may use the same name.
pub async fn an_event_is_kept_once(store: &Arc<dyn Store>) {
    let sample = Sample::default();
    let first = sample.event("forge", "1");
    let done = store.commit(accept(&first)).await.expect("an event is accepted");
    assert_eq!(done.events, [first.id]);
    match store.commit(accept(&sample.event("forge", "1"))).await {
        Err(CommitError::Duplicate { what: "event", existing }) => {
            assert_eq!(existing, first.id.to_string());
        }
        other => panic!("a second delivery was answered with {other:?}"),
    }
    store
        .commit(accept(&sample.event("other", "1")))
        .await
        .expect("another source is another event");
    let read = store.event(first.id).await.expect("events are read").expect("it is there");
    assert_eq!((read.event, read.outcome), (first, None));
    assert_eq!(store.events(EventFilter::default()).await.expect("events are read").len(), 2);
}

/// A second outcome is refused and the first one stays; an unknown event gets none.
pub async fn an_event_has_exactly_one_outcome(store: &Arc<dyn Store>) {
    let sample = Sample::default();
    let event = sample.event("forge", "1");
    store.commit(accept(&event)).await.expect("an event is accepted");
    store.commit(decide(&event, "first")).await.expect("an outcome is kept");
    let again = store.commit(decide(&event, "second")).await;
    assert!(matches!(again, Err(CommitError::Duplicate { what: "outcome", .. })), "{again:?}");
    let unknown = store.commit(decide(&sample.event("forge", "2"), "none")).await;
    assert!(matches!(unknown, Err(CommitError::Missing { what: "event", .. })), "{unknown:?}");
    let read = store.event(event.id).await.expect("events are read").expect("it is there");
    assert_eq!(read.outcome, Some((EventOutcome::Filtered { reason: "first".into() }, at(9))));
}

/// Undecided events can be asked for; a page continues where the last one ended.
pub async fn events_are_listed_newest_first_and_paged(store: &Arc<dyn Store>) {
    let sample = Sample::default();
    let events: Vec<Event> = (0..5).map(|n| sample.event("forge", &n.to_string())).collect();
    for event in &events {
        store.commit(accept(event)).await.expect("an event is accepted");
    }
    store.commit(decide(&events[3], "done")).await.expect("an outcome is kept");
    let page = async |before, undecided| {
        let rows = store.events(EventFilter { undecided, before, limit: 2 }).await;
        rows.expect("events are read").into_iter().map(|row| row.event.id).collect::<Vec<_>>()
    };
    assert_eq!(page(None, true).await, [events[4].id, events[2].id]);
    assert_eq!(page(Some(events[2].id), true).await, [events[1].id, events[0].id]);
    assert_eq!(page(None, false).await, [events[4].id, events[3].id]);
}
