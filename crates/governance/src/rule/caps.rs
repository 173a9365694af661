//! A change has a size that a person can review.

use domain::agent::Semantic;
use domain::change::FileChange;
use domain::finding::{Finding, Severity};

use super::Rule;
use crate::case::{Case, finding};
use crate::dependency_file::DependencyFile;

pub(super) const RULE: Rule = Rule {
    id: "caps",
    about: "A change stays within the definition's caps on files, changed lines and bytes. Lock files that the rule `lock` judges count apart: over the caps on lines and bytes they need a person.",
    check,
};

fn check(case: &Case<'_>) -> Vec<Finding> {
    let scope = case.scope;
    let mut own = Size::default();
    let mut locks = Size::default();
    for file in &case.change.files {
        if is_judged_lock(case, file) { &mut locks } else { &mut own }.add(file);
    }
    let files = case.change.files.len() as u64;
    let mut findings = Vec::new();
    let mut cap = |severity, what: &str, value: u64, max: u64| {
        if value > max {
            let reason = format!("{value} {what}, the definition allows {max}");
            findings.push(finding(RULE.id, severity, None, None, reason));
        }
    };
    cap(Severity::Deny, "files", files, scope.files_max);
    cap(Severity::Deny, "changed lines", own.lines, scope.lines_max);
    cap(Severity::Deny, "bytes of changed lines", own.bytes, scope.bytes_max);
    let ask = Severity::NeedsApproval;
    cap(ask, "changed lines of lock files", locks.lines, scope.lines_max);
    cap(ask, "bytes of changed lines of lock files", locks.bytes, scope.bytes_max);
    findings
}

/// Whether each entry of the file is held against what was to be updated. How long it gets is then the package
/// manager's doing: a few hundred packages that move, or a format that a newer one writes, touch most of its lines.
fn is_judged_lock(case: &Case<'_>, file: &FileChange) -> bool {
    let is_judged = matches!(case.scope.semantic, Some(Semantic::DependencyVersionsOnly));
    let is_update = file.before.is_some() && file.after.is_some();
    let is_lock = DependencyFile::of(file.path.as_str()).is_some_and(DependencyFile::is_lock);
    is_judged && is_update && is_lock
}

/// How much changes.
#[derive(Default)]
struct Size {
    lines: u64,
    bytes: u64,
}

impl Size {
    fn add(&mut self, file: &FileChange) {
        let (lines, bytes) = size(file);
        self.lines = self.lines.saturating_add(lines);
        self.bytes = self.bytes.saturating_add(bytes);
    }
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

#[cfg(test)]
mod tests {
    use domain::finding::Decision::{Allow, Deny, NeedsApproval};

    use crate::sample::Sample;

    #[test]
    fn what_package_managers_write_counts_apart() {
        let lines = |count: usize| "x\n".repeat(count);
        for (path, before, count, expected) in [
            ("src/a.txt", Some(""), 1000, Allow),
            ("src/a.txt", Some(""), 1001, Deny),
            ("package-lock.json", Some(""), 1000, Allow),
            ("package-lock.json", Some(""), 1001, NeedsApproval),
            ("sub/uv.lock", Some(""), 60_000, NeedsApproval),
            ("Cargo.lock", None, 1001, Deny),
            ("poetry.lock", Some(""), 1001, Deny),
        ] {
            let sample = Sample::default().change(path, before, Some(&lines(count)));
            assert_eq!(sample.judged("caps").decision, expected, "{path} {count}");
        }
        let both = Sample::default().file("package-lock.json", "", &lines(900)).file(
            "src/a.txt",
            "",
            &lines(900),
        );
        assert_eq!(both.judged("caps").decision, Allow);
    }
}
