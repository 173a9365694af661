//! Package registries: which versions are published, asked through one caching client for all runs.

use std::path::PathBuf;

use domain::Secret;
use domain::dependency::Ecosystem;

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
