//! Package registries: which versions are published, asked through one caching client for all runs.

pub mod cargo;
pub mod client;
pub mod npm;
pub mod python;
#[cfg(test)]
pub(crate) mod scripted_server;
pub mod tally;

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use async_trait::async_trait;
use domain::Secret;
use domain::dependency::Ecosystem;
use futures_util::stream::{self, StreamExt as _};

pub use client::{Client, Fetched, SetUpError};

use crate::dependencies::Published;

/// One ecosystem's registry, asked for what is published. Behind every one is the same [`Client`].
#[async_trait]
pub trait Registry: Send + Sync + std::fmt::Debug {
    /// Whose packages it knows.
    fn ecosystem(&self) -> Ecosystem;

    /// Every published version of a package, yanked ones and pre-releases included, in no promised order.
    async fn versions(&self, package: &str) -> Result<Vec<Published>, RegistryError>;

    /// What each of these versions requires, where the registry tells it apart from the list of versions (PEP 658):
    /// a version that is not in the answer is one of which it is not known. `None` where [`Self::versions`] says it.
    async fn requires(
        &self,
        _package: &str,
        _versions: &[String],
    ) -> Result<Option<Requires>, RegistryError> {
        Ok(None)
    }
}

/// What versions require, by version, as (package, range).
pub type Requires = BTreeMap<String, Vec<(String, String)>>;

/// What a look-up of many packages found, each with its own answer or its own error.
pub type Versions = BTreeMap<String, Result<Vec<Published>, RegistryError>>;

/// How many look-ups of one [`versions_many`] are under way at once; the client's own limit holds besides.
const LOOKUPS_AT_ONCE_MAX: usize = 64;

/// Looks up many packages at once. Every name that was asked for has an entry in the answer.
pub async fn versions_many(registry: &dyn Registry, packages: &BTreeSet<String>) -> Versions {
    stream::iter(packages)
        .map(|package| async move { (package.clone(), registry.versions(package).await) })
        .buffer_unordered(LOOKUPS_AT_ONCE_MAX)
        .collect()
        .await
}

/// Where an ecosystem's registry is, as the host's package manager is configured.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoint {
    /// Whose.
    pub ecosystem: Ecosystem,
    /// The base address, without a trailing slash: the sparse index (cargo), the registry (npm), the simple index (python).
    pub base: String,
    /// What the registry wants in the `authorization` header.
    pub authorization: Option<Secret>,
}

/// What the client needs to know.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Where answers are kept, for conditional requests.
    pub cache_dir: PathBuf,
    /// How long a kept answer counts without being asked for again, in milliseconds.
    pub fresh_ms: u64,
    /// How many requests may be under way at once.
    pub concurrency_max: usize,
    /// How long one request may take, in milliseconds.
    pub timeout_ms: u64,
    /// The largest answer in bytes.
    pub response_max_bytes: u64,
}

/// Why a registry did not answer. None of these ever means "no versions".
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RegistryError {
    /// No registry can be asked for such a name; it came from a file, and nothing was sent.
    #[error("`{package}` is not a package name")]
    InvalidName {
        /// The name, made printable.
        package: String,
    },
    /// The registry does not know the package.
    #[error("the registry has no package `{package}`")]
    NoSuchPackage {
        /// Which.
        package: String,
    },
    /// It could not be reached, was too slow, or kept refusing for load.
    #[error("the registry could not be asked about `{package}`: {reason}")]
    Unreachable {
        /// Which package was asked about.
        package: String,
        /// Why.
        reason: String,
    },
    /// It answered what is no answer.
    #[error("the registry's answer about `{package}` is not understood: {reason}")]
    Garbage {
        /// Which package was asked about.
        package: String,
        /// Why.
        reason: String,
    },
}

/// The registry of an ecosystem at an endpoint.
pub fn of(client: Client, endpoint: Endpoint) -> Box<dyn Registry> {
    match endpoint.ecosystem {
        Ecosystem::Cargo => Box::new(cargo::CargoIndex::new(client, endpoint)),
        Ecosystem::Npm => Box::new(npm::NpmRegistry::new(client, endpoint)),
        Ecosystem::Python => Box::new(python::SimpleIndex::new(client, endpoint)),
    }
}
