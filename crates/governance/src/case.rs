//! What is judged: the change, the definition's scope, what was meant, what the checks said.

use domain::RepoPath;
use domain::agent::Scope;
use domain::change::Change;
use domain::dependency::{Asked, Ecosystem, Update};
use domain::finding::{Finding, Severity};

/// Everything that the rules may look at. All of it was read by the host; nothing of it was said by a machine.
#[derive(Debug, Clone, Copy)]
pub struct Case<'a> {
    /// The change, as the host read it.
    pub change: &'a Change,
    /// What the definition allows.
    pub scope: &'a Scope,
    /// What the brain says it did. The change is held against it, never the other way round.
    pub updates: &'a [Update],
    /// What the checks said besides that nothing newly fails; empty where they all ran and held.
    pub checks: &'a [Standing],
    /// What the host knows besides.
    pub background: &'a Background,
}

/// What the host knows of the run and of the base, besides the change.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Background {
    /// What the brain told package managers to move. Empty where a brain names nothing: then the updates, and
    /// the manifests' changed requirements, are what everything else has to follow from.
    pub asked: Vec<Asked>,
    /// The registries that the run's package managers ask.
    pub registries: Vec<Registry>,
    /// The lock files of the base, changed or not.
    pub locks: Vec<RepoPath>,
}

/// Where the run's package managers ask.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Registry {
    /// Whose.
    pub ecosystem: Ecosystem,
    /// Its address.
    pub base: String,
}

/// What keeps the checks from saying that the change works.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Standing {
    /// There are none.
    NoChecks,
    /// What of the tree is not checked, in sentences.
    LeftOut(Vec<String>),
    /// These commands could not be run.
    NotRun(Vec<String>),
    /// These commands pass no test, before or after.
    NothingTested(Vec<String>),
    /// These commands are red before and after and do not name what fails, or could not load what holds tests.
    NotCompared(Vec<String>),
    /// These commands were red in both runs with the change, by other tests each time.
    Unsteady(Vec<String>),
    /// These tests passed before and were not run, or are skipped.
    Vanished(Vec<String>),
    /// These newly fail.
    NewlyFailing(Vec<String>),
    /// These newly fail, and the definition has that reported instead of refused.
    Reported(Vec<String>),
}

impl Standing {
    /// What it is about; nothing where there are no checks at all.
    pub fn names(&self) -> &[String] {
        match self {
            Self::NoChecks => &[],
            Self::LeftOut(names)
            | Self::NotRun(names)
            | Self::NothingTested(names)
            | Self::NotCompared(names)
            | Self::Unsteady(names)
            | Self::Vanished(names)
            | Self::NewlyFailing(names)
            | Self::Reported(names) => names,
        }
    }
}

/// A finding of a rule, in one call.
pub(crate) fn finding(
    rule: &'static str,
    severity: Severity,
    path: Option<&RepoPath>,
    line: Option<u64>,
    reason: impl Into<String>,
) -> Finding {
    Finding { rule: rule.to_owned(), severity, path: path.cloned(), line, reason: reason.into() }
}
