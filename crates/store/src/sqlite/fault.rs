//! What SQLite's own errors mean for the caller.

use std::path::Path;

use rusqlite::ffi;

use crate::error::{CommitError, Error};

/// A failure inside a piece of work on the database.
#[derive(Debug)]
pub(super) enum Fault {
    /// SQLite's.
    Sqlite(rusqlite::Error),
    /// Ours: a refusal, or a record that cannot be read.
    Refused(CommitError),
}

impl From<rusqlite::Error> for Fault {
    fn from(e: rusqlite::Error) -> Self {
        Self::Sqlite(e)
    }
}

impl From<CommitError> for Fault {
    fn from(e: CommitError) -> Self {
        Self::Refused(e)
    }
}

impl From<Error> for Fault {
    fn from(e: Error) -> Self {
        Self::Refused(CommitError::Store(e))
    }
}

impl From<crate::record::RecordError> for Fault {
    fn from(e: crate::record::RecordError) -> Self {
        Self::Refused(CommitError::Store(e.into()))
    }
}

impl Fault {
    /// What the caller is told.
    pub(super) fn into_commit_error(self, place: &Path) -> CommitError {
        match self {
            Self::Refused(e) => e,
            Self::Sqlite(e) => CommitError::Store(error_of(&e, place)),
        }
    }
}

/// Whether the device may have lost pages that we believe written: nothing may be written after it.
pub(super) fn is_lost_write(e: &rusqlite::Error) -> bool {
    matches!(
        e.sqlite_error().map(|e| e.extended_code),
        Some(
            ffi::SQLITE_IOERR_FSYNC
                | ffi::SQLITE_IOERR_DIR_FSYNC
                | ffi::SQLITE_IOERR_WRITE
                | ffi::SQLITE_IOERR_TRUNCATE
                | ffi::SQLITE_IOERR_CLOSE
        )
    )
}

/// An error of SQLite in the words of the port.
pub(super) fn error_of(e: &rusqlite::Error, place: &Path) -> Error {
    let place = place.display().to_string();
    let Some(code) = e.sqlite_error() else {
        return Error::Corrupt { place, detail: e.to_string() };
    };
    if code.extended_code == ffi::SQLITE_IOERR_SHMSIZE {
        // The shared-memory index could not be grown, which is what a full disk looks like there.
        return Error::StorageFull { place };
    }
    match code.code {
        rusqlite::ErrorCode::DiskFull => Error::StorageFull { place },
        rusqlite::ErrorCode::DatabaseBusy | rusqlite::ErrorCode::DatabaseLocked => Error::Busy,
        rusqlite::ErrorCode::DatabaseCorrupt
        | rusqlite::ErrorCode::NotADatabase
        | rusqlite::ErrorCode::TypeMismatch
        | rusqlite::ErrorCode::ConstraintViolation => {
            Error::Corrupt { place, detail: e.to_string() }
        }
        _ => Error::Io { place, detail: e.to_string() },
    }
}
