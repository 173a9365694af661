//! Decides what happens next to a run: `(state, command) -> (state, actions)`. Pure.
//!
//! [`apply()`] takes a run, a command and the time, and answers with the run as it is afterwards and the
//! actions that somebody else shall perform. Nothing here awaits, reads a clock or touches a disk, so a
//! crash anywhere is answered by applying the next command again.
//!
//! What holds after every command (`tests.rs` shows it with random sequences): an ended run stays
//! ended; each machine that an action starts is released by a later action on every path; an answer
//! with an old fence is refused; a run that is not over has an action under way, a timer or a gate.
#![deny(clippy::wildcard_enum_match_arm)]

pub mod action;
pub mod apply;
pub mod command;
pub mod failure;
pub mod picture;
pub mod state;
#[cfg(test)]
mod tests;

pub use action::Action;
pub use apply::{Refused, apply};
pub use command::{Answer, Command, Done};
pub use failure::{Failure, FailureClass, Limits};
pub use state::{Ending, Fence, Gate, Run, State, Step};
