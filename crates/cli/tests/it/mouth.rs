//! What leaves through the mouth: safe for whoever looks at it, and never lost without a word.

use std::fs::OpenOptions;
use std::process::Stdio;

use crate::household::{Household, Told};

#[test]
fn text_of_others_does_not_act_on_a_terminal() {
    let house = Household::with_sample();
    let hostile = "---\nname: sample\u{1b}]0;title\u{7}\n---\nread \u{202e}backwards\u{9b}2J\r\n";
    std::fs::write(house.beside("hostile.md"), hostile).unwrap();
    let shown = house.hob(&["agents", "show", "./hostile.md"]).expect(0).out;
    assert!(shown.contains(r"sample\x1b]0;title\x07"), "{shown}");
    assert!(shown.contains(r"\u{202e}backwards\u{9b}2J"), "{shown}");
    let json = house.hob(&["agents", "show", "./hostile.md", "--json"]).expect(0);
    assert!(!json.out.contains(['\u{202e}', '\u{9b}', '\u{1b}']), "{}", json.out);
    assert_eq!(json.json()["text"], hostile);
    let problem = house.hob(&["agents", "check", "./hostile.md"]).expect(1).said;
    assert!(!problem.contains(['\u{202e}', '\u{9b}', '\u{1b}']), "{problem}");
}

#[test]
fn what_a_check_writes_is_shown_in_the_log_and_does_not_act() {
    let house = Household::with_sample();
    let checks = r"checks=printf '\033[2Jwiped\177'";
    let words = ["run", "dependency-updates", "--repo", "repo", "--set", checks, "--json"];
    let report = house.hob(&words).expect(0).json();
    let log = house.hob(&["runs", "logs", report["run"].as_str().unwrap()]).expect(0).out;
    assert!(log.contains(r"    \x1b[2Jwiped\x7f"), "{log}");
    assert!(!log.contains(|c: char| c.is_control() && c != '\n'), "{log}");
}

#[test]
fn output_that_is_lost_is_no_success() {
    let house = Household::with_sample();
    for words in [&["runs", "list", "--json"][..], &["agents", "list"], &["--help"]] {
        let full = OpenOptions::new().write(true).open("/dev/full").unwrap();
        let told = house.command(words).stdout(Stdio::from(full)).output().unwrap();
        let told = Told::from(told).expect(1);
        assert!(told.said.contains("error: standard output cannot be written"), "{}", told.said);
        assert!(told.said.contains("hint: "), "{}", told.said);
    }
}

/// What `hob` answers to somebody who reads nothing of it.
fn unread(house: &Household, words: &[&str]) -> Told {
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    house.command(words).stdout(writer).output().unwrap().into()
}

#[test]
fn a_reader_that_has_gone_away_is_no_error_and_changes_no_answer() {
    let house = Household::with_sample();
    assert_eq!(unread(&house, &["agents", "list"]).expect(0).said, "");
    assert_eq!(unread(&house, &["--help"]).expect(0).said, "");
    let remediate = ["run", "cve-remediation", "--repo", "repo", "--advisories", "advisory.json"];
    unread(&house, &[&remediate[..], &["--set", "checks=true", "--json"]].concat()).expect(3);
    // All of it was done: the log is sealed, and nothing of the machines is left.
    house.is_tidy();
    let told = house.hob(&["ledger", "verify", "--json"]).expect(0).json();
    assert_eq!(told["unsealed"], 0, "{told:#}");
    let base = rusqlite::Connection::open(house.data().join("store/store.sqlite")).unwrap();
    base.execute_batch("UPDATE ledger SET leaf_hash = zeroblob(32) WHERE idx = 1").unwrap();
    drop(base);
    unread(&house, &["ledger", "verify"]).expect(1);
    unread(&house, &["ledger", "verify", "--json"]).expect(1);
}
