//! What is written together.

use domain::{Digest, EventId};

use crate::record::{
    Event, JournalEntry, Machine, NewLedgerRow, NewOutboxRow, OutcomeRow, Payload, Proposal, RunRow,
};

/// Everything that one decision changes: all of it is stored, or nothing.
///
/// Parts are written in the order of the fields. `revision` of a record in [`Write::Update`] is the one
/// that was read; afterwards the stored one is one higher.
#[derive(Debug, Clone, Default)]
pub struct Transaction {
    /// What must hold, else nothing is written.
    pub guards: Vec<Guard>,
    /// Events that were accepted.
    pub events: Vec<Event>,
    /// Runs.
    pub runs: Vec<Write<RunRow>>,
    /// What became of events.
    pub outcomes: Vec<OutcomeRow>,
    /// What was said to runs.
    pub journal: Vec<JournalEntry>,
    /// Claims that were done: outbox id and token. A stale token refuses the whole transaction.
    pub completed: Vec<(u64, u64)>,
    /// Actions that follow.
    pub outbox: Vec<NewOutboxRow>,
    /// Proposals.
    pub proposals: Vec<Write<Proposal>>,
    /// Machines, inserted or replaced.
    pub machines: Vec<Machine>,
    /// Baselines by the digest of what they depend on, inserted or replaced.
    pub baselines: Vec<(Digest, serde_json::Value)>,
    /// Content that ledger entries name.
    pub payloads: Vec<Payload>,
    /// Ledger entries.
    pub ledger: Vec<NewLedgerRow>,
}

/// How a record is written.
#[derive(Debug, Clone, PartialEq)]
pub enum Write<T> {
    /// It must not be there yet.
    Insert(T),
    /// It must be there, at the revision that the record carries.
    Update(T),
}

/// What must hold for a transaction, beyond its revisions and tokens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Guard {
    /// No run of this identity is unfinished; else the answer is `Duplicate` with that run. A run whose
    /// proposal waits for people does not count: the same work may be looked at again meanwhile.
    NoUnfinishedRun {
        /// What makes two runs the same work.
        identity: String,
    },
}

/// What a transaction was given by the store.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Committed {
    /// The events that were stored.
    pub events: Vec<EventId>,
    /// The new revisions of the written runs, in order.
    pub run_revisions: Vec<u64>,
    /// The numbers of the journal rows within their runs, in order.
    pub journal_seqs: Vec<u64>,
    /// The ids of the new outbox rows, in order.
    pub outbox_ids: Vec<u64>,
    /// The new revisions of the written proposals, in order.
    pub proposal_revisions: Vec<u64>,
    /// The indexes of the ledger entries, in order.
    pub ledger_indexes: Vec<u64>,
}
