//! The port, by the writer and the readers.

use async_trait::async_trait;
use domain::{Digest, EventId, MachineId, ProposalId, RunId, Timestamp};

use super::{Sqlite, append, baselines, integrity, queue, read, seal};
use crate::error::{CommitError, Error};
use crate::port::{Damage, Erased, EventFilter, HashRows, ProposalFilter, RunFilter, Store};
use crate::queue::{Claim, QueueFilter};
use crate::record::event::EventRow;
use crate::record::{
    Checkpoint, JournalRow, LedgerRow, Machine, OutboxRow, Proposal, RunRow, StoredPayload,
};
use crate::transaction::{Committed, Transaction};

/// For requests that cannot be refused.
fn only_fault(e: CommitError) -> Error {
    match e {
        CommitError::Store(e) => e,
        refused => Error::Corrupt { place: "queue".into(), detail: refused.to_string() },
    }
}

#[async_trait]
impl Store for Sqlite {
    async fn commit(&self, tx: Transaction) -> Result<Committed, CommitError> {
        self.writer.write(move |conn| append::append(conn, &tx)).await
    }

    async fn claim(
        &self,
        worker: &str,
        now: Timestamp,
        lease_ms: u64,
        filter: QueueFilter,
    ) -> Result<Option<Claim>, Error> {
        let worker = worker.to_owned();
        let work = move |conn: &_| queue::claim(conn, &worker, now, lease_ms, &filter);
        self.writer.write(work).await.map_err(only_fault)
    }

    async fn renew(
        &self,
        worker: &str,
        claims: &[(u64, u64)],
        now: Timestamp,
        lease_ms: u64,
    ) -> Result<Vec<u64>, Error> {
        let (worker, claims, until) =
            (worker.to_owned(), claims.to_vec(), now.plus_millis(lease_ms));
        let work = move |conn: &_| queue::renew(conn, &worker, &claims, until);
        self.writer.write(work).await.map_err(only_fault)
    }

    async fn release(&self, id: u64, token: u64, due: Timestamp) -> Result<(), CommitError> {
        self.writer.write(move |conn| queue::release(conn, id, token, due)).await
    }

    async fn expire_worker(&self, worker: &str, now: Timestamp) -> Result<Vec<u64>, Error> {
        let worker = worker.to_owned();
        let work = move |conn: &_| queue::expire_worker(conn, &worker, now);
        self.writer.write(work).await.map_err(only_fault)
    }

    async fn holds(&self, id: u64, token: u64) -> Result<bool, Error> {
        self.readers.read(move |conn| queue::holds(conn, id, token)).await
    }

    async fn next_due(&self, filter: QueueFilter) -> Result<Option<Timestamp>, Error> {
        self.readers.read(move |conn| queue::next_due(conn, &filter)).await
    }

    async fn event(&self, id: EventId) -> Result<Option<EventRow>, Error> {
        self.readers.read(move |conn| read::event(conn, id)).await
    }

    async fn events(&self, filter: EventFilter) -> Result<Vec<EventRow>, Error> {
        self.readers.read(move |conn| read::events(conn, &filter)).await
    }

    async fn run(&self, id: RunId) -> Result<Option<RunRow>, Error> {
        self.readers.read(move |conn| read::run(conn, id)).await
    }

    async fn runs(&self, filter: RunFilter) -> Result<Vec<RunRow>, Error> {
        self.readers.read(move |conn| read::runs(conn, &filter)).await
    }

    async fn journal(
        &self,
        run: RunId,
        after: u64,
        limit: usize,
    ) -> Result<Vec<JournalRow>, Error> {
        self.readers.read(move |conn| read::journal(conn, run, after, limit)).await
    }

    async fn outbox_of(&self, run: RunId) -> Result<Vec<OutboxRow>, Error> {
        self.readers.read(move |conn| read::outbox_of(conn, run)).await
    }

    async fn runs_with_actions(
        &self,
        after: Option<RunId>,
        limit: usize,
    ) -> Result<Vec<RunId>, Error> {
        self.readers.read(move |conn| read::runs_with_actions(conn, after, limit)).await
    }

    async fn proposal(&self, id: ProposalId) -> Result<Option<Proposal>, Error> {
        self.readers.read(move |conn| read::proposal(conn, id)).await
    }

    async fn proposals(&self, filter: ProposalFilter) -> Result<Vec<Proposal>, Error> {
        self.readers.read(move |conn| read::proposals(conn, &filter)).await
    }

    async fn machine(&self, id: MachineId) -> Result<Option<Machine>, Error> {
        self.readers.read(move |conn| read::machine(conn, id)).await
    }

    async fn baseline(&self, key: Digest) -> Result<Option<serde_json::Value>, Error> {
        self.readers.read(move |conn| read::baseline(conn, key)).await
    }

    async fn trim_baselines(&self, rows_max: usize, bytes_max: u64) -> Result<u64, Error> {
        let bounds = (rows_max, bytes_max);
        // Most of the time there is nothing to do, which takes no turn of the writer.
        if self.readers.read(move |conn| baselines::beyond(conn, bounds)).await?.is_none() {
            return Ok(0);
        }
        self.writer.write(move |conn| baselines::trim(conn, bounds)).await.map_err(only_fault)
    }

    async fn payload(&self, digest: Digest) -> Result<Option<StoredPayload>, Error> {
        self.readers.read(move |conn| read::payload(conn, digest)).await
    }

    async fn payloads_of(
        &self,
        run: RunId,
        after: Option<Digest>,
        limit: usize,
    ) -> Result<Vec<Digest>, Error> {
        self.readers.read(move |conn| read::payloads_of(conn, run, after, limit)).await
    }

    async fn erase(&self, digests: &[Digest], now: Timestamp) -> Result<Erased, Error> {
        let digests = digests.to_vec();
        let work = move |conn: &_| seal::erase(conn, &digests, now);
        let payloads = self.writer.erase(work).await.map_err(only_fault)?;
        Ok(Erased { payloads, from_disk: self.is_cleared().await? })
    }

    async fn is_cleared(&self) -> Result<bool, Error> {
        self.readers.read(read::is_cleared).await
    }

    async fn ledger_size(&self) -> Result<u64, Error> {
        self.readers.read(read::ledger_size).await
    }

    async fn ledger_rows(&self, from: u64, limit: usize) -> Result<Vec<LedgerRow>, Error> {
        self.readers.read(move |conn| read::ledger_rows(conn, from, limit)).await
    }

    async fn ledger_rows_of_run(
        &self,
        run: RunId,
        from: u64,
        limit: usize,
    ) -> Result<Vec<LedgerRow>, Error> {
        self.readers.read(move |conn| read::ledger_rows_of_run(conn, run, from, limit)).await
    }

    async fn ledger_size_of_run(&self, run: RunId) -> Result<u64, Error> {
        self.readers.read(move |conn| read::ledger_size_of_run(conn, run)).await
    }

    async fn ledger_hashes(&self, indexes: &[u64]) -> Result<Vec<Option<[u8; 32]>>, Error> {
        let indexes = indexes.to_vec();
        self.readers.read(move |conn| read::ledger_hashes(conn, &indexes)).await
    }

    async fn ledger_hash_rows(&self) -> Result<HashRows, Error> {
        self.readers.read(read::ledger_hash_rows).await
    }

    async fn seal(
        &self,
        expected_old_size: u64,
        new_hashes: Vec<[u8; 32]>,
        checkpoint: Checkpoint,
    ) -> Result<(), CommitError> {
        let work = move |conn: &_| seal::seal(conn, expected_old_size, &new_hashes, &checkpoint);
        self.writer.write(work).await
    }

    async fn checkpoints(&self, size: u64, limit: usize) -> Result<Vec<Checkpoint>, Error> {
        self.readers.read(move |conn| read::checkpoints(conn, size, limit)).await
    }

    async fn newest_checkpoint(&self) -> Result<Option<Checkpoint>, Error> {
        self.readers.read(read::newest_checkpoint).await
    }

    async fn check_integrity(&self) -> Result<Vec<Damage>, Error> {
        self.readers.read(integrity::check).await
    }
}
