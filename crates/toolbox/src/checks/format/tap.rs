//! Test Anything Protocol, versions 13 and 14, with subtests as node:test and node-tap write them.
//!
//! Source: the TAP 14 specification. Subtests stand below a `# Subtest` line, or in the braces behind their result
//! (buffered). Without either a comment before a test is taken for the title of a group, which is what older producers
//! write.

use std::sync::LazyLock;

use domain::check::TestOutcome::{Failed, Passed, Skipped};
use regex::Regex;

use super::{Met, Node, leaves};
use crate::checks::text::indent;

static RESULT: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"^(not )?ok\b(?: +(\d+))?(?: +-)?(?: +(.*))?$").expect("the pattern is a constant")
});
static DIRECTIVE: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"(?i)(?:^|\s)#\s*(skip|todo)\b.*$").expect("the pattern is a constant")
});

/// What node-tap writes behind a result: how long it took.
static TIME: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"\s*#\s*time=\d+(?:\.\d+)?m?s\s*$").expect("the pattern is a constant")
});
/// Comments that are totals and no titles.
static TOTAL: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"^(?:time=|\{ total: |(?:failed|skip|todo|tests|pass|fail)\b:? +\d)")
        .expect("the pattern is a constant")
});

/// Whether the lines are TAP.
pub(in crate::checks) fn is_tap(lines: &[String]) -> bool {
    lines.iter().any(|l| l.starts_with("TAP version 1"))
        || (lines.iter().any(|l| is_plan(l)) && lines.iter().any(|l| RESULT.is_match(l)))
}

fn is_plan(line: &str) -> bool {
    line.strip_prefix("1..").is_some_and(|n| {
        let digits = n.trim_end().bytes().take_while(u8::is_ascii_digit).count();
        digits > 0
    })
}

/// Reads one stream.
pub(in crate::checks) fn read(lines: &[String]) -> Met {
    let has_subtests = lines.iter().any(|l| {
        let text = l.trim();
        text.starts_with("# Subtest") || (buffered(text).is_some() && RESULT.is_match(text))
    });
    let mut titles: Vec<(usize, String)> = Vec::new();
    let mut nodes = Vec::new();
    let mut diagnostics: Option<usize> = None;
    for line in lines {
        let (depth, text) = (indent(line), line.trim());
        if let Some(start) = diagnostics {
            if depth <= start && text == "..." {
                diagnostics = None;
            }
            continue;
        }
        if text == "---" {
            diagnostics = Some(depth);
        } else if let Some(title) = text.strip_prefix("# Subtest: ") {
            open(&mut titles, depth, title);
        } else if let Some(comment) = text.strip_prefix("# ").filter(|_| !has_subtests) {
            if !TOTAL.is_match(comment) {
                open(&mut titles, depth, comment);
            }
        } else if let Some(found) = RESULT.captures(text) {
            let described = found.get(3).map_or("", |m| m.as_str());
            let opens = buffered(described);
            let described = opens.unwrap_or(described);
            let described = TIME
                .find(described)
                .map_or(described, |time| described.get(..time.start()).unwrap_or(described));
            let directive = DIRECTIVE.captures(described);
            let todo = directive.as_ref().map(|d| d[1].to_lowercase());
            let name = DIRECTIVE.replace(described, "");
            let name = name.trim().replace("\\#", "#");
            let outcome = match (found.get(1).is_some(), todo.as_deref()) {
                (_, Some("skip")) | (true, Some("todo")) => Skipped,
                (true, _) => Failed,
                (false, _) => Passed,
            };
            let group =
                |(at, _): &&(usize, String)| if has_subtests { *at < depth } else { *at <= depth };
            let mut path: Vec<String> =
                titles.iter().filter(group).map(|(_, t)| t.clone()).collect();
            let name = if name.is_empty() {
                format!("test {}", found.get(2).map_or("", |m| m.as_str()))
            } else {
                name
            };
            if opens.is_some() {
                titles.retain(|(at, _)| *at < depth);
                titles.push((depth, name.clone()));
            }
            path.push(name);
            nodes.push(Node { path, outcome });
        }
    }
    leaves(nodes)
}

/// A result without the brace that opens its subtest.
fn buffered(result: &str) -> Option<&str> {
    if result == "{" {
        return Some("");
    }
    result.strip_suffix(" {").filter(|before| !before.ends_with('\\'))
}

fn open(titles: &mut Vec<(usize, String)>, depth: usize, title: &str) {
    titles.retain(|(at, _)| *at < depth);
    titles.push((depth, title.trim().replace("\\#", "#")));
}
