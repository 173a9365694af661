//! An action failed.

use domain::Digest;

use crate::action::Action;
use crate::apply::{Next, Refused};
use crate::command::done::give_up;
use crate::failure::{Failure, FailureClass};
use crate::state::{Ending, Gate, State, Step};

/// Applies the failure class's own rule of retry.
pub(crate) fn failed(
    next: &mut Next,
    why: (FailureClass, &str, Option<Digest>),
    jitter: u16,
) -> Result<(), Refused> {
    match next.run.state {
        State::Working { attempt, step } => {
            next.release(step);
            retry(next, (attempt, step), why, jitter);
            Ok(())
        }
        State::Stopping { step } => {
            next.release(step);
            next.take_back(step);
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
    (class, reason, work): (FailureClass, &str, Option<Digest>),
    jitter: u16,
) {
    let failure = Failure::new(attempt, step, class, reason.to_owned()).at_work(work);
    if let Step::Escalate { ending } = step {
        next.run.failures.push(failure);
        tell_again(next, attempt, ending, jitter);
        return;
    }
    match class {
        FailureClass::Infrastructure => {
            next.run.losses = next.run.losses.saturating_add(1);
            if next.run.losses > next.run.limits.losses_max {
                next.take_back(step);
                give_up(next, attempt, step, class, reason);
            } else {
                next.run.failures.push(failure);
                pause(next, attempt, resume_at(step), jitter);
            }
        }
        FailureClass::Agent | FailureClass::Checks => {
            next.take_back(step);
            let before = next.run.failures.iter().find(|earlier| failure.repeats(earlier));
            if attempt >= next.run.limits.attempts_max {
                give_up(next, attempt, step, class, reason);
            } else if let Some(before) = before {
                let reason = format!(
                    "{reason}\nattempt {} failed the same way in the same work, so no further one is made",
                    before.attempt
                );
                give_up(next, attempt, step, class, &reason);
            } else {
                next.run.failures.push(failure);
                next.enter(attempt + 1, Step::Prepare);
            }
        }
        FailureClass::Policy | FailureClass::Budget => {
            next.take_back(step);
            give_up(next, attempt, step, class, reason);
        }
    }
}

/// Telling people is the last resort: it is tried with the same pauses, as often as infrastructure may fail a
/// run. Then the run ends as it would have, and what people were to be told stands in the audit log alone.
fn tell_again(next: &mut Next, attempt: u32, ending: Ending, jitter: u16) {
    let step = Step::Escalate { ending };
    next.run.losses = next.run.losses.saturating_add(1);
    let told = next.run.failures.iter().filter(|failure| failure.step == step.name()).count();
    if u32::try_from(told).unwrap_or(u32::MAX) > next.run.limits.losses_max {
        next.end(ending);
    } else {
        pause(next, attempt, step, jitter);
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
