//! The envelope that every record travels in.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

/// The largest record that is read or written, in bytes.
pub const RECORD_MAX_BYTES: usize = 16 * 1024 * 1024;

/// Why a stored text is no record.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RecordError {
    /// A newer hob wrote it.
    #[error("{kind} record has version {found}, this hob reads up to {known}")]
    TooNew {
        /// What kind of record.
        kind: &'static str,
        /// The version it carries.
        found: u32,
        /// The newest this program reads.
        known: u32,
    },
    /// It is larger than any record may be.
    #[error("{kind} record has {bytes} bytes, at most {RECORD_MAX_BYTES} are read")]
    TooLarge {
        /// What kind of record.
        kind: &'static str,
        /// Its size.
        bytes: usize,
    },
    /// It is not what that version looks like.
    #[error("{kind} record is malformed: {detail}")]
    Malformed {
        /// What kind of record.
        kind: &'static str,
        /// What is wrong, with line and column.
        detail: String,
    },
}

impl RecordError {
    /// What kind of record it was about.
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::TooNew { kind, .. }
            | Self::TooLarge { kind, .. }
            | Self::Malformed { kind, .. } => kind,
        }
    }
}

/// Something that is stored as a versioned JSON document.
pub trait Record: Serialize + DeserializeOwned {
    /// What it is called, as in `tests/records/vN/<kind>.json`.
    const KIND: &'static str;

    /// The version of the shape that is written now.
    const VERSION: u32;

    /// Reads the shape of an older version. Overridden by records that had one.
    ///
    /// # Errors
    /// Where no such version ever was.
    fn read_older(version: u32, data: &serde_json::value::RawValue) -> Result<Self, RecordError> {
        let _ = data;
        Err(RecordError::Malformed {
            kind: Self::KIND,
            detail: format!("there never was a version {version}"),
        })
    }

    /// The document.
    ///
    /// # Errors
    /// Where it would be larger than [`RECORD_MAX_BYTES`].
    fn to_json(&self) -> Result<String, RecordError> {
        let malformed = |e: serde_json::Error| RecordError::Malformed {
            kind: Self::KIND,
            detail: e.to_string(),
        };
        let text =
            serde_json::to_string(&Written { v: Self::VERSION, data: self }).map_err(malformed)?;
        if text.len() > RECORD_MAX_BYTES {
            return Err(RecordError::TooLarge { kind: Self::KIND, bytes: text.len() });
        }
        Ok(text)
    }

    /// Reads a document, of this version or an older one.
    ///
    /// # Errors
    /// Where it is newer, too large, or not of its version's shape.
    fn from_json(text: &str) -> Result<Self, RecordError> {
        let malformed = |e: serde_json::Error| RecordError::Malformed {
            kind: Self::KIND,
            detail: e.to_string(),
        };
        if text.len() > RECORD_MAX_BYTES {
            return Err(RecordError::TooLarge { kind: Self::KIND, bytes: text.len() });
        }
        let read: Read<'_> = serde_json::from_str(text).map_err(malformed)?;
        match read.v {
            v if v == Self::VERSION => serde_json::from_str(read.data.get()).map_err(malformed),
            v if v > Self::VERSION => {
                Err(RecordError::TooNew { kind: Self::KIND, found: v, known: Self::VERSION })
            }
            v => Self::read_older(v, read.data),
        }
    }
}

#[derive(Serialize)]
struct Written<'a, T> {
    v: u32,
    data: &'a T,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Read<'a> {
    v: u32,
    #[serde(borrow)]
    data: &'a serde_json::value::RawValue,
}
