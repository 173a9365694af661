//! What can go wrong with a store, told apart by what the caller can do about it.

use crate::record::RecordError;

/// Why the store could not do as it was asked, whatever it was asked.
#[derive(Debug, Clone, thiserror::Error)]
#[expect(clippy::error_impl_error, reason = "it is the crate's one error, said as `store::Error`")]
pub enum Error {
    /// The disk is full. Nothing that was acknowledged is lost; the same request may be made again.
    #[error("no space is left for the store in {place}; free some, then it continues by itself")]
    StorageFull {
        /// The data folder.
        place: String,
    },
    /// Somebody else held the write lock for longer than the waiting time.
    #[error("another process holds the store's write lock; the request may be made again")]
    Busy,
    /// What is stored is not what was written.
    #[error("the store is damaged at {place}: {detail}")]
    Corrupt {
        /// Which file, table or row.
        place: String,
        /// What was found.
        detail: String,
    },
    /// The store was written by a newer hob.
    #[error(
        "the store holds version {found}, this hob knows up to {known}; use the newer hob, or restore a backup"
    )]
    TooNew {
        /// What the store says.
        found: u32,
        /// The newest this program knows.
        known: u32,
    },
    /// The disk, or the operating system, failed.
    #[error("the store in {place} cannot be used: {detail}")]
    Io {
        /// Which file or folder.
        place: String,
        /// What the system said.
        detail: String,
    },
    /// The writer has stopped for good; only a new process, after a look at the disk, may go on.
    #[error("the store has stopped accepting writes: {reason}")]
    Stopped {
        /// What made it stop.
        reason: String,
    },
}

impl From<RecordError> for Error {
    fn from(e: RecordError) -> Self {
        match e {
            RecordError::TooNew { found, known, .. } => Self::TooNew { found, known },
            RecordError::TooLarge { .. } | RecordError::Malformed { .. } => {
                Self::Corrupt { place: e.kind().to_owned(), detail: e.to_string() }
            }
        }
    }
}

/// Why a transaction changed nothing. The first four are answers, not faults.
#[derive(Debug, Clone, thiserror::Error)]
pub enum CommitError {
    /// Somebody else changed the row since it was read: read it again and decide again.
    #[error("{what} {id} has revision {found}, not {expected}")]
    StaleRevision {
        /// What kind of row: `run`, `proposal`, `ledger`.
        what: &'static str,
        /// Which.
        id: String,
        /// The revision that was read.
        expected: u64,
        /// The revision it has now.
        found: u64,
    },
    /// The claim is no longer the newest: the action belongs to somebody else, or was completed.
    #[error("token {token} for outbox row {id} is stale")]
    StaleLease {
        /// The outbox row.
        id: u64,
        /// The token that was given.
        token: u64,
    },
    /// It is there already.
    #[error("{what} {existing} is already there")]
    Duplicate {
        /// What kind of row: `event`, `outcome`, `run`, `proposal`, `payload`.
        what: &'static str,
        /// The one that is there.
        existing: String,
    },
    /// It names something that is not there.
    #[error("there is no {what} {id}")]
    Missing {
        /// What kind of row.
        what: &'static str,
        /// Which.
        id: String,
    },
    /// A value is larger than the store keeps.
    #[error("{what} has {bytes} bytes, the store keeps at most {max}")]
    TooLarge {
        /// What it is.
        what: &'static str,
        /// Its size.
        bytes: usize,
        /// The limit.
        max: usize,
    },
    /// The store could not.
    #[error(transparent)]
    Store(#[from] Error),
}
