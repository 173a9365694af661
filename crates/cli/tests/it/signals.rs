//! Told to leave, told to stop: what was begun goes on later, or is over and leaves nothing.

use std::io::{BufRead as _, BufReader};
use std::process::Child;

use rustix::process::{Pid, Signal, kill_process};

use crate::household::{Household, Told};

const WORDS: [&str; 7] =
    ["run", "dependency-updates", "--repo", "repo", "--set", "checks=true", "--json"];

/// Starts a run, sends the signal once its first machine is there, and waits for the end.
fn signalled(house: &Household, signal: Signal) -> Told {
    let mut child = house.start(&WORDS);
    until_a_machine(&mut child);
    kill_process(Pid::from_child(&child), signal).unwrap();
    child.wait_with_output().unwrap().into()
}

fn until_a_machine(child: &mut Child) {
    let said = BufReader::new(child.stderr.as_mut().unwrap());
    let mut lines = said.lines().map_while(Result::ok);
    assert!(lines.any(|line| line.contains("machine ")), "no machine was made");
}

#[test]
fn told_to_leave_it_leaves_and_goes_on_later() {
    let house = Household::with_sample();
    let before = house.standing();
    let left = signalled(&house, Signal::TERM);
    assert_eq!((left.code, left.signal), (Some(3), None), "{left:?}");
    house.is_tidy();
    let report = house.hob(&["runs", "resume", "--json"]).expect(0).json();
    assert_eq!(report["outcome"], "proposed", "{report:#}");
    assert_eq!((house.branches().len(), house.reviews().len(), house.runs().len()), (1, 1, 1));
    assert_eq!(house.standing(), before);
    house.is_tidy();
}

#[test]
fn told_to_stop_it_is_cancelled() {
    let house = Household::with_sample();
    let before = house.standing();
    let report = signalled(&house, Signal::INT).expect(3).json();
    assert_eq!(report["outcome"], "cancelled", "{report:#}");
    assert_eq!((house.branches().len(), house.reviews().len()), (0, 0));
    assert_eq!(house.standing(), before);
    house.is_tidy();
}
