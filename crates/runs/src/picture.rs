//! Draws the table of transitions from the code itself, so that the docs cannot drift.
//!
//! Every kind of state is met with every kind of command through [`apply`]; what comes out is a row.

use domain::{MachineId, ProposalId, Timestamp};

use crate::action::Action;
use crate::apply::apply;
use crate::command::{Answer, Command, Done};
use crate::failure::{FailureClass, Limits};
use crate::state::{Ending, Gate, Run, State, Step};

/// The table of transitions, Markdown. `ids` names any two machines and a proposal.
pub fn draw(machines: [MachineId; 2], proposal: ProposalId) -> String {
    let mut text =
        String::from("| state | command | next | actions |\n| --- | --- | --- | --- |\n");
    for (from, run) in samples(machines, proposal) {
        for (command_name, command) in commands(&run, machines, proposal) {
            let Ok((next, actions)) = apply(&run, &command, Timestamp::from_millis(1), 0) else {
                continue;
            };
            let actions: Vec<&str> = actions.iter().map(Action::name).collect();
            let row = format!(
                "| {from} | {command_name} | {} | {} |\n",
                label(&next.state),
                actions.join(", ")
            );
            text.push_str(&row);
        }
    }
    text
}

fn label(state: &State) -> String {
    match state {
        State::Working { step: Step::Escalate { ending }, .. } => {
            format!("working: escalate, then {}", ending.name())
        }
        State::Working { step, .. } => format!("working: {}", step.name()),
        State::Stopping { step } => format!("stopping: {}", step.name()),
        State::Waiting { gate: Gate::Retry { then, .. }, .. } => {
            format!("waiting: retry of {}", then.name())
        }
        State::Ended { ending } => format!("ended: {}", ending.name()),
        State::Queued | State::Proposed { .. } => state.name().to_owned(),
    }
}

fn samples(machines: [MachineId; 2], proposal: ProposalId) -> Vec<(String, Run)> {
    let [machine, baseline] = machines;
    let steps = [
        Step::Prepare,
        Step::Act { machine },
        Step::Export { machine },
        Step::Verify { machine, baseline },
        Step::Judge,
        Step::Propose,
        Step::Escalate { ending: Ending::Escalated },
        Step::Escalate { ending: Ending::Denied },
    ];
    let mut states = vec![State::Queued];
    states.extend(steps.map(|step| State::Working { attempt: 1, step }));
    let at = Timestamp::from_millis(1);
    let waits = [Step::Prepare, Step::Propose, Step::Escalate { ending: Ending::Escalated }];
    states.extend(waits.map(|then| State::Waiting { attempt: 1, gate: Gate::Retry { at, then } }));
    states.push(State::Proposed { proposal });
    states.extend([Step::Act { machine }, Step::Propose].map(|step| State::Stopping { step }));
    states
        .into_iter()
        .map(|state| {
            let mut run = Run::accepted(Timestamp::from_millis(0), Limits::for_pictures());
            run.state = state;
            (label(&run.state), run)
        })
        .collect()
}

fn commands(run: &Run, spare: [MachineId; 2], proposal: ProposalId) -> Vec<(String, Command)> {
    let fence = run.fence;
    let mut list = vec![("start".to_owned(), Command::Start)];
    let results = [
        ("prepared", Done::Prepared),
        ("changed", Done::Changed),
        ("no change", Done::NoChange),
        ("hand over", Done::HandOver { reason: String::new() }),
        ("exported", Done::Exported),
        ("verified", Done::Verified),
        ("allowed", Done::Allowed),
        ("reported", Done::Reported),
        ("denied", Done::Denied { reason: String::new() }),
        ("published", Done::Published { proposal }),
        ("escalated", Done::Escalated),
        ("told before", Done::ToldBefore),
    ];
    list.extend(
        results.map(|(name, done)| (format!("done: {name}"), Command::Done { fence, done, spare })),
    );
    list.extend(FailureClass::ALL.map(|class| {
        let command =
            Command::Failed { fence, class, reason: String::new(), work: None, jitter: 0 };
        (format!("failed: {}", class.name()), command)
    }));
    list.push(("wake".to_owned(), Command::Wake { fence }));
    list.push(("cancel".to_owned(), Command::Cancel));
    let answers = [
        ("merged", Answer::Merged),
        ("rejected", Answer::Rejected),
        ("superseded", Answer::Superseded),
    ];
    list.extend(
        answers.map(|(name, answer)| (format!("answer: {name}"), Command::Answered { answer })),
    );
    list
}

impl Limits {
    const fn for_pictures() -> Self {
        Self { attempts_max: 3, losses_max: 5, time_ms: 1000, backoff_ms: 1, backoff_max_ms: 1 }
    }
}
