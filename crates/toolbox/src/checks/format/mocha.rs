//! mocha's spec reporter: a tree of passed tests, then the numbered list of failures.

use std::sync::LazyLock;

use domain::check::TestOutcome::{self, Failed, Passed, Skipped};
use regex::Regex;

use super::Met;
use crate::checks::text::{indent, without_duration};

static COUNT: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"^\s+(\d+) (passing|failing|pending)(?: \(.*\))?$")
        .expect("the pattern is a constant")
});
static NUMBERED: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"^\s+\d+\) (.+)$").expect("the pattern is a constant"));

/// Whether the lines are mocha's.
pub(super) fn is_mocha(lines: &[String]) -> bool {
    lines.iter().any(|l| COUNT.captures(l).is_some_and(|c| &c[2] == "passing"))
}

/// How many tests passed, by mocha's own count.
pub(super) fn passing(lines: &[String]) -> u64 {
    let counts = lines.iter().filter_map(|line| COUNT.captures(line));
    counts.filter(|c| &c[2] == "passing").filter_map(|c| c[1].parse::<u64>().ok()).sum()
}

/// Reads the report. Failures are taken from the list: a line of the tree that looks like one may be
/// something that a test printed.
pub(super) fn read(lines: &[String]) -> Met {
    let mut met = Vec::new();
    let mut titles: Vec<(usize, String)> = Vec::new();
    let mut part = Part::Tree;
    let mut open: Vec<String> = Vec::new();
    for line in lines {
        if let Some(count) = COUNT.captures(line) {
            part = if &count[2] == "failing" { Part::Failures } else { Part::Between };
            open.clear();
            continue;
        }
        let text = line.trim();
        match part {
            Part::Tree => tree(line, &mut titles, &mut met),
            Part::Between => {}
            Part::Failures if NUMBERED.is_match(line) && indent(line) <= 4 => {
                open = vec![NUMBERED.captures(line).map(|c| c[1].to_owned()).unwrap_or_default()];
                close(&mut open, &mut met);
            }
            Part::Failures if !open.is_empty() => {
                if text.is_empty() {
                    open.clear();
                } else {
                    open.push(text.to_owned());
                    close(&mut open, &mut met);
                }
            }
            Part::Failures => {}
        }
    }
    met
}

/// Where in the report a line stands.
enum Part {
    Tree,
    Between,
    Failures,
}

/// The titles of a failure end with a colon.
fn close(open: &mut Vec<String>, met: &mut Met) {
    let Some(last) = open.last_mut() else { return };
    if let Some(title) = last.strip_suffix(':') {
        *last = title.to_owned();
        met.push((open.join(" > "), Failed));
        open.clear();
    }
}

fn tree(line: &str, titles: &mut Vec<(usize, String)>, met: &mut Met) {
    let (depth, text) = (indent(line), line.trim());
    // Titles are indented; what tests print mostly is not.
    if text.is_empty() || depth == 0 {
        return;
    }
    let (mark, name) = text.split_once(' ').unwrap_or((text, ""));
    if let Some(outcome) = outcome(mark)
        && !name.is_empty()
    {
        let mut path: Vec<&str> =
            titles.iter().filter(|(at, _)| *at < depth).map(|(_, t)| t.as_str()).collect();
        path.push(without_duration(name));
        met.push((path.join(" > "), outcome));
    } else if !NUMBERED.is_match(line) {
        titles.retain(|(at, _)| *at < depth);
        titles.push((depth, text.to_owned()));
    }
}

fn outcome(mark: &str) -> Option<TestOutcome> {
    match mark {
        "✔" | "✓" | "√" => Some(Passed),
        "-" => Some(Skipped),
        _ => None,
    }
}
