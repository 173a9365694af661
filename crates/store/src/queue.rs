//! The words of the queue: the outbox under leases with fencing tokens.

use domain::{RunId, Timestamp};

use crate::record::OutboxRow;

/// Somebody's hold on an outbox row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lease {
    /// Who.
    pub worker: String,
    /// The newest token that was given out for the row; grows with every claim.
    pub token: u64,
    /// Until when nobody else may claim it.
    pub until: Timestamp,
}

/// An outbox row that was claimed.
#[derive(Debug, Clone, PartialEq)]
pub struct Claim {
    /// The action.
    pub row: OutboxRow,
    /// What completes, renews or releases it.
    pub token: u64,
}

/// Which rows a worker wants.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum QueueFilter {
    /// Any.
    #[default]
    All,
    /// Those of these runs.
    Runs(Vec<RunId>),
    /// Exactly this one, whenever it is due, as long as nobody has claimed or completed it since.
    Row {
        /// Its number.
        id: u64,
        /// The token of the lease that it is under; nothing where it is under none.
        token: Option<u64>,
    },
}
