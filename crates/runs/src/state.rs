//! Where a run is.
//!
//! ```text
//! queued ──start──▶ working ──proposed──▶ proposed ──answer──▶ ended
//!                   │  ▲  │
//!            failed │  │  └─nothing to do, escalated, denied─▶ ended
//!                   ▼  │ wake
//!                  waiting
//!
//! queued, waiting ──cancel──▶ ended      working ──cancel──▶ stopping ──stopped──▶ ended
//! ```
//!
//! The full table of transitions is `docs/reference/run-states.md`; a test draws it from the code.

pub use domain::Fence;
use domain::{MachineId, ProposalId, Timestamp};

use crate::failure::{Failure, Limits};

/// A run, whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Run {
    /// Where it is.
    pub state: State,
    /// The newest fence that was given out.
    pub fence: Fence,
    /// When it was accepted.
    pub accepted: Timestamp,
    /// What it may use up.
    pub limits: Limits,
    /// How often infrastructure failed it; counted apart from attempts.
    pub losses: u32,
    /// Why earlier attempts failed, oldest first. The next attempt is told.
    pub failures: Vec<Failure>,
    /// How many attempts were begun.
    pub attempts: u32,
}

/// Where a run is. Each variant holds exactly what is true in that state.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum State {
    /// Accepted, nothing done yet.
    Queued,
    /// An action is under way.
    Working {
        /// Which try, from 1.
        attempt: u32,
        /// What is being done.
        step: Step,
    },
    /// Nothing is under way until the gate opens; holds no machine.
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
    /// Told to stop while an action was under way; waits for its answer.
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

/// What an attempt is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
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
    /// The checks run on base and change, in fresh machines of which this is the second.
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

impl Step {
    /// The machines that this step holds.
    pub fn machines(self) -> Vec<MachineId> {
        match self {
            Self::Act { machine } | Self::Export { machine } => vec![machine],
            Self::Verify { machine, baseline } => vec![machine, baseline],
            Self::Prepare | Self::Judge | Self::Propose | Self::Escalate { .. } => vec![],
        }
    }

    /// The step's name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Prepare => "prepare",
            Self::Act { .. } => "act",
            Self::Export { .. } => "export",
            Self::Verify { .. } => "verify",
            Self::Judge => "judge",
            Self::Propose => "propose",
            Self::Escalate { .. } => "escalate",
        }
    }
}

/// What a waiting run waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Gate {
    /// This instant: a retry after a failure.
    Retry {
        /// When.
        at: Timestamp,
        /// What is done then; holds no machine.
        then: Step,
    },
}

/// How a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
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
    /// Governance refused its change; people were told.
    Denied,
    /// People were told what it could not resolve.
    Escalated,
    /// Somebody stopped it.
    Cancelled,
}

impl Ending {
    /// Every ending.
    pub const ALL: [Self; 8] = [
        Self::Merged,
        Self::Rejected,
        Self::Superseded,
        Self::NoChange,
        Self::Reported,
        Self::Denied,
        Self::Escalated,
        Self::Cancelled,
    ];

    /// The ending's name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Merged => "merged",
            Self::Rejected => "rejected",
            Self::Superseded => "superseded",
            Self::NoChange => "no_change",
            Self::Reported => "reported",
            Self::Denied => "denied",
            Self::Escalated => "escalated",
            Self::Cancelled => "cancelled",
        }
    }
}

impl Run {
    /// A run that was just accepted.
    pub fn accepted(now: Timestamp, limits: Limits) -> Self {
        Self {
            state: State::Queued,
            fence: Fence(0),
            accepted: now,
            limits,
            losses: 0,
            failures: Vec::new(),
            attempts: 0,
        }
    }

    /// Whether it is over.
    pub const fn is_ended(&self) -> bool {
        matches!(self.state, State::Ended { .. })
    }
}

impl State {
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
}
