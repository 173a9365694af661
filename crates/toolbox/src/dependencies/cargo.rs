//! Cargo: workspaces, `Cargo.toml`, `Cargo.lock`.

mod asked;
mod format;
mod lock;
mod locked;
mod manifest;
mod plan;
mod range;
mod refusal;
mod suggestion;
mod tree;
mod version;

use std::cmp::Ordering;

use domain::RepoPath;
use domain::dependency::{Ecosystem as Kind, UpdateKind};
use domain::exec::{Exec, ExecResult};

use self::manifest::Manifest;
use self::tree::Tree;
use super::{
    Bump, Discovery, Ecosystem, Graph, Plan, PlanError, Project, Published, ReadError, Refusal,
    Runtimes,
};
use crate::files::FileSet;

/// The name of every manifest.
const MANIFEST: &str = "Cargo.toml";
/// The name of every lock.
const LOCK: &str = "Cargo.lock";
/// What writes the lock.
const TOOL: &str = "cargo";

/// Resolves in a copy, so that a project that commits no lock is left without one; `$1` is its folder.
/// Nothing is compiled and no build script runs.
const RESOLVE: &str = "copy=$(mktemp -d) && trap 'rm -rf \"$copy\"' EXIT \
    && tar -cf - --exclude=./.git --exclude=./target . | tar -xf - -C \"$copy\" \
    && cd \"$copy/$1\" && cargo generate-lockfile 1>&2 && cat Cargo.lock";

/// The cargo ecosystem.
#[derive(Debug, Clone, Copy, Default)]
pub struct Cargo;

impl Ecosystem for Cargo {
    fn kind(&self) -> Kind {
        Kind::Cargo
    }

    fn wants(&self, path: &RepoPath) -> bool {
        matches!(path.file_name(), MANIFEST | LOCK)
    }

    fn discover(&self, files: &FileSet) -> Discovery {
        Tree::read(files).discover(files)
    }

    fn resolve(&self, project: &Project, _: &FileSet) -> Option<Exec> {
        if project.lock.is_some() {
            return None;
        }
        let folder = if project.root.is_root() { "." } else { project.root.as_str() };
        let argv = ["sh", "-c", RESOLVE, "resolve", folder];
        Some(plan::quiet(Exec::new(argv, "resolve versions")))
    }

    fn graph(
        &self,
        project: &Project,
        files: &FileSet,
        resolved: Option<&[u8]>,
    ) -> Result<Graph, ReadError> {
        locked::graph(project, files, resolved)
    }

    fn plan(
        &self,
        project: &Project,
        files: &FileSet,
        graph: &Graph,
        bumps: &[Bump],
    ) -> Result<Plan, PlanError> {
        plan::plan(project, files, (graph, bumps), range::admit)
    }

    fn plan_closely(
        &self,
        project: &Project,
        files: &FileSet,
        graph: &Graph,
        bumps: &[Bump],
    ) -> Result<Plan, PlanError> {
        plan::plan(project, files, (graph, bumps), range::close)
    }

    fn refusal(&self, _: &Exec, result: &ExecResult) -> Refusal {
        refusal::refusal(result)
    }

    fn unblock(&self, refusal: &Refusal) -> Vec<Bump> {
        refusal::unblock(&refusal.quote).into_iter().collect()
    }

    fn restored(&self, before: &str, after: &str) -> Option<String> {
        format::restored(before, after)
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
        let manifests = project.manifests.iter().filter(|path| path.is_within(&project.root));
        let promises = manifests.filter_map(|path| Manifest::read(files, path).ok()?.rust_version);
        let oldest = promises.reduce(|a, b| if version::older_release(&b, &a) { b } else { a });
        Runtimes { rust: oldest, ..Runtimes::default() }
    }

    fn runs_on(&self, published: &Published, runtimes: &Runtimes) -> Result<(), String> {
        match (&published.runtime, &runtimes.rust) {
            (Some(needed), Some(rustc)) => version::runs_on(needed, rustc),
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests;
