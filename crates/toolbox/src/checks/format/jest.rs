//! jest: failures below `●` titles; passed tests by name with `--verbose`, else by file.

use domain::check::TestOutcome::{self, Failed, Passed, Skipped};

use super::Met;
use crate::checks::text::{indent, without_duration};

/// What jest calls a file that it could not load.
pub(super) const NOT_LOADED: &str = " › Test suite failed to run";

/// Whether the lines are jest's.
pub(super) fn is_jest(lines: &[String]) -> bool {
    lines.iter().any(|l| l.starts_with("Test Suites: "))
        && lines.iter().any(|l| l.starts_with("Tests: "))
}

/// Reads the report.
pub(super) fn read(lines: &[String]) -> Met {
    let mut met: Met = Vec::new();
    let mut file = String::new();
    let mut file_passed = false;
    let mut titles: Vec<(usize, String)> = Vec::new();
    // The tree of `--verbose` stands between a file's line and the first failure.
    let mut tree = false;
    for line in lines {
        if let Some((name, passed)) = of_file(line) {
            if file_passed {
                met.push((file.clone(), Passed));
            }
            (file, file_passed, tree) = (name, passed, true);
            titles.clear();
            continue;
        }
        if line.starts_with("Test Suites: ") {
            break;
        }
        if let Some(title) = line.strip_prefix("  ● ") {
            tree = false;
            let title = title.trim();
            if title != "Console" && !title.starts_with("Cannot log after") {
                met.push((format!("{file} › {title}"), Failed));
            }
            continue;
        }
        if !tree || line.trim().is_empty() {
            continue;
        }
        let depth = indent(line);
        let text = line.trim();
        if let Some((mark, name)) = text.split_once(' ')
            && let Some(outcome) = outcome(mark)
        {
            let mut path: Vec<&str> =
                titles.iter().filter(|(at, _)| *at < depth).map(|(_, t)| t.as_str()).collect();
            let name = without_duration(name);
            path.push(match outcome {
                Skipped => name.trim_start_matches("skipped ").trim_start_matches("todo "),
                Passed | Failed => name,
            });
            met.push((format!("{file} › {}", path.join(" › ")), outcome));
            file_passed = false;
        } else if depth >= 2 {
            titles.retain(|(at, _)| *at < depth);
            titles.push((depth, text.to_owned()));
        }
    }
    if file_passed {
        met.push((file, Passed));
    }
    met
}

/// `PASS j/c.test.js (5.2 s)`; with several projects a name stands between.
fn of_file(line: &str) -> Option<(String, bool)> {
    let (passed, rest) = match line.strip_prefix("PASS ") {
        Some(rest) => (true, rest),
        None => (false, line.strip_prefix("FAIL ")?),
    };
    Some((without_duration(rest.trim()).to_owned(), passed))
}

fn outcome(mark: &str) -> Option<TestOutcome> {
    match mark {
        "✓" | "√" => Some(Passed),
        "✕" | "×" => Some(Failed),
        "○" | "✎" => Some(Skipped),
        _ => None,
    }
}
