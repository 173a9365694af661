//! What may be said to a run.

use domain::{Digest, MachineId, ProposalId};

use crate::failure::FailureClass;
use crate::state::Fence;

pub(crate) mod answer;
pub(crate) mod cancel;
pub(crate) mod done;
pub(crate) mod failed;
pub(crate) mod start;

/// What is said to a run. Randomness that a transition needs comes with the command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command {
    /// Begin.
    Start,
    /// An action was done.
    Done {
        /// Which.
        fence: Fence,
        /// With what result.
        done: Done,
        /// Fresh names for machines, should any be needed next.
        spare: [MachineId; 2],
    },
    /// An action failed.
    Failed {
        /// Which.
        fence: Fence,
        /// Whose fault.
        class: FailureClass,
        /// Why.
        reason: String,
        /// Names what was worked on, where the next attempt would do the same with the same.
        work: Option<Digest>,
        /// 65536ths of the longest pause.
        jitter: u16,
    },
    /// A retry is due.
    Wake {
        /// Which wake action.
        fence: Fence,
    },
    /// Stop.
    Cancel,
    /// What became of the proposal.
    Answered {
        /// What.
        answer: Answer,
    },
}

/// What an action came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Done {
    /// Prepare: the context stands.
    Prepared,
    /// Act: the work tree holds a change.
    Changed,
    /// Act or export: there is nothing to do.
    NoChange,
    /// Act: people have to take over.
    HandOver {
        /// Why.
        reason: String,
    },
    /// Export: the host holds the change.
    Exported,
    /// Verify: nothing newly fails.
    Verified,
    /// Judge: it may be proposed.
    Allowed,
    /// Judge: it may, and the definition wants a report and no proposal.
    Reported,
    /// Judge: it may not.
    Denied {
        /// Why.
        reason: String,
    },
    /// Propose: it is published.
    Published {
        /// As what.
        proposal: ProposalId,
    },
    /// Escalate: people were told.
    Escalated,
    /// Escalate: an earlier run told people exactly this, and nothing has changed since.
    ToldBefore,
}

/// What became of a proposal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    /// It was merged.
    Merged,
    /// It was refused.
    Rejected,
    /// Something newer took its place.
    Superseded,
}
