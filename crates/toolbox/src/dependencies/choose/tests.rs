//! The choosing rules on tables of versions, in cargo's reading of them.

use std::collections::BTreeSet;

use domain::Timestamp;
use domain::agent::UpdateLevel;
use proptest::prelude::*;

use super::{Bounds, Rules};
use crate::dependencies::cargo::Cargo;
use crate::dependencies::{Published, Runtimes};

/// `!` before a version means yanked, `?` deprecated, `+` above what is marked as current; `@1.99` behind it the runtime that it wants.
fn published(list: &str) -> Vec<Published> {
    list.split_whitespace()
        .map(|word| {
            let (word, runtime) = word.split_once('@').unwrap_or((word, ""));
            Published {
                version: word.trim_start_matches(['!', '?', '+']).to_owned(),
                yanked: word.starts_with('!'),
                published_at: Some(Timestamp::from_millis(5_000)),
                runtime: (!runtime.is_empty()).then(|| runtime.to_owned()),
                requires: Vec::new(),
                peers: BTreeSet::new(),
                has_files: true,
                preview: word.starts_with('+'),
                deprecated: word.starts_with('?').then(|| "it is broken".to_owned()),
            }
        })
        .collect()
}

fn runtimes() -> Runtimes {
    Runtimes { rust: Some("1.80.0".to_owned()), ..Runtimes::default() }
}

fn bounds(level: UpdateLevel, min_release_age_ms: u64) -> Bounds {
    Bounds { level, min_release_age_ms, now: Timestamp::from_millis(10_000) }
}

#[track_caller]
fn check_newer(current: &str, list: &str, bounds: &Bounds, expected: &str) {
    let runtimes = runtimes();
    let rules = Rules { ecosystem: &Cargo, runtimes: &runtimes };
    let newer = rules.newer(current, &published(list), bounds);
    let behind = newer.behind.map(|(version, bar)| format!(" | {version}: {bar}"));
    assert_eq!(format!("{}{}", newer.candidates.join(" "), behind.unwrap_or_default()), expected);
}

#[track_caller]
fn check_fixes(current: &str, list: &str, open: &[(&str, &str)], expected: &str) {
    let runtimes = runtimes();
    let rules = Rules { ecosystem: &Cargo, runtimes: &runtimes };
    let at = |version: &str| -> BTreeSet<String> {
        let hits = open.iter().filter(|(_, versions)| versions.split(' ').any(|v| v == version));
        hits.map(|(id, _)| (*id).to_owned()).collect()
    };
    let fixes = rules.fixes(current, &published(list), &at);
    let names = |fixes: &[super::Fix]| {
        fixes.iter().map(|fix| fix.version.clone()).collect::<Vec<_>>().join(" ")
    };
    let barred: Vec<String> = fixes.barred.iter().map(|(version, _)| version.clone()).collect();
    let shown =
        format!("{} | {} | {}", names(&fixes.clean), names(&fixes.partial), barred.join(" "));
    assert_eq!(shown, expected);
}

#[test]
fn a_zero_version_steps_as_cargo_reads_it() {
    check_newer(
        "0.3.1",
        "0.3.1 0.3.2 0.4.0",
        &bounds(UpdateLevel::Minor, 0),
        "0.3.2 | 0.4.0: a major step",
    );
}

#[test]
fn what_keeps_a_nearer_version_out_is_said_before_the_level() {
    check_newer(
        "1.0.0",
        "1.0.0 1.1.0 1.2.0@1.90 2.0.0",
        &bounds(UpdateLevel::Minor, 0),
        "1.1.0 | 1.2.0: it needs Rust 1.90, and here is 1.80.0",
    );
}

#[test]
fn what_is_above_the_mark_of_the_current_one_is_no_update_unless_the_locked_one_is_too() {
    check_newer("1.0.0", "1.0.0 1.1.0 +1.2.0", &bounds(UpdateLevel::Minor, 0), "1.1.0");
    check_newer("1.1.0", "1.0.0 +1.1.0 +1.2.0", &bounds(UpdateLevel::Minor, 0), "1.2.0");
    check_fixes("1.1.0", "1.0.0 1.1.0 +1.2.0", &[("X", "1.1.0")], "1.2.0 1.0.0 |  | ");
}

#[test]
fn what_its_publisher_advises_against_comes_last() {
    check_newer(
        "1.0.0",
        "1.0.0 1.1.0 ?1.2.0 1.1.5",
        &bounds(UpdateLevel::Minor, 0),
        "1.1.5 1.1.0 1.2.0",
    );
    // All of them in the same words: the locked one is no better.
    check_newer("1.0.0", "?1.0.0 1.1.0 ?1.2.0", &bounds(UpdateLevel::Minor, 0), "1.2.0 1.1.0");
}

#[test]
fn the_order_of_the_registry_does_not_count() {
    check_newer(
        "1.0.0",
        "1.10.0 1.0.0 1.9.0 !1.11.0 1.2.0",
        &bounds(UpdateLevel::Minor, 0),
        "1.10.0 1.9.0 1.2.0",
    );
}

#[test]
fn an_unknown_age_is_no_age() {
    let mut list = published("1.1.0");
    list[0].published_at = None;
    let runtimes = runtimes();
    let rules = Rules { ecosystem: &Cargo, runtimes: &runtimes };
    let newer = rules.newer("1.0.0", &list, &bounds(UpdateLevel::Minor, 1));
    assert_eq!(newer.candidates, [""; 0]);
    let (_, bar) = newer.behind.expect("it is told");
    assert!(bar.to_string().contains("does not say when"), "{bar}");
}

#[test]
fn an_age_counts_up_to_the_clock_and_a_clock_behind_it_makes_it_young() {
    check_newer("1.0.0", "1.1.0", &bounds(UpdateLevel::Minor, 5_000), "1.1.0");
    let young = Bounds { now: Timestamp::from_millis(1), ..bounds(UpdateLevel::Minor, 5_000) };
    check_newer(
        "1.0.0",
        "1.1.0",
        &young,
        " | 1.1.0: published 1970-01-01T00:00:05.000Z by the registry's own account",
    );
}

#[test]
fn fixes_come_nearest_first_and_steps_back_last() {
    check_fixes(
        "1.2.0",
        "1.0.0 1.1.0 1.2.0 1.2.1 1.3.0 2.0.0",
        &[("X", "1.2.0 1.1.0")],
        "1.2.1 1.3.0 2.0.0 1.0.0 |  | ",
    );
}

#[test]
fn versions_that_close_only_some_stand_apart_and_never_open_others() {
    check_fixes(
        "1.0.0",
        "1.0.0 1.0.1 1.0.2 1.0.3",
        &[("X", "1.0.0"), ("Y", "1.0.0 1.0.1 1.0.2 1.0.3"), ("Z", "1.0.1")],
        " | 1.0.2 1.0.3 | ",
    );
}

#[test]
fn clean_versions_out_of_use_are_remembered_with_their_reason() {
    check_fixes(
        "1.0.0",
        "1.0.0 !1.0.1 1.0.2@1.99 1.1.0-rc.1",
        &[("X", "1.0.0")],
        " |  | 1.0.1 1.0.2 1.1.0-rc.1",
    );
}

proptest! {
    #[test]
    fn foreign_versions_never_panic(current in ".{0,12}", list in prop::collection::vec(".{0,12}", 0..6)) {
        let list: Vec<Published> = list.into_iter().flat_map(|version| {
            published("1.0.0").into_iter().map(move |p| Published { version: version.clone(), ..p })
        }).collect();
        let runtimes = runtimes();
        let rules = Rules { ecosystem: &Cargo, runtimes: &runtimes };
        rules.newer(&current, &list, &bounds(UpdateLevel::Major, 1));
        rules.fixes(&current, &list, &|_| BTreeSet::new());
    }
}
