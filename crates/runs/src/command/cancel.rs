//! Stopping is a request, not an order: a run that is touching the outside world is told to stop and
//! keeps its machines until it answers, so that nothing is left half-published.

use crate::action::Action;
use crate::apply::{Next, Refused};
use crate::state::{Ending, Gate, State, Step};

/// Applies a cancel request. Asking twice is harmless.
pub(crate) fn cancel(next: &mut Next) -> Result<(), Refused> {
    match next.run.state {
        // People are already being told; that is not taken back.
        State::Working { step: Step::Escalate { .. }, .. }
        | State::Waiting { gate: Gate::Retry { then: Step::Escalate { .. }, .. }, .. } => {
            Err(next.not_now("cancel"))
        }
        State::Queued => {
            next.end(Ending::Cancelled);
            Ok(())
        }
        State::Waiting { gate: Gate::Retry { then, .. }, .. } => {
            next.take_back(then);
            next.end(Ending::Cancelled);
            Ok(())
        }
        State::Working { step, .. } => {
            next.run.state = State::Stopping { step };
            next.actions.push(Action::Interrupt { fence: next.run.fence });
            Ok(())
        }
        State::Stopping { .. } => Ok(()),
        State::Proposed { proposal } => {
            next.actions.push(Action::Withdraw { proposal });
            next.end(Ending::Cancelled);
            Ok(())
        }
        State::Ended { .. } => Err(next.not_now("cancel")),
    }
}
