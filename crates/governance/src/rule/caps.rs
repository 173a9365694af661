//! A change has a size that a person can review.

use domain::change::FileChange;
use domain::finding::{Finding, Severity};

use super::Rule;
use crate::case::{Case, finding};

pub(super) const RULE: Rule = Rule {
    id: "caps",
    about: "A change stays within the definition's caps on files, changed lines and bytes.",
    check,
};

fn check(case: &Case<'_>) -> Vec<Finding> {
    let scope = case.scope;
    let files = case.change.files.len() as u64;
    let mut lines = 0_u64;
    let mut bytes = 0_u64;
    for file in &case.change.files {
        let (changed_lines, changed_bytes) = size(file);
        lines = lines.saturating_add(changed_lines);
        bytes = bytes.saturating_add(changed_bytes);
    }
    let mut findings = Vec::new();
    for (what, value, max) in [
        ("files", files, scope.files_max),
        ("changed lines", lines, scope.lines_max),
        ("bytes of changed lines", bytes, scope.bytes_max),
    ] {
        if value > max {
            let reason = format!("{value} {what}, the definition allows {max}");
            findings.push(finding(RULE.id, Severity::Deny, None, None, reason));
        }
    }
    findings
}

/// Changed lines (added plus removed) and their bytes. A file that was not read counts with its whole size.
fn size(file: &FileChange) -> (u64, u64) {
    let whole = |version: &Option<domain::change::FileVersion>| {
        version.as_ref().map_or(0, |version| version.size)
    };
    let text = |version: &Option<domain::change::FileVersion>| match version {
        None => Some(String::new()),
        Some(version) => version.text().map(str::to_owned),
    };
    let (Some(before), Some(after)) = (text(&file.before), text(&file.after)) else {
        return (1, whole(&file.before).saturating_add(whole(&file.after)));
    };
    let changed = crate::diff::lines(&before, &after);
    let bytes = |text: &str, lines: &[usize]| -> u64 {
        let all: Vec<&str> = text.split_inclusive('\n').collect();
        lines.iter().map(|at| all[*at].len() as u64).sum()
    };
    let count = changed.removed.len() + changed.added.len();
    (count as u64, bytes(&before, &changed.removed) + bytes(&after, &changed.added))
}
