//! What the npm ecosystem promises, as far as it can be shown without running npm.

mod damage;
mod discovery;
mod graphs;
mod plans;
mod ranges;
mod refusals;

use domain::RepoPath;

use super::Npm;
use crate::dependencies::{Bump, Ecosystem as _, Graph, Plan, PlanError, Project, ReadError};
use crate::files::{Content, FileSet};

/// A path that is known to be fine.
fn path(text: &str) -> RepoPath {
    RepoPath::new(text).expect("a fine path")
}

/// A tree of these files.
fn tree(files: &[(&str, &str)]) -> FileSet {
    let mut set = FileSet::new();
    for (name, text) in files {
        set.set(path(name), Content::Bytes(text.as_bytes().to_vec()));
    }
    set
}

/// The only project of a tree in which everything is understood.
#[track_caller]
fn only_project(files: &FileSet) -> Project {
    let found = Npm.discover(files);
    assert_eq!(found.left, []);
    let [project] = found.projects.try_into().expect("one project");
    project
}

#[track_caller]
fn graph(files: &[(&str, &str)]) -> Result<Graph, ReadError> {
    let files = tree(files);
    Npm.graph(&only_project(&files), &files, None)
}

/// What is planned for one bump.
#[track_caller]
fn plan(files: &[(&str, &str)], bump: (&str, &str, &str)) -> Result<Plan, PlanError> {
    let files = tree(files);
    let project = only_project(&files);
    let graph = Npm.graph(&project, &files, None).expect("a graph");
    let (package, from, to) = bump;
    let bump = Bump { package: package.into(), from: from.into(), to: to.into() };
    Npm.plan(&project, &files, &graph, &[bump])
}
