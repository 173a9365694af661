//! Between the run machine's own types and the store's records. Neither knows the other.

use runs::{Ending, Failure, FailureClass, Gate, Limits, Run, State, Step};
use store::record;

/// The record of a run.
pub(crate) fn to_record(run: &Run) -> record::Run {
    record::Run {
        state: state_to_record(&run.state),
        fence: run.fence.0,
        accepted: run.accepted,
        limits: record::Limits {
            attempts_max: run.limits.attempts_max,
            losses_max: run.limits.losses_max,
            time_ms: run.limits.time_ms,
            backoff_ms: run.limits.backoff_ms,
            backoff_max_ms: run.limits.backoff_max_ms,
        },
        losses: run.losses,
        failures: run.failures.iter().map(failure_to_record).collect(),
        attempts: run.attempts,
    }
}

/// The run of a record.
pub(crate) fn from_record(run: &record::Run) -> Run {
    Run {
        state: state_from_record(&run.state),
        fence: domain::Fence(run.fence),
        accepted: run.accepted,
        limits: Limits {
            attempts_max: run.limits.attempts_max,
            losses_max: run.limits.losses_max,
            time_ms: run.limits.time_ms,
            backoff_ms: run.limits.backoff_ms,
            backoff_max_ms: run.limits.backoff_max_ms,
        },
        losses: run.losses,
        failures: run.failures.iter().map(failure_from_record).collect(),
        attempts: run.attempts,
    }
}

fn state_to_record(state: &State) -> record::RunState {
    match state {
        State::Queued => record::RunState::Queued,
        State::Working { attempt, step } => {
            record::RunState::Working { attempt: *attempt, step: step_to_record(*step) }
        }
        State::Waiting { attempt, gate: Gate::Retry { at, then } } => record::RunState::Waiting {
            attempt: *attempt,
            gate: record::Gate::Retry { at: *at, then: step_to_record(*then) },
        },
        State::Proposed { proposal } => record::RunState::Proposed { proposal: *proposal },
        State::Stopping { step } => record::RunState::Stopping { step: step_to_record(*step) },
        State::Ended { ending } => record::RunState::Ended { ending: ending_to_record(*ending) },
    }
}

fn state_from_record(state: &record::RunState) -> State {
    match state {
        record::RunState::Queued => State::Queued,
        record::RunState::Working { attempt, step } => {
            State::Working { attempt: *attempt, step: step_from_record(step) }
        }
        record::RunState::Waiting { attempt, gate: record::Gate::Retry { at, then } } => {
            State::Waiting {
                attempt: *attempt,
                gate: Gate::Retry { at: *at, then: step_from_record(then) },
            }
        }
        record::RunState::Proposed { proposal } => State::Proposed { proposal: *proposal },
        record::RunState::Stopping { step } => State::Stopping { step: step_from_record(step) },
        record::RunState::Ended { ending } => State::Ended { ending: ending_from_record(*ending) },
    }
}

pub(crate) fn step_to_record(step: Step) -> record::Step {
    match step {
        Step::Prepare => record::Step::Prepare,
        Step::Act { machine } => record::Step::Act { machine },
        Step::Export { machine } => record::Step::Export { machine },
        Step::Verify { machine, baseline } => record::Step::Verify { machine, baseline },
        Step::Judge => record::Step::Judge,
        Step::Propose => record::Step::Propose,
        Step::Escalate { ending } => record::Step::Escalate { ending: ending_to_record(ending) },
    }
}

pub(crate) fn step_from_record(step: &record::Step) -> Step {
    match step {
        record::Step::Prepare => Step::Prepare,
        record::Step::Act { machine } => Step::Act { machine: *machine },
        record::Step::Export { machine } => Step::Export { machine: *machine },
        record::Step::Verify { machine, baseline } => {
            Step::Verify { machine: *machine, baseline: *baseline }
        }
        record::Step::Judge => Step::Judge,
        record::Step::Propose => Step::Propose,
        record::Step::Escalate { ending } => Step::Escalate { ending: ending_from_record(*ending) },
    }
}

const fn ending_to_record(ending: Ending) -> record::Ending {
    match ending {
        Ending::Merged => record::Ending::Merged,
        Ending::Rejected => record::Ending::Rejected,
        Ending::Superseded => record::Ending::Superseded,
        Ending::NoChange => record::Ending::NoChange,
        Ending::Reported => record::Ending::Reported,
        Ending::Denied => record::Ending::Denied,
        Ending::Escalated => record::Ending::Escalated,
        Ending::Cancelled => record::Ending::Cancelled,
    }
}

const fn ending_from_record(ending: record::Ending) -> Ending {
    match ending {
        record::Ending::Merged => Ending::Merged,
        record::Ending::Rejected => Ending::Rejected,
        record::Ending::Superseded => Ending::Superseded,
        record::Ending::NoChange => Ending::NoChange,
        record::Ending::Reported => Ending::Reported,
        record::Ending::Denied => Ending::Denied,
        record::Ending::Escalated => Ending::Escalated,
        record::Ending::Cancelled => Ending::Cancelled,
    }
}

fn failure_to_record(failure: &Failure) -> record::Failure {
    record::Failure {
        attempt: failure.attempt,
        step: failure.step.clone(),
        class: match failure.class {
            FailureClass::Infrastructure => record::FailureClass::Infrastructure,
            FailureClass::Agent => record::FailureClass::Agent,
            FailureClass::Checks => record::FailureClass::Checks,
            FailureClass::Policy => record::FailureClass::Policy,
            FailureClass::Budget => record::FailureClass::Budget,
        },
        reason: failure.reason.clone(),
        work: failure.work,
    }
}

fn failure_from_record(failure: &record::Failure) -> Failure {
    Failure {
        attempt: failure.attempt,
        step: failure.step.clone(),
        class: match failure.class {
            record::FailureClass::Infrastructure => FailureClass::Infrastructure,
            record::FailureClass::Agent => FailureClass::Agent,
            record::FailureClass::Checks => FailureClass::Checks,
            record::FailureClass::Policy => FailureClass::Policy,
            record::FailureClass::Budget => FailureClass::Budget,
        },
        reason: failure.reason.clone(),
        work: failure.work,
    }
}

#[cfg(test)]
mod tests {
    use domain::clock::SystemClock;
    use domain::{MachineId, ProposalId, Timestamp};

    use super::*;

    #[track_caller]
    fn check(state: State) {
        let limits =
            Limits { attempts_max: 3, losses_max: 5, time_ms: 1, backoff_ms: 2, backoff_max_ms: 3 };
        let mut run = Run::accepted(Timestamp::from_millis(7), limits);
        run.state = state;
        run.failures = FailureClass::ALL
            .map(|class| {
                let work =
                    matches!(class, FailureClass::Agent).then(|| domain::Digest::of(b"work"));
                Failure { attempt: 1, step: "act".into(), class, reason: "why".into(), work }
            })
            .to_vec();
        assert_eq!(from_record(&to_record(&run)), run);
    }

    #[test]
    fn every_state_reads_back_as_it_was() {
        let machine = MachineId::fresh(&SystemClock);
        let baseline = MachineId::fresh(&SystemClock);
        let mut steps = vec![
            Step::Prepare,
            Step::Act { machine },
            Step::Export { machine },
            Step::Verify { machine, baseline },
            Step::Judge,
            Step::Propose,
        ];
        steps.extend(Ending::ALL.map(|ending| Step::Escalate { ending }));
        check(State::Queued);
        check(State::Proposed { proposal: ProposalId::fresh(&SystemClock) });
        for ending in Ending::ALL {
            check(State::Ended { ending });
        }
        for step in steps {
            check(State::Working { attempt: 2, step });
            check(State::Stopping { step });
            let gate = Gate::Retry { at: Timestamp::from_millis(9), then: step };
            check(State::Waiting { attempt: 2, gate });
        }
    }
}
