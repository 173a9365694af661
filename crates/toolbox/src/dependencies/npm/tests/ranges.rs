//! Versions, ranges, and how a range's text is moved.

use std::cmp::Ordering;
use std::collections::BTreeSet;

use domain::dependency::UpdateKind;
use proptest::prelude::*;

use super::super::Npm;
use super::super::range::{Keep, widened};
use crate::dependencies::{Ecosystem as _, Published, Runtimes};

#[track_caller]
fn moves(range: &str, to: &str, expect: &str) {
    assert_eq!(widened(range, to, Keep::Style).as_deref(), Some(expect), "{range} to {to}");
}

#[test]
fn a_range_that_admits_the_version_stays() {
    moves("^1.2.0", "1.9.0", "^1.2.0");
    moves(">=1", "7.0.0", ">=1");
    moves("1.x || 2.x", "2.5.0", "1.x || 2.x");
    moves("latest", "3.0.0", "latest");
    moves("", "3.0.0", "");
}

#[test]
fn an_exact_pin_stays_exact() {
    moves("1.2.3", "1.2.4", "1.2.4");
    moves("=1.2.3", "2.0.0", "=2.0.0");
    moves("v1.2.3", "2.0.0", "v2.0.0");
    moves("1.2.3", "2.0.0-rc.1", "2.0.0-rc.1");
}

#[test]
fn an_operator_and_its_precision_stay() {
    moves("^1.2.3", "2.0.1", "^2.0.1");
    moves("^1.2", "2.5.1", "^2.5");
    moves("^1", "2.5.1", "^2");
    moves("~1.2.3", "1.4.9", "~1.4.9");
    moves("~1.2", "1.4.9", "~1.4");
    moves("~> 1.2", "1.4.9", "~> 1.4");
    moves("1.x", "2.5.1", "2.x");
    moves("1.2.x", "1.3.4", "1.3.x");
    moves("1.*", "2.0.0", "2.*");
    moves("1", "2.0.0", "2");
    moves("^0.7.0", "4.0.10", "^4.0.10");
    moves("^1.5.0", "1.4.9", "^1.4.9");
    moves("^1", "2.0.0-beta.1", "^2.0.0-beta.1");
}

#[test]
fn bounds_move_only_as_far_as_they_must() {
    moves(">=1.0.0 <2.0.0", "2.1.0", ">=1.0.0 <3.0.0");
    moves(">=1 <2", "2.1.0", ">=1 <3");
    moves(">=1.0.0 <1.5.0", "1.7.2", ">=1.0.0 <1.8.0");
    moves(">=1.0.0 <1.5.3", "1.7.2", ">=1.0.0 <1.7.3");
    moves(">=1.0.0 <=1.5.3", "1.7.2", ">=1.0.0 <=1.7.2");
    moves(">= 1.0.0 < 2.0.0", "2.1.0", ">= 1.0.0 < 3.0.0");
    moves(">=1.0.0 <2.0.0-0", "2.1.0", ">=1.0.0 <3.0.0-0");
    moves(">=2.0.0", "1.9.1", ">=1.9.1");
    moves("<2.0.0", "2.1.0", "<3.0.0");
    moves("1.2.3 - 1.9.9", "2.1.0", "1.2.3 - 2.1.0");
    moves("1.0 - 1.9", "2.1.0", "1.0 - 2.1");
}

#[test]
fn alternatives_are_added_to() {
    moves("^1.0.0 || ^2.0.0", "3.1.0", "^1.0.0 || ^2.0.0 || ^3.1.0");
    moves("1.x||2.x", "3.1.0", "1.x||2.x||3.x");
    assert_eq!(widened("^1.0.0", "2.0.0", Keep::Admitted).as_deref(), Some("^1.0.0 || ^2.0.0"));
    assert_eq!(widened(">=1 <2", "2.3.0", Keep::Admitted).as_deref(), Some(">=1 <2 || ^2.3.0"));
}

#[test]
fn where_nothing_locks_a_range_can_end_right_above_the_version() {
    let closes = |range: &str, to: &str, expect: &str| {
        assert_eq!(widened(range, to, Keep::Nothing).as_deref(), Some(expect), "{range} to {to}");
    };
    closes("~1.1.0", "1.2.6", "1.2.6");
    closes("^1", "1.2.6", "1.2.6");
    closes("=1.1.0", "1.2.6", "=1.2.6");
    closes("v1.1.0", "1.2.6", "v1.2.6");
    closes("1.x || 2.x", "3.1.0", "3.1.0");
    closes("1.0 - 1.9", "2.1.0", "2.1.0");
    closes(">=1.0.0 <1.2.1", "1.2.6", ">=1.0.0 <1.2.7");
    closes(">= 1.0.0 < 2", "2.1.6", ">= 1.0.0 < 2.1.7");
    closes("<=1.2.1", "1.2.6", "<=1.2.6");
    closes(">=1.0.0", "1.2.6", ">=1.0.0 <1.2.7");
    closes(">=1.0.0 <2", "2.0.0-rc.1", ">=2.0.0-rc.1 <=2.0.0-rc.1");
    assert_eq!(widened("github:a/b", "2.0.0", Keep::Nothing), None);
}

#[test]
fn what_is_not_understood_is_not_moved() {
    assert_eq!(widened("github:a/b", "2.0.0", Keep::Style), None);
    assert_eq!(widened("^1.0.0", "two", Keep::Style), None);
    assert_eq!(widened("1.2.3.4", "2.0.0", Keep::Style), None);
}

#[test]
fn steps_follow_the_caret() {
    let step = |from, to| Npm.step(from, to);
    assert_eq!(step("1.2.3", "1.2.4"), Some(UpdateKind::Patch));
    assert_eq!(step("1.2.3", "1.3.0"), Some(UpdateKind::Minor));
    assert_eq!(step("1.2.3", "2.0.0"), Some(UpdateKind::Major));
    assert_eq!(step("0.2.3", "0.2.4"), Some(UpdateKind::Patch));
    assert_eq!(step("0.2.3", "0.3.0"), Some(UpdateKind::Major));
    assert_eq!(step("0.0.3", "0.0.4"), Some(UpdateKind::Major));
    assert_eq!(step("1.2.3", "1.2.2"), Some(UpdateKind::Downgrade));
    assert_eq!(step("1.2.3", "soon"), None);
}

#[test]
fn versions_are_ordered_and_ranges_read_as_npm_does() {
    assert_eq!(Npm.compare("1.10.0", "1.9.0"), Some(Ordering::Greater));
    assert_eq!(Npm.compare("1.0.0-rc.1", "1.0.0"), Some(Ordering::Less));
    assert_eq!(Npm.compare("1.0.0", "x"), None);
    assert!(Npm.is_prerelease("2.0.0-next.1") && !Npm.is_prerelease("2.0.0"));
    assert!(Npm.admits("^1.2", "1.9.0") && !Npm.admits("^1.2", "2.0.0"));
    assert!(!Npm.admits("^1.2.0", "1.3.0-beta.1") && Npm.admits("^1.3.0-beta.0", "1.3.0-beta.1"));
    assert!(Npm.admits("npm:other@~2.0.0", "2.0.9") && !Npm.admits("git+ssh://x", "1.0.0"));
}

#[test]
fn engines_are_asked_of_node() {
    let runs = |wanted: &str, node: &str| {
        let published = Published {
            version: "1.0.0".into(),
            yanked: false,
            published_at: None,
            runtime: Some(wanted.into()),
            requires: vec![],
            peers: BTreeSet::new(),
            has_files: true,
            preview: false,
            deprecated: None,
        };
        let runtimes = Runtimes { node: Some(node.into()), ..Runtimes::default() };
        Npm.runs_on(&published, &runtimes)
    };
    assert_eq!(runs(">=18", "20.20.2"), Ok(()));
    assert_eq!(runs("^14 || >=16.10", "v20.20.2"), Ok(()));
    assert_eq!(runs("whatever you have", "20.20.2"), Ok(()));
    assert_eq!(runs(">=22", "20.20.2"), Err("it wants node >=22; node 20.20.2 is here".into()));
}

proptest! {
    #[test]
    fn any_text_is_survived(range in "\\PC{0,40}", to in "[0-9.x-]{0,12}", name in "\\PC{0,20}") {
        drop(widened(&range, &to, Keep::Style));
        drop(widened(&range, &to, Keep::Admitted));
        Npm.admits(&range, &to);
        drop(super::super::manifest::understand(&name, &range));
    }

    #[test]
    fn a_moved_range_admits_the_version(
        range in "(\\^|~|>=|<=|<|>|=| )?[0-9]{1,2}(\\.[0-9x]{1,2}){0,2}( ?(<|<=|\\|\\| ?\\^?)[0-9]{1,2}\\.[0-9]\\.[0-9])?",
        to in "[0-9]{1,2}\\.[0-9]{1,2}\\.[0-9]{1,2}(-rc\\.[0-9])?",
    ) {
        for keep in [Keep::Style, Keep::Admitted, Keep::Nothing] {
            if let Some(moved) = widened(&range, &to, keep) {
                prop_assert!(Npm.admits(&moved, &to), "{} to {}: {}", range, to, moved);
            }
        }
    }
}
