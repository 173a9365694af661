//! Rows of the audit log as they are stored: entries, the hashes over them, signed checkpoints.

use domain::{RunId, Timestamp};

/// A ledger entry to be appended; its index is given by the transaction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewLedgerRow {
    /// The entry, in its canonical bytes.
    pub bytes: Vec<u8>,
    /// RFC 6962 hash of those bytes as a leaf.
    pub leaf_hash: [u8; 32],
    /// The run it is about.
    pub run: Option<RunId>,
}

/// A ledger entry as stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LedgerRow {
    /// Its place, from 0 without gaps.
    pub index: u64,
    /// What it says.
    pub entry: NewLedgerRow,
}

/// A signed statement of the log's root at one size.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checkpoint {
    /// How many entries it covers.
    pub size: u64,
    /// The root over them.
    pub root: [u8; 32],
    /// The signed note.
    pub note: String,
    /// When it was made.
    pub at: Timestamp,
}
