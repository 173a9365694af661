//! What can go wrong at the one door, told apart by what a person can do about it.

use store::error::{CommitError, Error as StoreError};

/// What to do about our own bugs.
pub const BUG_HINT: &str = "this is a bug of hob; report it with the command that shows it";

/// Why a request was not done.
#[derive(Debug, thiserror::Error)]
pub enum HouseError {
    /// The person can fix it; the text says how.
    #[error("{problem}")]
    Fixable {
        /// What is wrong.
        problem: String,
        /// What to do.
        hint: Option<String>,
    },
    /// Governance, or the state of things, does not allow it.
    #[error("refused: {0}")]
    Refused(String),
    /// The store could not.
    #[error("the store did not do it")]
    Store(#[from] StoreError),
    /// The store did not take it.
    #[error("the store did not take it")]
    Commit(#[from] CommitError),
    /// A task of ours ended badly.
    #[error(transparent)]
    Task(#[from] crate::supervise::TaskFailed),
    /// Something stored by us cannot be read.
    #[error("our own records are not as they should be: {0}")]
    Inconsistent(String),
}

/// What to do where the data folder failed like this.
pub fn data_hint(kind: std::io::ErrorKind, folder: &std::path::Path) -> String {
    use std::io::ErrorKind;
    let folder = folder.display();
    match kind {
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded => {
            format!(
                "free some space for `{folder}`; nothing is lost, and `hob runs resume` goes on"
            )
        }
        ErrorKind::ReadOnlyFilesystem => {
            format!("`{folder}` is read-only; name another folder with --data or HOB_DATA")
        }
        ErrorKind::PermissionDenied => format!(
            "give this user the folder `{folder}`, or name another one with --data or HOB_DATA"
        ),
        _ => format!(
            "look at the space and the permissions of `{folder}`, or name another one with --data or HOB_DATA"
        ),
    }
}

impl HouseError {
    /// The data folder failed.
    pub(crate) fn data_folder(
        what: &str,
        folder: &std::path::Path,
        error: &std::io::Error,
    ) -> Self {
        let problem = format!("{what} in `{}` failed: {error}", folder.display());
        Self::fixable(problem, data_hint(error.kind(), folder))
    }

    /// A problem that a person can fix.
    pub(crate) fn fixable(problem: impl Into<String>, hint: impl Into<String>) -> Self {
        Self::Fixable { problem: problem.into(), hint: Some(hint.into()) }
    }

    /// What to do about it.
    pub fn hint(&self) -> &str {
        match self {
            Self::Fixable { hint: Some(hint), .. } => hint,
            Self::Fixable { hint: None, .. } => "`hob doctor` says what this machine lacks",
            Self::Refused(_) => "nothing was changed; put right what is named, then ask again",
            Self::Store(error) | Self::Commit(CommitError::Store(error)) => store_hint(error),
            Self::Commit(error) => commit_hint(error),
            Self::Task(_) => BUG_HINT,
            Self::Inconsistent(_) => {
                "see how far `hob ledger verify` gets; this is a bug of hob or a damaged data folder: report it \
                 with the command that shows it"
            }
        }
    }

    /// Whether waiting for space on the disk may mend it.
    pub(crate) fn is_full_disk(&self) -> bool {
        matches!(
            self,
            Self::Store(StoreError::StorageFull { .. })
                | Self::Commit(CommitError::Store(StoreError::StorageFull { .. }))
        )
    }
}

const fn store_hint(error: &StoreError) -> &'static str {
    match error {
        StoreError::StorageFull { .. } => {
            "free some space; nothing is lost, and `hob runs resume` goes on"
        }
        StoreError::Busy => "wait until the other hob has written, then ask again",
        StoreError::Corrupt { .. } => {
            "see how far `hob ledger verify` gets; restore the data folder from a backup, or name another one \
             with --data or HOB_DATA"
        }
        StoreError::TooNew { .. } => {
            "use the newer hob, or name another data folder with --data or HOB_DATA"
        }
        StoreError::Io { .. } => {
            "look at the space and the permissions of the data folder, or name another one with --data or HOB_DATA"
        }
        StoreError::Stopped { .. } => {
            "look at the disk that holds the data folder; then `hob runs resume` goes on"
        }
    }
}

const fn commit_hint(error: &CommitError) -> &'static str {
    match error {
        CommitError::StaleRevision { .. } => {
            "somebody else changed it meanwhile: look at it again, then ask again"
        }
        CommitError::StaleLease { .. } => {
            "another hob goes on with it: `hob runs list` shows where it is"
        }
        CommitError::Duplicate { .. } => "it was asked for already: `hob runs list` shows it",
        CommitError::Missing { .. } => {
            "`hob runs list` and `hob review list --all` show what there is"
        }
        CommitError::TooLarge { .. } => {
            "ask for less at once: shorter settings, or a smaller change"
        }
        CommitError::Store(error) => store_hint(error),
    }
}

impl From<crate::facts::FactsError> for HouseError {
    fn from(error: crate::facts::FactsError) -> Self {
        Self::Inconsistent(error.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::supervise::TaskFailed;

    /// Every error that a person can be told of. The matches of `hint` keep this list honest: they name
    /// every variant.
    fn all() -> Vec<HouseError> {
        let text = || "word".to_owned();
        let of_store = [
            StoreError::StorageFull { place: text() },
            StoreError::Busy,
            StoreError::Corrupt { place: text(), detail: text() },
            StoreError::TooNew { found: 2, known: 1 },
            StoreError::Io { place: text(), detail: text() },
            StoreError::Stopped { reason: text() },
        ];
        let of_commit = [
            CommitError::StaleRevision { what: "run", id: text(), expected: 1, found: 2 },
            CommitError::StaleLease { id: 1, token: 2 },
            CommitError::Duplicate { what: "run", existing: text() },
            CommitError::Missing { what: "run", id: text() },
            CommitError::TooLarge { what: "event", bytes: 2, max: 1 },
        ];
        let mut all = vec![
            HouseError::Fixable { problem: text(), hint: None },
            HouseError::fixable(text(), text()),
            HouseError::Refused(text()),
            HouseError::Task(TaskFailed { task: "drive", how: text() }),
            HouseError::Inconsistent(text()),
        ];
        all.extend(of_store.iter().cloned().map(|error| CommitError::from(error).into()));
        all.extend(of_store.into_iter().map(HouseError::from));
        all.extend(of_commit.into_iter().map(HouseError::from));
        all
    }

    #[test]
    fn every_error_says_what_to_do() {
        for error in all() {
            assert!(!error.hint().is_empty(), "{error:?}");
            let ours = matches!(error, HouseError::Task(_) | HouseError::Inconsistent(_));
            assert_eq!(error.hint().contains("report it"), ours, "{error:?}: {}", error.hint());
            assert_eq!(error.is_full_disk(), error.hint().contains("free some space"), "{error:?}");
        }
    }
}
