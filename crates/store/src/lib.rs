//! Keeps events, runs, outbox, leases, limits and ledger rows: one transaction each. SQLite and Postgres, one conformance suite.
//!
//! [`Store`] is the port and [`sqlite::Sqlite`] the embedded backend; [`conformance`] is what every
//! backend has to pass. All that belongs together is written by one [`Transaction`]: a run's state, its
//! journal, the actions that follow and the ledger entries are there together or not at all.
//!
//! What holds: an answer is given only for what would survive a power loss; an outbox row is completed
//! only by the newest token that was given out for it; ledger indexes have no gaps.

pub mod conformance;
pub mod error;
pub mod port;
pub mod queue;
pub mod record;
pub mod sqlite;
pub mod transaction;

pub use error::{CommitError, Error};
pub use port::Store;
pub use queue::{Claim, Lease, QueueFilter};
pub use transaction::{Committed, Guard, Transaction, Write};
