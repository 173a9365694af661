//! Reads `Cargo.lock`, versions 1 to 4.
//!
//! Our own reader and not the `cargo-lock` crate: errors have to name the line, and a lock of hostile
//! size has to be read in linear time (that crate looks each dependency up by walking all packages).
//! What is written is written by cargo.

use std::collections::HashMap;

use domain::RepoPath;
use toml::Spanned;

use super::manifest::{lines_before, malformed_toml};
use crate::dependencies::ReadError;

/// The newest lock version that is understood.
const VERSION_MAX: u32 = 4;
/// The most packages that a lock may hold.
const PACKAGES_MAX: usize = 100_000;

/// A lock file, its dependencies resolved to places in `packages`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct LockFile {
    pub(super) packages: Vec<Locked>,
}

/// One locked package.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Locked {
    pub(super) name: String,
    pub(super) version: semver::Version,
    /// As the lock writes it; none for packages of this repository.
    pub(super) source: Option<String>,
    pub(super) dependencies: Vec<usize>,
}

#[derive(Debug, serde::Deserialize)]
struct RawLock {
    version: Option<Spanned<u32>>,
    #[serde(default)]
    package: Vec<RawPackage>,
    /// Locks of cargo before 1.18 keep the root package apart.
    root: Option<RawPackage>,
}

#[derive(Debug, serde::Deserialize)]
struct RawPackage {
    name: Spanned<String>,
    version: Spanned<String>,
    source: Option<String>,
    #[serde(default)]
    dependencies: Vec<Spanned<String>>,
}

/// Reads a lock's text; `path` is where it stands, for errors.
pub(super) fn read(path: &RepoPath, text: &str) -> Result<LockFile, ReadError> {
    let malformed = |line: Option<u64>, reason: String| ReadError::Malformed {
        path: path.clone(),
        line,
        reason,
    };
    let raw: RawLock = toml::from_str(text)
        .map_err(|error| malformed_toml(path, text, error.span(), error.message()))?;
    let at = |offset: usize| Some(lines_before(text, offset));
    if let Some(version) = &raw.version
        && *version.get_ref() > VERSION_MAX
    {
        let reason = format!(
            "lock version {} is newer than hob knows (up to {VERSION_MAX})",
            version.get_ref()
        );
        return Err(malformed(at(version.span().start), reason));
    }
    let raw: Vec<RawPackage> = raw.root.into_iter().chain(raw.package).collect();
    if raw.is_empty() {
        let reason = "it holds no package; `cargo generate-lockfile` writes it anew".to_owned();
        return Err(malformed(None, reason));
    }
    if raw.len() > PACKAGES_MAX {
        let reason = format!("it holds {} packages, more than {PACKAGES_MAX}", raw.len());
        return Err(malformed(None, reason));
    }
    let mut packages = Vec::with_capacity(raw.len());
    let mut by_name: HashMap<&str, Vec<usize>> = HashMap::new();
    for (place, package) in raw.iter().enumerate() {
        let version = semver::Version::parse(package.version.get_ref()).map_err(|error| {
            let line = at(package.version.span().start);
            malformed(line, format!("`{}` is no version: {error}", package.version.get_ref()))
        })?;
        by_name.entry(package.name.get_ref()).or_default().push(place);
        packages.push(Locked {
            name: package.name.get_ref().clone(),
            version,
            source: package.source.clone(),
            dependencies: Vec::new(),
        });
    }
    for (place, package) in raw.iter().enumerate() {
        let mut dependencies = Vec::with_capacity(package.dependencies.len());
        for dependency in &package.dependencies {
            let found = lookup(dependency.get_ref(), &by_name, &packages).ok_or_else(|| {
                let reason = format!(
                    "`{}` depends on `{}`, which the lock does not hold; `cargo update --workspace` mends it",
                    package.name.get_ref(),
                    dependency.get_ref()
                );
                malformed(at(dependency.span().start), reason)
            })?;
            dependencies.push(found);
        }
        packages[place].dependencies = dependencies;
    }
    Ok(LockFile { packages })
}

/// The package that `name`, `name version` or `name version (source)` means: as much as tells it apart.
fn lookup(
    reference: &str,
    by_name: &HashMap<&str, Vec<usize>>,
    packages: &[Locked],
) -> Option<usize> {
    let mut words = reference.split(' ');
    let places = by_name.get(words.next()?)?;
    let version = words.next().map(semver::Version::parse).transpose().ok()?;
    let source = words.next().map(|word| word.trim_start_matches('(').trim_end_matches(')'));
    // Cargo writes as many words as tell a package apart, so the first that fits is the only one.
    places.iter().copied().find(|&place| {
        version.as_ref().is_none_or(|version| *version == packages[place].version)
            && source.is_none_or(|source| packages[place].source.as_deref() == Some(source))
    })
}
