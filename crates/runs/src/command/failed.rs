//! An action failed.

use crate::action::Action;
use crate::apply::{Next, Refused};
use crate::command::done::give_up;
use crate::failure::{Failure, FailureClass};
use crate::state::{Ending, Gate, State, Step};

/// Applies the failure class's own rule of retry.
pub(crate) fn failed(
    next: &mut Next,
    class: FailureClass,
    reason: &str,
    jitter: u16,
) -> Result<(), Refused> {
    match next.run.state {
        State::Working { attempt, step } => {
            next.release(step);
            retry(next, (attempt, step), class, reason, jitter);
            Ok(())
        }
        State::Stopping { step } => {
            next.release(step);
            next.end(Ending::Cancelled);
            Ok(())
        }
        State::Queued | State::Waiting { .. } | State::Proposed { .. } | State::Ended { .. } => {
            Err(next.not_now("failed"))
        }
    }
}

fn retry(
    next: &mut Next,
    (attempt, step): (u32, Step),
    class: FailureClass,
    reason: &str,
    jitter: u16,
) {
    let failure = Failure::new(attempt, step, class, reason.to_owned());
    if matches!(step, Step::Escalate { .. }) {
        // Telling people is the last resort: it is tried until it succeeds, with the same pauses.
        next.run.losses = next.run.losses.saturating_add(1);
        pause(next, attempt, step, jitter);
        return;
    }
    match class {
        FailureClass::Infrastructure => {
            next.run.losses = next.run.losses.saturating_add(1);
            if next.run.losses > next.run.limits.losses_max {
                give_up(next, attempt, step, class, reason);
            } else {
                next.run.failures.push(failure);
                pause(next, attempt, resume_at(step), jitter);
            }
        }
        FailureClass::Agent | FailureClass::Checks => {
            if attempt >= next.run.limits.attempts_max {
                give_up(next, attempt, step, class, reason);
            } else {
                next.run.failures.push(failure);
                next.enter(attempt + 1, Step::Prepare);
            }
        }
        FailureClass::Policy | FailureClass::Budget => give_up(next, attempt, step, class, reason),
    }
}

/// Where an attempt goes on after an infrastructure loss: what was in a machine is gone with it, so
/// the attempt begins anew; what the host holds is not done again.
const fn resume_at(step: Step) -> Step {
    match step {
        Step::Prepare | Step::Act { .. } | Step::Export { .. } | Step::Verify { .. } => {
            Step::Prepare
        }
        Step::Judge | Step::Propose | Step::Escalate { .. } => step,
    }
}

fn pause(next: &mut Next, attempt: u32, then: Step, jitter: u16) {
    let at = next.now.plus_millis(next.run.limits.pause_ms(next.run.losses, jitter));
    let fence = next.next_fence();
    next.run.state = State::Waiting { attempt, gate: Gate::Retry { at, then } };
    next.actions.push(Action::Wake { fence, at });
}
