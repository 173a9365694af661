//! Baselines as documents: a check's result on a commit, kept so that it is paid once.

use std::collections::BTreeMap;

use domain::check::{Check, CheckResult, TestOutcome};
use domain::{CommitId, Digest, MachineId, RunId, Timestamp};
use serde::{Deserialize, Serialize};

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Document {
    exit: Option<i32>,
    passed: Vec<String>,
    failed: Vec<String>,
    skipped: Vec<String>,
    #[serde(default)]
    count: Option<u64>,
    #[serde(default)]
    cut: bool,
    excerpt: String,
    millis: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    origin: Option<Origin>,
}

/// Where a result comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Origin {
    /// The run that measured it.
    pub(crate) run: RunId,
    /// The machine that it was measured in.
    pub(crate) machine: MachineId,
}

/// A result as it was kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Kept {
    pub(crate) result: CheckResult,
    /// Nothing where it was not kept with it.
    pub(crate) origin: Option<Origin>,
}

/// How long a result counts whose set-up installs what is newest, in milliseconds: a day.
const DAY_MILLIS: u64 = 86_400_000;

/// The least exit status of a shell that tells of a signal; memory that was used up is among them.
const SIGNALS_FROM: i32 = 128;
/// The exit status of a command whose time was up.
const TIME_WAS_UP: i32 = 124;

/// Where and when a check's result on a commit holds.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Surroundings<'a> {
    pub(crate) repository: &'a str,
    pub(crate) base: &'a CommitId,
    /// What machines are made of (`sandbox::port::Sandbox::state`).
    pub(crate) state: Digest,
    pub(crate) now: Timestamp,
}

/// Under which a check's result on a commit is kept: the same repository, commit and command, in machines made of the
/// same things; on the same day where the set-up is not locked.
pub(crate) fn key(surroundings: &Surroundings<'_>, check: &Check) -> Digest {
    let (text, state) = (format!("{check:?}"), surroundings.state.to_string());
    let day = match check.is_locked {
        true => String::new(),
        false => (surroundings.now.as_millis() / DAY_MILLIS).to_string(),
    };
    let parts = ["4", surroundings.repository, surroundings.base.as_str(), &text, &state, &day];
    Digest::of_parts(parts.map(str::as_bytes))
}

/// Whether a result says something of the commit. What ran out of time or memory, or was killed, may do better when the
/// machine is less busy; what could not be set up was not run.
pub(crate) fn is_lasting(result: &CheckResult) -> bool {
    result.exit.is_some_and(|exit| exit != TIME_WAS_UP && exit < SIGNALS_FROM)
}

/// The document of a result.
pub(crate) fn document(kept: &Kept) -> serde_json::Value {
    let result = &kept.result;
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
        count: result.passed,
        cut: result.cut,
        excerpt: governance::text::plain(&result.excerpt),
        millis: result.millis,
        origin: kept.origin,
    };
    serde_json::to_value(document).expect("a baseline is plain data with text keys")
}

/// The result of a document; nothing where it is none of ours, so that the check is run again.
pub(crate) fn read(document: &serde_json::Value) -> Option<Kept> {
    let document: Document = serde_json::from_value(document.clone()).ok()?;
    let mut tests = BTreeMap::new();
    for (names, outcome) in [
        (document.passed, TestOutcome::Passed),
        (document.failed, TestOutcome::Failed),
        (document.skipped, TestOutcome::Skipped),
    ] {
        tests.extend(names.into_iter().map(|name| (name, outcome)));
    }
    let result = CheckResult {
        exit: document.exit,
        tests,
        passed: document.count,
        cut: document.cut,
        excerpt: document.excerpt,
        millis: document.millis,
    };
    Some(Kept { result, origin: document.origin })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_result_of_another_toolchain_is_another_one() {
        let base = "1".repeat(40).parse().unwrap();
        let key = |state: &str, day: u64, is_locked| {
            let files = toolbox::files::FileSet::new();
            let found = toolbox::checks::from_commands(&files, &["cargo test".to_owned()]);
            let check = Check { is_locked, ..found.checks[0].clone() };
            let state = Digest::of(state.as_bytes());
            let now = Timestamp::from_millis(day * DAY_MILLIS + 5);
            key(&Surroundings { repository: "/r", base: &base, state, now }, &check)
        };
        assert_eq!(key("1.95", 1, true), key("1.95", 2, true));
        assert_ne!(key("1.95", 1, true), key("1.96", 1, true));
        assert_eq!(key("1.95", 1, false), key("1.95", 1, false));
        assert_ne!(key("1.95", 1, false), key("1.95", 2, false), "what is newest changes");
    }

    #[test]
    fn what_ran_out_of_time_or_memory_or_was_killed_is_not_kept() {
        let result = |exit| CheckResult {
            exit,
            tests: BTreeMap::new(),
            passed: None,
            cut: false,
            excerpt: String::new(),
            millis: 1,
        };
        for exit in [None, Some(124), Some(137), Some(139), Some(143)] {
            assert!(!is_lasting(&result(exit)), "{exit:?}");
        }
        for exit in [0, 1, 101] {
            assert!(is_lasting(&result(Some(exit))), "{exit}");
        }
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
            passed: Some(1),
            cut: false,
            excerpt: "assertion failed".to_owned(),
            millis: 12,
        };
        let origin = Origin {
            run: RunId::fresh(&domain::clock::SystemClock),
            machine: MachineId::fresh(&domain::clock::SystemClock),
        };
        for origin in [None, Some(origin)] {
            let kept = Kept { result: result.clone(), origin };
            assert_eq!(read(&document(&kept)), Some(kept));
        }
        assert_eq!(read(&serde_json::json!({ "exit": 0 })), None);
    }
}
