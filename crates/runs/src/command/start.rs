//! Beginning, and beginning again after a pause.

use crate::apply::{Next, Refused};
use crate::state::{Gate, State, Step};

/// A queued run begins its first attempt.
pub(crate) fn start(next: &mut Next) -> Result<(), Refused> {
    match next.run.state {
        State::Queued => {
            next.enter(1, Step::Prepare);
            Ok(())
        }
        State::Working { .. }
        | State::Waiting { .. }
        | State::Proposed { .. }
        | State::Stopping { .. }
        | State::Ended { .. } => Err(next.not_now("start")),
    }
}

/// A pause is over.
pub(crate) fn wake(next: &mut Next) -> Result<(), Refused> {
    match next.run.state {
        State::Waiting { attempt, gate: Gate::Retry { at: _, then } } => {
            next.enter(attempt, then);
            Ok(())
        }
        State::Queued
        | State::Working { .. }
        | State::Proposed { .. }
        | State::Stopping { .. }
        | State::Ended { .. } => Err(next.not_now("wake")),
    }
}
