//! What a run says while it is under way: for people only, nothing depends on it.

use domain::{MachineId, RunId};

/// One thing worth showing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Progress {
    /// The run has its name.
    Run {
        /// Which.
        run: RunId,
        /// Whether it was begun earlier and goes on.
        resumed: bool,
    },
    /// A step begins.
    Step {
        /// Its name.
        step: &'static str,
        /// Which try.
        attempt: u32,
    },
    /// A machine is being made.
    Machine {
        /// Which.
        machine: MachineId,
        /// By what.
        backend: &'static str,
    },
    /// A command begins in a machine.
    Command {
        /// As a person would type it.
        command: String,
        /// What it is for.
        purpose: String,
    },
    /// A line of its output.
    Output {
        /// The line, cut to a readable length.
        line: String,
    },
    /// It ended.
    CommandDone {
        /// The exit status as a shell would show it.
        exit: i32,
        /// Wall time in milliseconds.
        millis: u64,
    },
    /// Something worth a line.
    Note {
        /// The line.
        line: String,
    },
    /// Something a person should know about and can act upon.
    Warning {
        /// The line.
        line: String,
    },
}

/// Who hears it.
pub trait Listener: Send + Sync + std::fmt::Debug {
    /// One thing happened. Must return at once.
    fn hear(&self, progress: &Progress);
}

/// Hears nothing.
#[derive(Debug, Clone, Copy, Default)]
pub struct Silent;

impl Listener for Silent {
    fn hear(&self, _progress: &Progress) {}
}
