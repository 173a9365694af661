//! What test programs print, one format a file.
//!
//! Each reader takes lines and gives the tests they name. Readers never fail: a line that is not understood
//! is noise of the tests themselves. The names decide a comparison, so they hold nothing that changes from
//! run to run (no durations, no process ids).

pub(super) mod cargo_test;
pub(super) mod count;
pub(super) mod javascript;
mod jest;
mod mocha;
pub(super) mod nextest;
mod node;
pub(super) mod pytest;
pub(super) mod tap;
pub(super) mod unittest;
mod vitest;

use std::collections::BTreeMap;

use domain::check::TestOutcome;

/// The most tests that are kept of one output.
const TESTS_MAX: usize = 200_000;

/// Tests in the order they were met.
pub(super) type Met = Vec<(String, TestOutcome)>;

/// Tests by name where equal names are different tests: `name`, `name (2)`. Among equal names those that
/// passed come first, so that the order in which parallel tests end changes nothing.
pub(super) fn numbered(mut met: Met) -> BTreeMap<String, TestOutcome> {
    met.truncate(TESTS_MAX);
    met.sort_by(|a, b| a.0.cmp(&b.0).then_with(|| rank(a.1).cmp(&rank(b.1))));
    let mut tests = BTreeMap::new();
    let (mut last, mut times) = (String::new(), 0);
    for (name, outcome) in met {
        times = if name == last { times + 1 } else { 1 };
        let key = if times == 1 { name.clone() } else { format!("{name} ({times})") };
        tests.insert(key, outcome);
        last = name;
    }
    tests
}

/// Tests by name where equal names are one test told several times: a failure wins.
pub(super) fn worst(mut met: Met) -> BTreeMap<String, TestOutcome> {
    met.truncate(TESTS_MAX);
    let mut tests = BTreeMap::new();
    for (name, outcome) in met {
        let kept = tests.entry(name).or_insert(outcome);
        if rank(outcome) > rank(*kept) {
            *kept = outcome;
        }
    }
    tests
}

/// Passed, skipped, failed: from good to bad.
fn rank(outcome: TestOutcome) -> u8 {
    match outcome {
        TestOutcome::Passed => 0,
        TestOutcome::Skipped => 1,
        TestOutcome::Failed => 2,
    }
}

/// Whether a name stands for a file or a program of tests as a whole: it could not be loaded, or died, so that its tests
/// are not known.
pub(super) fn is_whole(name: &str) -> bool {
    let has_test = ["::", " > ", " › "].iter().any(|between| name.contains(between));
    let code = [".py", ".js", ".mjs", ".cjs", ".jsx", ".ts", ".mts", ".cts", ".tsx"];
    name.contains(unittest::NOT_LOADED)
        || name.ends_with(cargo_test::NOT_FINISHED)
        || name.ends_with(jest::NOT_LOADED)
        || (!has_test && code.iter().any(|end| name.ends_with(end)))
}

/// A test inside suites inside suites, by the titles that lead to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Node {
    /// Titles from the outermost inwards.
    pub(super) path: Vec<String>,
    /// What it did.
    pub(super) outcome: TestOutcome,
}

/// The tests of a tree. A suite counts itself only where it failed and none of its tests did.
pub(super) fn leaves(nodes: Vec<Node>) -> Met {
    let mut children: BTreeMap<&[String], bool> = BTreeMap::new();
    for node in &nodes {
        for depth in 1..node.path.len() {
            let failed = children.entry(&node.path[..depth]).or_default();
            *failed |= node.outcome == TestOutcome::Failed;
        }
    }
    let is_leaf = |node: &Node| match children.get(node.path.as_slice()) {
        None => true,
        Some(failed) => node.outcome == TestOutcome::Failed && !failed,
    };
    nodes.iter().filter(|n| is_leaf(n)).map(|n| (n.path.join(" > "), n.outcome)).collect()
}
