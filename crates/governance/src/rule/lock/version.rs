//! Versions as each ecosystem orders them.

use std::cmp::Ordering;
use std::str::FromStr as _;

use domain::dependency::Ecosystem;

/// The longest version that is parsed, in bytes.
const VERSION_BYTES_MAX: usize = 256;

/// How two versions stand to each other; equal where one of them is none.
pub(super) fn order(ecosystem: Ecosystem, left: &str, right: &str) -> Ordering {
    if left.len() > VERSION_BYTES_MAX || right.len() > VERSION_BYTES_MAX {
        return Ordering::Equal;
    }
    let order = match ecosystem {
        Ecosystem::Cargo => both(semver::Version::parse(left), semver::Version::parse(right)),
        Ecosystem::Npm => {
            both(nodejs_semver::Version::parse(left), nodejs_semver::Version::parse(right))
        }
        Ecosystem::Python => {
            both(pep440_rs::Version::from_str(left), pep440_rs::Version::from_str(right))
        }
    };
    order.unwrap_or(Ordering::Equal)
}

/// Whether a version is surely outside a range.
pub(super) fn excludes(ecosystem: Ecosystem, range: &str, version: &str) -> bool {
    if ecosystem != Ecosystem::Npm || range.len().max(version.len()) > VERSION_BYTES_MAX {
        return false;
    }
    let range = nodejs_semver::Range::parse(range);
    let version = nodejs_semver::Version::parse(version);
    matches!((range, version), (Ok(range), Ok(version)) if !range.satisfies(&version))
}

/// Whether two texts mean the same version.
pub(super) fn same(ecosystem: Ecosystem, left: &str, right: &str) -> bool {
    let parsed = ecosystem == Ecosystem::Python
        && left.len().max(right.len()) <= VERSION_BYTES_MAX
        && both(pep440_rs::Version::from_str(left), pep440_rs::Version::from_str(right))
            == Some(Ordering::Equal);
    left == right || parsed
}

fn both<V: Ord, E>(left: Result<V, E>, right: Result<V, E>) -> Option<Ordering> {
    Some(left.ok()?.cmp(&right.ok()?))
}
