//! Reads what a failed pip or uv said.

use std::collections::BTreeSet;

use domain::exec::{Exec, ExecResult, Exit};
use domain::limit::{QUOTE_MAX_CHARS, tail_chars};

use super::version;
use crate::dependencies::{Bump, Refusal, RefusalKind};

const NETWORK: [&str; 12] = [
    "ConnectionError",
    "NewConnectionError",
    "ReadTimeoutError",
    "Connection refused",
    "Temporary failure in name resolution",
    "Name or service not known",
    "Could not fetch URL",
    "SSLError",
    "ProxyError",
    "Failed to fetch",
    "error sending request",
    "HTTP error 5",
];
/// No file of the version fits the Python at hand: what uv says about one first, and then as a conflict.
const OTHER_PYTHON: &str = "does not satisfy Python";
/// uv finds no Python that it could work with.
const NO_PYTHON: [&str; 3] = [
    "No interpreter found",
    "Failed to inspect Python interpreter",
    "incompatible with the project's Python requirement",
];
/// pip's mode for files that pin everything by hashes (<https://pip.pypa.io/en/stable/topics/secure-installs/>).
const HASHES: [&str; 2] = [
    "In --require-hashes mode, all requirements must have their versions pinned",
    "Hashes are required in --require-hashes mode",
];
const CONSTRAINT: [&str; 4] = [
    "ResolutionImpossible",
    "conflicting dependencies",
    "No solution found when resolving",
    "requirements are unsatisfiable",
];
const NOT_INSTALLABLE: [&str; 7] = [
    "No matching distribution found",
    "Could not find a version that satisfies",
    "requires a different Python",
    "Requires-Python",
    "metadata-generation-failed",
    "Failed to build",
    "is not a supported wheel",
];

/// What pip said of requirements that it finds no versions for.
pub(super) fn of_pip(said: &str) -> Refusal {
    let command = Exec::new(["python3"], "resolve versions");
    let stderr = said.as_bytes().to_vec();
    let failed =
        ExecResult { exit: Exit::Code(1), stdout: Vec::new(), stderr, dropped_bytes: 0, millis: 0 };
    refusal(&command, &failed)
}

/// What a failed command means.
pub(super) fn refusal(command: &Exec, result: &ExecResult) -> Refusal {
    let text = format!("{}\n{}", result.stdout_text(), result.stderr_text());
    let says = |words: &[&str]| words.iter().any(|word| text.contains(word));
    let is_uv = command.argv.first().is_some_and(|program| program == "uv" || program == "sh");
    let missing = result.exit == Exit::Code(127)
        || says(&["No module named pip", "uv: command not found", "python3: command not found"]);
    let kind = if missing {
        RefusalKind::ToolMissing
    } else if says(&NETWORK) && !says(&NO_PYTHON) {
        // Without an answer pip ends with "no matching distribution" as well.
        RefusalKind::Network
    } else if says(&[OTHER_PYTHON]) || says(&NO_PYTHON) || no_such_version(command, &text) {
        RefusalKind::NotInstallable
    } else if says(&CONSTRAINT) || says(&HASHES) {
        RefusalKind::Constraint
    } else if says(&NOT_INSTALLABLE) {
        RefusalKind::NotInstallable
    } else {
        RefusalKind::Other
    };
    let held_by = if kind == RefusalKind::Constraint { holders(&text) } else { Vec::new() };
    let quote = match (missing, is_uv) {
        (true, true) => {
            "uv is not in the machine, and there is no pip to fetch it; install it with `python3 -m pip install uv`".to_owned()
        }
        (true, false) => {
            "Python 3 with pip 22.2 or newer is not in the machine; install it".to_owned()
        }
        (false, _) if says(&HASHES) => tail_chars(
            &format!(
                "the files pin everything by hashes and do not name all that this version needs; hob adds no package to them, the tool that wrote them does (`pip-compile --generate-hashes`, `uv pip compile`):\n{}",
                spoken(&text).trim()
            ),
            QUOTE_MAX_CHARS,
        ),
        (false, _) => tail_chars(spoken(&text).trim(), QUOTE_MAX_CHARS),
    };
    Refusal { kind, held_by, quote }
}

/// Whether uv was asked for a version that is not there: it tells so as one part of a conflict.
fn no_such_version(command: &Exec, text: &str) -> bool {
    let mut asked = command.argv.iter().filter(|word| word.contains("=="));
    asked.any(|pin| text.contains(&format!("there is no version of {pin}")))
}

/// The pins that stand in the way of what moved and could move with it, to the lowest version that fits, where
/// pip says so:
///
/// ```text
/// The conflict is caused by:
///     The user requested idna==2.1
///     requests 2.32.3 depends on idna<4 and >=2.5
/// ```
pub(super) fn unblock(quote: &str) -> Vec<Bump> {
    let Some((_, causes)) = quote.split_once("The conflict is caused by:") else {
        return Vec::new();
    };
    let requested = causes.lines().filter_map(|line| {
        let asked = line.trim().strip_prefix("The user requested ")?;
        let asked = asked.strip_prefix("(constraint) ").unwrap_or(asked);
        let (name, pin) = asked.split_once("==")?;
        Some((version::normalised(name.split('[').next()?.trim())?, pin.trim()))
    });
    let mut found = Vec::new();
    for (package, from) in requested {
        let wanted: Vec<String> = causes
            .lines()
            .filter_map(|line| {
                let (_, wanted) = line.split_once(" depends on ")?;
                let operators_at = wanted.find(['=', '<', '>', '!', '~'])?;
                let (name, range) = wanted.split_at_checked(operators_at)?;
                let name = version::normalised(name.split('[').next()?.trim())?;
                (name == package).then(|| range.replace(" and ", ","))
            })
            .collect();
        let excluded = |range: &String| !version::admits(range, from);
        let lowest = wanted.iter().filter(|r| excluded(r)).find_map(|range| {
            version::oldest(range).filter(|to| wanted.iter().all(|r| version::admits(r, to)))
        });
        found.extend(lowest.map(|to| Bump { package, from: from.to_owned(), to }));
    }
    found
}

/// What counts of the output: pip's errors and what explains them.
fn spoken(text: &str) -> String {
    let worth = |line: &&str| {
        let line = line.trim();
        !line.is_empty() && !line.starts_with("[notice]") && !line.starts_with("WARNING: ")
    };
    text.lines().filter(worth).collect::<Vec<_>>().join("\n")
}

/// Who asks for what does not fit together: `    flask 1.0 depends on werkzeug>=0.14` (pip), and
/// `Because flask==1.0 depends on werkzeug<1` (uv).
fn holders(text: &str) -> Vec<String> {
    let mut found = BTreeSet::new();
    for line in text.lines() {
        for (before, _) in
            line.match_indices(" depends on ").filter_map(|(at, _)| line.split_at_checked(at))
        {
            let words: Vec<&str> = before.split_whitespace().collect();
            let name = match words.as_slice() {
                [.., last] if last.contains(['=', '<', '>']) => {
                    last.split(['=', '<', '>', '[']).next()
                }
                [.., name, last] if version::parse(last).is_some() => name.split('[').next(),
                _ => None,
            };
            found.extend(name.and_then(version::normalised));
        }
    }
    found.into_iter().collect()
}

#[cfg(test)]
mod tests;
