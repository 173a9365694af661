//! Python's unittest: the lines of `-v`, and the list of failures below them (printed without `-v` too).

use std::sync::LazyLock;

use domain::check::TestOutcome::{self, Failed, Passed, Skipped};
use regex::Regex;

use super::Met;

/// The class of what stands for a file that could not be imported.
pub(super) const NOT_LOADED: &str = "unittest.loader._FailedTest";

/// `test_m (tests.test_u.TestC.test_m)`; before Python 3.11 without the method in the brackets.
static TEST: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"^\s*(\S+) \(([\w.<>]+)\)").expect("the pattern is a constant"));

/// Reads standard error.
pub(in crate::checks) fn read(lines: &[String]) -> Met {
    let mut met = Vec::new();
    // The test whose status has not been met yet: a doc line or noise may stand in between.
    let mut open: Option<String> = None;
    let mut below = false;
    for (at, line) in lines.iter().enumerate() {
        let after_rule = at > 0 && is_rule(&lines[at - 1], '=');
        below |= after_rule;
        if below {
            let title = ["ERROR: ", "FAIL: ", "UNEXPECTED SUCCESS: "]
                .iter()
                .find_map(|word| line.strip_prefix(word));
            if let Some(name) = title.filter(|_| after_rule).and_then(name) {
                met.push((name, Failed));
            }
            continue;
        }
        if let Some(name) = name(line) {
            open = Some(name);
        }
        let status = line.rsplit_once(" ... ").map_or(line.as_str(), |(_, status)| status);
        if let Some(outcome) = outcome(status.trim())
            && let Some(name) = open.clone()
        {
            met.push((name, outcome));
            if !line.starts_with("  ") {
                open = None;
            }
        }
    }
    met
}

/// Whether a line is a rule of this character.
fn is_rule(line: &str, mark: char) -> bool {
    line.len() > 20 && line.chars().all(|c| c == mark)
}

fn name(line: &str) -> Option<String> {
    let found = TEST.captures(line)?;
    let (test, class) = (&found[1], &found[2]);
    Some(if class.rsplit('.').next() == Some(test) {
        class.to_owned()
    } else {
        format!("{class}.{test}")
    })
}

fn outcome(status: &str) -> Option<TestOutcome> {
    match status {
        "ok" => Some(Passed),
        "FAIL" | "ERROR" | "unexpected success" => Some(Failed),
        "expected failure" | "skipped" => Some(Skipped),
        status if status.starts_with("skipped ") => Some(Skipped),
        _ => None,
    }
}
