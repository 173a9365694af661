//! The writer thread: takes what waits, writes it together, answers, moves the log on.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicI32, Ordering};
use std::time::Duration;

use rusqlite::Connection;
use tokio::sync::mpsc;

use super::{Request, Standing};
use crate::error::Error;
use crate::sqlite::fault::{error_of, is_lost_write};
use crate::sqlite::open::Options;

/// After so many pages of log, committed pages are moved into the main file.
const CHECKPOINT_PAGES: i32 = 2_000;

/// What the writer thread owns.
pub(super) struct Batches {
    conn: Connection,
    place: PathBuf,
    /// How many pages the log had after the last commit.
    log_pages: Arc<AtomicI32>,
    /// Whether something was taken away that the log may still hold.
    log_to_clear: bool,
    /// How long a write waits for another process.
    busy: Duration,
    /// Why nothing is accepted any more.
    stopped: Option<String>,
    batch_max: usize,
}

impl Batches {
    pub(super) fn new(
        mut conn: Connection,
        place: &Path,
        options: &Options,
    ) -> Result<Self, Error> {
        let log_pages = Arc::new(AtomicI32::new(0));
        let seen = Arc::clone(&log_pages);
        // The hook takes the place of SQLite's own checkpointing, whose errors nobody would hear of.
        conn.wal_hook(Some(move |_: &mut rusqlite::hooks::Wal, pages| {
            seen.store(pages, Ordering::Relaxed);
            Ok(())
        }))
        .map_err(|e| error_of(&e, place))?;
        let mut batches = Self {
            conn,
            place: place.to_owned(),
            log_pages,
            log_to_clear: true,
            busy: Duration::from_millis(options.busy_ms),
            stopped: None,
            batch_max: options.batch_max.max(1),
        };
        // A process before this one may have erased while somebody read.
        batches.clear_log();
        Ok(batches)
    }

    /// Serves until every handle is gone and everything that waited is done.
    pub(super) fn run(mut self, mut incoming: mpsc::Receiver<Box<dyn Request>>) {
        while let Some(first) = incoming.blocking_recv() {
            let mut batch = vec![first];
            while batch.len() < self.batch_max {
                let Ok(next) = incoming.try_recv() else { break };
                batch.push(next);
            }
            self.serve(batch);
            self.checkpoint();
        }
    }

    fn serve(&mut self, mut batch: Vec<Box<dyn Request>>) {
        if self.stopped.is_some() {
            return self.refuse(batch);
        }
        let Err(e) = self.write(&mut batch) else {
            self.log_to_clear |= batch.iter().any(|request| request.clears_log());
            self.clear_log();
            return batch.into_iter().for_each(|request| request.answer(&self.place));
        };
        if is_lost_write(&e) {
            self.stop(&e);
            return self.refuse(batch);
        }
        let error = error_of(&e, &self.place);
        if batch.len() == 1 || matches!(error, Error::Busy) {
            return batch.into_iter().for_each(|request| request.fail(error.clone()));
        }
        for request in batch {
            self.serve(vec![request]);
        }
    }

    /// One transaction for all of them, flushed when it returns.
    fn write(&self, batch: &mut [Box<dyn Request>]) -> Result<(), rusqlite::Error> {
        self.conn.execute_batch("BEGIN IMMEDIATE")?;
        let written = self.write_each(batch).and_then(|()| self.conn.execute_batch("COMMIT"));
        if written.is_err() && !self.conn.is_autocommit() {
            self.conn.execute_batch("ROLLBACK")?;
        }
        written
    }

    fn write_each(&self, batch: &mut [Box<dyn Request>]) -> Result<(), rusqlite::Error> {
        for request in batch {
            self.conn.prepare_cached("SAVEPOINT request")?.execute([])?;
            if request.perform(&self.conn)? == Standing::Refused {
                self.conn.prepare_cached("ROLLBACK TO request")?.execute([])?;
            }
            self.conn.prepare_cached("RELEASE request")?.execute([])?;
        }
        Ok(())
    }

    /// Empties the log where it holds what was erased. Nobody is waited for: where a reader or another process still needs
    /// it, it is tried again after the next batch, and by every process that opens the store.
    fn clear_log(&mut self) {
        if !self.log_to_clear || self.stopped.is_some() {
            return;
        }
        match self.emptied() {
            Ok(emptied) => self.log_to_clear = !emptied,
            Err(e) if is_lost_write(&e) => self.stop(&e),
            Err(e) => {
                tracing::warn!(place = %self.place.display(), error = %e, "the log was not cleared");
            }
        }
    }

    /// Whether nothing that was erased is in the log any more.
    fn emptied(&self) -> Result<bool, rusqlite::Error> {
        // Read before the log is emptied: an erasure that comes since keeps its mark.
        let newest: Option<i64> = self
            .conn
            .prepare_cached("SELECT max(id) FROM erasures_in_log")?
            .query_row([], |row| row.get(0))?;
        let Some(newest) = newest else { return Ok(true) };
        self.conn.busy_timeout(Duration::ZERO)?;
        let busy = self.conn.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get(0));
        self.conn.busy_timeout(self.busy)?;
        if busy? {
            return Ok(false);
        }
        let mut forget = self.conn.prepare_cached("DELETE FROM erasures_in_log WHERE id <= ?1")?;
        forget.execute([newest])?;
        Ok(true)
    }

    fn checkpoint(&mut self) {
        if self.stopped.is_some() || self.log_pages.load(Ordering::Relaxed) < CHECKPOINT_PAGES {
            return;
        }
        let moved = self.conn.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |_| Ok(()));
        match moved {
            Ok(()) => {}
            Err(e) if is_lost_write(&e) => self.stop(&e),
            // The log keeps what could not be moved; the next commit tries again.
            Err(e) => {
                tracing::warn!(place = %self.place.display(), error = %e, "the log was not moved on");
            }
        }
    }

    /// A flush that failed must not be tried again: the kernel may have dropped the pages, and would say yes.
    fn stop(&mut self, e: &rusqlite::Error) {
        tracing::error!(place = %self.place.display(), error = %e, "the store stops accepting writes");
        self.stopped =
            Some(format!("{e}; the disk lost a write, look at it before hob is started again"));
    }

    fn refuse(&self, batch: Vec<Box<dyn Request>>) {
        let reason = self.stopped.clone().unwrap_or_default();
        batch
            .into_iter()
            .for_each(|request| request.fail(Error::Stopped { reason: reason.clone() }));
    }
}
