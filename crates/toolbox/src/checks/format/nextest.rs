//! `cargo nextest run`: one status line for each test, on standard error.

use std::sync::LazyLock;

use domain::check::TestOutcome::{self, Failed, Passed, Skipped};
use regex::Regex;

use super::Met;

static STATUS: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"^\s*(TRY \d+ )?([A-Z][A-Z+-]*)( \d+/\d+)?\s+\[\s*[\d.]*s?\s*\]\s+(?:\(\s*\d+/\d+\)\s+)?(\S+(?: \S.*)?)$")
        .expect("the pattern is a constant")
});

/// Reads the status lines; of a test that was tried several times the last one counts.
pub(in crate::checks) fn read(lines: &[String]) -> Met {
    let mut last: std::collections::BTreeMap<String, TestOutcome> =
        std::collections::BTreeMap::new();
    let mut started = false;
    for line in lines {
        // Failures are repeated below the summary, in the same words.
        if line.trim_start().starts_with("Summary [") {
            break;
        }
        started |= line.contains("Nextest run") || line.trim_start().starts_with("Starting ");
        if !started {
            continue;
        }
        let Some(found) = STATUS.captures(line) else { continue };
        if let Some(outcome) = outcome(&found[2]) {
            last.insert(found[4].trim().to_owned(), outcome);
        }
    }
    last.into_iter().collect()
}

fn outcome(word: &str) -> Option<TestOutcome> {
    match word {
        "PASS" | "LEAK" | "FLAKY" => Some(Passed),
        "SKIP" => Some(Skipped),
        "FAIL" | "TIMEOUT" | "ABORT" | "LEAK-FAIL" | "FAIL+LEAK" | "XFAIL" | "TMT" => Some(Failed),
        word if word.starts_with("SIG") => Some(Failed),
        _ => None,
    }
}
