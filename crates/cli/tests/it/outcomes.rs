//! The rarer endings: what governance denies, what is only reported, and what a limit holds back before it begins.

use serde_json::Value;

use crate::household::{Household, Told, names};

const WORDS: [&str; 7] = ["run", "./own.md", "--repo", "repo", "--set", "checks=true", "--json"];

/// The built-in agent with something else in place of something.
fn with_own(old: &str, new: &str) -> Household {
    let house = Household::with_sample();
    let own = house.hob(&["agents", "show", "dependency-updates"]).expect(0).out;
    assert!(own.contains(old), "{own}");
    std::fs::write(house.beside("own.md"), own.replacen(old, new, 1)).unwrap();
    house
}

#[test]
fn a_change_beyond_its_scope_is_denied_and_people_are_told_where_and_why() {
    let house = with_own("    - \"**/Cargo.lock\"\n", "");
    let before = house.standing();
    let told = house.hob(&WORDS).expect(4);
    let report = told.json();
    assert_eq!(report["outcome"], "denied", "{report:#}");
    assert_eq!(report["verdict"]["decision"], "deny", "{report:#}");
    let findings = report["verdict"]["findings"].as_array().unwrap();
    let denied = |finding: &&Value| finding["severity"] == "deny" && finding["rule"] == "paths";
    let finding = findings.iter().find(denied).unwrap_or_else(|| panic!("{report:#}"));
    assert_eq!(finding["path"], "Cargo.lock", "{report:#}");
    assert!(report["reason"].as_str().unwrap().contains("paths: `Cargo.lock`: "), "{report:#}");
    assert_eq!((&report["proposal"], &report["updates"]), (&Value::Null, &serde_json::json!([])));

    let run = report["run"].as_str().unwrap();
    assert_eq!(names(&house.data().join("escalations")), [format!("{run}.md")]);
    let letter = house.data().join("escalations").join(format!("{run}.md"));
    let letter = std::fs::read_to_string(letter).unwrap();
    assert!(letter.contains("Cargo.lock") && letter.contains("denied"), "{letter}");
    let shown = house.hob(&["runs", "show", run]).expect(0).out;
    assert!(shown.contains("finding: paths Cargo.lock"), "{shown}");
    assert_eq!((house.branches().len(), house.reviews().len()), (0, 0));
    assert_eq!(house.standing(), before);
    house.is_tidy();
}

#[test]
fn what_may_not_be_proposed_is_reported() {
    let house = with_own("pull_request: { max: 1 }", "pull_request: { max: 0 }");
    let before = house.standing();
    let report = house.hob(&WORDS).expect(0).json();
    assert_eq!((&report["outcome"], &report["complete"]), (&"reported".into(), &true.into()));
    assert_eq!(report["updates"][0]["package"], "itoa", "{report:#}");
    assert_eq!(report["proposal"], Value::Null, "{report:#}");
    assert!(report["reason"].as_str().unwrap().contains("`outputs.pull_request.max` is 0"));
    assert_eq!(report["checks"][0]["outcome"], "held", "what is reported was verified");
    assert_eq!((house.branches().len(), house.reviews().len()), (0, 0));
    assert_eq!(names(&house.data().join("escalations")), Vec::<String>::new());
    assert_eq!(house.standing(), before);
    house.is_tidy();
}

#[test]
fn a_limit_that_holds_a_request_back_is_no_verdict() {
    let house = with_own("open_proposals: 5", "open_proposals: 1");
    let first = house.hob(&WORDS).expect(0).json();
    assert_eq!(first["outcome"], "proposed", "{first:#}");
    std::fs::write(house.repo().join("README.md"), "a sample\n").unwrap();
    house.commit_all();
    let told: Told = house.hob(&WORDS).expect(1);
    assert_eq!((told.out.as_str(), house.runs().len()), ("", 1), "no run, no object");
    assert!(told.said.contains("error: nothing was begun: `limits.open_proposals` is 1"));
    assert!(told.said.contains("hint: `hob review list`"), "{}", told.said);
    let log = house.hob(&["ledger", "show", "--json"]).expect(0).out;
    assert!(log.contains("event.settled"), "the event has its outcome: {log}");
    let id = first["proposal"]["id"].as_str().unwrap();
    house.hob(&["review", "reject", id]).expect(0);
    assert_eq!(house.hob(&WORDS).expect(0).json()["outcome"], "proposed");
    house.is_tidy();
}
