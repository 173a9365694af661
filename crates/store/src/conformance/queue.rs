//! The queue: one holder at a time, tokens that only grow, nothing forgotten.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::sample::{Sample, action, at, insert};
use crate::error::CommitError;
use crate::port::Store;
use crate::queue::{Claim, QueueFilter};
use crate::record::RunRow;
use crate::transaction::Transaction;

const LEASE_MS: u64 = 1_000;

/// A run with actions that are due at these instants; the ids of their rows.
async fn queued(store: &Arc<dyn Store>, sample: &Sample, due: &[u64]) -> (RunRow, Vec<u64>) {
    let run = sample.run("work");
    let outbox = due.iter().map(|due| action(run.id, "prepare", *due)).collect();
    let done = store.commit(Transaction { outbox, ..insert(&[&run]) }).await;
    (run, done.expect("actions are kept").outbox_ids)
}

async fn claim(store: &Arc<dyn Store>, worker: &str, now: u64) -> Option<Claim> {
    store.claim(worker, at(now), LEASE_MS, QueueFilter::All).await.expect("claims are answered")
}

fn complete(claim: (u64, u64)) -> Transaction {
    Transaction { completed: vec![claim], ..Transaction::default() }
}

/// Not a millisecond early, and only once.
pub async fn a_row_is_claimed_when_it_is_due_and_not_before(store: &Arc<dyn Store>) {
    assert_eq!(store.next_due(QueueFilter::All).await.expect("the queue is read"), None);
    let (run, ids) = queued(store, &Sample::default(), &[50]).await;
    assert_eq!(store.next_due(QueueFilter::All).await.expect("the queue is read"), Some(at(50)));
    assert_eq!(claim(store, "w", 49).await, None);
    let claimed = claim(store, "w", 50).await.expect("it is due");
    assert_eq!((claimed.row.id, claimed.row.claims), (ids[0], 1));
    assert_eq!(claimed.row.new, action(run.id, "prepare", 50));
    let lease = claimed.row.lease.expect("it is leased");
    assert_eq!((lease.worker.as_str(), lease.token, lease.until), ("w", claimed.token, at(1_050)));
    assert_eq!(claim(store, "w", 51).await, None);
    assert_eq!(store.next_due(QueueFilter::All).await.expect("the queue is read"), Some(at(1_050)));
}

/// Oldest first; among equals in the order they were written.
pub async fn rows_come_in_the_order_they_are_due(store: &Arc<dyn Store>) {
    let (_, ids) = queued(store, &Sample::default(), &[30, 10, 20, 10]).await;
    let mut order = Vec::new();
    while let Some(claimed) = claim(store, "w", 100).await {
        order.push(claimed.row.id);
    }
    assert_eq!(order, [ids[1], ids[3], ids[2], ids[0]]);
}

/// With a higher token, and counted: that is how poison is seen.
pub async fn a_lease_that_ran_out_is_claimed_by_the_next(store: &Arc<dyn Store>) {
    let (_, ids) = queued(store, &Sample::default(), &[0]).await;
    let first = claim(store, "a", 0).await.expect("it is due");
    assert_eq!(claim(store, "b", LEASE_MS - 1).await, None);
    let second = claim(store, "b", LEASE_MS).await.expect("the lease ran out");
    assert_eq!((second.row.id, second.row.claims), (ids[0], 2));
    assert!(second.token > first.token);
    assert!(!store.holds(ids[0], first.token).await.expect("the queue is read"));
    assert!(store.holds(ids[0], second.token).await.expect("the queue is read"));
}

/// What comes too late changes nothing at all.
pub async fn a_stale_token_refuses_the_whole_transaction(store: &Arc<dyn Store>) {
    let sample = Sample::default();
    let (run, ids) = queued(store, &sample, &[0]).await;
    let first = claim(store, "a", 0).await.expect("it is due");
    let second = claim(store, "b", LEASE_MS).await.expect("the lease ran out");
    let late =
        Transaction { outbox: vec![action(run.id, "act", 0)], ..complete((ids[0], first.token)) };
    match store.commit(late).await {
        Err(CommitError::StaleLease { id, token }) => {
            assert_eq!((id, token), (ids[0], first.token));
        }
        other => panic!("the late one was answered with {other:?}"),
    }
    assert_eq!(store.outbox_of(run.id).await.expect("the queue is read").len(), 1);
    assert_eq!(store.runs_with_actions(None, 0).await.expect("the queue is read"), [run.id]);
    store.commit(complete((ids[0], second.token))).await.expect("the newest token completes");
}

/// Its number is never used again and its token completes nothing more.
pub async fn a_completed_row_is_gone_for_good(store: &Arc<dyn Store>) {
    let sample = Sample::default();
    let (run, ids) = queued(store, &sample, &[0]).await;
    let claimed = claim(store, "w", 0).await.expect("it is due");
    store.commit(complete((ids[0], claimed.token))).await.expect("it is completed");
    assert_eq!(claim(store, "w", 1_000_000).await, None);
    let twice = store.commit(complete((ids[0], claimed.token))).await;
    assert!(matches!(twice, Err(CommitError::StaleLease { .. })), "{twice:?}");
    let next = Transaction { outbox: vec![action(run.id, "act", 0)], ..Transaction::default() };
    let next = store.commit(next).await.expect("actions are kept").outbox_ids[0];
    assert!(next > ids[0]);
    let unleased = store.commit(complete((next, 0))).await;
    assert!(matches!(unleased, Err(CommitError::StaleLease { .. })), "{unleased:?}");
}

/// Many at once, each told apart.
pub async fn a_renewed_lease_holds_and_a_lost_one_is_told(store: &Arc<dyn Store>) {
    let (_, ids) = queued(store, &Sample::default(), &[0, 1]).await;
    let first = claim(store, "a", 1).await.expect("it is due");
    let second = claim(store, "a", 1).await.expect("it is due");
    let both = [(ids[0], first.token), (ids[1], second.token)];
    let lost = store.renew("a", &both, at(900), LEASE_MS).await.expect("leases are renewed");
    assert_eq!(lost, [] as [u64; 0]);
    assert_eq!(claim(store, "b", 1_899).await, None);
    let taken = claim(store, "b", 1_900).await.expect("the lease ran out");
    assert_eq!(taken.row.id, ids[0]);
    store.commit(complete((ids[1], second.token))).await.expect("the newest token completes");
    let lost = store.renew("a", &both, at(1_950), LEASE_MS).await.expect("leases are renewed");
    assert_eq!(lost, ids);
    assert!(store.holds(ids[0], taken.token).await.expect("the queue is read"));
    let thief = store.renew("a", &[(ids[0], taken.token)], at(1_950), LEASE_MS).await;
    assert_eq!(
        thief.expect("leases are renewed"),
        [ids[0]],
        "another worker's lease is not renewed"
    );
}

/// A worker that is told to stop gives back what it holds.
pub async fn a_released_row_waits_for_its_new_time_and_is_not_counted(store: &Arc<dyn Store>) {
    let (_, ids) = queued(store, &Sample::default(), &[0]).await;
    let claimed = claim(store, "a", 0).await.expect("it is due");
    store.release(ids[0], claimed.token, at(70)).await.expect("it is released");
    let twice = store.release(ids[0], claimed.token, at(0)).await;
    assert!(matches!(twice, Err(CommitError::StaleLease { .. })), "{twice:?}");
    let done = store.commit(complete((ids[0], claimed.token))).await;
    assert!(matches!(done, Err(CommitError::StaleLease { .. })), "{done:?}");
    assert_eq!(claim(store, "b", 69).await, None);
    let again = claim(store, "b", 70).await.expect("it is due");
    assert_eq!(again.row.claims, 1);
    assert!(again.token > claimed.token);
}

/// Whatever the dead one still says, it is too late.
pub async fn a_dead_workers_rows_are_free_and_its_tokens_stale(store: &Arc<dyn Store>) {
    let (_, ids) = queued(store, &Sample::default(), &[0, 0, 0]).await;
    let first = claim(store, "dead", 0).await.expect("it is due");
    let other = claim(store, "alive", 0).await.expect("it is due");
    claim(store, "dead", 0).await.expect("it is due");
    let freed = store.expire_worker("dead", at(5)).await.expect("leases are ended");
    assert_eq!(freed, [ids[0], ids[2]]);
    let late = store.commit(complete((ids[0], first.token))).await;
    assert!(matches!(late, Err(CommitError::StaleLease { .. })), "{late:?}");
    let lost = store.renew("dead", &[(ids[0], first.token)], at(6), LEASE_MS).await;
    assert_eq!(lost.expect("leases are renewed"), [ids[0]]);
    let again = claim(store, "alive", 5).await.expect("it is free");
    assert_eq!((again.row.id, again.row.claims), (ids[0], 2));
    store.commit(complete((ids[1], other.token))).await.expect("the other worker goes on");
}

/// A foreground run works on its own actions only.
pub async fn a_worker_sees_only_the_runs_it_asks_for(store: &Arc<dyn Store>) {
    let sample = Sample::default();
    let (_, first) = queued(store, &sample, &[0]).await;
    let (run, second) = queued(store, &sample, &[10]).await;
    let (_, _) = queued(store, &sample, &[5]).await;
    let mine = || QueueFilter::Runs(vec![run.id]);
    assert_eq!(store.next_due(mine()).await.expect("the queue is read"), Some(at(10)));
    assert_eq!(store.next_due(QueueFilter::All).await.expect("the queue is read"), Some(at(0)));
    let claimed = store.claim("w", at(10), LEASE_MS, mine()).await.expect("claims are answered");
    assert_eq!(claimed.expect("it is due").row.id, second[0]);
    let none = store.claim("w", at(10), LEASE_MS, mine()).await.expect("claims are answered");
    assert_eq!(none, None);
    let nobody = store.claim("w", at(10), LEASE_MS, QueueFilter::Runs(vec![])).await;
    assert_eq!(nobody.expect("claims are answered"), None);
    assert_eq!(claim(store, "w", 10).await.expect("it is due").row.id, first[0]);
}

/// Whatever the clock says, and only as it was seen: who looked knows whether it may be taken.
pub async fn a_row_is_claimed_by_its_number_and_its_lease(store: &Arc<dyn Store>) {
    let (_, ids) = queued(store, &Sample::default(), &[1_000_000, 0]).await;
    let named = async |worker: &str, token| {
        let filter = QueueFilter::Row { id: ids[0], token };
        store.claim(worker, at(5), LEASE_MS, filter).await.expect("claims are answered")
    };
    assert_eq!(named("a", Some(0)).await, None, "nobody holds it");
    let first = named("a", None).await.expect("it is named as it is");
    let lease = first.row.lease.as_ref().expect("it is leased");
    assert_eq!((first.row.id, lease.until), (ids[0], at(5 + LEASE_MS)));
    assert_eq!(named("b", None).await, None, "somebody holds it");
    let second = named("b", Some(first.token)).await.expect("it is named as it is");
    assert!(second.token > first.token);
    assert_eq!(named("c", Some(first.token)).await, None, "it was claimed since");
    store.commit(complete((ids[0], second.token))).await.expect("the holder completes it");
    assert_eq!(named("c", Some(second.token)).await, None, "it is done");
}

/// However many ask at the same time.
pub async fn many_workers_never_hold_one_row_together(store: &Arc<dyn Store>) {
    let (run, ids) = queued(store, &Sample::default(), &[0; 60]).await;
    let mut workers = tokio::task::JoinSet::new();
    for worker in 0..8 {
        let store = Arc::clone(store);
        workers.spawn(async move {
            let mut held = Vec::new();
            while let Some(claimed) = claim(&store, &format!("w{worker}"), 1).await {
                let done = store.commit(complete((claimed.row.id, claimed.token))).await;
                done.expect("a holder completes");
                held.push(claimed.row.id);
            }
            held
        });
    }
    let held: Vec<u64> = workers.join_all().await.into_iter().flatten().collect();
    assert_eq!(held.len(), 60);
    assert_eq!(held.into_iter().collect::<BTreeSet<_>>(), ids.into_iter().collect());
    assert_eq!(store.outbox_of(run.id).await.expect("the queue is read"), []);
    assert_eq!(store.runs_with_actions(None, 0).await.expect("the queue is read"), []);
}
