//! What an ecosystem knows: the one trait behind cargo, npm and python.

use std::cmp::Ordering;
use std::collections::BTreeSet;

use domain::dependency::{Ecosystem as Kind, Left, UpdateKind};
use domain::exec::{Exec, ExecResult};
use domain::{RepoPath, Timestamp};

use super::graph::Graph;
use crate::files::{FileSet, TextError};

/// One package ecosystem, deterministic and without side effects.
///
/// The walk of an update: `discover` -> (`resolve` run in the machine) -> `graph` -> versions are chosen
/// -> `plan` -> its edits are written and its commands run in the machine -> the files are read again ->
/// `graph` again: only what the new graph says counts.
pub trait Ecosystem: Send + Sync + std::fmt::Debug {
    /// Which one this is.
    fn kind(&self) -> Kind;

    /// Whether `discover` or `graph` wants to read this file.
    fn wants(&self, path: &RepoPath) -> bool;

    /// Files without content that those with content include, whatever their names say: to be read as well. What they
    /// include in turn is asked for again.
    fn included(&self, _files: &FileSet) -> Vec<RepoPath> {
        Vec::new()
    }

    /// The projects of this ecosystem, and what could not be understood.
    fn discover(&self, files: &FileSet) -> Discovery;

    /// A command whose standard output completes the graph, where files alone do not suffice
    /// (requirements without a lock file). It changes no file of the checkout.
    fn resolve(&self, project: &Project, files: &FileSet) -> Option<Exec>;

    /// The graph that the project's files lock; `resolved` is what [`Self::resolve`] printed.
    fn graph(
        &self,
        project: &Project,
        files: &FileSet,
        resolved: Option<&[u8]>,
    ) -> Result<Graph, ReadError>;

    /// The edits and commands that move packages, and nothing else, to the given versions.
    fn plan(
        &self,
        project: &Project,
        files: &FileSet,
        graph: &Graph,
        bumps: &[Bump],
    ) -> Result<Plan, PlanError>;

    /// The same for a project without a lock, where what is asked for may be resolved to newer versions than the
    /// bumps name: requirements come to admit nothing newer, in the style that they are written in.
    fn plan_closely(
        &self,
        project: &Project,
        files: &FileSet,
        graph: &Graph,
        bumps: &[Bump],
    ) -> Result<Plan, PlanError> {
        self.plan(project, files, graph, bumps)
    }

    /// What a failed command of a plan says, in words for a person.
    fn refusal(&self, command: &Exec, result: &ExecResult) -> Refusal;

    /// What else would have to move for a refused set of bumps to fit, where the tool says so; to be tried
    /// together with that set. Empty where it does not say.
    fn unblock(&self, _refusal: &Refusal) -> Vec<Bump> {
        Vec::new()
    }

    /// A lock's text with what the tool rewrote in passing as it was before; `None` where that is nothing.
    fn restored(&self, _before: &str, _after: &str) -> Option<String> {
        None
    }

    /// Orders two versions by the ecosystem's own rule; `None` where one is not a version.
    fn compare(&self, a: &str, b: &str) -> Option<Ordering>;

    /// How large a step from one version to another is.
    fn step(&self, from: &str, to: &str) -> Option<UpdateKind>;

    /// Whether this is a pre-release.
    fn is_prerelease(&self, version: &str) -> bool;

    /// Whether a requirement's text admits a version.
    fn admits(&self, range: &str, version: &str) -> bool;

    /// The oldest runtimes that the project's own manifests promise to work with (`rust-version`,
    /// `engines.node`, `requires-python`), where they promise any. An update must not break that promise.
    fn promised(&self, _project: &Project, _files: &FileSet) -> Runtimes {
        Runtimes::default()
    }

    /// Whether a published version can be used with the runtimes of the machine; the error says why not.
    fn runs_on(&self, published: &Published, runtimes: &Runtimes) -> Result<(), String>;
}

/// One project: manifests that share a lock file, or that stand alone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Project {
    /// Whose.
    pub ecosystem: Kind,
    /// Its folder.
    pub root: RepoPath,
    /// Its manifests, the root's own first.
    pub manifests: Vec<RepoPath>,
    /// Its lock file.
    pub lock: Option<RepoPath>,
    /// What writes the lock, where one ecosystem has several tools: `uv`, `pip`, `npm`, `cargo`.
    pub tool: &'static str,
}

/// What was found in a tree.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Discovery {
    /// The projects that are understood.
    pub projects: Vec<Project>,
    /// What is there and not understood, or could not be read.
    pub left: Vec<Left>,
}

/// One package to be moved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bump {
    /// The package.
    pub package: String,
    /// The locked version that moves.
    pub from: String,
    /// The version it moves to.
    pub to: String,
}

/// What has to be done for some bumps.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Plan {
    /// Manifest edits, minimal and comment-keeping.
    pub edits: Vec<FileEdit>,
    /// Commands after them, in order; the first that fails ends the plan.
    pub commands: Vec<Exec>,
    /// Files that the commands may change.
    pub writes: Vec<RepoPath>,
}

/// A file's whole new text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileEdit {
    /// The file.
    pub path: RepoPath,
    /// Its new text.
    pub text: String,
}

/// One published version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Published {
    /// The version.
    pub version: String,
    /// Taken back by its publisher (cargo, python: yanked; npm: deprecated is not this).
    pub yanked: bool,
    /// When the registry says that it was published. A mirror may say when it was mirrored.
    pub published_at: Option<Timestamp>,
    /// `rust-version`, `engines.node` or `requires-python`, verbatim.
    pub runtime: Option<String>,
    /// What it requires, as (package, range), development dependencies left out; empty where the registry does not say,
    /// or says it apart ([`crate::registry::Registry::requires`]).
    pub requires: Vec<(String, String)>,
    /// Those of them that it takes as the project has them, never a copy of its own (npm: peers, optional ones too).
    pub peers: BTreeSet<String>,
    /// Whether a file that can be installed at all was published with it (python: a wheel or an sdist).
    pub has_files: bool,
    /// Published for trying only, though its number does not say so: above the registry's own mark of what is
    /// current (npm: above the `latest` tag). Always false for registries without such a mark.
    pub preview: bool,
    /// What its publisher says against using it (npm: `deprecated`); it can be installed all the same.
    pub deprecated: Option<String>,
}

/// The runtimes of the machine, as their own `--version` says: `1.95.0`, `20.20.2`, `3.11.7`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Runtimes {
    /// rustc.
    pub rust: Option<String>,
    /// node.
    pub node: Option<String>,
    /// python3.
    pub python: Option<String>,
}

/// Why a project's files were not understood.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReadError {
    /// A file could not be read as text.
    #[error(transparent)]
    Text(#[from] TextError),
    /// A file is not what it should be.
    #[error("`{path}`{}: {reason}", line.map(|l| format!(" line {l}")).unwrap_or_default())]
    Malformed {
        /// The file.
        path: RepoPath,
        /// The line, from 1.
        line: Option<u64>,
        /// What is wrong, and how to mend it.
        reason: String,
    },
}

/// Why bumps cannot be planned.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PlanError {
    /// A file was not understood.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// A requirement cannot be moved by hob; the text says which and why.
    #[error("{package}: {reason}")]
    Immovable {
        /// The package.
        package: String,
        /// Why.
        reason: String,
    },
}

/// What a package manager's refusal means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// Which kind.
    pub kind: RefusalKind,
    /// The packages that hold it back, where the tool names them.
    pub held_by: Vec<String>,
    /// The tool's own words, cut to `domain::limit::QUOTE_MAX_CHARS`.
    pub quote: String,
}

/// Kinds of refusal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RefusalKind {
    /// Some requirement excludes the version.
    Constraint,
    /// No such version, or none for this runtime or platform.
    NotInstallable,
    /// The registry could not be asked.
    Network,
    /// The tool is not in the machine.
    ToolMissing,
    /// Anything else.
    Other,
}
