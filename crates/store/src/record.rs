//! What is stored, as types of the store's own: every record carries the version of its shape.
//!
//! A record is one JSON document, `{"v": 1, "data": {...}}`, read strictly: an unknown field, a missing
//! one or a newer version is an error that names the record. A shape that was ever released stays
//! readable; `tests/records` holds one of each and a test loads them all.

pub mod event;
pub mod ledger;
pub mod machine;
pub mod payload;
pub mod proposal;
pub mod run;
pub mod versioned;

pub use event::{Event, EventOutcome, OutcomeRow};
pub use ledger::{Checkpoint, LedgerRow, NewLedgerRow};
pub use machine::{Machine, MachineState};
pub use payload::{Payload, StoredPayload};
pub use proposal::{Approval, Proposal, ProposalState};
pub use run::{
    AgentVersion, Ending, Failure, FailureClass, Gate, JournalEntry, JournalRow, Limits,
    NewOutboxRow, OutboxRow, Run, RunRow, RunState, Step,
};
pub use versioned::{Record, RecordError};
