//! npm: `package.json` and `package-lock.json`, versions 2 and 3, with workspaces, folders that are
//! linked to, aliases and overrides.
//!
//! The lock is written by npm itself in the machine. npm has no command that moves one transitive package to
//! one version, so it is made to follow requirements that are exact for one run (`npm/move.js`).

mod commands;
mod discover;
mod json;
mod linked;
mod lock;
mod manifest;
mod plan;
mod range;
mod refusal;
mod runtime;
mod tree;
mod version;

#[cfg(test)]
mod tests;

pub(crate) use discover::workspace_globs;
pub(crate) use linked::members as linked_members;

use std::cmp::Ordering;

use domain::RepoPath;
use domain::dependency::{Ecosystem as Kind, UpdateKind};
use domain::exec::{Exec, ExecResult};

use super::{
    Bump, Discovery, Ecosystem, Graph, Plan, PlanError, Project, Published, ReadError, Refusal,
    Runtimes,
};
use crate::files::FileSet;
use range::Keep;
use tree::Tree;

/// The npm ecosystem.
#[derive(Debug, Clone, Copy, Default)]
pub struct Npm;

impl Ecosystem for Npm {
    fn kind(&self) -> Kind {
        Kind::Npm
    }

    fn wants(&self, path: &RepoPath) -> bool {
        (matches!(path.file_name(), discover::MANIFEST | discover::LOCK)
            || runtime::is_version_file(path))
            && !discover::is_installed(path)
    }

    fn discover(&self, files: &FileSet) -> Discovery {
        discover::discover(files)
    }

    fn resolve(&self, project: &Project, files: &FileSet) -> Option<Exec> {
        project.lock.is_none().then(|| commands::resolve(project, files))
    }

    fn graph(
        &self,
        project: &Project,
        files: &FileSet,
        resolved: Option<&[u8]>,
    ) -> Result<Graph, ReadError> {
        Tree::read(project, files, resolved)?.graph()
    }

    fn plan(
        &self,
        project: &Project,
        files: &FileSet,
        _: &Graph,
        bumps: &[Bump],
    ) -> Result<Plan, PlanError> {
        plan::plan(project, files, &Tree::read(project, files, None)?, (bumps, Keep::Style))
    }

    fn plan_closely(
        &self,
        project: &Project,
        files: &FileSet,
        _: &Graph,
        bumps: &[Bump],
    ) -> Result<Plan, PlanError> {
        plan::plan(project, files, &Tree::read(project, files, None)?, (bumps, Keep::Nothing))
    }

    fn refusal(&self, _: &Exec, result: &ExecResult) -> Refusal {
        refusal::refusal(result)
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
        Runtimes { node: runtime::promised(project, files), ..Runtimes::default() }
    }

    fn runs_on(&self, published: &Published, runtimes: &Runtimes) -> Result<(), String> {
        version::runs_on(published, runtimes)
    }
}
