//! Told to leave, told to stop: what was begun goes on later, or is over and leaves nothing.

use std::io::{BufRead as _, BufReader};
use std::process::Child;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

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
    let unfinished = left.json();
    assert_eq!((&unfinished["outcome"], &unfinished["complete"]), (&Value::Null, &false.into()));
    assert!(["working", "waiting"].contains(&unfinished["state"].as_str().unwrap()));
    let shown = ["runs", "show", unfinished["run"].as_str().unwrap(), "--json"];
    let shown = house.hob(&shown).expect(0).json();
    let names = |of: &Value| of.as_object().unwrap().keys().cloned().collect::<Vec<_>>();
    assert_eq!((&shown["outcome"], names(&shown)), (&Value::Null, names(&unfinished)));
    let report = house.resume(0);
    assert_eq!(names(&report), names(&shown), "one shape, over or not");
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

#[test]
fn at_the_very_end_a_signal_is_heard_and_the_report_is_out() {
    for signal in [Signal::TERM, Signal::INT] {
        let house = Household::with_sample();
        let mut child = house.start(&WORDS);
        let mut said = BufReader::new(child.stderr.take().unwrap()).lines().map_while(Result::ok);
        assert!(said.any(|line| line.contains("propose")), "it does not propose");
        // Whoever clears away at the end waits for this.
        let lock = std::fs::File::open(house.data().join("machines/.lock")).unwrap();
        lock.lock().unwrap();
        let mut out = String::new();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        while !out.ends_with("\n}\n") {
            out.push_str(&lines.next().unwrap().unwrap());
            out.push('\n');
        }
        let report: Value = serde_json::from_str(&out).unwrap();
        assert_eq!(report["outcome"], "proposed", "{report:#}");
        kill_process(Pid::from_child(&child), signal).unwrap();
        assert_eq!(child.wait().unwrap().code(), Some(0));
        drop(lock);
        house.hob(&["runs", "resume"]).expect(0);
        house.is_tidy();
    }
}

#[test]
fn no_run_several_runs_and_one_that_is_refused_are_one_document() {
    let house = Household::with_sample();
    assert_eq!(house.hob(&["runs", "resume", "--json"]).expect(0).json(), serde_json::json!([]));
    house.git(&["clone", "-q", ".", "../other"]);
    for repo in ["repo", "other"] {
        let mut words = WORDS;
        words[3] = repo;
        let died = house.command(&words).env("HOB_FAILPOINT", "run-accepted").output().unwrap();
        assert_eq!(Told::from(died).signal, Some(9));
    }
    let told = house.hob(&["runs", "resume", "--json"]).expect(0).json();
    let outcomes: Vec<&Value> =
        told.as_array().unwrap().iter().map(|report| &report["outcome"]).collect();
    assert_eq!(outcomes, ["proposed", "proposed"], "{told:#}");
    house.is_tidy();
}

/// Is told to leave at the failpoint, goes on later, and ends once.
fn leaves_at(failpoint: &str, words: &[&str], outcome: &str, code: i32) {
    let house = Household::with_sample();
    let before = house.standing();
    let set = format!("term@{failpoint}");
    let told: Told = house.command(words).env("HOB_FAILPOINT", set).output().unwrap().into();
    assert_eq!(told.signal, None, "at {failpoint}: {told:?}");
    assert!(!told.said.contains("panicked"), "at {failpoint}: {}", told.said);
    house.is_tidy();
    let report = if told.json()["outcome"].is_null() {
        assert!(told.said.contains("goes on with"), "at {failpoint}: {}", told.said);
        assert_eq!(told.code, Some(3), "at {failpoint}: {told:?}");
        house.resume(code)
    } else {
        // What may not be cut was done, and it was the last thing to do.
        house.hob(&["runs", "resume"]).expect(0);
        told.expect(code).json()
    };
    assert_eq!(report["outcome"], outcome, "at {failpoint}: {report:#}");
    assert_eq!(report["attempts"], 1, "at {failpoint}: {report:#}");
    let proposals = usize::from(outcome == "proposed");
    let found = (house.branches().len(), house.reviews().len(), house.runs().len());
    assert_eq!(found, (proposals, proposals, 1), "at {failpoint}");
    assert_eq!(house.standing(), before);
    house.is_tidy();
}

#[test]
fn told_to_leave_before_a_machine_is_made_it_goes_on_later() {
    for failpoint in ["run-accepted", "action-claimed", "machine-launched"] {
        leaves_at(failpoint, &WORDS, "proposed", 0);
    }
}

#[test]
fn told_to_leave_while_the_change_is_made_it_goes_on_later() {
    for failpoint in ["brain-done", "change-exported"] {
        leaves_at(failpoint, &WORDS, "proposed", 0);
    }
}

#[test]
fn told_to_leave_while_the_change_is_judged_it_goes_on_later() {
    for failpoint in ["verification-half-done", "verdict-reached", "verdict-committed"] {
        leaves_at(failpoint, &WORDS, "proposed", 0);
    }
}

#[test]
fn told_to_leave_while_it_tells_people_it_tells_them_once() {
    leaves_at("branch-pushed", &WORDS, "proposed", 0);
    let mut words = WORDS.to_vec();
    words[1] = "cve-remediation";
    words.extend(["--advisories", "advisory.json"]);
    leaves_at("escalation-half-sent", &words, "escalated", 3);
}

/// Is told to stop at the failpoint: it is cancelled, unless what may not be cut was its last step; then it has come to
/// that, once.
fn stops_at(failpoint: &str, words: &[&str], last: Option<&str>) {
    let house = Household::with_sample();
    let before = house.standing();
    let set = format!("int@{failpoint}");
    let told: Told = house.command(words).env("HOB_FAILPOINT", set).output().unwrap().into();
    assert_eq!(told.signal, None, "at {failpoint}: {told:?}");
    assert!(!told.said.contains("panicked"), "at {failpoint}: {}", told.said);
    house.is_tidy();
    if failpoint == "run-accepted" && told.out.is_empty() {
        // It was said before anybody drove the run.
        assert!(told.said.contains("stopped before the run had begun"), "{}", told.said);
        house.hob(&["runs", "cancel", house.runs()[0]["run"].as_str().unwrap()]).expect(0);
    } else {
        let report = told.json();
        let outcome = report["outcome"].as_str().unwrap();
        assert!(outcome == "cancelled" || Some(outcome) == last, "at {failpoint}: {report:#}");
        assert_eq!(told.code, Some(if outcome == "proposed" { 0 } else { 3 }), "at {failpoint}");
    }
    house.hob(&["runs", "resume"]).expect(0);
    let line = house.runs()[0].clone();
    let proposals = usize::from(line["state"] == "proposed");
    assert!(proposals == 1 || line["state"] == "ended", "at {failpoint}: {line:#}");
    let found = (house.branches().len(), house.reviews().len(), house.runs().len());
    assert_eq!(found, (proposals, proposals, 1), "at {failpoint}");
    assert_eq!(house.standing(), before);
    house.is_tidy();
}

#[test]
fn told_to_stop_before_a_machine_is_made_it_is_cancelled() {
    for failpoint in ["run-accepted", "action-claimed", "machine-launched"] {
        stops_at(failpoint, &WORDS, None);
    }
}

#[test]
fn told_to_stop_while_the_change_is_made_it_is_cancelled() {
    for failpoint in ["brain-done", "change-exported"] {
        stops_at(failpoint, &WORDS, None);
    }
}

#[test]
fn told_to_stop_while_the_change_is_judged_it_is_cancelled() {
    for failpoint in ["verification-half-done", "verdict-reached", "verdict-committed"] {
        stops_at(failpoint, &WORDS, Some("proposed"));
    }
}

#[test]
fn told_to_stop_while_it_tells_people_it_has_told_them_or_takes_it_back() {
    stops_at("branch-pushed", &WORDS, Some("proposed"));
    let mut words = WORDS.to_vec();
    words[1] = "cve-remediation";
    words.extend(["--advisories", "advisory.json"]);
    stops_at("escalation-half-sent", &words, Some("escalated"));
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
