//! vitest: failures below `FAIL` lines; passed tests by name with the verbose reporter, else by file.

use std::sync::LazyLock;

use domain::check::TestOutcome::{self, Failed, Passed, Skipped};
use regex::Regex;

use super::Met;
use crate::checks::text::without_duration;

/// `✓ w/c.test.mjs (1 test) 5ms`; before vitest 2 `✓ c.test.ts (3)` on a terminal.
static OF_FILE: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"^(\S.*?) +\((\d+)(?: tests?)?(?: \|.*)?\)").expect("the pattern is a constant")
});

/// Whether the lines are vitest's.
pub(super) fn is_vitest(lines: &[String]) -> bool {
    lines.iter().any(|l| l.trim_start().starts_with("Test Files "))
}

/// Reads the report.
pub(super) fn read(lines: &[String]) -> Met {
    let mut named: Met = Vec::new();
    let mut files: Met = Vec::new();
    for line in lines {
        let text = line.trim();
        if text.starts_with("Test Files ") {
            break;
        }
        let Some((mark, rest)) = text.split_once(' ') else { continue };
        let rest = without_duration(rest);
        if mark == "FAIL" {
            // A file that could not be loaded is named twice: `w/b.test.mjs [ w/b.test.mjs ]`.
            let name = rest.split_once(" [ ").map_or(rest, |(name, _)| name);
            named.push((name.trim().to_owned(), Failed));
            continue;
        }
        let Some(outcome) = outcome(mark) else { continue };
        if let Some(found) = OF_FILE.captures(rest).filter(|found| is_file(&found[1])) {
            if outcome == Passed {
                files.push((found[1].to_owned(), Passed));
            }
        } else if rest.split_once(" > ").is_some_and(|(file, _)| file.contains('.')) {
            named.push((rest.to_owned(), outcome));
        }
    }
    // The default reporter names the tests of failing files only; the verbose one names all.
    if named.iter().all(|(_, outcome)| *outcome == Failed) {
        named.extend(files);
    }
    // Failures stand below the counts' line on standard error too.
    for line in lines {
        if let Some(rest) = line.trim().strip_prefix("FAIL ") {
            let name = rest.split_once(" [ ").map_or(rest, |(name, _)| name).trim();
            named.push((name.to_owned(), Failed));
        }
    }
    named
}

/// Whether this names a file: tests may have numbers in brackets too.
fn is_file(name: &str) -> bool {
    !name.contains(" > ") && name.rsplit(['/', ' ']).next().is_some_and(|last| last.contains('.'))
}

fn outcome(mark: &str) -> Option<TestOutcome> {
    match mark {
        "✓" | "√" => Some(Passed),
        "×" | "✗" | "❯" => Some(Failed),
        "↓" | "□" => Some(Skipped),
        _ => None,
    }
}
