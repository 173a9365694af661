//! A change takes no tests away, turns none off, and leaves none that asserts less.
//!
//! What is certain is denied: a test that is gone, skipped, expected to fail, or without an assertion that can
//! fail. What may be an honest rewrite is for a person: fewer assertions, a new condition, other settings.

use domain::change::{FileChange, FileMode};
use domain::finding::{Finding, Severity};

use super::Rule;
use crate::case::{Case, finding};
use crate::reading;

mod compare;
mod fallback;
mod javascript;
mod place;
mod python;
mod rust;
mod settings;
mod suite;
#[cfg(test)]
mod tests;
mod token;
mod weigh;

pub(super) const RULE: Rule = Rule {
    id: "tests_weakened",
    about: "No test is deleted, skipped, expected to fail or left with fewer assertions, and no runner is told to look away.",
    check,
};

/// The largest file that is read, in bytes.
const TEXT_BYTES_MAX: usize = 8 * 1024 * 1024;

/// A changed file, both sides as text.
struct Changed<'a> {
    file: &'a FileChange,
    before: String,
    after: String,
}

impl Changed<'_> {
    fn path(&self) -> &str {
        self.file.path.as_str()
    }

    fn deleted(&self) -> bool {
        self.file.after.is_none()
    }

    fn finding(&self, severity: Severity, line: Option<u64>, reason: impl Into<String>) -> Finding {
        finding(RULE.id, severity, Some(&self.file.path), line, reason)
    }
}

fn check(case: &Case<'_>) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut files = Vec::new();
    for file in &case.change.files {
        match changed(file) {
            Ok(changed) => files.push(changed),
            Err(reason) => {
                findings.push(finding(RULE.id, Severity::Deny, Some(&file.path), None, reason));
            }
        }
    }
    findings.extend(compare::check(&files));
    findings.extend(fallback::check(&files));
    files.iter().for_each(|file| findings.extend(settings::check(file)));
    findings
}

/// Both sides as text, or why a test cannot be judged any more.
fn changed(file: &FileChange) -> Result<Changed<'_>, &'static str> {
    let (before, after) = reading::sides(file);
    let path = file.path.as_str();
    // A file that may hold tests: by its name, or by its language.
    let concerns = place::is_test(path) || place::language(path).is_some();
    let plain = |mode: FileMode| matches!(mode, FileMode::Regular | FileMode::Executable);
    let was_file = file.before.as_ref().is_some_and(|version| plain(version.mode));
    if concerns && was_file {
        if file.after.as_ref().is_some_and(|version| !plain(version.mode)) {
            return Err("is no regular file any more, so its tests cannot be judged");
        }
        let was_text = file.before.as_ref().is_some_and(|version| version.text().is_some());
        let binary = file.after.as_ref().and_then(|version| version.content.as_deref());
        let binary =
            binary.is_some_and(|bytes| bytes.contains(&0) || std::str::from_utf8(bytes).is_err());
        if was_text && binary {
            return Err("is no text any more, so its tests cannot be judged");
        }
    }
    let large = |text: &Option<std::borrow::Cow<'_, str>>| {
        text.as_ref().is_none_or(|text| text.len() > TEXT_BYTES_MAX)
    };
    if concerns && (large(&before) || large(&after)) {
        return Err("is too large to be read, so its tests cannot be judged");
    }
    Ok(Changed {
        file,
        before: before.unwrap_or_default().into_owned(),
        after: after.unwrap_or_default().into_owned(),
    })
}
