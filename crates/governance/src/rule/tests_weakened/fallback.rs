//! Tests in languages that are not read, by their paths and the words on their lines; and snapshots.

use std::collections::HashSet;
use std::sync::LazyLock;

use domain::finding::{Finding, Severity};
use regex::Regex;

use super::{Changed, place};
use crate::diff;

/// Words that assert, in the test libraries of many languages.
static ASSERTS: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"(?i)(?:assert|expect|should|verify|require\.|check_|\bt\.(?:error|fatal)|\bEXPECT_|\bCHECK)").expect("a constant")
});

/// Words that define a test.
static DEFINES: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"@(?:Parameterized)?Test\b|\bfunc Test|\bTEST(?:_F|_P)?\(|\[(?:Fact|Theory|Test|TestMethod)\b|\b(?:it|test|describe|specify|scenario)\b\s*[\x22'(]|\bdef test|\bfunction test|@test\b")
        .expect("a constant")
});

/// Words that turn a test off.
static SKIPS: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"\b[tb]\.Skip(?:f|Now)?\(|@Ignore\b|@Disabled\b|\bGTEST_SKIP|\bDISABLED_|\[Ignore\b|\bSkip\s*=|markTestSkipped|markTestIncomplete|\bxit\b|\bxdescribe\b|\bxspecify\b|\bskip\b\s*[\x22'(:]|\bpending\b|@tag :skip|\bt\.skip\b")
        .expect("a constant")
});

/// One entry of a snapshot file.
static ENTRY: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"(?m)^(?:exports\[|# name:)").expect("a constant"));

/// Looks at what no reader knows.
pub(super) fn check(files: &[Changed<'_>]) -> Vec<Finding> {
    let added: HashSet<&str> = files
        .iter()
        .filter(|file| {
            file.file.before.is_none()
                && (place::is_test(file.path()) || place::is_snapshot(file.path()))
        })
        .map(|file| file.after.as_str())
        .collect();
    let mut findings = Vec::new();
    for file in files.iter().filter(|file| file.file.before.is_some()) {
        if place::is_snapshot(file.path()) {
            findings.extend(snapshot(file, &added));
        } else if place::is_test(file.path()) && place::language(file.path()).is_none() {
            unread(file, &added, &mut findings);
        }
    }
    findings
}

fn snapshot(file: &Changed<'_>, added: &HashSet<&str>) -> Option<Finding> {
    if file.deleted() {
        let moved = added.contains(file.before.as_str());
        return (!moved).then(|| {
            file.finding(
                Severity::NeedsApproval,
                None,
                "a snapshot that tests compare with is deleted",
            )
        });
    }
    let (before, after) =
        (ENTRY.find_iter(&file.before).count(), ENTRY.find_iter(&file.after).count());
    let line = diff::place(&file.before, &file.after, "");
    let reason = format!("{before} snapshots were here, {after} are left");
    (after < before).then(|| file.finding(Severity::NeedsApproval, line, reason))
}

fn unread(file: &Changed<'_>, added: &HashSet<&str>, findings: &mut Vec<Finding>) {
    if file.deleted() {
        let tests = DEFINES.is_match(&file.before) || ASSERTS.is_match(&file.before);
        if tests && !added.contains(file.before.as_str()) {
            findings.push(file.finding(Severity::Deny, None, "a test file is deleted"));
        }
        return;
    }
    let known: HashSet<&str> = file.before.lines().map(str::trim).collect();
    for (line, text) in diff::added(&file.before, &file.after) {
        if !is_comment(text) && !known.contains(text.trim()) && SKIPS.is_match(text) {
            findings.push(file.finding(Severity::Deny, Some(line), "a test is turned off"));
        }
    }
    for (words, what) in [(&DEFINES, "tests"), (&ASSERTS, "assertions")] {
        let count = |text: &str| {
            text.lines()
                .filter(|line| !is_comment(line))
                .map(|line| words.find_iter(line).count())
                .sum::<usize>()
        };
        let (before, after) = (count(&file.before), count(&file.after));
        if after < before {
            let line = diff::place(&file.before, &file.after, "");
            let reason = format!("{before} {what} were here, {after} are left");
            let severity = if after == 0 { Severity::Deny } else { Severity::NeedsApproval };
            findings.push(file.finding(severity, line, reason));
        }
    }
}

/// Whether a line only comments, in most languages.
pub(super) fn is_comment(line: &str) -> bool {
    let line = line.trim_start();
    ["//", "#", "--", "/*", "* ", ";", "%"].iter().any(|sign| line.starts_with(sign))
        && !line.starts_with("#[")
}
