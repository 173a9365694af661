//! Processes that are killed, and processes that share a folder.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;

use domain::RunId;
use domain::clock::SystemClock;
use store::conformance::sample::{Sample, action, at, entry, insert, journal};
use store::port::RunFilter;
use store::record::Payload;
use store::{QueueFilter, Store, Transaction};

use super::child;

/// A transaction whose parts must all be there, or none.
fn whole(id: RunId) -> Transaction {
    let mut run = Sample::default().run(&id.to_string());
    run.id = id;
    Transaction {
        journal: vec![journal(id, "start"), journal(id, "done")],
        outbox: vec![action(id, "prepare", 0)],
        payloads: vec![Payload::new([1; 32], id.to_string().into_bytes(), Some(id))],
        ledger: vec![entry("accepted", Some(id)), entry("started", Some(id))],
        ..insert(&[&run])
    }
}

/// Child: many writers at once; each row is said only after it was acknowledged.
pub(crate) fn write_for_ever(dir: &Path) {
    let store = super::open(dir);
    super::block_on(async move {
        let mut writers = tokio::task::JoinSet::new();
        for _ in 0..8 {
            let store = Arc::clone(&store);
            writers.spawn(async move {
                loop {
                    let id = RunId::fresh(&SystemClock);
                    store.commit(whole(id)).await.unwrap();
                    child::say(id);
                }
            });
        }
        writers.join_all().await;
    });
}

async fn count_parts(store: &Arc<dyn Store>, id: RunId) -> [usize; 4] {
    [
        store.journal(id, 0, 0).await.unwrap().len(),
        store.outbox_of(id).await.unwrap().len(),
        store.payloads_of(id, None, 0).await.unwrap().len(),
        store.ledger_rows_of_run(id, 0, 0).await.unwrap().len(),
    ]
}

#[test]
fn what_was_acknowledged_survives_a_kill_and_nothing_is_there_in_part() {
    let dir = tempfile::tempdir().unwrap();
    let mut acknowledged = BTreeSet::new();
    for kill_after in [1, 37, 150] {
        let (mut process, mut lines) = child::start("write", dir.path());
        acknowledged.extend(lines.by_ref().take(kill_after));
        process.kill().unwrap();
        // What it had said before the kill and was not read yet counts too.
        acknowledged.extend(lines);
        process.wait().unwrap();

        let store = super::open(dir.path());
        super::block_on(async {
            let found = store.runs(RunFilter::default()).await.unwrap();
            let ids: BTreeSet<String> = found.iter().map(|run| run.id.to_string()).collect();
            assert!(acknowledged.is_subset(&ids), "an acknowledged run is gone");
            for run in &found {
                assert_eq!(
                    count_parts(&store, run.id).await,
                    [2, 1, 1, 2],
                    "{} is in part",
                    run.id
                );
            }
            assert_eq!(store.ledger_size().await.unwrap(), 2 * ids.len() as u64);
            assert_eq!(store.check_integrity().await.unwrap(), []);
        });
    }
    assert!(acknowledged.len() >= 188);
}

/// Child: claims and completes until nothing is left, and says what it completed.
pub(crate) fn work_until_empty(dir: &Path) {
    let store = super::open(dir);
    let worker = std::process::id().to_string();
    super::block_on(async {
        while let Some(claim) = store.claim(&worker, at(1), 60_000, QueueFilter::All).await.unwrap()
        {
            let completed = vec![(claim.row.id, claim.token)];
            store.commit(Transaction { completed, ..Transaction::default() }).await.unwrap();
            child::say(claim.row.id);
        }
    });
    child::say("empty");
}

#[test]
fn processes_that_share_a_folder_share_its_queue() {
    let dir = tempfile::tempdir().unwrap();
    // On an empty folder, all at once: one of them makes the schema, all of them find it.
    let waiting: Vec<_> = (0..4).map(|_| child::start("work", dir.path())).collect();
    for (mut process, lines) in waiting {
        assert_eq!(lines.collect::<Vec<_>>(), ["empty"]);
        assert!(process.wait().unwrap().success());
    }

    let store = super::open(dir.path());
    let run = Sample::default().run("work");
    let outbox = (0..120).map(|_| action(run.id, "prepare", 0)).collect();
    let tx = Transaction { outbox, ..insert(&[&run]) };
    let ids = super::block_on(store.commit(tx)).unwrap().outbox_ids;

    let workers: Vec<_> = (0..3).map(|_| child::start("work", dir.path())).collect();
    let mut times: BTreeMap<String, u32> = BTreeMap::new();
    for (mut process, lines) in workers {
        for id in lines {
            *times.entry(id).or_default() += 1;
        }
        assert!(process.wait().unwrap().success());
    }
    assert_eq!(times.remove("empty"), Some(3));
    assert_eq!(times.len(), ids.len());
    assert!(times.values().all(|times| *times == 1), "each row was completed once");
    assert_eq!(super::block_on(store.outbox_of(run.id)).unwrap(), []);
    assert_eq!(super::block_on(store.check_integrity()).unwrap(), []);
}
