//! Runs, their journal and their outbox, as they are stored. [`Run`] mirrors what the run machine keeps.

use domain::{Digest, MachineId, ProposalId, RunId, Timestamp};
use serde::{Deserialize, Serialize};

use super::versioned::Record;

/// A run, whole.
#[derive(Debug, Clone, PartialEq)]
pub struct RunRow {
    /// Its name.
    pub id: RunId,
    /// How often it was written: what was read, and what an update expects. 0 before the first insert.
    pub revision: u64,
    /// Which agent, at which version.
    pub agent: AgentVersion,
    /// The repository, in canonical text.
    pub repository: String,
    /// What makes two runs the same work.
    pub identity: String,
    /// Where the run machine has it.
    pub run: Run,
    /// What the engine knows of it; a document of the engine's own.
    pub facts: serde_json::Value,
    /// When it was last written.
    pub updated: Timestamp,
}

/// An agent's definition, by name and digest of its text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AgentVersion {
    /// The agent's name.
    pub name: String,
    /// The digest of the definition's text.
    pub digest: Digest,
}

/// What the run machine keeps of a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Run {
    /// Where it is.
    pub state: RunState,
    /// The newest fence that was given out.
    pub fence: u64,
    /// When it was accepted.
    pub accepted: Timestamp,
    /// What it may use up.
    pub limits: Limits,
    /// How often infrastructure failed it.
    pub losses: u32,
    /// Why earlier attempts failed, oldest first.
    pub failures: Vec<Failure>,
    /// How many attempts were begun.
    pub attempts: u32,
}

impl Record for Run {
    const KIND: &'static str = "run";
    const VERSION: u32 = 1;
}

/// Where a run is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "snake_case")]
pub enum RunState {
    /// Accepted, nothing done yet.
    Queued,
    /// An action is under way.
    Working {
        /// Which try, from 1.
        attempt: u32,
        /// What is being done.
        step: Step,
    },
    /// Nothing is under way until the gate opens.
    Waiting {
        /// Which try comes next, from 1.
        attempt: u32,
        /// What it waits for.
        gate: Gate,
    },
    /// A change waits for people.
    Proposed {
        /// The change as published.
        proposal: ProposalId,
    },
    /// Told to stop, answer outstanding.
    Stopping {
        /// What was being done.
        step: Step,
    },
    /// Over.
    Ended {
        /// How.
        ending: Ending,
    },
}

impl RunState {
    /// The state's name.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Working { .. } => "working",
            Self::Waiting { .. } => "waiting",
            Self::Proposed { .. } => "proposed",
            Self::Stopping { .. } => "stopping",
            Self::Ended { .. } => "ended",
        }
    }

    /// Whether nothing comes after it.
    pub const fn is_ended(&self) -> bool {
        matches!(self, Self::Ended { .. })
    }
}

/// What an attempt is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "snake_case")]
pub enum Step {
    /// Mirror and context.
    Prepare,
    /// The brain works in a machine.
    Act {
        /// Its machine.
        machine: MachineId,
    },
    /// The change is taken out of that machine.
    Export {
        /// The machine it is still in.
        machine: MachineId,
    },
    /// The checks run in fresh machines.
    Verify {
        /// The machine that verifies the change.
        machine: MachineId,
        /// The machine that gives the baseline.
        baseline: MachineId,
    },
    /// Governance reads the change.
    Judge,
    /// The change is published.
    Propose,
    /// People are told what could not be resolved.
    Escalate {
        /// How the run ends afterwards.
        ending: Ending,
    },
}

/// What a waiting run waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "snake_case")]
pub enum Gate {
    /// This instant: a retry after a failure.
    Retry {
        /// When.
        at: Timestamp,
        /// What is done then.
        then: Step,
    },
}

/// How a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Ending {
    /// People merged its change.
    Merged,
    /// People refused its change.
    Rejected,
    /// Something newer took its place.
    Superseded,
    /// There was nothing to do.
    NoChange,
    /// A report was its result.
    Reported,
    /// Governance refused its change.
    Denied,
    /// People were told what it could not resolve.
    Escalated,
    /// Somebody stopped it.
    Cancelled,
}

/// Why a step failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Failure {
    /// Which try.
    pub attempt: u32,
    /// During which step, by its name.
    pub step: String,
    /// Whose fault.
    pub class: FailureClass,
    /// Why.
    pub reason: String,
    /// What was worked on, where the next attempt would do the same with the same.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub work: Option<Digest>,
}

/// Whose fault a failure is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FailureClass {
    /// Machines, disks, registries, our own crash.
    Infrastructure,
    /// The brain could not do it.
    Agent,
    /// The change breaks a check.
    Checks,
    /// Out of bounds.
    Policy,
    /// Time, disk or money is used up.
    Budget,
}

/// What a run may use up.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Limits {
    /// Attempts.
    pub attempts_max: u32,
    /// Infrastructure losses.
    pub losses_max: u32,
    /// Wall time from acceptance, in milliseconds.
    pub time_ms: u64,
    /// The first pause after a loss, in milliseconds.
    pub backoff_ms: u64,
    /// The longest pause, in milliseconds.
    pub backoff_max_ms: u64,
}

/// A journal row to be written; its number is given by the transaction.
#[derive(Debug, Clone, PartialEq)]
pub struct JournalEntry {
    /// Which run.
    pub run: RunId,
    /// When.
    pub at: Timestamp,
    /// What was said to it; a document of the engine's own.
    pub command: serde_json::Value,
    /// The name of the state it was in.
    pub before: String,
    /// The name of the state it is in.
    pub after: String,
    /// What follows; a document of the engine's own.
    pub actions: serde_json::Value,
}

/// A journal row as stored.
#[derive(Debug, Clone, PartialEq)]
pub struct JournalRow {
    /// Which row of this run, from 1 without gaps.
    pub seq: u64,
    /// What it says.
    pub entry: JournalEntry,
}

/// An action to be done.
#[derive(Debug, Clone, PartialEq)]
pub struct NewOutboxRow {
    /// For which run.
    pub run: RunId,
    /// The action's name.
    pub action: String,
    /// The action; a document of the engine's own.
    pub body: serde_json::Value,
    /// Not before this instant.
    pub due: Timestamp,
}

/// An action that waits or is under way.
#[derive(Debug, Clone, PartialEq)]
pub struct OutboxRow {
    /// Its number; never used twice.
    pub id: u64,
    /// What is to be done.
    pub new: NewOutboxRow,
    /// Who is at it.
    pub lease: Option<crate::queue::Lease>,
    /// How often it was claimed and not given back in order: what counts poison.
    pub claims: u64,
}
