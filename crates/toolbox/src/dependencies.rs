//! Dependencies of a repository: which projects there are, what they lock, how their versions are moved.
//!
//! One ecosystem, one folder: [`cargo`], [`npm`], [`python`]. What they share is [`Ecosystem`]: read the
//! graph, say which edits and commands move packages to given versions, explain a refusal. hob chooses
//! versions; resolving them is the package manager's own work, in the machine.

pub mod cargo;
pub mod choose;
pub mod ecosystem;
pub mod foreign;
pub mod graph;
pub mod npm;
pub mod python;
pub mod submodules;
pub mod unnamed;

use domain::dependency::Ecosystem as Kind;

use crate::registry::Endpoint;

pub use ecosystem::{
    Bump, Discovery, Ecosystem, FileEdit, Plan, PlanError, Project, Published, ReadError, Refusal,
    RefusalKind, Runtimes,
};
pub use graph::{Elsewhere, Graph, Package, PackageId, Requirement, Source, Unresolved};

/// Every ecosystem.
pub fn all() -> Vec<Box<dyn Ecosystem>> {
    of(python::Python::default())
}

/// Every ecosystem, on a host whose package managers ask these registries.
pub fn asking(endpoints: &[Endpoint]) -> Vec<Box<dyn Ecosystem>> {
    let python = endpoints.iter().find(|endpoint| endpoint.ecosystem == Kind::Python);
    of(python.map_or_else(python::Python::default, |endpoint| {
        python::Python::asking(endpoint.base.clone())
    }))
}

fn of(python: python::Python) -> Vec<Box<dyn Ecosystem>> {
    vec![Box::new(cargo::Cargo), Box::new(npm::Npm), Box::new(python)]
}
