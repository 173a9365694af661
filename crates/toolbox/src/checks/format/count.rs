//! How many tests passed: by name where names are told, else by the program's own totals.
//!
//! A program that is known and tells none passed is not one that says nothing: the first tested nothing.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use domain::check::{ResultFormat, TestOutcome};
use regex::Regex;

use super::{cargo_test, jest, mocha, node, tap, vitest};

/// `12 passed`.
static PASSED: LazyLock<Regex> = LazyLock::new(|| pattern(r"\b(\d+) passed\b"));
/// node's own totals, by its spec and its TAP reporter.
static NODE: LazyLock<Regex> = LazyLock::new(|| pattern(r"^(?:ℹ|#) pass (\d+)$"));
/// `=== 1 failed, 2 passed in 0.12s ===`, `no tests ran in 0.01s`.
static PYTEST: LazyLock<Regex> =
    LazyLock::new(|| pattern(r"^(?:=+ )?(?:\d+ [a-z]+|no tests ran)\b.* in \d+\.\d+s\b"));
static RAN: LazyLock<Regex> = LazyLock::new(|| pattern(r"^Ran (\d+) tests? in \d"));
/// `OK (skipped=1)`, `FAILED (failures=1, errors=2)`.
static LESS: LazyLock<Regex> = LazyLock::new(|| pattern(r"[a-z ]+=(\d+)"));

fn pattern(text: &str) -> Regex {
    Regex::new(text).expect("a pattern of this file")
}

/// How many tests passed; nothing where the output does not tell.
pub(in crate::checks) fn passed(
    format: ResultFormat,
    tests: &BTreeMap<String, TestOutcome>,
    out: &[String],
    err: &[String],
) -> Option<u64> {
    let named = tests.values().filter(|outcome| **outcome == TestOutcome::Passed).count() as u64;
    if named > 0 {
        return Some(named);
    }
    match format {
        ResultFormat::CargoTest => cargo(out, err),
        ResultFormat::Nextest => {
            let lines = || err.iter().chain(out);
            let none = lines().any(|line| line.trim() == "error: no tests to run");
            let totals = lines().filter(|line| line.trim_start().starts_with("Summary ["));
            sum(totals, &PASSED).or(none.then_some(0))
        }
        ResultFormat::Pytest => sum(out.iter().filter(|line| PYTEST.is_match(line)), &PASSED),
        ResultFormat::Unittest => unittest(err).or_else(|| unittest(out)),
        ResultFormat::Tap => tap::is_tap(out).then_some(0),
        ResultFormat::JavaScript => javascript(out, err),
        ResultFormat::ExitStatus => None,
    }
}

/// The sum over lines of totals; nothing where there is no such line.
fn sum<'a>(lines: impl Iterator<Item = &'a String>, number: &Regex) -> Option<u64> {
    lines.map(|line| first(number, line)).reduce(u64::saturating_add)
}

fn first(number: &Regex, line: &str) -> u64 {
    number.captures(line).and_then(|found| found[1].parse().ok()).unwrap_or_default()
}

/// A program with a harness of its own prints no totals: what it tested is not known.
fn cargo(out: &[String], err: &[String]) -> Option<u64> {
    let lines = || out.iter().chain(err);
    let total = sum(lines().filter(|line| line.starts_with("test result: ")), &PASSED);
    let programs = lines().filter(|line| cargo_test::binary(line).is_some()).count();
    let is_whole = cargo_test::blocks(lines()).len() >= programs;
    let has_run = programs > 0 || lines().any(|line| line.trim_start().starts_with("Finished "));
    match total {
        Some(total) if total > 0 || is_whole => Some(total),
        None if is_whole && has_run => Some(0),
        Some(_) | None => None,
    }
}

fn unittest(lines: &[String]) -> Option<u64> {
    let ran = sum(lines.iter().filter(|line| RAN.is_match(line)), &RAN)?;
    let totals =
        lines.iter().filter(|line| line.starts_with("OK (") || line.starts_with("FAILED ("));
    let less: u64 = totals
        .flat_map(|line| LESS.captures_iter(line))
        .map(|found| found[1].parse::<u64>().unwrap_or_default())
        .sum();
    Some(ran.saturating_sub(less))
}

/// The totals of the runners that are known; of a script that calls none of them nothing is told.
fn javascript(out: &[String], err: &[String]) -> Option<u64> {
    let both: Vec<String> = out.iter().chain(err).cloned().collect();
    let starts = |lines: &[String], word: &str| -> Vec<String> {
        lines.iter().filter(|line| line.trim_start().starts_with(word)).cloned().collect()
    };
    let none_found =
        ["No tests found, exiting with code", "No test files found, exiting with code"]
            .iter()
            .any(|words| both.iter().any(|line| line.trim_start().starts_with(words)));
    let known = [
        none_found.then_some(0),
        tap::is_tap(out).then_some(0),
        (node::is_spec(out) || tap::is_tap(out))
            .then(|| sum(out.iter().filter(|line| NODE.is_match(line)), &NODE))
            .flatten(),
        jest::is_jest(&both).then(|| sum(starts(&both, "Tests: ").iter(), &PASSED)).flatten(),
        vitest::is_vitest(&both).then(|| sum(starts(&both, "Tests ").iter(), &PASSED)).flatten(),
        mocha::is_mocha(out).then(|| mocha::passing(out)),
    ];
    known.into_iter().flatten().reduce(u64::saturating_add)
}
