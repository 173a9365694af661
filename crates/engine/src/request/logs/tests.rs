//! A long log comes in parts, in the order of time, and nothing of it is told twice.

use std::sync::Arc;

use store::record::JournalEntry;
use store::transaction::Transaction;

use super::*;
use crate::audit::Note;
use crate::claims::tests::{Jumping, Place};

/// So many rows of the journal and so many entries of the ledger, all of one instant.
async fn tell(house: &House, run: RunId, rows: usize, entries: usize) {
    let note = |n| Note::new("sample.told", format!("{n}"));
    let scribe = house.scribe_of(&house.load(run).await.unwrap()).unwrap();
    let mut tx = crate::commit::written(&scribe, (0..entries).map(note).collect());
    let row = JournalEntry {
        run,
        at: house.clock.now(),
        command: serde_json::json!({ "command": "wake" }),
        before: "waiting".to_owned(),
        after: "waiting".to_owned(),
        actions: serde_json::json!([]),
    };
    tx.journal = vec![row; rows];
    house.commit(Transaction { ..tx }).await.unwrap();
}

#[tokio::test]
async fn a_long_log_comes_in_parts_in_the_order_of_time_and_only_what_is_new_follows() {
    let place = Place::new();
    let house = place.house(&Arc::new(Jumping::default())).await;
    let run = place.begun(&house).await;
    let begun = house.run_log(run, LogPlace::default()).await.unwrap();
    assert!(!begun.more);
    for (rows, entries) in [(300, 10), (0, 700), (400, 400), (PART_MAX, 0), (1, 300)] {
        tell(&house, run, rows, entries).await;
    }
    let (mut part, mut parts, mut lines) = (begun.clone(), 0, vec![]);
    loop {
        part = house.run_log(run, part.next).await.unwrap();
        parts += 1;
        assert!(part.lines.len() <= 2 * PART_MAX);
        lines.append(&mut part.lines);
        if !part.more {
            break;
        }
    }
    assert!(parts > 2, "{parts}");
    let states = lines.iter().filter(|line| line.what == "run.state").count();
    assert_eq!((states, lines.len() - states), (701 + PART_MAX, 1_410));
    assert!(lines.is_sorted_by_key(|line| &line.at));
    let told: Vec<&str> =
        lines.iter().filter(|l| l.what == "sample.told").map(|l| &*l.said).take(12).collect();
    assert_eq!(told, ["0", "1", "2", "3", "4", "5", "6", "7", "8", "9", "0", "1"]);

    let rest = house.run_log(run, part.next).await.unwrap();
    assert!(rest.lines.is_empty() && !rest.more, "{rest:?}");
    tell(&house, run, 1, 0).await;
    let new = house.run_log(run, rest.next).await.unwrap();
    assert_eq!(new.lines.len(), 1, "{new:?}");
    assert!(new.lines[0].said.starts_with("waiting -> waiting"), "{new:?}");
}
