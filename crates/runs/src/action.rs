//! What a run may ask of the world.

use domain::{MachineId, ProposalId, Timestamp};

use crate::state::{Fence, Step};

/// What the engine shall do next. Each is kept durably until it was done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// Perform a step and answer with this fence. Machines named by the step are started by it.
    Perform {
        /// What to answer with.
        fence: Fence,
        /// Which try this is.
        attempt: u32,
        /// What to do.
        step: Step,
    },
    /// Answer with a wake command, not before this instant.
    Wake {
        /// What to answer with.
        fence: Fence,
        /// When.
        at: Timestamp,
    },
    /// Tell the action of this fence to stop.
    Interrupt {
        /// Which action.
        fence: Fence,
    },
    /// Take a machine away, whether or not it ever came up.
    Release {
        /// Which machine.
        machine: MachineId,
    },
    /// Take back a proposal that was published while the run was being stopped.
    Withdraw {
        /// Which proposal.
        proposal: ProposalId,
    },
    /// Take back the branch that a publication may have left which did not come to a proposal.
    Unpublish {
        /// The action that published; whatever it still does is refused from here on.
        fence: Fence,
    },
}

impl Action {
    /// The action's name.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Perform { step, .. } => step.name(),
            Self::Wake { .. } => "wake",
            Self::Interrupt { .. } => "interrupt",
            Self::Release { .. } => "release",
            Self::Withdraw { .. } => "withdraw",
            Self::Unpublish { .. } => "unpublish",
        }
    }
}
