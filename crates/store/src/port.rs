//! The port: what every backend offers. No method reads a clock; `now` is given.

use async_trait::async_trait;
use domain::{Digest, EventId, MachineId, ProposalId, RunId, Timestamp};

use crate::error::{CommitError, Error};
use crate::queue::{Claim, QueueFilter};
use crate::record::event::EventRow;
use crate::record::{
    Checkpoint, JournalRow, LedgerRow, Machine, OutboxRow, Proposal, ProposalState, RunRow,
    StoredPayload,
};
use crate::transaction::{Committed, Transaction};

/// The most rows that one read gives back, however many are asked for; a `limit` of 0 asks for as many.
pub const READ_ROWS_MAX: usize = 10_000;

/// Where everything is kept. One instance serves many tasks; several processes may share what is behind it.
#[async_trait]
pub trait Store: Send + Sync + std::fmt::Debug {
    /// Writes everything or nothing. The answer comes when it would survive a power loss.
    async fn commit(&self, tx: Transaction) -> Result<Committed, CommitError>;

    /// Claims the row that has been due for longest: not leased, or its lease has run out. A row that is named by its
    /// number and its lease ([`QueueFilter::Row`]) is claimed whatever the time is.
    async fn claim(
        &self,
        worker: &str,
        now: Timestamp,
        lease_ms: u64,
        filter: QueueFilter,
    ) -> Result<Option<Claim>, Error>;

    /// Holds claims (row, token) for `lease_ms` from `now`. Gives back the rows that were lost: completed,
    /// or claimed by somebody else since.
    async fn renew(
        &self,
        worker: &str,
        claims: &[(u64, u64)],
        now: Timestamp,
        lease_ms: u64,
    ) -> Result<Vec<u64>, Error>;

    /// Gives a claim back in order, to be claimed again from `due` on; the claim is not counted.
    async fn release(&self, id: u64, token: u64, due: Timestamp) -> Result<(), CommitError>;

    /// Ends every lease of a worker that is dead. Its tokens are stale from here on. Gives back the rows.
    async fn expire_worker(&self, worker: &str, now: Timestamp) -> Result<Vec<u64>, Error>;

    /// Whether this token is still the row's newest and the row is not done: asked before a side effect.
    async fn holds(&self, id: u64, token: u64) -> Result<bool, Error>;

    /// When the next row can be claimed, if nothing else happens.
    async fn next_due(&self, filter: QueueFilter) -> Result<Option<Timestamp>, Error>;

    /// An event.
    async fn event(&self, id: EventId) -> Result<Option<EventRow>, Error>;

    /// Events, newest first.
    async fn events(&self, filter: EventFilter) -> Result<Vec<EventRow>, Error>;

    /// A run.
    async fn run(&self, id: RunId) -> Result<Option<RunRow>, Error>;

    /// Runs, newest first.
    async fn runs(&self, filter: RunFilter) -> Result<Vec<RunRow>, Error>;

    /// A run's journal after a number (0 before the first), oldest first, at most `limit`.
    async fn journal(&self, run: RunId, after: u64, limit: usize)
    -> Result<Vec<JournalRow>, Error>;

    /// A run's actions that wait or are under way, oldest first; at most [`READ_ROWS_MAX`], and a run asks for a
    /// handful.
    async fn outbox_of(&self, run: RunId) -> Result<Vec<OutboxRow>, Error>;

    /// The runs after this one with actions that wait or are under way, over or not; oldest first, at most `limit`.
    async fn runs_with_actions(
        &self,
        after: Option<RunId>,
        limit: usize,
    ) -> Result<Vec<RunId>, Error>;

    /// A proposal.
    async fn proposal(&self, id: ProposalId) -> Result<Option<Proposal>, Error>;

    /// Proposals, newest first.
    async fn proposals(&self, filter: ProposalFilter) -> Result<Vec<Proposal>, Error>;

    /// A machine, released or not.
    async fn machine(&self, id: MachineId) -> Result<Option<Machine>, Error>;

    /// A baseline.
    async fn baseline(&self, key: Digest) -> Result<Option<serde_json::Value>, Error>;

    /// Forgets the baselines that were written first, until at most `rows_max` are left that have at most
    /// `bytes_max` together. Gives back how many went.
    async fn trim_baselines(&self, rows_max: usize, bytes_max: u64) -> Result<u64, Error>;

    /// A payload.
    async fn payload(&self, digest: Digest) -> Result<Option<StoredPayload>, Error>;

    /// The digests of a run's payloads after this one, in their own order, at most `limit`.
    async fn payloads_of(
        &self,
        run: RunId,
        after: Option<Digest>,
        limit: usize,
    ) -> Result<Vec<Digest>, Error>;

    /// Erases payloads: bytes and salt are gone, the digests stay. Says how many were erased, and whether their bytes are
    /// gone from the disk too.
    async fn erase(&self, digests: &[Digest], now: Timestamp) -> Result<Erased, Error>;

    /// Whether nothing that was ever erased is on the disk any more.
    async fn is_cleared(&self) -> Result<bool, Error>;

    /// How many ledger entries there are.
    async fn ledger_size(&self) -> Result<u64, Error>;

    /// Ledger entries from an index on, in order, at most `limit`.
    async fn ledger_rows(&self, from: u64, limit: usize) -> Result<Vec<LedgerRow>, Error>;

    /// A run's ledger entries from an index on, in order, at most `limit`.
    async fn ledger_rows_of_run(
        &self,
        run: RunId,
        from: u64,
        limit: usize,
    ) -> Result<Vec<LedgerRow>, Error>;

    /// How many ledger entries a run has.
    async fn ledger_size_of_run(&self, run: RunId) -> Result<u64, Error>;

    /// Stored tree hashes, in the order of `indexes`; nothing where there is none.
    async fn ledger_hashes(&self, indexes: &[u64]) -> Result<Vec<Option<[u8; 32]>>, Error>;

    /// Where the stored tree hashes and the newest checkpoint end, seen at one instant.
    async fn ledger_hash_rows(&self) -> Result<HashRows, Error>;

    /// Appends tree hashes and the checkpoint over them, where the newest checkpoint still has size
    /// `expected_old_size` (0 where there is none); else `StaleRevision`.
    async fn seal(
        &self,
        expected_old_size: u64,
        new_hashes: Vec<[u8; 32]>,
        checkpoint: Checkpoint,
    ) -> Result<(), CommitError>;

    /// The signed checkpoints over at least `size` entries, oldest first, at most `limit`.
    async fn checkpoints(&self, size: u64, limit: usize) -> Result<Vec<Checkpoint>, Error>;

    /// The newest signed checkpoint, if there is one.
    async fn newest_checkpoint(&self) -> Result<Option<Checkpoint>, Error>;

    /// Reads everything and says what is wrong with it, by place; nothing where all is well.
    async fn check_integrity(&self) -> Result<Vec<Damage>, Error>;
}

/// What an erasure came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Erased {
    /// How many payloads were there to erase.
    pub payloads: u64,
    /// Whether the bytes of everything that was erased are gone from the disk. Where somebody still reads what was there
    /// before they are not: they go with the first request, of whatever process, that finds nobody reading.
    pub from_disk: bool,
}

/// Where the stored tree hashes and the newest checkpoint stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HashRows {
    /// The size of the newest checkpoint; 0 where there is none.
    pub sealed: u64,
    /// The index after the last hash.
    pub end: u64,
}

/// Something that is not as it was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Damage {
    /// Which file, table or row.
    pub place: String,
    /// What is wrong.
    pub detail: String,
}

/// Which events.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct EventFilter {
    /// Only those without an outcome.
    pub undecided: bool,
    /// Only those accepted before this one.
    pub before: Option<EventId>,
    /// At most so many; 0 means the most that one read gives back.
    pub limit: usize,
}

/// Which runs.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RunFilter {
    /// Only of this agent.
    pub agent: Option<String>,
    /// Only in this repository.
    pub repository: Option<String>,
    /// Only of this identity.
    pub identity: Option<String>,
    /// Only those that are not over.
    pub unfinished: bool,
    /// Only those with a smaller id: the last one of the page before.
    pub before: Option<RunId>,
    /// At most so many; 0 means the most that one read gives back.
    pub limit: usize,
}

/// Which proposals.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ProposalFilter {
    /// Only of this run.
    pub run: Option<RunId>,
    /// Only of this agent.
    pub agent: Option<String>,
    /// Only in this repository.
    pub repository: Option<String>,
    /// Only in these states; empty means all.
    pub states: Vec<ProposalState>,
    /// Only those with a smaller id: the last one of the page before.
    pub before: Option<ProposalId>,
    /// At most so many; 0 means the most that one read gives back.
    pub limit: usize,
}
