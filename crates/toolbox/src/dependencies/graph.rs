//! The locked dependency graph of one project, in words that every ecosystem shares.

use domain::RepoPath;

use super::ecosystem::{Refusal, Runtimes};

/// Names a package in one [`Graph`]: its place in `packages`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PackageId(pub usize);

/// All packages that a project's lock (or its pins) name, with who asks for whom.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Graph {
    /// Every locked package. One name may stand here several times, with several versions.
    pub packages: Vec<Package>,
    /// What the project's own manifests ask for.
    pub direct: Vec<Requirement>,
    /// False where versions are known for direct requirements only (pins without a lock file).
    pub whole: bool,
    /// Parts of the project that no versions were found for, though they were for the rest.
    pub unresolved: Vec<Unresolved>,
}

/// A part of a project that the package manager finds no versions for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unresolved {
    /// Which part, for a person: "the extra `docs`".
    pub part: String,
    /// What the package manager says.
    pub refusal: Refusal,
}

impl Graph {
    /// The package of this id.
    pub fn get(&self, id: PackageId) -> &Package {
        &self.packages[id.0]
    }

    /// All packages of this name.
    pub fn named<'a>(&'a self, name: &'a str) -> impl Iterator<Item = (PackageId, &'a Package)> {
        self.packages
            .iter()
            .enumerate()
            .filter(move |(_, package)| package.name == name)
            .map(|(at, package)| (PackageId(at), package))
    }

    /// Those that depend on this package.
    pub fn parents(&self, id: PackageId) -> impl Iterator<Item = (PackageId, &Package)> {
        self.packages
            .iter()
            .enumerate()
            .filter(move |(_, package)| package.dependencies.contains(&id))
            .map(|(at, package)| (PackageId(at), package))
    }
}

/// One locked package.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Package {
    /// The name, as its registry writes it (python: normalised by PEP 503).
    pub name: String,
    /// The locked version.
    pub version: String,
    /// Where it comes from.
    pub source: Source,
    /// Reached through development (or build-only) dependencies alone.
    pub development_only: bool,
    /// Named by a manifest of the project itself.
    pub direct: bool,
    /// What it depends on.
    pub dependencies: Vec<PackageId>,
    /// The file that says so: the lock, or the file of the pin.
    pub locked_in: RepoPath,
}

/// Where a package comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// The ecosystem's registry.
    Registry,
    /// This repository.
    Workspace,
    /// Anything else: git, a path, a URL, another registry; named for a person.
    Other(String),
}

/// One requirement that a manifest of the project states.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Requirement {
    /// The package's real name (not its alias).
    pub package: String,
    /// The name it goes by here, where that differs.
    pub alias: Option<String>,
    /// The requirement's text: `^1.2`, `>=2,<3`, `==1.0`.
    pub range: String,
    /// The manifest.
    pub manifest: RepoPath,
    /// The line, from 1, where it is known.
    pub line: Option<u64>,
    /// A development (test, build) requirement.
    pub development: bool,
    /// Where the package comes from; only [`Source::Registry`] is ever changed.
    pub source: Source,
    /// Where it counts, if that is not on the machine at hand.
    pub elsewhere: Option<Elsewhere>,
}

/// Where a requirement counts that does not count on the machine at hand.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Elsewhere {
    /// The condition as written.
    pub condition: String,
    /// The runtimes that it counts with, oldest first; empty where the machine's own is one of them, or none is known.
    pub runtimes: Vec<Runtimes>,
}
