//! Told to leave, told to stop: what was begun goes on later, or is over and leaves nothing.

use std::io::{BufRead as _, BufReader};
use std::process::Child;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};

use crate::household::{Household, Told, processes};

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

/// How long a request to stop may take to reach a machine.
const STOP_MAX: Duration = Duration::from_secs(5);

#[test]
fn a_cancelled_run_and_what_its_machine_runs_are_over_within_five_seconds() {
    let house = Household::with_sample();
    let before = house.standing();
    // A number that nobody else sleeps for.
    let sleep = format!("sleep 600.{}", std::process::id());
    let check = format!("checks={sleep}");
    let words = ["run", "dependency-updates", "--repo", "repo", "--set", &check, "--json"];
    let mut child = house.start(&words);
    let sleeps = || processes(&sleep).iter().any(|line| line.starts_with("sleep "));
    while !sleeps() {
        assert_eq!(child.try_wait().unwrap(), None, "it ended before its check began");
        std::thread::yield_now();
    }
    let run = house.runs()[0]["run"].as_str().unwrap().to_owned();
    let (ended, end) = std::sync::mpsc::channel();
    let told = std::thread::scope(|scope| {
        scope.spawn(move || ended.send(Told::from(child.wait_with_output().unwrap())));
        house.hob(&["runs", "cancel", &run]).expect(0);
        end.recv_timeout(STOP_MAX).expect("the run ends in time")
    });
    assert!(!sleeps(), "what ran in the machine outlives the run");
    assert_eq!(told.expect(3).json()["outcome"], "cancelled");
    assert_eq!((house.branches().len(), house.reviews().len()), (0, 0));
    assert_eq!(house.standing(), before);
    house.is_tidy();
}
