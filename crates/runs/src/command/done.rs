//! An action was done.

use domain::MachineId;

use crate::action::Action;
use crate::apply::{Next, Refused};
use crate::command::Done;
use crate::failure::{Failure, FailureClass};
use crate::state::{Ending, State, Step};

/// Goes on from a step that was done.
pub(crate) fn done(next: &mut Next, done: &Done, spare: [MachineId; 2]) -> Result<(), Refused> {
    match next.run.state {
        State::Working { attempt, step } => go_on(next, attempt, step, done, spare),
        State::Stopping { step } => {
            next.release(step);
            if let Done::Published { proposal } = done {
                next.actions.push(Action::Withdraw { proposal: *proposal });
            } else {
                next.take_back(step);
            }
            next.end(Ending::Cancelled);
            Ok(())
        }
        State::Queued | State::Waiting { .. } | State::Proposed { .. } | State::Ended { .. } => {
            Err(next.not_now("done"))
        }
    }
}

fn go_on(
    next: &mut Next,
    attempt: u32,
    step: Step,
    done: &Done,
    spare: [MachineId; 2],
) -> Result<(), Refused> {
    let wrong = Refused::WrongResult { done: name(done), step: step.name() };
    match (step, done) {
        (Step::Prepare, Done::Prepared) => begin(next, attempt, Step::Act { machine: spare[0] }),
        (Step::Act { machine }, Done::Changed) => next.enter(attempt, Step::Export { machine }),
        (Step::Act { .. } | Step::Export { .. }, Done::NoChange) => {
            next.release(step);
            next.end(Ending::NoChange);
        }
        (Step::Act { .. }, Done::HandOver { reason }) => {
            next.release(step);
            give_up(next, attempt, step, FailureClass::Agent, reason);
        }
        (Step::Export { .. }, Done::Exported) => {
            next.release(step);
            begin(next, attempt, Step::Verify { machine: spare[0], baseline: spare[1] });
        }
        (Step::Verify { .. }, Done::Verified) => {
            next.release(step);
            next.enter(attempt, Step::Judge);
        }
        (Step::Judge, Done::Allowed) => next.enter(attempt, Step::Propose),
        (Step::Judge, Done::Reported) => next.end(Ending::Reported),
        (Step::Judge, Done::Denied { reason }) => {
            give_up(next, attempt, step, FailureClass::Policy, reason);
        }
        (Step::Propose, Done::Published { proposal }) => {
            next.next_fence();
            next.run.state = State::Proposed { proposal: *proposal };
        }
        (Step::Escalate { ending }, Done::Escalated) => next.end(ending),
        // What governance denies is always told.
        (Step::Escalate { ending: Ending::Escalated }, Done::ToldBefore) => {
            next.end(Ending::NoChange);
        }
        (
            Step::Prepare
            | Step::Act { .. }
            | Step::Export { .. }
            | Step::Verify { .. }
            | Step::Judge
            | Step::Propose
            | Step::Escalate { .. },
            _,
        ) => return Err(wrong),
    }
    Ok(())
}

/// Enters a step that costs time, unless the run's time is used up.
fn begin(next: &mut Next, attempt: u32, step: Step) {
    if next.worked_ms >= next.run.limits.time_ms {
        let reason = format!(
            "the run's time of {} s is used up before the step `{}`",
            next.run.limits.time_ms / 1000,
            step.name()
        );
        give_up(next, attempt, step, FailureClass::Budget, &reason);
    } else {
        next.enter(attempt, step);
    }
}

/// Hands the run to people.
pub(crate) fn give_up(
    next: &mut Next,
    attempt: u32,
    step: Step,
    class: FailureClass,
    reason: &str,
) {
    next.run.failures.push(Failure::new(attempt, step, class, reason.to_owned()));
    let ending = match class {
        FailureClass::Policy => Ending::Denied,
        FailureClass::Infrastructure
        | FailureClass::Agent
        | FailureClass::Checks
        | FailureClass::Budget => Ending::Escalated,
    };
    next.enter(attempt, Step::Escalate { ending });
}

const fn name(done: &Done) -> &'static str {
    match done {
        Done::Prepared => "prepared",
        Done::Changed => "changed",
        Done::NoChange => "no_change",
        Done::HandOver { .. } => "hand_over",
        Done::Exported => "exported",
        Done::Verified => "verified",
        Done::Allowed => "allowed",
        Done::Reported => "reported",
        Done::Denied { .. } => "denied",
        Done::Published { .. } => "published",
        Done::Escalated => "escalated",
        Done::ToldBefore => "told_before",
    }
}
