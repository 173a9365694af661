//! pytest: the short test summary (`-rfEsxXp` names every test in it) and the lines of `-v`.

use std::sync::LazyLock;

use domain::check::TestOutcome::{self, Failed, Passed, Skipped};
use regex::Regex;

use super::Met;

/// `tests/test_a.py::test_ok PASSED   [  8%]`
static PROGRESS: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(
        r"^(\S+\.py::.+?) (PASSED|FAILED|ERROR|SKIPPED|XFAIL|XPASS)(?: \(.*\))?\s*(?:\[ *\d+%\])?$",
    )
    .expect("the pattern is a constant")
});

/// Reads the progress lines and the summary; a test may be told by both.
pub(in crate::checks) fn read(lines: &[String]) -> Met {
    let mut met = Vec::new();
    let mut part = Part::Progress;
    for line in lines {
        if let Some(title) = title(line) {
            part = match title {
                "short test summary info" => Part::Summary,
                "test session starts" => Part::Progress,
                _ => Part::Other,
            };
            continue;
        }
        match part {
            Part::Progress => {
                if let Some(found) = PROGRESS.captures(line)
                    && let Some(outcome) = outcome(&found[2])
                {
                    met.push((found[1].to_owned(), outcome));
                }
            }
            Part::Summary => met.extend(summary(line)),
            Part::Other => {}
        }
    }
    met
}

/// Where in the report a line stands.
enum Part {
    Progress,
    Summary,
    Other,
}

/// The title of `==== title ====`.
fn title(line: &str) -> Option<&str> {
    let inner = line.strip_prefix("==")?.trim_matches('=');
    line.ends_with("==").then_some(inner.trim())
}

/// `FAILED tests/test_a.py::test_bad - AssertionError: …`
fn summary(line: &str) -> Option<(String, TestOutcome)> {
    let (word, rest) = line.split_once(' ')?;
    let outcome = outcome(word)?;
    let name = match outcome {
        // Skipped tests are counted by place: `[2] tests/test_a.py:6: not now`.
        Skipped if word == "SKIPPED" => rest.split_once("] ").map_or(rest, |(_, place)| place),
        Passed if word == "PASSED" => rest,
        _ => without_message(rest),
    };
    let name = name.trim();
    (!name.is_empty()).then(|| (name.to_owned(), outcome))
}

/// The name before ` - message`; a parameter in brackets may itself hold ` - `.
fn without_message(text: &str) -> &str {
    let mut depth = 0_usize;
    for (at, c) in text.char_indices() {
        match c {
            '[' => depth += 1,
            ']' => depth = depth.saturating_sub(1),
            ' ' if depth == 0 => {
                let (name, rest) = text.split_at(at);
                if rest.starts_with(" - ") {
                    return name;
                }
            }
            _ => {}
        }
    }
    // Brackets that do not match: better a name too short than one that changes with the message.
    if depth > 0 { text.split_once(" - ").map_or(text, |(name, _)| name) } else { text }
}

fn outcome(word: &str) -> Option<TestOutcome> {
    match word {
        "PASSED" | "XPASS" => Some(Passed),
        "FAILED" | "ERROR" => Some(Failed),
        "SKIPPED" | "XFAIL" => Some(Skipped),
        _ => None,
    }
}
