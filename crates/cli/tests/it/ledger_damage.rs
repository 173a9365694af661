//! Somebody edits the database and has no key, processes die, backups come back: what `hob ledger verify` says of each.

use std::path::{Path, PathBuf};

use rusqlite::Connection;
use serde_json::Value;

use crate::household::{Household, Told, names};
use crate::ledger::accepted;

/// Two runs that are over, told in a handful of entries, all of them sealed.
fn with_a_log() -> Household {
    let house = Household::with_sample();
    for _ in 0..2 {
        let run = accepted(&house);
        house.hob(&["runs", "cancel", &run]).expect(0);
    }
    let found = house.hob(&["ledger", "verify", "--json"]).expect(0).json();
    assert_eq!((found["clean"].as_bool(), found["unsealed"].as_u64()), (Some(true), Some(0)));
    assert!(found["size"].as_u64() > Some(5), "{found:#}");
    house
}

fn database(data: &Path) -> Connection {
    Connection::open(data.join("store/store.sqlite")).unwrap()
}

fn kept(data: &Path) -> PathBuf {
    data.join("keys/ledger.checkpoint")
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for name in names(from) {
        let (from, to) = (from.join(&name), to.join(&name));
        if from.is_dir() {
            copy(&from, &to);
        } else {
            std::fs::copy(&from, &to).unwrap();
        }
    }
}

/// What verification says of the data folder after this was done to a copy of its database.
fn after(house: &Household, damage: impl FnOnce(&Connection)) -> Value {
    let data = house.beside("damaged");
    drop(std::fs::remove_dir_all(&data));
    for folder in ["store", "keys"] {
        copy(&house.data().join(folder), &data.join(folder));
    }
    let base = database(&data);
    damage(&base);
    drop(base);
    let mut command = house.command(&["ledger", "verify", "--json"]);
    Told::from(command.env("HOB_DATA", &data).output().unwrap()).expect(1).json()
}

/// Verification says every one of these words.
#[track_caller]
fn says(found: &Value, words: &[&str]) {
    let text = found["faults"].to_string();
    assert_eq!(found["clean"], false, "{found:#}");
    for word in words {
        assert!(text.contains(word), "nothing says `{word}`: {found:#}");
    }
}

/// All entries, oldest first: the run that they are filed under, and their bytes.
type Entries = Vec<(Option<String>, Vec<u8>)>;

/// Writes the log as if it had always been like this, with every hash made to fit and no checkpoint left.
fn forge(base: &Connection, edit: impl FnOnce(&mut Entries)) {
    let mut entries: Entries = base
        .prepare("SELECT run, bytes FROM ledger ORDER BY idx")
        .unwrap()
        .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))
        .unwrap()
        .map(Result::unwrap)
        .collect();
    edit(&mut entries);
    base.execute_batch("DELETE FROM ledger; DELETE FROM ledger_hashes; DELETE FROM checkpoints")
        .unwrap();
    for (index, (run, bytes)) in entries.iter().enumerate() {
        let row = (index as u64, run, bytes, ledger::leaf_hash(bytes));
        base.execute(
            "INSERT INTO ledger (idx, run, bytes, leaf_hash) VALUES (?1, ?2, ?3, ?4)",
            row,
        )
        .unwrap();
    }
}

fn forgiven(bytes: &[u8]) -> Vec<u8> {
    let text = String::from_utf8(bytes.to_vec()).unwrap();
    let forged = text.replace("run.accepted", "run.forgiven");
    assert_ne!(text, forged);
    forged.into_bytes()
}

#[test]
fn an_entry_that_was_altered_with_its_hashes_and_without_the_key_is_found() {
    let house = with_a_log();
    let row_and_hash = after(&house, |base| {
        let bytes: Vec<u8> =
            base.query_row("SELECT bytes FROM ledger WHERE idx = 0", [], |row| row.get(0)).unwrap();
        let forged = forgiven(&bytes);
        let hash = ledger::leaf_hash(&forged);
        base.execute("UPDATE ledger SET bytes = ?1, leaf_hash = ?2 WHERE idx = 0", (forged, hash))
            .unwrap();
    });
    says(&row_and_hash, &["entry 0 was altered"]);
    // Also where nothing in the database contradicts it.
    let all = after(&house, |base| forge(base, |entries| entries[0].1 = forgiven(&entries[0].1)));
    says(&all, &["are not all as they were written", "ledger.checkpoint"]);
}

#[test]
fn entries_that_were_dropped_swapped_or_cut_off_with_every_checkpoint_are_found() {
    let house = with_a_log();
    let dropped = after(&house, |base| {
        forge(base, |entries| {
            entries.remove(1);
        });
    });
    says(&dropped, &["ledger.checkpoint"]);
    let swapped = after(&house, |base| forge(base, |entries| entries.swap(1, 2)));
    says(&swapped, &["are not all as they were written"]);
    let cut = after(&house, |base| forge(base, |entries| entries.truncate(2)));
    says(&cut, &["the log ends after 2 entries", "was cut, or put back from an older backup"]);
    // Cut back to an older checkpoint that hob has signed itself.
    let rolled_back = after(&house, |base| {
        let older: u64 =
            base.query_row("SELECT min(size) FROM checkpoints", [], |row| row.get(0)).unwrap();
        let hashes = ledger::tree::hash_count(older).unwrap();
        base.execute("DELETE FROM ledger WHERE idx >= ?1", [older]).unwrap();
        base.execute("DELETE FROM ledger_hashes WHERE idx >= ?1", [hashes]).unwrap();
        base.execute("DELETE FROM checkpoints WHERE size > ?1", [older]).unwrap();
    });
    says(&rolled_back, &["was cut, or put back from an older backup"]);
    let emptied = after(&house, |base| forge(base, Vec::clear));
    says(&emptied, &["covers", "was cut", "the log says nothing of an end"]);
}

#[test]
fn what_the_database_holds_beside_the_log_is_compared_with_it() {
    let house = with_a_log();
    let edited = |statement: &str| after(&house, |base| base.execute_batch(statement).unwrap());
    let payload = edited("UPDATE payloads SET bytes = CAST('another' AS BLOB)");
    says(&payload, &["its payload `event`", "was altered"]);
    says(&edited("DELETE FROM payloads"), &["is missing, and was not erased"]);
    let erased = edited("UPDATE payloads SET bytes = NULL, salt = NULL, erased_at = 1");
    says(&erased, &["was erased, and no entry says by whom"]);
    says(&edited("UPDATE ledger SET run = NULL WHERE idx = 0"), &["entry 0", "filed under no run"]);
    let moved = "UPDATE ledger SET run = (SELECT min(id) FROM runs) WHERE run IS NOT NULL";
    says(&edited(moved), &["is filed under run_"]);
    says(&edited("UPDATE runs SET ended = 0"), &["its column `ended` says false"]);
    let ending = "UPDATE runs SET doc = replace(doc, 'cancelled', 'no_change')";
    says(&edited(ending), &["ended as no_change, the log says cancelled"]);
    let gone =
        "PRAGMA foreign_keys = OFF; DELETE FROM journal; DELETE FROM outbox; DELETE FROM runs";
    says(&edited(gone), &["is missing, the log says cancelled"]);
    let more =
        "INSERT INTO ledger_hashes VALUES ((SELECT max(idx) + 1 FROM ledger_hashes), zeroblob(32))";
    says(&edited(more), &["hashes are stored over them"]);
}

#[test]
fn a_proposal_that_was_edited_is_found() {
    let house = Household::with_sample();
    let report = house.update(&[]).expect(0).json();
    let head = report["proposal"]["head"].as_str().unwrap();
    let edited = |statement: &str| after(&house, |base| base.execute_batch(statement).unwrap());
    let column = edited("UPDATE proposals SET state = 'approved'");
    says(&column, &["its column `state` says approved"]);
    let approved =
        "UPDATE proposals SET state = 'approved', doc = replace(doc, '\"open\"', '\"approved\"')";
    says(&edited(approved), &["is approved, the log does not say so"]);
    let other = format!("UPDATE proposals SET doc = replace(doc, '{head}', '{}')", "a".repeat(40));
    says(&edited(&other), &["has the head aaaa"]);
    says(&edited("DELETE FROM proposals"), &["is missing, the log knows it"]);
    house.is_tidy();
}

#[test]
fn a_missing_checkpoint_file_is_told_and_kept_anew_and_the_log_says_so() {
    let house = with_a_log();
    std::fs::remove_file(kept(&house.data())).unwrap();
    let told = house.hob(&["ledger", "verify"]).expect(1).out;
    assert!(told.contains("is missing") && told.contains("hob runs resume"), "{told}");
    house.hob(&["runs", "resume"]).expect(0);
    let told = house.hob(&["ledger", "verify"]).expect(0).out;
    assert!(told.contains("remark: entry") && told.contains("the log verifies"), "{told}");
    let log = house.hob(&["ledger", "show"]).expect(0).out;
    assert!(log.contains("ledger.checkpoint_renewed"), "{log}");
}

#[test]
fn a_crash_between_the_database_and_the_kept_checkpoint_verifies_and_heals() {
    let house = with_a_log();
    let before = std::fs::read_to_string(kept(&house.data())).unwrap();
    let run = accepted(&house);
    let mut command = house.command(&["runs", "cancel", &run]);
    let died = command.env("HOB_FAILPOINT", "ledger-sealed").output().unwrap();
    assert_eq!(Told::from(died).signal, Some(9));
    assert_eq!(std::fs::read_to_string(kept(&house.data())).unwrap(), before, "it died before");
    let found = house.hob(&["ledger", "verify", "--json"]).expect(0).json();
    assert_eq!((found["unsealed"].as_u64(), &found["remarks"]), (Some(0), &serde_json::json!([])));
    house.hob(&["runs", "resume"]).expect(0);
    let size = found["size"].as_u64().unwrap();
    let now = std::fs::read_to_string(kept(&house.data())).unwrap();
    assert_eq!(now.lines().nth(1).unwrap().parse::<u64>().unwrap(), size, "{now}");
    house.hob(&["ledger", "verify"]).expect(0);
}

#[test]
fn a_database_from_an_older_backup_is_told_with_the_way_out() {
    let house = with_a_log();
    let backup = house.beside("backup");
    copy(&house.data().join("store"), &backup);
    let run = accepted(&house);
    house.hob(&["runs", "cancel", &run]).expect(0);
    std::fs::remove_dir_all(house.data().join("store")).unwrap();
    copy(&backup, &house.data().join("store"));

    let told = house.hob(&["ledger", "verify"]).expect(1).out;
    assert!(told.contains("put back from an older backup") && told.contains("remove `"), "{told}");
    // Nothing is signed over it until a person has decided.
    let run = accepted(&house);
    let refused = house.hob(&["runs", "cancel", &run]).expect(0).said;
    assert!(refused.contains("the log is not sealed"), "{refused}");
    house.hob(&["ledger", "verify"]).expect(1);

    std::fs::remove_file(kept(&house.data())).unwrap();
    house.hob(&["runs", "resume"]).expect(0);
    let told = house.hob(&["ledger", "verify", "--json"]).expect(0).json();
    assert_eq!(told["unsealed"], 0, "{told:#}");
    assert!(told["remarks"].to_string().contains("whether the log was cut"), "{told:#}");
}

#[test]
fn entries_that_a_killed_process_left_are_told_as_unsealed_and_sealed_by_the_next() {
    let house = Household::with_sample();
    let run = accepted(&house);
    let told = house.hob(&["ledger", "verify"]).expect(0).out;
    assert!(told.contains("1 entries are not sealed yet"), "{told}");
    house.hob(&["runs", "cancel", &run]).expect(0);
    let found = house.hob(&["ledger", "verify", "--json"]).expect(0).json();
    assert_eq!((found["unsealed"].as_u64(), found["clean"].as_bool()), (Some(0), Some(true)));
}

#[test]
fn a_command_that_is_refused_seals_what_it_has_written() {
    let house = Household::with_sample();
    let own = house.hob(&["agents", "show", "dependency-updates"]).expect(0).out;
    let elsewhere = own.replacen("---\n", "---\nrepositories: [\"elsewhere/*\"]\n", 1);
    std::fs::write(house.beside("own.md"), elsewhere).unwrap();
    house.hob(&["run", "./own.md", "--repo", "repo"]).expect(4);
    let found = house.hob(&["ledger", "verify", "--json"]).expect(0).json();
    assert!(found["size"].as_u64() > Some(0), "{found:#}");
    assert_eq!(found["unsealed"], 0, "{found:#}");
}

#[test]
fn runs_at_work_make_no_false_alarm_and_verification_needs_no_network() {
    let house = Household::with_sample();
    let words = ["run", "dependency-updates", "--repo", "repo", "--set", "checks=true"];
    let mut at_work = house.start(&words);
    let mut looks = 0;
    while at_work.try_wait().unwrap().is_none() {
        let found = house.hob(&["ledger", "verify", "--json"]).expect(0).json();
        assert_eq!(found["clean"], true, "{found:#}");
        assert_eq!(found["remarks"], serde_json::json!([]), "{found:#}");
        looks += 1;
    }
    assert!(looks > 3, "the run was over after {looks} looks");
    let hob = env!("CARGO_BIN_EXE_hob");
    #[expect(
        clippy::disallowed_methods,
        reason = "a story takes the network away as a person would"
    )]
    let told = std::process::Command::new("bwrap")
        .args(["--unshare-net", "--dev-bind", "/", "/", hob, "ledger", "verify"])
        .env("HOB_DATA", house.data())
        .output()
        .unwrap();
    Told::from(told).expect(0);
    house.is_tidy();
}
