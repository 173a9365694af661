//! All of a transaction or nothing, and nobody's refusal is somebody else's.

use std::sync::Arc;

use domain::Digest;
use serde_json::json;

use super::sample::{Sample, action, at, entry, insert, journal};
use crate::error::CommitError;
use crate::port::{EventFilter, Store};
use crate::record::{EventOutcome, Machine, MachineState, OutcomeRow, Payload, RunRow};
use crate::transaction::{Transaction, Write};

/// A transaction with one of everything, about `run`, whose last part names what is not there.
fn everything(sample: &Sample, run: &RunRow) -> Transaction {
    let event = sample.event("forge", "all");
    let outcome = EventOutcome::Ran { run: run.id };
    let made_at = at(1);
    Transaction {
        guards: vec![],
        outcomes: vec![OutcomeRow { event: event.id, outcome, at: at(2) }],
        events: vec![event],
        runs: vec![Write::Insert(run.clone())],
        journal: vec![journal(run.id, "start")],
        completed: vec![],
        outbox: vec![action(run.id, "prepare", 0)],
        proposals: vec![Write::Insert(sample.proposal(run))],
        machines: vec![Machine {
            id: sample.machine(),
            run: run.id,
            state: MachineState::Launching,
            made_at,
        }],
        baselines: vec![(Digest::of(b"key"), json!({ "passed": 3 }))],
        payloads: vec![Payload::new([7; 32], b"content".to_vec(), Some(run.id))],
        ledger: vec![entry("accepted", Some(run.id)), entry("started", Some(run.id))],
    }
}

/// Whether anything of [`everything`] is there, each part on its own.
async fn traces(store: &Arc<dyn Store>, tx: &Transaction, run: &RunRow) -> [bool; 8] {
    let why = "the store is read";
    [
        !store.events(EventFilter::default()).await.expect(why).is_empty(),
        store.run(run.id).await.expect(why).is_some(),
        !store.journal(run.id, 0, 1).await.expect(why).is_empty(),
        !store.outbox_of(run.id).await.expect(why).is_empty(),
        store.machine(tx.machines[0].id).await.expect(why).is_some(),
        store.baseline(tx.baselines[0].0).await.expect(why).is_some(),
        store.payload(tx.payloads[0].digest()).await.expect(why).is_some(),
        store.ledger_size().await.expect(why) > 0,
    ]
}

/// Whichever part is refused, no other part is there afterwards; without it, all are.
pub async fn a_refused_transaction_leaves_nothing(store: &Arc<dyn Store>) {
    let sample = Sample::default();
    let (run, stranger) = (sample.run("work"), sample.run("stranger"));
    let whole = everything(&sample, &run);
    let mut refused: Vec<Transaction> = (0..6).map(|_| whole.clone()).collect();
    refused[0].runs.push(Write::Update(stranger.clone()));
    refused[1].journal.push(journal(stranger.id, "start"));
    refused[2].completed.push((1, 1));
    refused[3].outbox.push(action(stranger.id, "prepare", 0));
    refused[4].proposals.push(Write::Update(sample.proposal(&stranger)));
    refused[5].payloads.push(whole.payloads[0].clone());
    for (n, tx) in refused.into_iter().enumerate() {
        assert!(store.commit(tx).await.is_err(), "transaction {n}");
        assert_eq!(traces(store, &whole, &run).await, [false; 8], "transaction {n}");
    }
    store.commit(whole.clone()).await.expect("the whole one is kept");
    assert_eq!(traces(store, &whole, &run).await, [true; 8]);
    assert_eq!(store.check_integrity().await.expect("the store is read"), []);
}

/// Requests that share a flush do not share a fate.
pub async fn a_refusal_does_not_touch_its_neighbours(store: &Arc<dyn Store>) {
    let sample = Sample::default();
    let good: Vec<RunRow> = (0..40).map(|n| sample.run(&n.to_string())).collect();
    let twin = good[0].clone();
    let requests: Vec<Transaction> =
        good.iter().flat_map(|run| [insert(&[run]), insert(&[run, &twin])]).collect();
    let answers = at_once(store, requests).await;
    let kept = answers.iter().filter(|answer| answer.is_ok()).count();
    assert_eq!(kept, 40, "each run is there once, the doubled ones were refused");
    assert!(answers.iter().all(|answer| {
        matches!(answer, Ok(_) | Err(CommitError::Duplicate { what: "run", .. }))
    }));
    assert_eq!(
        store.runs(crate::port::RunFilter::default()).await.expect("runs are read").len(),
        40
    );
}

/// Of many that write the same revision exactly one does.
pub async fn one_of_many_writers_of_a_revision_wins(store: &Arc<dyn Store>) {
    let sample = Sample::default();
    let mut run = sample.run("work");
    run.revision = store.commit(insert(&[&run])).await.expect("a run is kept").run_revisions[0];
    let write = |n: usize| Transaction {
        runs: vec![Write::Update(RunRow { facts: json!(n), ..run.clone() })],
        ledger: vec![entry(&n.to_string(), Some(run.id))],
        ..Transaction::default()
    };
    let answers = at_once(store, (0..32).map(write).collect()).await;
    let winners: Vec<usize> =
        answers.iter().enumerate().filter(|(_, answer)| answer.is_ok()).map(|(n, _)| n).collect();
    assert_eq!(winners.len(), 1);
    let read = store.run(run.id).await.expect("runs are read").expect("it is there");
    assert_eq!((read.facts, read.revision), (json!(winners[0]), run.revision + 1));
    assert_eq!(store.ledger_size().await.expect("the ledger is read"), 1);
}

/// Makes all requests at the same time and gives back the answers in order.
pub async fn at_once(
    store: &Arc<dyn Store>,
    requests: Vec<Transaction>,
) -> Vec<Result<crate::Committed, CommitError>> {
    let count = requests.len();
    let mut waiting = tokio::task::JoinSet::new();
    for (n, tx) in requests.into_iter().enumerate() {
        let store = Arc::clone(store);
        waiting.spawn(async move { (n, store.commit(tx).await) });
    }
    let mut answers = waiting.join_all().await;
    answers.sort_by_key(|(n, _)| *n);
    assert_eq!(answers.len(), count);
    answers.into_iter().map(|(_, answer)| answer).collect()
}
