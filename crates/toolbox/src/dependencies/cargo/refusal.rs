//! Reads what cargo says when it does not do what it was told.

use domain::exec::{ExecResult, Exit};
use domain::limit;

use super::version::admits;
use crate::dependencies::{Bump, Refusal, RefusalKind};

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
            "Couldn't resolve host",
            "download of config.json failed",
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
const PREVIOUSLY: &str = "previously selected package `";

/// What a failed command says.
pub(super) fn refusal(result: &ExecResult) -> Refusal {
    let stderr = result.stderr_text();
    let quote = limit::tail_chars(words(&stderr).trim(), limit::QUOTE_MAX_CHARS);
    let kind = match result.exit {
        Exit::Code(126 | 127) => RefusalKind::ToolMissing,
        Exit::Code(_) if is_unpublished(&stderr) => RefusalKind::NotInstallable,
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

/// Whether a locked version that its requirement admits was not found: there is no such version.
///
/// `failed to select a version for the requirement 'x = "^0.6.25"' (locked to 0.6.99)`, backticks for quotes
fn is_unpublished(stderr: &str) -> bool {
    let locked = |line: &str| {
        let (_, rest) = line.split_once("failed to select a version for the requirement `")?;
        let (requirement, rest) = rest.split_once('`')?;
        let range = requirement.split('"').nth(1)?;
        let version = rest.strip_prefix(" (locked to ")?.split_once(')')?.0;
        Some(admits(range, version))
    };
    stderr.lines().filter_map(locked).any(|admitted| admitted)
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

/// The locked package that is in the way only because it is locked, and the nearest version that would not be.
///
/// Cargo binds a package that is new to the graph to whatever is locked and fits it, also where somebody
/// else needs a newer version of that, and then finds that the two exclude each other:
///
/// ```text
/// versions that meet the requirements `^2.5.0` are: 2.6.0, 2.5.0
///   previously selected package `memchr v2.4.0`
///     ... which satisfies dependency `memchr = "^2.4.0"` (locked to 2.4.0) of package `aho-corasick v1.0.1`
/// failed to select a version for `memchr` which could resolve this conflict
/// ```
pub(super) fn unblock(quote: &str) -> Option<Bump> {
    let mut lines = quote.lines();
    let meet = lines.find(|line| line.contains("versions that meet the requirements"))?;
    let nearest = meet.rsplit([',', ':']).next()?.trim();
    let selected = lines.find(|line| line.contains(PREVIOUSLY))?;
    let (_, selected) = selected.split_once('`')?;
    let (package, from) = selected.split_once('`')?.0.split_once(" v")?;
    let locked = lines.next()?.contains("(locked to ");
    let conflict = format!("failed to select a version for `{package}` which could resolve");
    let is_version = |text: &str| semver::Version::parse(text).is_ok();
    (locked
        && !package.is_empty()
        && quote.contains(&conflict)
        && is_version(nearest)
        && is_version(from))
    .then(|| Bump { package: package.to_owned(), from: from.to_owned(), to: nearest.to_owned() })
}

/// The name after a prefix that ends in a backtick, as in `required by package 'name v1.0.0 (path)'`.
fn name_after(line: &str, prefix: &str) -> Option<String> {
    let (_, rest) = line.split_once(prefix)?;
    rest.split([' ', '`']).next().map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn failed(code: i32, stderr: &str) -> Refusal {
        let (stdout, stderr) = (Vec::new(), stderr.as_bytes().to_vec());
        refusal(&ExecResult { exit: Exit::Code(code), stdout, stderr, dropped_bytes: 0, millis: 0 })
    }

    #[test]
    fn each_kind_is_told_by_cargos_own_words() {
        let check = |code, stderr: &str| failed(code, stderr).kind;
        assert_eq!(check(127, "sh: 1: cargo: not found"), RefusalKind::ToolMissing);
        assert_eq!(
            check(1, "error: toolchain '1.60-x86_64' is not installed"),
            RefusalKind::ToolMissing
        );
        assert_eq!(
            check(
                101,
                "error: failed to parse lock file at: /x/Cargo.lock\n\nCaused by:\n  lock file version `4` was found, but this version of Cargo does not understand this lock file"
            ),
            RefusalKind::NotInstallable
        );
        assert_eq!(
            check(
                101,
                "error: failed to get `x` as a dependency\n\nCaused by:\n  download of config.json failed\n\nCaused by:\n  [6] Could not resolve hostname"
            ),
            RefusalKind::Network
        );
        assert_eq!(check(101, "error: could not find `Cargo.toml`"), RefusalKind::Other);
    }

    #[test]
    fn the_quote_begins_with_the_error() {
        let refusal = failed(101, "    Updating crates.io index\nwarning: x\nerror: no\nhelp: y\n");
        assert_eq!(refusal.quote, "error: no\nhelp: y");
    }

    proptest! {
        #[test]
        fn no_words_are_a_panic(text in "(error|previously selected package|`| v1\\.0|, |:|\\(locked to |required by package `|\n|versions that meet the requirements|é){0,20}") {
            let refusal = failed(101, &text);
            prop_assert!(unblock(&refusal.quote).is_none_or(|bump| !bump.package.is_empty()));
        }
    }
}
