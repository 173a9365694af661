//! The one writer: many requests share one transaction and one flush.
//!
//! Each request runs under its own savepoint, so a refused one leaves the others standing. Nobody is
//! answered before COMMIT has returned. Where the shared transaction itself fails, each request is tried
//! once more alone, so that one that is too large for the disk does not take the others with it.

mod batch;

use std::path::Path;

use rusqlite::Connection;
use tokio::sync::{mpsc, oneshot};

use super::fault::Fault;
use super::open::Options;
use crate::error::{CommitError, Error};

/// A handle to the writer thread. The thread ends when the last handle is dropped.
#[derive(Debug)]
pub(super) struct Writer {
    requests: Option<mpsc::Sender<Box<dyn Request>>>,
    thread: Option<std::thread::JoinHandle<()>>,
}

/// A piece of work that may be run more than once until it is answered.
trait Request: Send {
    /// Does the work and keeps its result; an error is SQLite's own.
    fn perform(&mut self, conn: &Connection) -> Result<Standing, rusqlite::Error>;
    /// Answers with the result that was kept.
    fn answer(self: Box<Self>, place: &Path);
    /// Answers that it could not be done.
    fn fail(self: Box<Self>, e: Error);
    /// Whether what it took away must be gone from the log too.
    fn clears_log(&self) -> bool;
}

/// What became of a request within the shared transaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Standing {
    /// Its writes stand.
    Done,
    /// It was refused; its writes are to be undone.
    Refused,
}

struct Work<T, F> {
    work: F,
    clears_log: bool,
    result: Option<Result<T, Fault>>,
    reply: oneshot::Sender<Result<T, CommitError>>,
}

impl<T, F> Request for Work<T, F>
where
    T: Send,
    F: FnMut(&Connection) -> Result<T, Fault> + Send,
{
    fn perform(&mut self, conn: &Connection) -> Result<Standing, rusqlite::Error> {
        match (self.work)(conn) {
            Ok(value) => {
                self.result = Some(Ok(value));
                Ok(Standing::Done)
            }
            Err(Fault::Refused(e)) => {
                self.result = Some(Err(Fault::Refused(e)));
                Ok(Standing::Refused)
            }
            Err(Fault::Sqlite(e)) => Err(e),
        }
    }

    fn answer(self: Box<Self>, place: &Path) {
        let result = self.result.unwrap_or_else(|| {
            Err(Fault::Refused(CommitError::Store(Error::Stopped { reason: "no result".into() })))
        });
        // Whoever asked may have gone away; what was written stays written.
        let _gone = self.reply.send(result.map_err(|fault| fault.into_commit_error(place)));
    }

    fn fail(self: Box<Self>, e: Error) {
        let _gone = self.reply.send(Err(CommitError::Store(e)));
    }

    fn clears_log(&self) -> bool {
        self.clears_log
    }
}

impl Writer {
    /// Starts the thread.
    pub(super) fn start(conn: Connection, place: &Path, options: &Options) -> Result<Self, Error> {
        let (requests, incoming) = mpsc::channel(options.waiting_max.max(1));
        let batches = batch::Batches::new(conn, place, options)?;
        let thread = std::thread::Builder::new()
            .name("store-writer".into())
            .spawn(move || batches.run(incoming))
            .map_err(|e| Error::Io { place: place.display().to_string(), detail: e.to_string() })?;
        Ok(Self { requests: Some(requests), thread: Some(thread) })
    }

    /// Has `work` done in the next transaction. It may be run again where that transaction fails, so it
    /// must not keep anything between two runs.
    pub(super) async fn write<T, F>(&self, work: F) -> Result<T, CommitError>
    where
        T: Send + 'static,
        F: FnMut(&Connection) -> Result<T, Fault> + Send + 'static,
    {
        self.request(work, false).await
    }

    /// Like [`write`](Self::write), for what takes content away: before it is answered the log is emptied, unless somebody
    /// still reads what it holds. Then it is emptied later, by this process or the next.
    pub(super) async fn erase<T, F>(&self, work: F) -> Result<T, CommitError>
    where
        T: Send + 'static,
        F: FnMut(&Connection) -> Result<T, Fault> + Send + 'static,
    {
        self.request(work, true).await
    }

    async fn request<T, F>(&self, work: F, clears_log: bool) -> Result<T, CommitError>
    where
        T: Send + 'static,
        F: FnMut(&Connection) -> Result<T, Fault> + Send + 'static,
    {
        let stopped =
            || CommitError::Store(Error::Stopped { reason: "the writer has ended".into() });
        let (reply, answer) = oneshot::channel();
        let requests = self.requests.as_ref().ok_or_else(stopped)?;
        requests
            .send(Box::new(Work { work, clears_log, result: None, reply }))
            .await
            .map_err(|_closed| stopped())?;
        answer.await.map_err(|_closed| stopped())?
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        drop(self.requests.take());
        if let Some(thread) = self.thread.take() {
            // What was accepted is written before the store is gone.
            let _panicked = thread.join();
        }
    }
}
