//! What is asked of hob leaves an entry with who asked, done or refused; a question leaves none.

use std::os::unix::fs::PermissionsExt as _;

use serde_json::Value;

use crate::household::Household;

/// A house whose agent has proposed a change: the run and its proposal.
fn proposed() -> (Household, String, String) {
    let house = Household::with_sample();
    let report = house.update(&[]).expect(0).json();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    (house, text(&report["run"]), text(&report["proposal"]["id"]))
}

fn entries(house: &Household, from: usize) -> Vec<Value> {
    let from = from.to_string();
    let told = house.hob(&["ledger", "show", "--json", "--from", &from]).expect(0).json();
    told.as_array().unwrap().clone()
}

/// What is left by one request: an entry of this action; a refusal names the request too.
type Left = (&'static str, Option<&'static str>);

const fn refused(request: &'static str) -> Left {
    ("request.refused", Some(request))
}

/// The words of every request that changes something, its exit code and what it leaves.
fn requests<'a>(run: &'a str, id: &'a str, other: &'a str) -> Vec<(Vec<&'a str>, i32, Left)> {
    let nowhere = "run_00000000000000000000000000";
    vec![
        (vec!["runs", "cancel", nowhere], 1, refused("cancel")),
        (vec!["runs", "retry", run], 1, refused("retry")),
        (vec!["ledger", "erase", other, "--reason", "old"], 1, refused("erase")),
        (vec!["review", "merge", id], 4, refused("merge")),
        (vec!["review", "approve", id, "--digest", other], 4, refused("approve")),
        (vec!["review", "approve", id], 0, ("proposal.approved", None)),
        (vec!["review", "merge", id], 0, ("proposal.merged", None)),
        (vec!["review", "approve", id], 4, refused("approve")),
        (vec!["review", "reject", id, "--why", "late"], 4, refused("reject")),
        (vec!["runs", "cancel", run], 4, ("run.command_refused", None)),
        (vec!["ledger", "erase", "--run", run, "--reason", "old"], 0, ("payload.erased", None)),
    ]
}

#[test]
fn whatever_changes_something_or_is_refused_leaves_an_entry_with_who_asked() {
    let (house, run, id) = proposed();
    let other = format!("sha256:{}", "0".repeat(64));
    let mut seen = entries(&house, 0).len();
    for (words, code, (action, request)) in requests(&run, &id, &other) {
        house.hob(&words).expect(code);
        let told = entries(&house, seen);
        seen += told.len();
        let found = told.iter().find(|entry| entry["action"] == action);
        let found = found.unwrap_or_else(|| panic!("{words:?} left {told:#?}"));
        assert!(found["actor"].as_str().unwrap().starts_with("local:"), "{found:#}");
        assert!(!found["reason"].as_str().unwrap().is_empty(), "{found:#}");
        if let Some(request) = request {
            assert_eq!(found["facts"]["request"], request, "{found:#}");
        }
    }
    house.is_tidy();
}

#[test]
fn a_question_leaves_no_entry_and_an_approval_of_ones_own_request_leaves_its_refusal() {
    let (house, run, id) = proposed();
    let seen = entries(&house, 0).len();
    for words in [
        &["agents", "list"][..],
        &["runs", "list"],
        &["runs", "show", &run],
        &["runs", "logs", &run],
        &["review", "list"],
        &["review", "show", &id],
        &["review", "diff", &id],
        &["ledger", "show"],
        &["ledger", "verify"],
        &["ledger", "export", "log.jsonl"],
        &["ledger", "prove", &run, "--file", "proof.json"],
    ] {
        house.hob(words).expect(0);
        assert_eq!(entries(&house, seen), Vec::<Value>::new(), "{words:?} is a question");
    }
    // Where others can reach the data folder, nobody approves what they have asked for.
    std::fs::set_permissions(house.data(), std::fs::Permissions::from_mode(0o755)).unwrap();
    house.hob(&["review", "approve", &id]).expect(4);
    let told = entries(&house, seen);
    assert!(told[0]["reason"].as_str().unwrap().contains("never its approver"), "{told:?}");
    assert_eq!(told[0]["facts"]["proposal"], id.as_str());
}

#[test]
fn a_merge_that_was_done_and_not_written_down_is_told_later_with_the_name_of_who_asked() {
    let (house, _, id) = proposed();
    house.hob(&["review", "approve", &id]).expect(0);
    let base = rusqlite::Connection::open(house.data().join("store/store.sqlite")).unwrap();
    let refusing = "CREATE TRIGGER refusing BEFORE UPDATE ON proposals WHEN NEW.state = 'merged'
        BEGIN SELECT RAISE(ABORT, 'not now'); END";
    base.execute_batch(refusing).unwrap();
    let failed = house.hob(&["review", "merge", &id]);
    assert_ne!(failed.code, Some(0), "{failed:?}");
    let shown = house.hob(&["review", "show", &id, "--json"]).expect(0).json();
    assert_eq!(house.git(&["rev-parse", "main"]), shown["head"].as_str().unwrap());
    let listed = house.hob(&["review", "list"]).expect(0).out;
    assert!(listed.contains("answered, not carried out yet"), "{listed}");
    base.execute_batch("DROP TRIGGER refusing").unwrap();
    drop(base);

    house.hob(&["runs", "resume"]).expect(0);
    let told = entries(&house, 0);
    let merged: Vec<_> = told.iter().filter(|entry| entry["action"] == "proposal.merged").collect();
    assert_eq!(merged.len(), 1, "{merged:#?}");
    assert_eq!(merged[0]["actor"], shown["approvals"][0], "{merged:#?}");
    assert!(!told.iter().any(|entry| entry["action"] == "proposal.answer_failed"));
    house.is_tidy();
}

#[test]
fn what_is_cut_from_a_list_is_said_and_an_export_takes_the_place_of_another_only_when_whole() {
    let house = Household::with_sample();
    for _ in 0..2 {
        let run = crate::ledger::accepted(&house);
        house.hob(&["runs", "cancel", &run]).expect(0);
    }
    let cut = house.hob(&["runs", "list", "--limit", "1", "--json"]).expect(0);
    assert_eq!(cut.json().as_array().map(Vec::len), Some(1));
    assert!(cut.said.contains("there are more") && cut.said.contains("--limit"), "{}", cut.said);
    let whole = house.hob(&["runs", "list", "--limit", "2"]).expect(0);
    assert!(!whole.said.contains("there are more"), "{}", whole.said);
    let all = entries(&house, 0).len();
    let cut = house.hob(&["ledger", "show", "--limit", "3"]).expect(0);
    assert_eq!(cut.out.lines().count(), 3);
    assert!(cut.said.contains("`--from 3`"), "{}", cut.said);
    let run = house.runs()[0]["run"].as_str().unwrap().to_owned();
    for words in [&["ledger", "show", "--limit", "0"][..], &["runs", "list", "--limit", "0"]] {
        let all = house.hob(words).expect(0);
        assert!(all.out.lines().count() > 1, "0 is as much as there is: {}", all.out);
        assert!(!all.said.contains("there are more"), "{}", all.said);
    }
    let of_run = |limit| house.hob(&["ledger", "show", &run, "--limit", limit]).expect(0).out;
    assert_eq!(of_run("0"), of_run("1000"));
    assert!(of_run("0").lines().count() > 1);
    let whole = house.hob(&["ledger", "show", "--limit", &all.to_string()]).expect(0);
    assert!(!whole.said.contains("there are more"), "{}", whole.said);

    house.hob(&["ledger", "export", "log.jsonl"]).expect(0);
    let good = std::fs::read(house.beside("log.jsonl")).unwrap();
    // An entry that cannot be read any more: the export fails in the middle.
    let base = rusqlite::Connection::open(house.data().join("store/store.sqlite")).unwrap();
    let damage =
        "PRAGMA ignore_check_constraints = ON; UPDATE ledger SET leaf_hash = x'00' WHERE idx = 2";
    base.execute_batch(damage).unwrap();
    drop(base);
    let failed = house.hob(&["ledger", "export", "log.jsonl"]);
    assert_ne!(failed.code, Some(0), "{failed:?}");
    assert_eq!(std::fs::read(house.beside("log.jsonl")).unwrap(), good);
    let left = crate::household::names(&house.beside(""));
    assert!(!left.iter().any(|name| name.starts_with(".hob-")), "{left:?}");
}
