//! Checks: commands whose results a proposal quotes.

use std::collections::BTreeMap;

use crate::exec::Exec;

/// One check with the set-up that it needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Check {
    /// What is run first; a failing set-up step is not a failing check.
    pub setup: Vec<Exec>,
    /// The check itself.
    pub command: Exec,
    /// How its output is read.
    pub format: ResultFormat,
    /// A narrower command, run instead on both trees where the check is red on the base and names no test.
    pub narrower: Option<Exec>,
    /// Whether the set-up installs the same on any day. What a check came to without that holds for its day only.
    pub is_locked: bool,
    /// Where it came from, for a person: `Cargo.toml`, `scripts.test of package.json`, `the definition`.
    pub origin: String,
}

/// How a check's output is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ResultFormat {
    /// `cargo test`'s text.
    CargoTest,
    /// nextest's text.
    Nextest,
    /// pytest's report.
    Pytest,
    /// unittest's text.
    Unittest,
    /// Test Anything Protocol (node:test writes it too).
    Tap,
    /// mocha's, jest's or vitest's text, told apart by what is printed.
    JavaScript,
    /// By exit status only.
    ExitStatus,
}

/// What one test did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TestOutcome {
    /// Passed.
    Passed,
    /// Failed.
    Failed,
    /// Did not run.
    Skipped,
}

/// What a check came to on one tree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CheckResult {
    /// The exit status as a shell would show it; `None` where set-up failed and it never ran.
    pub exit: Option<i32>,
    /// Each test by name, where the output names them.
    pub tests: BTreeMap<String, TestOutcome>,
    /// How many tests passed, by their names or by the program's own count; nothing where neither is told.
    pub passed: Option<u64>,
    /// Whether more was printed than is kept: no test is read out of what is left, the exit status alone counts.
    pub cut: bool,
    /// The first failing lines, for quoting.
    pub excerpt: String,
    /// Wall time in milliseconds, set-up not included.
    pub millis: u64,
}
