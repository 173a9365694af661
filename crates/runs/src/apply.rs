//! The one function: a run, a command, the time; the run afterwards and what is to be done.

use domain::Timestamp;

use crate::action::Action;
use crate::command::{Command, answer, cancel, done, failed, start};
use crate::state::{Ending, Fence, Run, State, Step};

/// Why a command was not accepted. An answer to whoever gave it, not a fault of ours; nothing changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// The run is over.
    #[error("the run has ended: {}", .0.name())]
    AlreadyEnded(Ending),
    /// The answer is to an action that something newer has taken the place of.
    #[error("fence {given} is stale, the newest is {newest}")]
    StaleFence {
        /// The fence that was given.
        given: u64,
        /// The newest.
        newest: u64,
    },
    /// The command does not fit the state.
    #[error("`{command}` is not possible while the run is {state}")]
    NotNow {
        /// Which command.
        command: &'static str,
        /// Which state.
        state: &'static str,
    },
    /// The result is not one of the step that is under way.
    #[error("`{done}` is no result of the step `{step}`")]
    WrongResult {
        /// Which result.
        done: &'static str,
        /// Which step.
        step: &'static str,
    },
}

/// Applies a command. A refusal leaves the run as it was. The run has been worked on for `worked_ms` milliseconds so
/// far, all attempts together; time in which no process works on it is not among them.
pub fn apply(
    run: &Run,
    command: &Command,
    now: Timestamp,
    worked_ms: u64,
) -> Result<(Run, Vec<Action>), Refused> {
    if let State::Ended { ending } = run.state {
        return Err(Refused::AlreadyEnded(ending));
    }
    let mut next = Next { run: run.clone(), actions: Vec::new(), now, worked_ms };
    match command {
        Command::Start => start::start(&mut next)?,
        Command::Done { fence, done, spare } => {
            next.check_fence(*fence)?;
            done::done(&mut next, done, *spare)?;
        }
        Command::Failed { fence, class, reason, work, jitter } => {
            next.check_fence(*fence)?;
            failed::failed(&mut next, (*class, reason, *work), *jitter)?;
        }
        Command::Wake { fence } => {
            next.check_fence(*fence)?;
            start::wake(&mut next)?;
        }
        Command::Cancel => cancel::cancel(&mut next)?,
        Command::Answered { answer } => answer::answered(&mut next, *answer)?,
    }
    Ok((next.run, next.actions))
}

/// The run while a command is applied to it.
pub(crate) struct Next {
    pub(crate) run: Run,
    pub(crate) actions: Vec<Action>,
    pub(crate) now: Timestamp,
    pub(crate) worked_ms: u64,
}

impl Next {
    pub(crate) fn check_fence(&self, given: Fence) -> Result<(), Refused> {
        if given == self.run.fence {
            Ok(())
        } else {
            Err(Refused::StaleFence { given: given.0, newest: self.run.fence.0 })
        }
    }

    pub(crate) fn next_fence(&mut self) -> Fence {
        self.run.fence = Fence(self.run.fence.0 + 1);
        self.run.fence
    }

    /// Enters a step: the only way an action comes to be performed.
    pub(crate) fn enter(&mut self, attempt: u32, step: Step) {
        let fence = self.next_fence();
        self.run.attempts = self.run.attempts.max(attempt);
        self.run.state = State::Working { attempt, step };
        self.actions.push(Action::Perform { fence, attempt, step });
    }

    /// Gives back the machines of a step that is left.
    pub(crate) fn release(&mut self, step: Step) {
        self.actions.extend(step.machines().into_iter().map(|machine| Action::Release { machine }));
    }

    /// Takes back what a publication may have left that is given up.
    pub(crate) fn take_back(&mut self, step: Step) {
        if matches!(step, Step::Propose) {
            self.actions.push(Action::Unpublish { fence: self.run.fence });
        }
    }

    pub(crate) fn end(&mut self, ending: Ending) {
        self.next_fence();
        self.run.state = State::Ended { ending };
    }

    pub(crate) fn not_now(&self, command: &'static str) -> Refused {
        Refused::NotNow { command, state: self.run.state.name() }
    }
}
