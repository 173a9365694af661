//! Told to stop while no process drives it, a run is over at once, with everything that it has left.

use crate::household::{Household, Told};

#[test]
fn a_cancelled_proposal_is_gone_with_its_branch_and_is_never_merged() {
    let house = Household::with_sample();
    let before = house.standing();
    let report = house.update(&[]).expect(0).json();
    let (run, id) = (report["run"].as_str().unwrap(), report["proposal"]["id"].as_str().unwrap());
    house.hob(&["runs", "cancel", run]).expect(0);
    assert_eq!(house.branches(), Vec::<String>::new());
    assert_eq!(house.reviews().len(), 0);
    let refused = house.hob(&["review", "approve", id]).expect(4);
    assert!(refused.said.contains("withdrawn"), "{}", refused.said);
    house.hob(&["review", "merge", id]).expect(4);
    assert_eq!(house.standing(), before);
    house.is_tidy();
}

/// Dies at the failpoint, is cancelled by somebody who makes no machines, and is over.
fn is_over_when_cancelled(failpoint: &str) {
    let house = Household::with_sample();
    let before = house.standing();
    let words = ["run", "dependency-updates", "--repo", "repo", "--set", "checks=true"];
    let died = house.command(&words).env("HOB_FAILPOINT", failpoint).output().unwrap();
    assert_eq!(Told::from(died).signal, Some(9), "at {failpoint}");
    let run = house.runs()[0]["run"].as_str().unwrap().to_owned();
    house.hob(&["runs", "cancel", &run]).expect(0);
    let line = house.runs()[0].clone();
    assert_eq!(
        (line["state"].as_str(), line["detail"].as_str()),
        (Some("ended"), Some("cancelled"))
    );
    assert_eq!(house.branches(), Vec::<String>::new(), "at {failpoint}");
    assert_eq!(house.standing(), before);
}

#[test]
fn a_run_that_nobody_drives_is_over_when_it_is_cancelled() {
    is_over_when_cancelled("change-exported");
}

#[test]
fn a_branch_without_a_proposal_goes_with_its_cancelled_run() {
    is_over_when_cancelled("branch-pushed");
}
