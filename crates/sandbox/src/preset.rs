//! Read-only network presets for the ecosystems, learned from the package managers' own configuration.
//!
//! No registry's address is written here: what cargo, npm and pip of this host would ask, their machines
//! may ask, company mirrors included. Credentials go into the rules, which stay on the host; what goes into a
//! machine (`env`, `home_files`) names addresses only.

mod address;
mod ask;
mod cargo;
mod netrc;
mod npm;
mod npmrc;
mod python;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use domain::Secret;
use domain::dependency::Ecosystem;

use crate::port::EgressRule;

/// What is looked at; read once by the mouth of the program.
#[derive(Debug, Clone)]
pub struct Surroundings {
    /// The user's home folder.
    pub home: PathBuf,
    /// Where programs are looked for, as in `PATH`.
    pub path: String,
    /// The environment; of it, package managers are shown their own variables only.
    pub env: BTreeMap<String, String>,
    /// Trust anchors besides the host's own, PEM.
    pub extra_roots_pem: Vec<String>,
    /// How long a registry has for one answer.
    pub registry_timeout: Duration,
}

/// What a machine needs for one ecosystem.
#[derive(Debug, Clone)]
pub struct Preset {
    /// Whose.
    pub ecosystem: Ecosystem,
    /// What may be asked: reading only.
    pub rules: Vec<EgressRule>,
    /// The registry, for the host's own look-ups.
    pub index: Index,
    /// Variables for the machine; no credential.
    pub env: Vec<(String, String)>,
    /// Files of the machine's home folder (path below it, text); no credential.
    pub home_files: Vec<(String, String)>,
    /// Further registries of the configuration that could not be learned, and why; requests to them are refused.
    pub left_out: Vec<String>,
}

/// Where a registry is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Index {
    /// The address without a trailing slash and without credentials: the sparse index (cargo), the registry
    /// (npm), the simple index (python).
    pub base: String,
    /// What it wants in the `authorization` field.
    pub authorization: Option<Secret>,
}

/// The presets of this host: each ecosystem's, or why there is none.
#[derive(Debug)]
pub struct Presets {
    found: BTreeMap<Ecosystem, Result<Preset, PresetError>>,
}

impl Presets {
    /// One ecosystem's preset.
    pub fn get(&self, ecosystem: Ecosystem) -> Result<&Preset, &PresetError> {
        match self.found.get(&ecosystem) {
            Some(found) => found.as_ref(),
            None => Err(&PresetError::Unknown),
        }
    }

    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = (Ecosystem, Result<&Preset, &PresetError>)> {
        self.found.iter().map(|(ecosystem, found)| (*ecosystem, found.as_ref()))
    }
}

/// Why an ecosystem has no preset here.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PresetError {
    /// The package manager did not say how it is configured.
    #[error("{tool} was not understood: {reason}")]
    Tool {
        /// Which program.
        tool: &'static str,
        /// What it said.
        reason: String,
        /// What to do.
        fix: String,
    },
    /// Its configuration says what hob cannot follow.
    #[error("the configuration of {tool} cannot be followed: {reason}")]
    Configuration {
        /// Which program.
        tool: &'static str,
        /// What it says.
        reason: String,
        /// What to do.
        fix: String,
    },
    /// Its registry did not say where its files are.
    #[error("the registry of {tool} could not be asked: {reason}")]
    Registry {
        /// Which program.
        tool: &'static str,
        /// Which address, and what it answered.
        reason: String,
        /// What to do.
        fix: String,
    },
    /// Nobody looked for it.
    #[error("the ecosystem was not looked for")]
    Unknown,
}

impl PresetError {
    /// What to do about it.
    pub fn fix(&self) -> &str {
        match self {
            Self::Tool { fix, .. }
            | Self::Configuration { fix, .. }
            | Self::Registry { fix, .. } => fix,
            Self::Unknown => "look for it",
        }
    }
}

/// Learns the presets of this host. Takes as long as the package managers take to start and the registries
/// to answer one small request; what fails, fails for its ecosystem only.
pub async fn discover(surroundings: &Surroundings) -> Presets {
    let (cargo, npm, python) = tokio::join!(
        cargo::discover(surroundings),
        npm::discover(surroundings),
        python::discover(surroundings),
    );
    let found =
        [(Ecosystem::Cargo, cargo), (Ecosystem::Npm, npm), (Ecosystem::Python, python)].into();
    Presets { found }
}
