//! Which files say what a project depends on, by their paths.

use domain::RepoPath;
use domain::dependency::{self, Ecosystem};

/// A file that the rules can read for its meaning.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum DependencyFile {
    /// `Cargo.toml`
    CargoManifest,
    /// `Cargo.lock`
    CargoLock,
    /// `package.json`
    NpmManifest,
    /// `package-lock.json`, `npm-shrinkwrap.json`
    NpmLock,
    /// `pyproject.toml`
    Pyproject,
    /// `uv.lock`
    UvLock,
    /// Requirements and constraints files, as pip reads them.
    Requirements,
}

impl DependencyFile {
    /// What the path names. File names are compared exactly: on some file systems `cargo.TOML` is another
    /// file, and what is not known is denied by the `manifest` rule.
    pub(crate) fn of(path: &str) -> Option<Self> {
        let name = path.rsplit_once('/').map_or(path, |(_, name)| name);
        Some(match name {
            "Cargo.toml" => Self::CargoManifest,
            "Cargo.lock" => Self::CargoLock,
            "package.json" => Self::NpmManifest,
            "package-lock.json" | "npm-shrinkwrap.json" => Self::NpmLock,
            "pyproject.toml" => Self::Pyproject,
            "uv.lock" => Self::UvLock,
            _ => {
                let path = RepoPath::new(path).ok()?;
                dependency::is_requirements(&path).then_some(Self::Requirements)?
            }
        })
    }

    /// Whose file it is.
    pub(crate) const fn ecosystem(self) -> Ecosystem {
        match self {
            Self::CargoManifest | Self::CargoLock => Ecosystem::Cargo,
            Self::NpmManifest | Self::NpmLock => Ecosystem::Npm,
            Self::Pyproject | Self::UvLock | Self::Requirements => Ecosystem::Python,
        }
    }

    /// Whether it is written by a package manager, and follows from a manifest.
    pub(crate) const fn is_lock(self) -> bool {
        matches!(self, Self::CargoLock | Self::NpmLock | Self::UvLock)
    }
}

/// Whether the path is that of a lock file: one that the rules can read, or one of another tool that locks what a
/// `pyproject.toml` asks for.
pub fn is_lock(path: &RepoPath) -> bool {
    DependencyFile::of(path.as_str()).is_some_and(DependencyFile::is_lock)
        || is_foreign_lock(path.as_str())
}

/// Whether the lock file is one of another tool, which repeats what a `pyproject.toml` asks for.
pub(crate) fn is_foreign_lock(path: &str) -> bool {
    matches!(path.rsplit('/').next(), Some("pdm.lock" | "poetry.lock" | "pixi.lock"))
}

/// A package's name as its ecosystem compares names: Python's by PEP 503, the others exactly.
pub(crate) fn same_name(ecosystem: Ecosystem, name: &str) -> String {
    if ecosystem != Ecosystem::Python {
        return name.to_owned();
    }
    let mut plain = String::with_capacity(name.len());
    for letter in name.chars() {
        if matches!(letter, '-' | '_' | '.') {
            if !plain.ends_with('-') {
                plain.push('-');
            }
        } else {
            plain.extend(letter.to_lowercase());
        }
    }
    plain
}
