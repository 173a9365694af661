//! Several runs at once: each ends with its own proposal or names what is in its way, and nothing is broken.

use crate::household::Household;

const UPDATE: [&str; 7] =
    ["run", "dependency-updates", "--repo", "repo", "--set", "checks=true", "--json"];

#[test]
fn two_repositories_are_worked_on_at_once_in_one_data_folder() {
    let house = Household::with_sample();
    house.git(&["clone", "-q", ".", "../other"]);
    let mut words = UPDATE;
    words[3] = "other";
    let children = [house.start(&UPDATE), house.start(&words)];
    let mut branches = Vec::new();
    for child in children {
        let told: crate::household::Told = child.wait_with_output().unwrap().into();
        let report = told.expect(0).json();
        assert_eq!(report["outcome"], "proposed", "{report:#}");
        branches.push(report["proposal"]["branch"].as_str().unwrap().to_owned());
    }
    house.git(&["rev-parse", "--verify", &branches[0]]);
    house.git(&["-C", "../other", "rev-parse", "--verify", &branches[1]]);
    assert_eq!((house.branches().len(), house.reviews().len(), house.runs().len()), (1, 2, 2));
    house.is_tidy();
}

#[test]
fn two_data_folders_at_work_on_one_repository_break_nothing() {
    let house = Household::with_sample();
    let before = house.standing();
    let elsewhere = house.beside("data-of-another");
    let mut second = house.command(&UPDATE);
    let children = [house.start(&UPDATE), second.env("HOB_DATA", &elsewhere).spawn().unwrap()];
    let mut proposed = 0;
    for child in children {
        let told: crate::household::Told = child.wait_with_output().unwrap().into();
        if told.code == Some(0) {
            let report = told.expect(0).json();
            assert_eq!(report["outcome"], "proposed", "{report:#}");
            let branch = report["proposal"]["branch"].as_str().unwrap();
            let head = house.git(&["rev-parse", branch]);
            assert_eq!(report["proposal"]["head"], head.as_str(), "the branch is its own");
            proposed += 1;
        } else {
            let told = told.expect(3);
            assert!(told.out.contains("hob/"), "the other's branch is not named: {}", told.out);
        }
    }
    assert!(proposed >= 1);
    assert_eq!(house.branches().len(), proposed);
    assert_eq!(house.standing(), before);
    house.git(&["fsck", "--no-dangling"]);
    house.is_tidy();
}
