//! Versions and ranges by npm's own rules (node-semver).

use std::cmp::Ordering;

use domain::dependency::UpdateKind;
use nodejs_semver::{Range, Version};

use crate::dependencies::{Published, Runtimes};

/// Parses a version; a leading `v` or `=` is npm's own tolerance.
pub(super) fn parse(version: &str) -> Option<Version> {
    Version::parse(version.trim()).ok()
}

/// Orders two versions; build metadata does not count.
pub(super) fn compare(a: &str, b: &str) -> Option<Ordering> {
    Some(parse(a)?.cmp(&parse(b)?))
}

/// How large a step is. Below 1.0.0 the caret rule counts: what `^` would not admit is major.
pub(super) fn step(from: &str, to: &str) -> Option<UpdateKind> {
    let (from, to) = (parse(from)?, parse(to)?);
    let parts = |v: &Version| (v.major(), v.minor(), v.patch());
    let ((a, b, c), (x, y, z)) = (parts(&from), parts(&to));
    Some(if to < from {
        UpdateKind::Downgrade
    } else if a != x || (a == 0 && b != y) || (a == 0 && b == 0 && c != z) {
        UpdateKind::Major
    } else if b != y {
        UpdateKind::Minor
    } else {
        UpdateKind::Patch
    })
}

/// Whether this is a pre-release.
pub(super) fn is_prerelease(version: &str) -> bool {
    parse(version).is_some_and(|v| v.is_prerelease())
}

/// Whether a requirement admits a version. A dist-tag (`latest`) admits all: npm holds a locked version under it to nothing.
pub(super) fn admits(range: &str, version: &str) -> bool {
    let range = match range.trim().strip_prefix("npm:") {
        Some(alias) => split_name(alias).1,
        None => range.trim(),
    };
    let Some(version) = parse(version) else { return false };
    if range.is_empty() {
        return !version.is_prerelease();
    }
    match Range::parse(range) {
        Ok(range) => range.satisfies(&version),
        Err(_) => is_tag(range),
    }
}

/// Whether a requirement that is no range can be a dist-tag.
pub(super) fn is_tag(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_alphabetic())
        && text.chars().all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c))
        && Range::parse(text).is_err()
}

/// Splits `name@range`, where the name may be scoped; the range is empty where there is none.
pub(super) fn split_name(text: &str) -> (&str, &str) {
    let from = usize::from(text.starts_with('@'));
    match text.char_indices().find(|&(at, c)| at >= from && c == '@') {
        Some((at, _)) => {
            let (name, rest) = text.split_at(at);
            (name, rest.strip_prefix('@').unwrap_or(rest))
        }
        None => (text, ""),
    }
}

/// Whether a published version says that it runs on the machine's node.
pub(super) fn runs_on(published: &Published, runtimes: &Runtimes) -> Result<(), String> {
    let (Some(wanted), Some(node)) = (&published.runtime, &runtimes.node) else { return Ok(()) };
    let node = node.trim();
    // What is not a range forbids nothing: publishers write prose there.
    let (Ok(range), Some(version)) = (Range::parse(wanted.trim()), parse(node)) else {
        return Ok(());
    };
    if range.satisfies_with_prerelease(&version, true) {
        return Ok(());
    }
    Err(format!("it wants node {wanted}; node {node} is here"))
}
