//! The ledger's rows: numbers without gaps, seals that follow each other.

use std::sync::Arc;

use super::atomicity::at_once;
use super::sample::{Sample, at, entry};
use crate::error::CommitError;
use crate::port::Store;
use crate::record::Checkpoint;
use crate::transaction::Transaction;

fn append(texts: &[&str]) -> Transaction {
    Transaction {
        ledger: texts.iter().map(|text| entry(text, None)).collect(),
        ..Transaction::default()
    }
}

fn checkpoint(size: u64) -> Checkpoint {
    Checkpoint { size, root: [9; 32], note: format!("origin\n{size}\nroot\n"), at: at(size) }
}

/// Also where many append at the same time and some are refused.
pub async fn entries_are_numbered_without_gaps(store: &Arc<dyn Store>) {
    assert_eq!(store.ledger_size().await.expect("the ledger is read"), 0);
    let requests = (0..30).map(|n| {
        let mut tx = append(&["first of two", "second of two"]);
        if n % 3 == 0 {
            tx.completed = vec![(1, 1)];
        }
        tx
    });
    let answers = at_once(store, requests.collect()).await;
    let mut indexes = Vec::new();
    for done in answers.into_iter().flatten() {
        assert_eq!(done.ledger_indexes[1], done.ledger_indexes[0] + 1);
        indexes.extend(done.ledger_indexes);
    }
    indexes.sort_unstable();
    assert_eq!(indexes, (0..40).collect::<Vec<u64>>());
    assert_eq!(store.ledger_size().await.expect("the ledger is read"), 40);
    let rows = store.ledger_rows(10, 3).await.expect("the ledger is read");
    assert_eq!(rows.iter().map(|row| row.index).collect::<Vec<_>>(), [10, 11, 12]);
    assert_eq!(rows[0].entry, entry("first of two", None));
    assert_eq!(store.ledger_rows(40, 3).await.expect("the ledger is read"), []);
}

/// In order, and only its own.
pub async fn entries_of_a_run_are_found(store: &Arc<dyn Store>) {
    let sample = Sample::default();
    let (mine, other) = (sample.run("a").id, sample.run("b").id);
    let ledger = vec![
        entry("0", Some(mine)),
        entry("1", Some(other)),
        entry("2", None),
        entry("3", Some(mine)),
    ];
    store.commit(Transaction { ledger, ..Transaction::default() }).await.expect("entries are kept");
    let rows = store.ledger_rows_of_run(mine, 0, 0).await.expect("the ledger is read");
    assert_eq!(rows.iter().map(|row| row.index).collect::<Vec<_>>(), [0, 3]);
    assert_eq!(rows[1].entry, entry("3", Some(mine)));
    assert_eq!(store.ledger_size_of_run(mine).await.expect("the ledger is read"), 2);
    for (from, limit, expected) in [(0, 1, 0), (1, 1, 3)] {
        let page = store.ledger_rows_of_run(mine, from, limit).await.expect("the ledger is read");
        assert_eq!(page.iter().map(|row| row.index).collect::<Vec<_>>(), [expected]);
    }
}

/// Two that seal at the same time do not both write their hashes.
pub async fn a_seal_moves_the_log_on_once(store: &Arc<dyn Store>) {
    store.commit(append(&["a", "b", "c"])).await.expect("entries are kept");
    let hashes = |from: u8, to: u8| (from..to).map(|n| [n; 32]).collect::<Vec<_>>();
    store.seal(0, hashes(0, 3), checkpoint(2)).await.expect("it is sealed");
    let late = store.seal(0, hashes(0, 4), checkpoint(3)).await;
    assert!(matches!(late, Err(CommitError::StaleRevision { what: "ledger", .. })), "{late:?}");
    let back = store.seal(2, hashes(3, 4), checkpoint(2)).await;
    assert!(matches!(back, Err(CommitError::StaleRevision { what: "ledger", .. })), "{back:?}");
    store.seal(2, hashes(3, 4), checkpoint(3)).await.expect("it is sealed");
    let sealed = store.checkpoints(0, 0).await.expect("checkpoints are read");
    assert_eq!(sealed, [checkpoint(2), checkpoint(3)]);
    let first = store.checkpoints(0, 1).await.expect("checkpoints are read");
    assert_eq!(first, [checkpoint(2)]);
    let next = store.checkpoints(3, 1).await.expect("checkpoints are read");
    assert_eq!(next, [checkpoint(3)]);
    let newest = store.newest_checkpoint().await.expect("checkpoints are read");
    assert_eq!(newest, Some(checkpoint(3)));
    let read = store.ledger_hashes(&[3, 0, 4, 2]).await.expect("hashes are read");
    assert_eq!(read, [Some([3; 32]), Some([0; 32]), None, Some([2; 32])]);
}

/// A checkpoint over entries that are not there would be a lie.
pub async fn a_seal_beyond_the_entries_is_refused(store: &Arc<dyn Store>) {
    store.commit(append(&["a"])).await.expect("entries are kept");
    let beyond = store.seal(0, vec![[0; 32]; 3], checkpoint(2)).await;
    assert!(matches!(beyond, Err(CommitError::Missing { what: "ledger entry", .. })), "{beyond:?}");
    assert_eq!(store.checkpoints(0, 0).await.expect("checkpoints are read"), []);
    let hashes = store.ledger_hashes(&[0]).await.expect("hashes are read");
    assert_eq!(hashes, [None]);
}
