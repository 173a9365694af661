//! Version requirements as each ecosystem writes them.

use std::str::FromStr as _;

use domain::dependency::Ecosystem;

/// The longest requirement that is parsed, in bytes.
const REQUIREMENT_BYTES_MAX: usize = 512;

/// Whether the text is a version requirement and nothing else (no address, path, tag or file).
pub(super) fn is_requirement(ecosystem: Ecosystem, text: &str) -> bool {
    if text.len() > REQUIREMENT_BYTES_MAX || !text.is_ascii() {
        return false;
    }
    match ecosystem {
        Ecosystem::Cargo => semver::VersionReq::parse(text).is_ok(),
        Ecosystem::Npm => npm_shape(text) && nodejs_semver::Range::parse(text).is_ok(),
        Ecosystem::Python => pep440_rs::VersionSpecifiers::from_str(text).is_ok(),
    }
}

/// Letters of ranges only: whatever else a lenient parser takes, an address holds `/`, `:` or `@`.
fn npm_shape(text: &str) -> bool {
    text.chars().all(|letter| letter.is_ascii_alphanumeric() || " .-+<>=~^|*".contains(letter))
}

/// Whether the requirement lets the version in.
pub(super) fn admits(ecosystem: Ecosystem, requirement: &str, version: &str) -> bool {
    match ecosystem {
        Ecosystem::Cargo => {
            let requirement = semver::VersionReq::parse(requirement);
            let version = semver::Version::parse(version);
            matches!((requirement, version), (Ok(requirement), Ok(version)) if requirement.matches(&version))
        }
        Ecosystem::Npm => {
            let requirement = nodejs_semver::Range::parse(requirement);
            let version = nodejs_semver::Version::parse(version);
            matches!((requirement, version), (Ok(requirement), Ok(version)) if requirement.satisfies(&version))
        }
        Ecosystem::Python => {
            let requirement = pep440_rs::VersionSpecifiers::from_str(requirement);
            let version = pep440_rs::Version::from_str(version);
            matches!((requirement, version), (Ok(requirement), Ok(version)) if requirement.contains(&version))
        }
    }
}

/// Whether the requirement lets every version in.
pub(super) fn is_open(requirement: &str) -> bool {
    let plain: String = requirement.chars().filter(|letter| !letter.is_whitespace()).collect();
    matches!(plain.as_str(), "" | "*" | "x" | "X" | ">=0" | ">=0.0.0" | ">=0.0" | "*.*" | "*.*.*")
}
