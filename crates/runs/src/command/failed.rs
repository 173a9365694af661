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
    match class {
        FailureClass::Infrastructure => {
            next.run.losses += 1;
            let exhausted = next.run.losses > next.run.limits.losses_max;
            match step {
                // Telling people is the last resort: it is tried until it succeeds.
                Step::Escalate { .. } => pause_and_repeat(next, attempt, step, jitter),
                Step::Propose | Step::Judge if !exhausted => {
                    next.run.failures.push(failure);
                    next.enter(attempt, step);
                }
                Step::Prepare
                | Step::Act { .. }
                | Step::Export { .. }
                | Step::Verify { .. }
                | Step::Judge
                | Step::Propose => {
                    if exhausted {
                        give_up(next, attempt, step, class, reason);
                    } else {
                        next.run.failures.push(failure);
                        pause(next, attempt, jitter);
                    }
                }
            }
        }
        FailureClass::Agent | FailureClass::Checks => match step {
            Step::Escalate { .. } => pause_and_repeat(next, attempt, step, jitter),
            Step::Prepare
            | Step::Act { .. }
            | Step::Export { .. }
            | Step::Verify { .. }
            | Step::Judge
            | Step::Propose => {
                if attempt >= next.run.limits.attempts_max {
                    give_up(next, attempt, step, class, reason);
                } else {
                    next.run.failures.push(failure);
                    next.enter(attempt + 1, Step::Prepare);
                }
            }
        },
        FailureClass::Policy | FailureClass::Budget => match step {
            Step::Escalate { .. } => pause_and_repeat(next, attempt, step, jitter),
            Step::Prepare
            | Step::Act { .. }
            | Step::Export { .. }
            | Step::Verify { .. }
            | Step::Judge
            | Step::Propose => give_up(next, attempt, step, class, reason),
        },
    }
}

fn pause(next: &mut Next, attempt: u32, jitter: u16) {
    let at = next.now.plus_millis(next.run.limits.pause_ms(next.run.losses, jitter));
    let fence = next.next_fence();
    next.run.state = State::Waiting { attempt, gate: Gate::Retry { at } };
    next.actions.push(Action::Wake { fence, at });
}

/// An escalation that failed is performed again at once; the outbox holds it back by its own lease.
fn pause_and_repeat(next: &mut Next, attempt: u32, step: Step, _jitter: u16) {
    next.enter(attempt, step);
}
