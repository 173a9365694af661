//! Python: requirements files as pip reads them, and `pyproject.toml` with `uv.lock`.
//!
//! Requirements without a lock are pinned by hand or not at all: what comes with them is what pip says in the
//! machine (`python/resolve.py`). `uv.lock` is written by uv itself.

mod commands;
mod condition;
mod discover;
mod kept;
mod parts;
mod plan;
mod pyproject;
mod range;
mod refusal;
pub(crate) mod requirement;
mod requirements;
mod stated;
mod tree;
mod unsupported;
mod uv;
pub(crate) mod version;

#[cfg(test)]
mod tests;

use std::cmp::Ordering;

use domain::RepoPath;
use domain::dependency::{Ecosystem as Kind, UpdateKind};
use domain::exec::{Exec, ExecResult};

use super::{
    Bump, Discovery, Ecosystem, Graph, Plan, PlanError, Project, Published, ReadError, Refusal,
    Runtimes,
};
use crate::files::FileSet;

/// The Python ecosystem.
#[derive(Debug, Clone, Default)]
pub struct Python {
    /// The simple index that the host's pip asks, where that is known.
    index: Option<String>,
}

impl Python {
    /// Python on a host whose pip asks this simple index: what a project takes from another one, though it has
    /// the same name, is not the same package, and is left alone.
    pub fn asking(index: impl Into<String>) -> Self {
        Self { index: Some(index.into()) }
    }

    fn index(&self) -> Option<&str> {
        self.index.as_deref()
    }
}

impl Ecosystem for Python {
    fn kind(&self) -> Kind {
        Kind::Python
    }

    fn wants(&self, path: &RepoPath) -> bool {
        discover::wants(path)
    }

    fn included(&self, files: &FileSet) -> Vec<RepoPath> {
        discover::included(files)
    }

    fn discover(&self, files: &FileSet) -> Discovery {
        discover::discover(files, self.index())
    }

    fn resolve(&self, project: &Project, files: &FileSet) -> Option<Exec> {
        if project.lock.is_some() {
            return None;
        }
        // What cannot be read is the graph's to tell.
        let manifests = tree::manifests(project, files, self.index()).ok()?;
        // pip in the machine cannot ask a foreign index; what the files pin is all that is known.
        if manifests.iter().any(|manifest| manifest.foreign.is_some()) {
            return None;
        }
        commands::resolve(project, &manifests)
    }

    fn graph(
        &self,
        project: &Project,
        files: &FileSet,
        resolved: Option<&[u8]>,
    ) -> Result<Graph, ReadError> {
        match &project.lock {
            Some(lock) => uv::graph(files, lock, &project.manifests, self.index()),
            None => tree::graph(project, files, self.index(), resolved),
        }
    }

    fn plan(
        &self,
        project: &Project,
        files: &FileSet,
        graph: &Graph,
        bumps: &[Bump],
    ) -> Result<Plan, PlanError> {
        plan::plan(project, files, self.index(), (graph, bumps), range::widened)
    }

    fn plan_closely(
        &self,
        project: &Project,
        files: &FileSet,
        graph: &Graph,
        bumps: &[Bump],
    ) -> Result<Plan, PlanError> {
        plan::plan(project, files, self.index(), (graph, bumps), range::closed)
    }

    fn refusal(&self, command: &Exec, result: &ExecResult) -> Refusal {
        refusal::refusal(command, result)
    }

    fn unblock(&self, refusal: &Refusal) -> Vec<Bump> {
        refusal::unblock(&refusal.quote)
    }

    fn restored(&self, before: &str, after: &str) -> Option<String> {
        kept::restored(before, after)
    }

    fn compare(&self, a: &str, b: &str) -> Option<Ordering> {
        version::compare(a, b)
    }

    fn step(&self, from: &str, to: &str) -> Option<UpdateKind> {
        version::step(from, to)
    }

    fn is_prerelease(&self, version: &str) -> bool {
        version::is_prerelease(version)
    }

    fn admits(&self, range: &str, version: &str) -> bool {
        version::admits(range, version)
    }

    fn promised(&self, project: &Project, files: &FileSet) -> Runtimes {
        let manifests =
            project.manifests.iter().filter(|path| path.file_name() == discover::PYPROJECT);
        let ranges = manifests.filter_map(|path| pyproject::read(files, path).ok()?.python);
        let python = ranges
            .filter_map(|range| version::oldest(&range))
            .reduce(|a, b| if version::compare(&b, &a) == Some(Ordering::Less) { b } else { a });
        Runtimes { python, ..Runtimes::default() }
    }

    fn runs_on(&self, published: &Published, runtimes: &Runtimes) -> Result<(), String> {
        version::runs_on(published, runtimes)
    }
}
