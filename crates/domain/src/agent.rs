//! An agent's definition, parsed: which events, what scope, which gates, what budget.
//!
//! The text form (Markdown with YAML front matter) and its strict reading live in `routing::definition`.

use crate::Digest;
use crate::dependency::Ecosystem;

/// One agent. Its version is the digest of its text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Agent {
    /// The unique name, as on the command line.
    pub name: String,
    /// The digest of the definition's text.
    pub version: Digest,
    /// The repositories it may work on, as glob patterns; empty means every one.
    pub repositories: Vec<String>,
    /// What decides in an attempt.
    pub brain: Brain,
    /// The machine that an attempt gets.
    pub sandbox: SandboxLimits,
    /// What the machine may ask of the network.
    pub network: Vec<NetworkGrant>,
    /// What a change may touch.
    pub scope: Scope,
    /// Check commands by name of the definition; empty means detected from the base commit.
    pub checks: Vec<String>,
    /// What must hold before a proposal.
    pub gates: Gates,
    /// What a run may do to the outside.
    pub outputs: Outputs,
    /// How much of it at once.
    pub limits: RunLimits,
    /// What a run may spend.
    pub budget: Budget,
    /// The prose behind the front matter.
    pub instructions: String,
}

/// What decides in an attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Brain {
    /// The deterministic playbook of this configuration.
    Playbook(Playbook),
}

/// A deterministic playbook and its settings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Playbook {
    /// Raise dependencies to newer versions.
    Updates(UpdateSettings),
    /// Raise dependencies out of the reach of known advisories.
    Remediation(RemediationSettings),
}

/// How far and how dependency updates go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UpdateSettings {
    /// The largest step that is taken.
    pub level: UpdateLevel,
    /// How updates are bundled into changes.
    pub group: Grouping,
    /// A version must have been published for this long, in milliseconds.
    pub min_release_age_ms: u64,
    /// Package names (globs) that are left alone.
    pub ignore: Vec<String>,
    /// Only these ecosystems; empty means all.
    pub ecosystems: Vec<Ecosystem>,
}

/// How remediation behaves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RemediationSettings {
    /// Whether findings that reach development dependencies only are fixed too.
    pub development: bool,
    /// Package names (globs) that are left alone.
    pub ignore: Vec<String>,
    /// Advisory ids that were accepted by people and are not acted upon.
    pub ignore_advisories: Vec<String>,
    /// Only these ecosystems; empty means all.
    pub ecosystems: Vec<Ecosystem>,
}

/// The largest step an update may take, by the ecosystem's own reading of its version numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum UpdateLevel {
    /// Bug fixes only.
    Patch,
    /// Compatible additions.
    Minor,
    /// Everything, breaking versions included.
    Major,
}

/// How updates are bundled into changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Grouping {
    /// One package a change.
    Each,
    /// One ecosystem a change.
    ByEcosystem,
    /// Everything in one change.
    All,
}

/// The machine that an attempt gets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SandboxLimits {
    /// Which image; `default` is the host's view.
    pub image: String,
    /// Processors.
    pub cpus: u32,
    /// Memory in bytes.
    pub memory_bytes: u64,
    /// Disk in bytes.
    pub disk_bytes: u64,
    /// Wall time of a machine, in milliseconds.
    pub time_ms: u64,
}

/// What the machine may ask of the network.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NetworkGrant {
    /// Reading an ecosystem's registry, as the host's package manager is configured.
    Preset(Ecosystem),
    /// A host by name, with methods and path globs.
    Host {
        /// The exact host name.
        host: String,
        /// Upper-case methods.
        methods: Vec<String>,
        /// Path globs.
        paths: Vec<String>,
    },
}

/// What a change may touch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scope {
    /// Path globs that may change; everything else is denied.
    pub paths: Vec<String>,
    /// Path globs that may not change, whatever `paths` says.
    pub denied: Vec<String>,
    /// What a change may mean.
    pub semantic: Option<Semantic>,
    /// The largest number of files.
    pub files_max: u64,
    /// The largest number of changed lines, added plus removed.
    pub lines_max: u64,
    /// The largest size of the patch in bytes.
    pub bytes_max: u64,
}

/// What a change may mean, beyond which files it touches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Semantic {
    /// Version requirements of existing dependencies, and lock entries that follow from them.
    DependencyVersionsOnly,
}

/// What must hold before a proposal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Gates {
    /// Whether checks must pass.
    pub checks: ChecksGate,
    /// How many people must approve before a merge, at least one.
    pub approvals: u32,
}

/// Whether checks must pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ChecksGate {
    /// Nothing may newly fail.
    Required,
    /// What newly fails is told plainly, and a person decides.
    Reported,
}

/// What a run may do to the outside.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outputs {
    /// How many proposals one run may open: with 0 it reports what it would have proposed. No run opens more than one.
    pub proposals_max: u32,
}

/// How much of an agent may happen at once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunLimits {
    /// How many proposals of this agent may be open in one repository.
    pub open_proposals_max: u32,
}

/// What a run may spend.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Budget {
    /// Wall time of a whole run, in milliseconds.
    pub time_ms: u64,
    /// Attempts, infrastructure losses not counted.
    pub attempts: u32,
}
