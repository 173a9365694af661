//! Actions as documents of the outbox and the journal, and back.

use domain::{Fence, MachineId, ProposalId, RunId, Timestamp};
use runs::{Action, Command, Done};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use store::record::{self, NewOutboxRow};

use crate::persist;

/// An action as a document.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "snake_case", tag = "action")]
enum Document {
    Perform { fence: u64, attempt: u32, step: record::Step },
    Wake { fence: u64, at: Timestamp },
    Interrupt { fence: u64 },
    Release { machine: MachineId },
    Withdraw { proposal: ProposalId },
    Unpublish { fence: u64 },
}

/// The outbox row of an action.
pub(crate) fn to_row(run: RunId, action: &Action, now: Timestamp) -> NewOutboxRow {
    let due = match action {
        Action::Wake { at, .. } => *at,
        Action::Perform { .. }
        | Action::Interrupt { .. }
        | Action::Release { .. }
        | Action::Withdraw { .. }
        | Action::Unpublish { .. } => now,
    };
    NewOutboxRow { run, action: action.name().to_owned(), body: document(action), due }
}

/// The document of an action.
pub(crate) fn document(action: &Action) -> Value {
    let document = match action {
        Action::Perform { fence, attempt, step } => Document::Perform {
            fence: fence.0,
            attempt: *attempt,
            step: persist::step_to_record(*step),
        },
        Action::Wake { fence, at } => Document::Wake { fence: fence.0, at: *at },
        Action::Interrupt { fence } => Document::Interrupt { fence: fence.0 },
        Action::Release { machine } => Document::Release { machine: *machine },
        Action::Withdraw { proposal } => Document::Withdraw { proposal: *proposal },
        Action::Unpublish { fence } => Document::Unpublish { fence: fence.0 },
    };
    serde_json::to_value(document).expect("actions are plain data with text keys")
}

/// The action of a document.
pub(crate) fn from_document(document: &Value) -> Result<Action, serde_json::Error> {
    Ok(match serde_json::from_value(document.clone())? {
        Document::Perform { fence, attempt, step } => {
            Action::Perform { fence: Fence(fence), attempt, step: persist::step_from_record(&step) }
        }
        Document::Wake { fence, at } => Action::Wake { fence: Fence(fence), at },
        Document::Interrupt { fence } => Action::Interrupt { fence: Fence(fence) },
        Document::Release { machine } => Action::Release { machine },
        Document::Withdraw { proposal } => Action::Withdraw { proposal },
        Document::Unpublish { fence } => Action::Unpublish { fence: Fence(fence) },
    })
}

/// A command as the journal keeps it.
pub(crate) fn command(command: &Command) -> Value {
    match command {
        Command::Start => json!({ "command": "start" }),
        Command::Done { fence, done, .. } => {
            let (result, reason) = result(done);
            json!({ "command": "done", "fence": fence.0, "result": result, "reason": reason })
        }
        Command::Failed { fence, class, reason, .. } => json!({
            "command": "failed", "fence": fence.0, "class": class.name(), "reason": reason
        }),
        Command::Wake { fence } => json!({ "command": "wake", "fence": fence.0 }),
        Command::Cancel => json!({ "command": "cancel" }),
        Command::Answered { answer } => {
            json!({ "command": "answered", "answer": format!("{answer:?}").to_lowercase() })
        }
    }
}

fn result(done: &Done) -> (&'static str, Option<String>) {
    match done {
        Done::Prepared => ("prepared", None),
        Done::Changed => ("changed", None),
        Done::NoChange => ("no_change", None),
        Done::HandOver { reason } => ("hand_over", Some(reason.clone())),
        Done::Exported => ("exported", None),
        Done::Verified => ("verified", None),
        Done::Allowed => ("allowed", None),
        Done::Reported => ("reported", None),
        Done::Denied { reason } => ("denied", Some(reason.clone())),
        Done::Published { proposal } => ("published", Some(proposal.to_string())),
        Done::Escalated => ("escalated", None),
        Done::ToldBefore => ("told_before", None),
    }
}

#[cfg(test)]
mod tests {
    use domain::clock::SystemClock;
    use runs::Step;

    use super::*;

    #[test]
    fn every_action_reads_back_as_it_was() {
        let machine = MachineId::fresh(&SystemClock);
        let step = Step::Act { machine };
        let fence = Fence(4);
        for action in [
            Action::Perform { fence, attempt: 2, step },
            Action::Wake { fence, at: Timestamp::from_millis(5) },
            Action::Interrupt { fence },
            Action::Release { machine },
            Action::Withdraw { proposal: ProposalId::fresh(&SystemClock) },
            Action::Unpublish { fence },
        ] {
            assert_eq!(from_document(&document(&action)).unwrap(), action);
        }
    }

    #[test]
    fn a_wake_is_due_when_it_says_and_everything_else_at_once() {
        let (now, at) = (Timestamp::from_millis(10), Timestamp::from_millis(99));
        let run = RunId::fresh(&SystemClock);
        assert_eq!(to_row(run, &Action::Wake { fence: Fence(1), at }, now).due, at);
        assert_eq!(to_row(run, &Action::Interrupt { fence: Fence(1) }, now).due, now);
    }

    #[test]
    fn a_foreign_document_is_refused() {
        assert!(from_document(&json!({ "action": "dance" })).is_err());
    }
}
