//! node:test's spec reporter: a tree with marks, failures repeated at the end.

use domain::check::TestOutcome::{Failed, Passed, Skipped};

use super::{Met, Node, leaves};
use crate::checks::text::{indent, without_duration};

/// Whether the lines are node's.
pub(super) fn is_spec(lines: &[String]) -> bool {
    lines.iter().any(|l| l.starts_with("ℹ tests "))
}

/// Reads the tree up to the counts.
pub(super) fn read(lines: &[String]) -> Met {
    let mut titles: Vec<(usize, String)> = Vec::new();
    let mut nodes = Vec::new();
    for line in lines {
        if line.starts_with("✖ failing tests:") {
            break;
        }
        let depth = indent(line);
        let Some((mark, rest)) = line.trim().split_once(' ') else { continue };
        let (rest, directive) = match rest.rsplit_once(" # ") {
            Some((name, text)) if without_duration(name) != name => (name, Some(text)),
            _ => (rest, None),
        };
        let todo = directive.is_some_and(|d| d.to_uppercase().starts_with("TODO"));
        let outcome = match mark {
            "▶" => {
                titles.retain(|(at, _)| *at < depth);
                titles.push((depth, rest.to_owned()));
                continue;
            }
            "✖" if todo => Skipped,
            "✔" => Passed,
            "✖" => Failed,
            "﹣" => Skipped,
            _ => continue,
        };
        let name = without_duration(rest);
        // Every result carries its duration; a line without is something that a test printed.
        if name == rest {
            continue;
        }
        let mut path: Vec<String> =
            titles.iter().filter(|(at, _)| *at < depth).map(|(_, t)| t.clone()).collect();
        path.push(name.to_owned());
        nodes.push(Node { path, outcome });
    }
    leaves(nodes)
}
