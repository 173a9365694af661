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

    let report = house.resume(0);

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

    let report = house.resume(3);

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

/// A person answers, the process dies at the failpoint, and whoever comes next finishes it: the house, and the
/// proposal's commit.
fn answered_once(answer: &[&str], failpoint: &str) -> (Household, String) {
    let house = Household::with_sample();
    let report = house.update(&[]).expect(0).json();
    let id = report["proposal"]["id"].as_str().unwrap();
    house.hob(&["review", "approve", id]).expect(0);
    let words = [&["review", answer[0], id], &answer[1..]].concat();
    let died = house.command(&words).env("HOB_FAILPOINT", failpoint).output().unwrap();
    assert_eq!(crate::household::Told::from(died).signal, KILLED, "at {failpoint}");

    house.hob(&["runs", "resume"]).expect(0);
    house.hob(&["runs", "resume"]).expect(0);

    assert_eq!(house.reviews().len(), 0, "at {failpoint}");
    let action = if answer[0] == "merge" { "proposal.merged" } else { "proposal.rejected" };
    let entries = house.hob(&["ledger", "show", "--json"]).expect(0).json();
    let entries = entries.as_array().unwrap().iter();
    let told: Vec<_> = entries.filter(|entry| entry["action"] == action).collect();
    assert_eq!(told.len(), 1, "at {failpoint}: {told:?}");
    let approved = house.hob(&["review", "show", id, "--json"]).expect(0).json();
    assert_eq!(told[0]["actor"], approved["approvals"][0], "at {failpoint}: {told:?}");
    house.is_tidy();
    (house, report["proposal"]["head"].as_str().unwrap().to_owned())
}

#[test]
fn a_merge_that_was_asked_for_is_done_by_whoever_comes_next() {
    let (house, head) = answered_once(&["merge"], "merge-intended");
    assert_eq!(house.git(&["rev-parse", "main"]), head);
}

#[test]
fn a_merge_that_was_done_is_told_with_the_name_of_who_asked() {
    let (house, head) = answered_once(&["merge"], "branch-moved");
    assert_eq!(house.git(&["rev-parse", "main"]), head);
}

#[test]
fn a_rejection_that_was_said_counts() {
    let (house, _) = answered_once(&["reject", "--why", "not this week"], "reject-intended");
    assert_eq!(house.branches(), Vec::<String>::new());
}

#[test]
fn a_rejection_whose_branch_is_gone_counts() {
    let (house, _) = answered_once(&["reject", "--why", "not this week"], "withdrawn");
    assert_eq!(house.branches(), Vec::<String>::new());
}

#[test]
fn a_merged_proposal_whose_branch_is_gone_counts() {
    let (house, head) = answered_once(&["merge"], "spent-branch-gone");
    assert_eq!(house.git(&["rev-parse", "main"]), head);
    assert_eq!(house.branches(), Vec::<String>::new());
}
