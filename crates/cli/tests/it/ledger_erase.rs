//! Content that entries name can be erased: the bytes are gone, the log and its proofs hold as before.

use rusqlite::Connection;
use serde_json::Value;

use crate::household::{Household, Told};
use crate::ledger::accepted;

/// How many payloads there are, and how many of them still have bytes or salt.
fn payloads(house: &Household) -> (u64, u64) {
    let base = Connection::open(house.data().join("store/store.sqlite")).unwrap();
    let text = "SELECT count(*), count(coalesce(bytes, salt)) FROM payloads";
    base.query_row(text, [], |row| Ok((row.get(0)?, row.get(1)?))).unwrap()
}

fn verified(house: &Household) -> Value {
    let found = house.hob(&["ledger", "verify", "--json"]).expect(0).json();
    assert_eq!(found["clean"], true, "{found:#}");
    found
}

#[test]
fn an_erased_payload_is_gone_and_the_log_says_by_whom_and_its_proofs_still_hold() {
    let house = Household::with_sample();
    let run = accepted(&house);
    house.hob(&["ledger", "prove", &run, "--file", "before.json"]).expect(0);
    let shown = house.hob(&["ledger", "show", &run, "--json"]).expect(0).json();
    let digest = shown[0]["payloads"][0]["digest"].as_str().unwrap().to_owned();
    assert_eq!(payloads(&house), (1, 1));

    house.hob(&["ledger", "erase", &digest]).expect(2);
    house.hob(&["ledger", "erase", &digest, "--reason", "  "]).expect(1);
    let unknown = format!("sha256:{}", "0".repeat(64));
    house.hob(&["ledger", "erase", &unknown, "--reason", "a name"]).expect(1);
    assert_eq!(payloads(&house), (1, 1), "nothing of this has erased anything");

    house.hob(&["ledger", "erase", &digest, "--reason", "a name was in it"]).expect(0);
    assert_eq!(payloads(&house), (1, 0));
    let told = house.hob(&["ledger", "verify"]).expect(0).out;
    assert!(told.contains("erased on 20") && told.contains("by local:"), "{told}");
    assert!(told.contains("a name was in it"), "{told}");
    assert_eq!(verified(&house)["unsealed"], 0);

    house.hob(&["ledger", "verify", "--proof", "before.json"]).expect(0);
    house.hob(&["ledger", "prove", &run, "--file", "after.json"]).expect(0);
    let proof =
        house.hob(&["ledger", "verify", "--proof", "after.json", "--json"]).expect(0).json();
    assert_eq!(proof["entries"], 2, "the erasure is one more entry of the run: {proof:#}");
    let again = house.hob(&["ledger", "erase", &digest, "--reason", "once more"]).expect(0).said;
    assert!(again.contains("nothing was left"), "{again}");
}

#[test]
fn all_that_a_run_has_kept_is_erased_at_once() {
    let house = Household::with_sample();
    let report = house.update(&[]).expect(0).json();
    let run = report["run"].as_str().unwrap();
    let (count, there) = payloads(&house);
    assert!(count > 5 && there == count, "{count} {there}");
    house.hob(&["ledger", "erase", "--run", run, "--reason", "asked for by its owner"]).expect(0);
    assert_eq!(payloads(&house), (count, 0));
    let erasures = verified(&house)["erasures"].clone();
    assert_eq!(erasures[0]["run"], run, "{erasures:#}");
    let told: u64 =
        erasures.as_array().unwrap().iter().filter_map(|e| e["payloads"].as_u64()).sum();
    assert_eq!(told, count);
    let log = house.hob(&["runs", "logs", run]).expect(0).out;
    assert!(log.contains("was erased)"), "{log}");
    house.is_tidy();
}

#[test]
fn an_erasure_that_was_killed_half_way_is_told_and_done_by_asking_again() {
    let house = Household::with_sample();
    let run = accepted(&house);
    let words = ["ledger", "erase", "--run", &run, "--reason", "a name was in it"];
    let died = house.command(&words).env("HOB_FAILPOINT", "erasure-told").output().unwrap();
    assert_eq!(Told::from(died).signal, Some(9));
    assert_eq!(payloads(&house), (1, 1));
    let remarks = verified(&house)["remarks"].to_string();
    assert!(remarks.contains("is still there"), "{remarks}");
    house.hob(&words).expect(0);
    assert_eq!(payloads(&house), (1, 0));
    assert_eq!(verified(&house)["remarks"], serde_json::json!([]));
}

/// All that the files of a store hold. They are read by another process: a process that closes a file gives up the locks
/// that it has on it, and with them its place as a reader.
fn on_disk(store: &std::path::Path) -> Vec<u8> {
    #[expect(clippy::disallowed_methods, reason = "a story starts programs as a person would")]
    let mut cat = std::process::Command::new("cat");
    let files = crate::household::names(store).into_iter().map(|name| store.join(name));
    let told = cat.args(files).output().unwrap();
    assert!(told.status.success(), "{}", String::from_utf8_lossy(&told.stderr));
    told.stdout
}

#[test]
fn an_erasure_while_somebody_reads_is_no_success_until_the_bytes_are_gone() {
    let house = Household::with_sample();
    let run = accepted(&house);
    let store = house.data().join("store");
    let reader = Connection::open(store.join("store.sqlite")).unwrap();
    let read = |what: &str| reader.query_row(what, [], |row| row.get::<_, Vec<u8>>(0)).unwrap();
    // The salt is nowhere but in its payload.
    let salt = read("SELECT salt FROM payloads");
    let there = || on_disk(&store).windows(salt.len()).any(|window| window == salt);
    assert!(there());
    reader.execute_batch("BEGIN").unwrap();
    read("SELECT salt FROM payloads");
    let words = ["ledger", "erase", "--run", &run, "--reason", "a name was in it"];
    let told = house.hob(&words).expect(1);
    assert!(
        told.said.contains("not yet from the disk") && told.said.contains("hint: "),
        "{told:?}"
    );
    assert!(there(), "the reader still needs it");
    let remarks = verified(&house)["remarks"].to_string();
    assert!(remarks.contains("may still be on the disk"), "{remarks}");
    drop(reader);
    assert_eq!(verified(&house)["remarks"], serde_json::json!([]), "the next command did it");
    assert!(!there());
    assert_eq!(payloads(&house), (1, 0));
}
