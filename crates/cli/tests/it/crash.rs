//! The process dies at each failpoint; whoever comes next brings the run to its one end.

use crate::household::Household;

const KILLED: Option<i32> = Some(9);

/// Dies at the failpoint, goes on, and comes to one proposal.
fn proposes_once(failpoint: &str) {
    let house = Household::with_sample();
    let before = house.standing();
    let mut words = vec!["run", "dependency-updates", "--repo", "repo", "--set", "checks=true"];
    words.push("--json");
    let died = house.command(&words).env("HOB_FAILPOINT", failpoint).output().unwrap();
    assert_eq!(crate::household::Told::from(died).signal, KILLED, "at {failpoint}");

    let report = house.hob(&["runs", "resume", "--json"]).expect(0).json();

    assert_eq!(report["outcome"], "proposed", "{report:#}");
    assert_eq!(house.branches(), [report["proposal"]["branch"].as_str().unwrap()]);
    assert_eq!(house.reviews().len(), 1);
    assert_eq!(house.runs().len(), 1);
    assert_eq!(house.standing(), before);
    house.is_tidy();
}

#[test]
fn a_run_that_was_only_accepted_goes_on() {
    proposes_once("run-accepted");
}

#[test]
fn an_action_that_was_claimed_is_claimed_again() {
    proposes_once("action-claimed");
}

#[test]
fn a_machine_without_an_owner_is_taken_away() {
    proposes_once("machine-launched");
}

#[test]
fn work_that_was_lost_with_its_machine_is_done_again() {
    proposes_once("brain-done");
}

#[test]
fn an_exported_change_is_proposed_once() {
    proposes_once("change-exported");
}

#[test]
fn half_a_verification_counts_for_nothing() {
    proposes_once("verification-half-done");
}

#[test]
fn a_verdict_that_was_not_written_is_reached_again() {
    proposes_once("verdict-reached");
}

#[test]
fn a_verdict_that_was_written_holds() {
    proposes_once("verdict-committed");
}

#[test]
fn a_branch_that_was_pushed_is_the_branch_of_the_proposal() {
    proposes_once("branch-pushed");
}

#[test]
fn people_are_told_once() {
    let house = Household::with_sample();
    let before = house.standing();
    let words = [
        "run",
        "cve-remediation",
        "--repo",
        "repo",
        "--advisories",
        "advisory.json",
        "--set",
        "checks=true",
        "--json",
    ];
    let died = house.command(&words).env("HOB_FAILPOINT", "escalation-half-sent").output();
    let died = crate::household::Told::from(died.unwrap());
    assert_eq!(died.signal, KILLED, "{died:?}");

    let report = house.hob(&["runs", "resume", "--json"]).expect(3).json();

    assert_eq!(report["outcome"], "escalated", "{report:#}");
    let told = crate::household::names(&house.data().join("escalations"));
    assert_eq!(told, [format!("{}.md", report["run"].as_str().unwrap())]);
    let entries = house.hob(&["ledger", "show", "--json"]).expect(0).json();
    let entries = entries.as_array().unwrap().iter();
    assert_eq!(entries.filter(|entry| entry["action"] == "run.escalated").count(), 1);
    assert_eq!(house.branches(), Vec::<String>::new());
    assert_eq!(house.standing(), before);
    house.is_tidy();
}
