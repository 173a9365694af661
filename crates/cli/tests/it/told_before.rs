//! People are told once of what nobody but they can resolve; a run that comes to the same again leaves them in peace.

use serde_json::Value;

use crate::household::{Household, names};

fn remediate(house: &Household, code: i32) -> Value {
    let words = ["run", "cve-remediation", "--repo", "repo", "--advisories", "advisory.json"];
    let told = house.hob(&[&words[..], &["--set", "checks=true", "--json"]].concat());
    told.expect(code).json()
}

fn told(house: &Household) -> usize {
    names(&house.data().join("escalations")).len()
}

#[test]
fn what_people_know_is_said_again_and_told_to_nobody_until_something_changes() {
    let house = Household::with_sample();
    let first = remediate(&house, 3);
    assert_eq!((&first["outcome"], told(&house)), (&"escalated".into(), 1), "{first:#}");
    for _ in 0..2 {
        let again = remediate(&house, 0);
        assert_eq!((&again["outcome"], told(&house)), (&"no_change".into(), 1), "{again:#}");
        let reason = again["reason"].as_str().unwrap();
        assert!(reason.contains(first["run"].as_str().unwrap()), "{reason}");
        assert_eq!((&again["left"], &again["complete"]), (&first["left"], &true.into()));
        assert_eq!(again["updates"], serde_json::json!([]));
    }
    std::fs::write(house.repo().join("README.md"), "a sample\n").unwrap();
    house.commit_all();
    let later = remediate(&house, 3);
    assert_eq!((&later["outcome"], told(&house)), (&"escalated".into(), 2), "{later:#}");
    house.is_tidy();
}

#[test]
fn what_could_not_be_read_is_told_each_time() {
    let house = Household::with_sample();
    std::fs::write(house.repo().join("Cargo.lock"), "").unwrap();
    house.commit_all();
    for count in 1..=2 {
        let report = house.update(&[]).expect(3).json();
        assert_eq!((&report["outcome"], &report["complete"]), (&"escalated".into(), &false.into()));
        assert_eq!(told(&house), count);
    }
}
