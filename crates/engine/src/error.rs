//! What can go wrong at the one door, told apart by what a person can do about it.

use store::error::{CommitError, Error as StoreError};

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

    /// What to do about it, where that is known.
    pub fn hint(&self) -> Option<&str> {
        match self {
            Self::Fixable { hint, .. } => hint.as_deref(),
            Self::Store(StoreError::StorageFull { .. })
            | Self::Commit(CommitError::Store(StoreError::StorageFull { .. })) => {
                Some("free some space; nothing is lost, and `hob runs resume` goes on")
            }
            Self::Refused(_)
            | Self::Store(_)
            | Self::Commit(_)
            | Self::Task(_)
            | Self::Inconsistent(_) => None,
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

impl From<crate::facts::FactsError> for HouseError {
    fn from(error: crate::facts::FactsError) -> Self {
        Self::Inconsistent(error.to_string())
    }
}
