//! Baselines as documents: a check's result on a commit, kept so that it is paid once.

use std::collections::BTreeMap;

use domain::check::{Check, CheckResult, TestOutcome};
use domain::{CommitId, Digest};
use serde::{Deserialize, Serialize};

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Document {
    exit: Option<i32>,
    passed: Vec<String>,
    failed: Vec<String>,
    skipped: Vec<String>,
    #[serde(default)]
    cut: bool,
    excerpt: String,
    millis: u64,
}

/// Under which a check's result on a commit is kept: the same repository, commit and command, in machines made of the
/// same things (`sandbox::port::Sandbox::state`).
pub(crate) fn key(repository: &str, base: &CommitId, check: &Check, state: Digest) -> Digest {
    let (text, state) = (format!("{check:?}"), state.to_string());
    let parts = ["2", repository, base.as_str(), &text, &state];
    Digest::of_parts(parts.map(str::as_bytes))
}

/// The document of a result.
pub(crate) fn document(result: &CheckResult) -> serde_json::Value {
    let names = |wanted| {
        result
            .tests
            .iter()
            .filter(|(_, outcome)| **outcome == wanted)
            .map(|(name, _)| name.clone())
            .collect()
    };
    let document = Document {
        exit: result.exit,
        passed: names(TestOutcome::Passed),
        failed: names(TestOutcome::Failed),
        skipped: names(TestOutcome::Skipped),
        cut: result.cut,
        excerpt: governance::text::plain(&result.excerpt),
        millis: result.millis,
    };
    serde_json::to_value(document).expect("a baseline is plain data with text keys")
}

/// The result of a document; nothing where it is none of ours, so that the check is run again.
pub(crate) fn read(document: &serde_json::Value) -> Option<CheckResult> {
    let document: Document = serde_json::from_value(document.clone()).ok()?;
    let mut tests = BTreeMap::new();
    for (names, outcome) in [
        (document.passed, TestOutcome::Passed),
        (document.failed, TestOutcome::Failed),
        (document.skipped, TestOutcome::Skipped),
    ] {
        tests.extend(names.into_iter().map(|name| (name, outcome)));
    }
    Some(CheckResult {
        exit: document.exit,
        tests,
        cut: document.cut,
        excerpt: document.excerpt,
        millis: document.millis,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_result_of_another_toolchain_is_another_one() {
        let base = "1".repeat(40).parse().unwrap();
        let check = toolbox::checks::from_commands(
            &toolbox::files::FileSet::new(),
            &["cargo test".to_owned()],
        );
        let key = |state: &str| key("/r", &base, &check.checks[0], Digest::of(state.as_bytes()));
        assert_eq!(key("1.95"), key("1.95"));
        assert_ne!(key("1.95"), key("1.96"));
    }

    #[test]
    fn a_baseline_reads_back() {
        let result = CheckResult {
            exit: Some(101),
            tests: BTreeMap::from([
                ("a".to_owned(), TestOutcome::Passed),
                ("b".to_owned(), TestOutcome::Failed),
                ("c".to_owned(), TestOutcome::Skipped),
            ]),
            cut: false,
            excerpt: "assertion failed".to_owned(),
            millis: 12,
        };
        assert_eq!(read(&document(&result)), Some(result));
        assert_eq!(read(&serde_json::json!({ "exit": 0 })), None);
    }
}
