//! The text of a JavaScript test script, whatever runners it calls: told apart by what is printed.
//!
//! A script may call several runners (`mocha && jest`); each reader takes what it knows.

use std::collections::BTreeMap;

use domain::check::TestOutcome;

use super::{jest, mocha, node, numbered, tap, vitest, worst};

/// Reads both streams.
pub(in crate::checks) fn read(out: &[String], err: &[String]) -> BTreeMap<String, TestOutcome> {
    let mut tests = BTreeMap::new();
    let both: Vec<String> = out.iter().chain(err).cloned().collect();
    if tap::is_tap(out) {
        tests.extend(numbered(tap::read(out)));
    }
    if jest::is_jest(&both) {
        tests.extend(worst(jest::read(&both)));
    } else if vitest::is_vitest(&both) {
        tests.extend(worst(vitest::read(&both)));
    }
    if mocha::is_mocha(out) {
        tests.extend(numbered(mocha::read(out)));
    }
    if node::is_spec(out) {
        tests.extend(numbered(node::read(out)));
    }
    tests
}
