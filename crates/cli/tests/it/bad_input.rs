//! What cannot be worked on gets a clear answer with a way out, and loses nothing.

use crate::household::{Household, Told};

/// A problem that its owner can fix: the message says these words, and how.
#[track_caller]
fn fixable(told: Told, words: &[&str]) {
    let told = told.expect(1);
    for word in ["error: ", "hint: "].iter().chain(words) {
        assert!(told.said.contains(word), "`{word}` is missing: {}", told.said);
    }
}

#[test]
fn a_place_that_is_no_repository_is_named() {
    let house = Household::with_sample();
    std::fs::create_dir(house.beside("plain")).unwrap();
    fixable(house.hob(&["run", "dependency-updates", "--repo", "plain"]), &["plain"]);
    fixable(house.hob(&["run", "dependency-updates", "--repo", "nowhere"]), &["nowhere"]);
}

#[test]
fn mistakes_are_told_before_machines_are_looked_for() {
    let house = Household::with_sample();
    let sandbox = ["--sandbox", "firecracker"];
    let update = ["run", "dependency-updates", "--repo"];
    fixable(house.hob(&[&update[..], &["nowhere"], &sandbox].concat()), &["nowhere"]);
    let set = [&update[..], &["repo", "--set", "lvel=minor"], &sandbox].concat();
    fixable(house.hob(&set), &["`lvel`"]);
    std::fs::write(house.beside("bad.md"), "---\nname: bad\nbrian: playbook\n---\n").unwrap();
    let bad = [&["run", "./bad.md", "--repo", "repo"], &sandbox[..]].concat();
    fixable(house.hob(&bad), &["`brian`"]);
    fixable(
        house.hob(&[&update[..], &["repo"], &sandbox].concat()),
        &["no Firecracker backend", "--sandbox qemu"],
    );
}

#[test]
fn a_repository_that_cannot_be_reached_is_told_before_anything_begins() {
    let house = Household::with_sample();
    for url in ["https://forge.invalid/team/sample.git", "ssh://git@forge.invalid/team/sample.git"]
    {
        let told = house.hob(&["run", "dependency-updates", "--repo", url]);
        fixable(told, &[url, "could not be fetched"]);
    }
    assert_eq!(house.runs().len(), 0);
}

#[test]
fn a_word_that_is_nearly_right_is_told() {
    let house = Household::with_sample();
    fixable(house.hob(&["run", "dependency-update", "--repo", "repo"]), &["`dependency-updates`"]);
    let key = house.hob(&["run", "dependency-updates", "--repo", "repo", "--set", "lvel=minor"]);
    let key = key.expect(1);
    assert!(
        key.said.contains("--set: `lvel` cannot be set; did you mean `level`?"),
        "{}",
        key.said
    );
    assert!(key.said.contains("for example: --set level=minor"), "{}", key.said);
    let flag = house.hob(&["run", "dependency-updates", "--rpo", "repo"]).expect(2);
    assert!(flag.said.contains("--repo"), "{}", flag.said);
}

#[test]
fn missing_advisories_are_named() {
    let house = Household::with_sample();
    let words = ["run", "cve-remediation", "--repo", "repo", "--advisories", "no/such/folder"];
    fixable(house.hob(&words), &["no/such/folder"]);
}

#[test]
fn a_data_folder_that_cannot_be_made_is_named() {
    let house = Household::with_sample();
    std::fs::write(house.beside("occupied"), "a file").unwrap();
    let words = ["run", "dependency-updates", "--repo", "repo", "--data", "occupied/data"];
    fixable(house.hob(&words), &["occupied/data"]);
}

#[test]
fn a_lock_file_in_conflict_is_never_worked_on_and_never_called_fine() {
    let house = Household::with_sample();
    let lock = house.repo().join("Cargo.lock");
    let text = std::fs::read_to_string(&lock).unwrap();
    std::fs::write(&lock, format!("<<<<<<< ours\n{text}=======\n{text}>>>>>>> theirs\n")).unwrap();
    house.commit_all();
    let before = house.standing();
    let told = house.update(&[]);
    assert!(told.code == Some(0) || told.code == Some(3), "{told:?}");
    let report = told.json();
    assert_ne!(report["outcome"], "proposed", "{report:#}");
    assert!(report["complete"] == false || report["outcome"] == "escalated", "{report:#}");
    assert!(report.to_string().contains("Cargo.lock"), "{report:#}");
    assert_eq!(house.standing(), before);
    house.is_tidy();
}
