//! What a playbook is given: the tree, the knowledge, the clock, and what happened before.

use domain::Timestamp;
use domain::check::{Check, CheckResult};
use domain::dependency::{Ecosystem as Kind, Left, Update};
use toolbox::dependencies::{Ecosystem, Published};
use toolbox::files::FileSet;
use toolbox::registry::{RegistryError, Requires};

use crate::playbook::Memo;

/// Everything that a playbook knows before it starts. Nothing in it comes from the change under work.
#[derive(Debug, Clone, Copy)]
pub struct Context<'a> {
    /// The base tree: every path, and the content of what the ecosystems want to read.
    pub files: &'a FileSet,
    /// The ecosystems that may be worked on.
    pub ecosystems: &'a [&'a dyn Ecosystem],
    /// The registries.
    pub versions: &'a dyn Versions,
    /// The advisories.
    pub advisories: &'a dyn Advisories,
    /// The instant that release ages are counted to.
    pub now: Timestamp,
    /// The checks of the base commit, for bisecting.
    pub checks: &'a [Check],
    /// What the last attempt did and why it failed, where there was one.
    pub previous: Option<&'a Previous>,
    /// Why each earlier attempt failed, whatever the reason was, oldest first.
    pub earlier: &'a [Earlier],
    /// What package managers answered in this run's attempts so far.
    pub memo: &'a Memo,
    /// Updates that open proposals of this agent already hold; not proposed a second time.
    pub proposed: &'a [Update],
    /// How people answered earlier proposals of this agent here, the newest first.
    pub answers: &'a [Answered],
}

/// How people answered an earlier proposal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answered {
    /// Its name.
    pub proposal: String,
    /// What they said.
    pub answer: Answer,
    /// What it moved.
    pub updates: Vec<Update>,
}

/// What people said to a proposal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// It was merged.
    Merged,
    /// It was rejected.
    Rejected {
        /// Why, in their words.
        why: String,
        /// Whether nothing has changed since: the same commit, definition and settings. The same updates are not
        /// proposed again then.
        binds: bool,
    },
}

/// What the last attempt did and what broke.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Previous {
    /// What it moved.
    pub updates: Vec<Update>,
    /// What it left; packages left for a code change are not tried again.
    pub left: Vec<Left>,
    /// The checks that newly failed.
    pub failures: Vec<Failure>,
    /// The checks' results on the base, in the order of [`Context::checks`]; empty where they are not known.
    pub baseline: Vec<CheckResult>,
}

/// Why an earlier attempt of the run failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Earlier {
    /// Which attempt, from 1.
    pub attempt: u32,
    /// During which step.
    pub step: String,
    /// Whose fault: `infrastructure`, `agent`, `checks`.
    pub class: &'static str,
    /// Why.
    pub reason: String,
}

/// A check that a change broke.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// The command as a person would type it.
    pub command: String,
    /// The tests that fail now and passed before, where they have names.
    pub tests: Vec<String>,
    /// The first failing lines.
    pub excerpt: String,
}

/// Which versions of a package are published.
#[async_trait::async_trait]
pub trait Versions: Send + Sync + std::fmt::Debug {
    /// Every published version of a package, in no order that counts.
    async fn versions(
        &self,
        ecosystem: Kind,
        package: &str,
    ) -> Result<Vec<Published>, RegistryError>;

    /// What some versions of a package require, where the registry tells it apart: see [`toolbox::registry::Registry`].
    async fn requires(
        &self,
        _ecosystem: Kind,
        _package: &str,
        _versions: &[String],
    ) -> Result<Option<Requires>, RegistryError> {
        Ok(None)
    }
}

/// Which advisories match a package.
pub trait Advisories: Send + Sync + std::fmt::Debug {
    /// The advisories that match this version; withdrawn ones never do.
    fn matching(&self, ecosystem: Kind, package: &str, version: &str) -> Vec<Match>;

    /// Advisories about the package that cannot be decided for this version, each with why: they may match.
    /// Whatever stands here makes the result incomplete.
    fn undecided(&self, _: Kind, _: &str, _: &str) -> Vec<(String, String)> {
        Vec::new()
    }

    /// What of the advisories could not be read. Whatever stands here makes every result incomplete.
    fn unreadable(&self) -> Vec<Left>;
}

/// An advisory that matches a version of a package.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Match {
    /// The id under which it is reported; one id for all its aliases.
    pub id: String,
    /// The other ids of the same vulnerability.
    pub aliases: Vec<String>,
    /// One line on what it is about.
    pub summary: String,
    /// Unmaintained, a notice, or unsound: told, not acted upon.
    pub informational: bool,
    /// The versions that the advisory itself names as fixed, as it writes them.
    pub fixed: Vec<String>,
}
