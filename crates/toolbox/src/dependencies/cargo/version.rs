//! Cargo's versions: semantic versions, read by cargo's caret rule, and the Rust release that a crate asks for.
//!
//! <https://doc.rust-lang.org/cargo/reference/specifying-dependencies.html#caret-requirements>

use std::cmp::Ordering;

use domain::dependency::UpdateKind;
use semver::{Version, VersionReq};

/// Orders by precedence (<https://semver.org/#spec-item-11>); build metadata does not count.
pub(super) fn compare(a: &str, b: &str) -> Option<Ordering> {
    let (a, b) = (Version::parse(a).ok()?, Version::parse(b).ok()?);
    Some(a.cmp_precedence(&b))
}

/// The versions that cargo holds to be compatible with each other share this: the left-most number that
/// is not zero, and what stands before it. A lock holds at most one version of each such line.
pub(super) fn line(version: &Version) -> (u64, u64, u64) {
    match (version.major, version.minor, version.patch) {
        (0, 0, patch) => (0, 0, patch),
        (0, minor, _) => (0, minor, 0),
        (major, _, _) => (major, 0, 0),
    }
}

/// How large a step is. Leaving the line is major, also for `0.x`.
pub(super) fn step(from: &str, to: &str) -> Option<UpdateKind> {
    let (from, to) = (Version::parse(from).ok()?, Version::parse(to).ok()?);
    Some(if to.cmp_precedence(&from) == Ordering::Less {
        UpdateKind::Downgrade
    } else if line(&from) != line(&to) {
        UpdateKind::Major
    } else if from.minor != to.minor {
        UpdateKind::Minor
    } else {
        UpdateKind::Patch
    })
}

/// Whether a version is a pre-release.
pub(super) fn is_prerelease(version: &str) -> bool {
    Version::parse(version).is_ok_and(|version| !version.pre.is_empty())
}

/// Whether a requirement admits a version; what is no requirement or no version admits nothing.
pub(super) fn admits(range: &str, version: &str) -> bool {
    match (VersionReq::parse(range), Version::parse(version)) {
        (Ok(range), Ok(version)) => range.matches(&version),
        _ => false,
    }
}

/// Whether a crate that asks for the Rust release `needed` (`rust-version`) works with `rustc`.
pub(super) fn runs_on(needed: &str, rustc: &str) -> Result<(), String> {
    match (release(needed), release(rustc)) {
        (Some(asked), Some(here)) if asked > here => {
            Err(format!("it needs Rust {needed}, and here is {rustc}"))
        }
        _ => Ok(()),
    }
}

/// The numbers of a Rust release, `1.70`, `1.70.0` or `1.97.0-nightly` alike.
fn release(text: &str) -> Option<(u64, u64, u64)> {
    let numbers = text.trim().split(['-', '+']).next()?;
    let mut parts = numbers.split('.').map(str::parse::<u64>);
    let mut next = || parts.next().unwrap_or(Ok(0)).ok();
    Some((next()?, next()?, next()?))
}

/// The older of two Rust releases.
pub(super) fn older_release(a: &str, b: &str) -> bool {
    release(a).is_some_and(|a| release(b).is_none_or(|b| a < b))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_step_is_as_large_as_cargo_reads_it() {
        let check = |from, to, kind| assert_eq!(step(from, to), kind, "{from} -> {to}");
        check("1.2.3", "1.2.4", Some(UpdateKind::Patch));
        check("1.2.3", "1.3.0", Some(UpdateKind::Minor));
        check("1.2.3", "2.0.0", Some(UpdateKind::Major));
        check("0.2.3", "0.2.4", Some(UpdateKind::Patch));
        check("0.2.3", "0.3.0", Some(UpdateKind::Major));
        check("0.0.3", "0.0.4", Some(UpdateKind::Major));
        check("1.2.3", "1.2.2", Some(UpdateKind::Downgrade));
        check("2.0.0-rc.1", "2.0.0", Some(UpdateKind::Patch));
        check("1.2", "1.3", None);
    }

    #[test]
    fn a_crate_for_a_newer_rust_does_not_run_here() {
        insta::assert_snapshot!(
            runs_on("1.97", "1.95.0").unwrap_err(),
            @"it needs Rust 1.97, and here is 1.95.0"
        );
        assert_eq!(runs_on("1.95", "1.95.0"), Ok(()));
        assert_eq!(runs_on("1.95.0", "1.96.0-nightly"), Ok(()));
        assert_eq!(runs_on("what", "1.95.0"), Ok(()));
    }

    #[test]
    fn build_metadata_does_not_order() {
        assert_eq!(compare("1.0.0+a", "1.0.0+b"), Some(Ordering::Equal));
        assert_eq!(compare("1.0.0-rc.10", "1.0.0-rc.9"), Some(Ordering::Greater));
        assert_eq!(compare("1.0", "1.0.0"), None);
    }

    #[test]
    fn a_prerelease_is_admitted_only_by_name() {
        assert!(!admits("1", "1.1.0-rc.1"));
        assert!(admits("1.1.0-rc.0", "1.1.0-rc.1"));
        assert!(admits(">=1, <3", "2.5.0"));
        assert!(!admits("nonsense", "1.0.0"));
    }
}
