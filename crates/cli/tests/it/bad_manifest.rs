//! Manifests and lock files that cannot be worked with: each is named with what is wrong, none is called fine.

use crate::household::Household;

/// With this in place of a file of the sample, the run names the file and says these words.
#[track_caller]
fn named(file: &str, text: Option<&str>, words: &str) {
    let house = Household::with_sample();
    let path = house.repo().join(file);
    match text {
        Some(text) => std::fs::write(&path, text).unwrap(),
        None => std::fs::remove_file(&path).unwrap(),
    }
    house.commit_all();
    said(&house, words);
}

#[track_caller]
fn said(house: &Household, words: &str) {
    let before = house.standing();
    let report = house.update(&[]).expect(3).json();
    assert_eq!(report["outcome"], "escalated", "{report:#}");
    assert_eq!(report["complete"], false, "{report:#}");
    let left = report["left"].to_string();
    assert!(left.contains(words), "`{words}` is missing: {report:#}");
    assert_eq!(house.branches(), Vec::<String>::new());
    assert_eq!(house.standing(), before);
    house.is_tidy();
}

#[test]
fn a_lock_file_without_its_manifest_is_not_overlooked() {
    named("Cargo.toml", None, "there is no Cargo.toml beside it");
}

#[test]
fn an_empty_file_is_named() {
    named("Cargo.toml", Some(""), "neither a `[package]` nor a `[workspace]`");
    named("Cargo.lock", Some(""), "it holds no package");
}

#[test]
fn what_is_no_toml_is_named_with_its_line() {
    named("Cargo.toml", Some("[package"), "`Cargo.toml` line 1");
}

#[test]
fn a_lock_file_of_a_version_to_come_is_named() {
    named("Cargo.lock", Some("version = 9\n"), "lock version 9");
}

#[test]
fn files_that_contradict_each_other_are_named() {
    let manifest = "[package]\nname = \"sample\"\nversion = \"0.1.0\"\nedition = \"2021\"\n\n\
                    [dependencies]\nitoa = \"0.4\"\n";
    named("Cargo.toml", Some(manifest), "does not hold `itoa 0.4`");
}

#[test]
fn a_file_of_a_hundred_megabytes_is_not_read() {
    named("Cargo.lock", Some(&"#".repeat(100 * 1024 * 1024)), "more than hob reads");
}

#[test]
fn what_can_be_read_is_worked_on_beside_what_cannot() {
    let house = Household::with_sample();
    std::fs::create_dir(house.repo().join("web")).unwrap();
    std::fs::write(house.repo().join("web/package.json"), "{").unwrap();
    house.commit_all();
    let report = house.update(&[]).expect(0).json();
    assert_eq!(report["outcome"], "proposed", "{report:#}");
    assert_eq!(report["complete"], false, "{report:#}");
    assert_eq!(report["left"][0]["package"], "web/package.json", "{report:#}");
}
