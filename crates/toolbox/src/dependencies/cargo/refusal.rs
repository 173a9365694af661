//! Reads what cargo says when it does not do what it was told.

use domain::exec::{ExecResult, Exit};
use domain::limit;

use crate::dependencies::{Refusal, RefusalKind};

/// Signs in cargo's words, the first that is found counts.
const SIGNS: [(RefusalKind, &[&str]); 4] = [
    (
        RefusalKind::ToolMissing,
        &[
            "cargo: not found",
            "cargo: command not found",
            "could not execute process",
            // rustup, where `rust-toolchain.toml` names a toolchain that is not here.
            "is not installed",
            "does not have the binary",
        ],
    ),
    (
        RefusalKind::Network,
        &[
            "failed to query replaced source registry",
            "spurious network error",
            "failed to download",
            "failed to fetch",
            "failed to load source for dependency",
            "Could not resolve host",
            "Could not connect",
            "Timeout was reached",
            "HTTP request",
            "failed to get successful HTTP response",
            "`--offline` was specified",
            "SSL",
        ],
    ),
    (
        RefusalKind::NotInstallable,
        &[
            "no matching package named",
            "no matching package found",
            "is not supported by the following package",
            "requires rustc",
            "requires Rust",
            "does not understand this lock file",
            "this version of Cargo is older than",
            "feature `edition",
        ],
    ),
    (
        RefusalKind::Constraint,
        &["failed to select a version", "did not match any packages", "perhaps you meant"],
    ),
];

/// Precedes the name of a package whose requirement refuses.
const REQUIRED_BY: &str = "required by package `";
/// Precedes it where two requirements exclude each other.
const SATISFIES: &str = "of package `";
/// Begins the part of a message that tells of the other side of such a conflict.
const PREVIOUSLY: &str = "previously selected package";

/// What a failed command says.
pub(super) fn refusal(result: &ExecResult) -> Refusal {
    let stderr = result.stderr_text();
    let quote = limit::tail_chars(words(&stderr).trim(), limit::QUOTE_MAX_CHARS);
    let kind = match result.exit {
        Exit::Code(126 | 127) => RefusalKind::ToolMissing,
        Exit::Code(_) => kind(&stderr),
        Exit::Signal(_) | Exit::TimedOut | Exit::OutOfMemory => RefusalKind::Other,
    };
    let held_by = if kind == RefusalKind::Constraint { held_by(&stderr) } else { Vec::new() };
    Refusal { kind, held_by, quote }
}

fn kind(stderr: &str) -> RefusalKind {
    let found = SIGNS.iter().find(|(_, signs)| signs.iter().any(|sign| stderr.contains(sign)));
    found.map_or(RefusalKind::Other, |(kind, _)| *kind)
}

/// From the error on: what cargo did before it is of no interest.
fn words(stderr: &str) -> &str {
    let at = if stderr.starts_with("error") { Some(0) } else { stderr.find("\nerror") };
    at.and_then(|at| stderr.get(at..)).unwrap_or(stderr)
}

/// The packages whose requirements refuse: he who asks, and he who asked for what is in the way.
fn held_by(stderr: &str) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    let mut in_the_way = false;
    for line in stderr.lines() {
        in_the_way |= line.contains(PREVIOUSLY);
        let asks = name_after(line, REQUIRED_BY);
        let found = match asks {
            // The chain from there up to the root is not to blame, save for the first link of what is in the way.
            None if in_the_way => {
                let found = name_after(line, SATISFIES);
                in_the_way &= found.is_none();
                found
            }
            asks => asks,
        };
        if let Some(name) = found
            && !names.contains(&name)
        {
            names.push(name);
        }
    }
    names
}

/// The name in `... PREFIX`name v1.0.0 (path)``.
fn name_after(line: &str, prefix: &str) -> Option<String> {
    let (_, rest) = line.split_once(prefix)?;
    rest.split([' ', '`']).next().map(str::to_owned)
}
