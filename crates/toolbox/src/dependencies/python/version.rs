//! Versions and specifiers by PEP 440, names by PEP 503.
//!
//! <https://packaging.python.org/en/latest/specifications/version-specifiers/>

use std::cmp::Ordering;
use std::str::FromStr as _;

use domain::dependency::UpdateKind;
use pep440_rs::{Version, VersionSpecifiers};
use pep508_rs::PackageName;

use crate::dependencies::{Published, Runtimes};

/// A name as the index writes it; `None` where it cannot be one.
pub(crate) fn normalised(name: &str) -> Option<String> {
    PackageName::new(name.to_owned()).ok().map(|name| name.to_string())
}

/// Parses a version, tolerant of the spellings that PEP 440 normalises.
pub(super) fn parse(version: &str) -> Option<Version> {
    Version::from_str(version.trim()).ok()
}

/// Orders two versions: epochs, development, pre-, post-releases and local parts count.
pub(super) fn compare(a: &str, b: &str) -> Option<Ordering> {
    Some(parse(a)?.cmp(&parse(b)?))
}

/// The number at a place of the release part; what is not written is 0.
pub(super) fn number(version: &Version, at: usize) -> u64 {
    version.release().get(at).copied().unwrap_or(0)
}

/// How large a step is. PEP 440 promises nothing: the numbers are read as semantic versions, and below 1.0
/// the caret rule counts.
pub(super) fn step(from: &str, to: &str) -> Option<UpdateKind> {
    let (from, to) = (parse(from)?, parse(to)?);
    let differs = |at| number(&from, at) != number(&to, at);
    let zero = number(&from, 0) == 0;
    // Before 1.0 the first number that is not 0 says what breaks.
    let breaks_early = zero && (differs(1) || (number(&from, 1) == 0 && differs(2)));
    Some(if to < from {
        UpdateKind::Downgrade
    } else if from.epoch() != to.epoch() || differs(0) || breaks_early {
        UpdateKind::Major
    } else if differs(1) {
        UpdateKind::Minor
    } else {
        UpdateKind::Patch
    })
}

/// Whether this is a pre-release or a development release.
pub(super) fn is_prerelease(version: &str) -> bool {
    parse(version).is_some_and(|version| version.any_prerelease())
}

/// Whether a specifier admits a version; no specifier admits all.
pub(crate) fn admits(range: &str, version: &str) -> bool {
    let Some(version) = parse(version) else { return false };
    range.trim().is_empty()
        || VersionSpecifiers::from_str(range.trim()).is_ok_and(|range| range.contains(&version))
}

/// The version of an exact pin: one `==` or `===` without a star, whatever stands beside it.
pub(super) fn pinned(range: &str) -> Option<String> {
    range.split(',').find_map(|part| {
        let version = part.trim().strip_prefix("==")?;
        let version = version.strip_prefix('=').unwrap_or(version).trim();
        parse(version).map(|_| version.to_owned())
    })
}

/// The oldest version that a specifier with a lower bound admits: 3.8 for `>=3.8,<4`.
pub(super) fn oldest(range: &str) -> Option<String> {
    let specifiers = VersionSpecifiers::from_str(range.trim()).ok()?;
    let bounds = specifiers.iter().filter(|one| one.has_lower_bound());
    bounds.map(|one| one.version()).max().map(ToString::to_string)
}

/// Whether a published version says that it runs on the machine's Python.
pub(super) fn runs_on(published: &Published, runtimes: &Runtimes) -> Result<(), String> {
    if !published.has_files {
        return Err("no file of it is published that could be installed".to_owned());
    }
    let (Some(wanted), Some(python)) = (&published.runtime, &runtimes.python) else {
        return Ok(());
    };
    // What is no specifier forbids nothing: pip reads it so.
    let (Ok(range), Some(version)) = (VersionSpecifiers::from_str(wanted.trim()), parse(python))
    else {
        return Ok(());
    };
    if range.contains(&version.only_release()) {
        return Ok(());
    }
    Err(format!("it wants Python {}, and has to run on Python {}", wanted.trim(), python.trim()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_step_is_as_large_as_its_left_most_change() {
        let check = |from, to, kind| assert_eq!(step(from, to), kind, "{from} -> {to}");
        check("1.2.3", "1.2.4", Some(UpdateKind::Patch));
        check("1.2", "1.2.post1", Some(UpdateKind::Patch));
        check("1.2", "1.3", Some(UpdateKind::Minor));
        check("1.9", "2", Some(UpdateKind::Major));
        check("0.2.1", "0.3", Some(UpdateKind::Major));
        check("0.0.1", "0.0.2", Some(UpdateKind::Major));
        check("2024.1", "2024.2", Some(UpdateKind::Minor));
        check("1.0", "1!1.0", Some(UpdateKind::Major));
        check("1.0", "1.0rc1", Some(UpdateKind::Downgrade));
        check("1.0", "one", None);
    }

    #[test]
    fn specifiers_admit_by_pep_440() {
        assert!(admits(">=2,<3", "2.9.1"));
        assert!(!admits("~=1.4.2", "1.5"));
        assert!(admits("==1.4.*", "1.4.9"));
        assert!(admits("", "1"));
        assert!(admits("==1.0", "1.0.0"));
        assert!(!admits("nonsense", "1"));
        assert_eq!(compare("1.0.dev1", "1.0a1"), Some(Ordering::Less));
        assert_eq!(compare("1.0", "1.0+local"), Some(Ordering::Less));
        assert_eq!(normalised("Foo._Bar").as_deref(), Some("foo-bar"));
        assert_eq!(pinned(" == 1.2 "), Some("1.2".to_owned()));
        assert_eq!(pinned("==1.*"), None);
    }
}
