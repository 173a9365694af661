//! Exit codes, as the contract has them, and failures that carry theirs.

use std::process::ExitCode;

/// How the process ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Exit {
    /// Done.
    Done,
    /// The person can fix it.
    Fixable,
    /// Wrong usage.
    Usage,
    /// The run ended without a result.
    NoResult,
    /// Refused by governance.
    Refused,
    /// Our own bug.
    Bug,
}

impl Exit {
    /// The one of two that says more of what went wrong: our own bug first, then what a person can do something about.
    pub(crate) const fn worse(self, other: Self) -> Self {
        if self.weight() < other.weight() { other } else { self }
    }

    const fn weight(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::NoResult => 1,
            Self::Refused => 2,
            Self::Usage => 3,
            Self::Fixable => 4,
            Self::Bug => 5,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(match exit {
            Exit::Done => 0,
            Exit::Fixable => 1,
            Exit::Usage => 2,
            Exit::NoResult => 3,
            Exit::Refused => 4,
            Exit::Bug => 70,
        })
    }
}

/// What went wrong, for a person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Failure {
    /// How the process ends.
    pub(crate) exit: Exit,
    /// What is wrong, with its causes.
    pub(crate) problem: String,
    /// What to do.
    pub(crate) hint: Option<String>,
}

impl Failure {
    /// A problem that the person can fix.
    pub(crate) fn fixable(problem: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { exit: Exit::Fixable, problem: problem.into(), hint: Some(hint.into()) }
    }

    /// The data folder failed: full, read-only, not this user's.
    pub(crate) fn of_data(what: &str, folder: &std::path::Path, error: &std::io::Error) -> Self {
        Self::fixable(format!("{what}: {error}"), engine::data_hint(error.kind(), folder))
    }

    /// Our own bug.
    pub(crate) fn bug(what: &str, error: &dyn std::error::Error) -> Self {
        Self {
            exit: Exit::Bug,
            problem: format!("{what}: {}", engine::chain(error)),
            hint: Some(engine::BUG_HINT.into()),
        }
    }
}

impl From<engine::HouseError> for Failure {
    fn from(error: engine::HouseError) -> Self {
        let exit = match &error {
            engine::HouseError::Fixable { .. }
            | engine::HouseError::Store(_)
            | engine::HouseError::Commit(_) => Exit::Fixable,
            engine::HouseError::Refused(_) => Exit::Refused,
            engine::HouseError::Task(_) | engine::HouseError::Inconsistent(_) => Exit::Bug,
        };
        let hint = Some(error.hint().to_owned());
        Self { exit, problem: engine::chain(&error), hint }
    }
}
