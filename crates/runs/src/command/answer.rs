//! What became of the proposal.

use crate::apply::{Next, Refused};
use crate::command::Answer;
use crate::state::{Ending, State};

/// A proposed run ends as people say.
pub(crate) fn answered(next: &mut Next, answer: Answer) -> Result<(), Refused> {
    match next.run.state {
        State::Proposed { .. } => {
            next.end(match answer {
                Answer::Merged => Ending::Merged,
                Answer::Rejected => Ending::Rejected,
                Answer::Superseded => Ending::Superseded,
            });
            Ok(())
        }
        State::Queued
        | State::Working { .. }
        | State::Waiting { .. }
        | State::Stopping { .. }
        | State::Ended { .. } => Err(next.not_now("answer")),
    }
}
