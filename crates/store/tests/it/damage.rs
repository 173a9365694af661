//! Damage is found and named, and what was erased is gone.

use std::path::Path;
use std::sync::Arc;

use domain::RunId;
use store::conformance::sample::{Sample, action, at, entry, insert, journal};
use store::record::Payload;
use store::sqlite::Options;
use store::{Error, Store, Transaction};

fn fill(store: &Arc<dyn Store>) -> RunId {
    let run = Sample::default().run("work");
    let tx = Transaction {
        events: vec![Sample::default().event("forge", "1")],
        journal: (0..3).map(|_| journal(run.id, "start")).collect(),
        outbox: vec![action(run.id, "prepare", 0)],
        payloads: vec![Payload::new([1; 32], b"content".to_vec(), Some(run.id))],
        ledger: (0..3).map(|n| entry(&n.to_string(), Some(run.id))).collect(),
        ..insert(&[&run])
    };
    super::block_on(store.commit(tx)).unwrap();
    run.id
}

fn by_hand(dir: &Path, sql: &str) {
    let conn = rusqlite::Connection::open(dir.join("store.sqlite")).unwrap();
    conn.execute_batch(&format!("PRAGMA foreign_keys = OFF; {sql}")).unwrap();
}

#[track_caller]
fn check(sql: &str, place: &str, detail: &str) {
    let dir = tempfile::tempdir().unwrap();
    let store = super::open(dir.path());
    let run = fill(&store).to_string();
    by_hand(dir.path(), sql);
    let found = super::block_on(store.check_integrity()).unwrap();
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(found[0].place.replace(&run, "RUN").starts_with(place), "{}", found[0].place);
    assert!(found[0].detail.contains(detail), "{}", found[0].detail);
}

#[test]
fn a_row_that_was_changed_by_hand_is_named() {
    check("UPDATE runs SET doc = '{}'", "run RUN", "missing field `v`");
    check("UPDATE runs SET doc = replace(doc, 'queued', 'asleep')", "run RUN", "asleep");
    check("UPDATE outbox SET body = '{'", "outbox row 1", "body");
    check("DELETE FROM journal WHERE seq = 2", "journal of RUN", "has 2 rows, the last is 3");
    check("DELETE FROM ledger WHERE idx = 0", "ledger", "has 2 entries, the last is 2");
    check("UPDATE events SET doc = 'x'", "event evt_", "expected value");
    check(
        "DELETE FROM outbox; DELETE FROM journal WHERE seq > 1; DELETE FROM runs",
        "journal",
        "not there",
    );
}

#[test]
fn a_payload_that_was_changed_by_hand_is_named_and_not_given_out() {
    let dir = tempfile::tempdir().unwrap();
    let store = super::open(dir.path());
    fill(&store);
    by_hand(dir.path(), "UPDATE payloads SET bytes = x'00'");
    let digest = Payload::new([1; 32], b"content".to_vec(), None).digest();
    let found = super::block_on(store.check_integrity()).unwrap();
    assert!(found[0].place.to_lowercase().contains(&digest.hex()), "{found:?}");
    let read = super::block_on(store.payload(digest));
    assert!(matches!(read, Err(Error::Corrupt { .. })), "{read:?}");
}

#[test]
fn a_record_of_a_newer_hob_is_not_called_damage_of_the_disk() {
    let dir = tempfile::tempdir().unwrap();
    let store = super::open(dir.path());
    let run = fill(&store);
    by_hand(dir.path(), "UPDATE runs SET doc = replace(doc, '\"v\":1', '\"v\":2')");
    let read = super::block_on(store.run(run));
    assert!(matches!(read, Err(Error::TooNew { found: 2, known: 1 })), "{read:?}");
}

#[test]
fn a_damaged_page_is_found() {
    let dir = tempfile::tempdir().unwrap();
    let store = super::open(dir.path());
    for n in 0..40 {
        let payload = Payload::new([n; 32], vec![n; 3_000], None);
        let tx = Transaction { payloads: vec![payload], ..Transaction::default() };
        super::block_on(store.commit(tx)).unwrap();
    }
    drop(store);
    let file = dir.path().join("store.sqlite");
    let mut bytes = std::fs::read(&file).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle..middle + 8_192].fill(0xa5);
    std::fs::write(&file, bytes).unwrap();
    let store = super::open(dir.path());
    let found = super::block_on(store.check_integrity());
    match found {
        Ok(found) => assert!(!found.is_empty()),
        Err(e) => assert!(matches!(e, Error::Corrupt { .. }), "{e}"),
    }
}

#[test]
fn erased_content_is_in_no_file_any_more() {
    let dir = tempfile::tempdir().unwrap();
    let store = super::open(dir.path());
    let secret: Vec<u8> = (0..9_000_u32).flat_map(|n| format!("secret {n}").into_bytes()).collect();
    let payload = Payload::new([9; 32], secret, None);
    let tx = Transaction { payloads: vec![payload.clone()], ..Transaction::default() };
    super::block_on(store.commit(tx)).unwrap();
    assert!(holds(dir.path(), b"secret 77secret"), "it is there before");
    let erased = super::block_on(store.erase(&[payload.digest()], at(1))).unwrap();
    assert_eq!((erased.payloads, erased.from_disk), (1, true));
    assert!(!holds(dir.path(), b"secret 77secret"), "it is gone with the answer");
    assert!(!holds(dir.path(), &[9; 32]), "and so is the salt");
    drop(store);
    assert!(!holds(dir.path(), b"secret 8999"));
}

/// A connection of somebody else, in the middle of reading.
fn reading(dir: &Path) -> rusqlite::Connection {
    let conn = rusqlite::Connection::open(dir.join("store.sqlite")).unwrap();
    let begin = "BEGIN; SELECT count(*) FROM payloads";
    conn.execute_batch(begin).unwrap();
    conn
}

#[test]
fn what_is_erased_while_somebody_reads_is_said_to_be_there_and_goes_with_whoever_comes_next() {
    let dir = tempfile::tempdir().unwrap();
    let payload = |salt| Payload::new([salt; 32], b"a name and an address".repeat(400), None);
    let (first, second) = (payload(1), payload(2));
    let tx = |payload: &Payload| Transaction {
        payloads: vec![payload.clone()],
        ..Transaction::default()
    };
    let store = super::open(dir.path());
    super::block_on(store.commit(tx(&first))).unwrap();
    let reader = reading(dir.path());
    let begun = std::time::Instant::now();
    let erased = super::block_on(store.erase(&[first.digest()], at(1))).unwrap();
    assert_eq!((erased.payloads, erased.from_disk), (1, false));
    assert!(holds(dir.path(), b"a name and an address"), "the reader still needs it");
    // Whoever writes meanwhile does not wait for the reader.
    for salt in 3..13 {
        super::block_on(store.commit(tx(&Payload::new([salt; 32], vec![salt], None)))).unwrap();
    }
    assert!(begun.elapsed().as_millis() < u128::from(Options::default().busy_ms), "nobody waits");
    assert!(!super::block_on(store.is_cleared()).unwrap());
    drop(store);

    // The process is gone; the next one does what was left, as soon as nobody reads.
    let next = super::open(dir.path());
    assert!(!super::block_on(next.is_cleared()).unwrap());
    drop(reader);
    super::block_on(next.commit(tx(&second))).unwrap();
    assert!(super::block_on(next.is_cleared()).unwrap());
    drop(next);

    let reader = reading(dir.path());
    let store = super::open(dir.path());
    let erased = super::block_on(store.erase(&[second.digest()], at(2))).unwrap();
    assert!(!erased.from_disk);
    drop(store);
    drop(reader);
    let next = super::open(dir.path());
    assert!(super::block_on(next.is_cleared()).unwrap(), "opening is enough");
    assert!(!holds(dir.path(), b"a name and an address"));
}

fn holds(dir: &Path, what: &[u8]) -> bool {
    std::fs::read_dir(dir).unwrap().any(|file| {
        let bytes = std::fs::read(file.unwrap().path()).unwrap();
        bytes.windows(what.len()).any(|window| window == what)
    })
}
