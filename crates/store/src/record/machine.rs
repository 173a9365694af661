//! Machines as they are stored, so that one that was left behind is found.

use domain::{MachineId, RunId, Timestamp};
use serde::{Deserialize, Serialize};

use super::versioned::Record;

/// A machine that may exist somewhere. The row is there before the machine is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Machine {
    /// Its name.
    pub id: MachineId,
    /// For which run.
    pub run: RunId,
    /// What is known of it.
    pub state: MachineState,
    /// When it was first asked for.
    pub made_at: Timestamp,
}

impl Record for Machine {
    const KIND: &'static str = "machine";
    const VERSION: u32 = 1;
}

/// What is known of a machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MachineState {
    /// Asked for; it may or may not be up.
    Launching,
    /// Up.
    Running,
    /// Taken away, and seen to be gone.
    Released,
}

impl MachineState {
    /// The state's name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Launching => "launching",
            Self::Running => "running",
            Self::Released => "released",
        }
    }
}
