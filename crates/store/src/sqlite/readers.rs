//! The pool of read-only connections.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use rusqlite::{Connection, TransactionBehavior};
use tokio::sync::Semaphore;

use super::fault::Fault;
use crate::error::{CommitError, Error};

/// Connections that are not in use, and as many permits as there are connections.
#[derive(Debug)]
pub(super) struct Readers {
    idle: Arc<Mutex<Vec<Connection>>>,
    permits: Arc<Semaphore>,
    place: PathBuf,
}

impl Readers {
    pub(super) fn new(connections: Vec<Connection>, place: &Path) -> Self {
        Self {
            permits: Arc::new(Semaphore::new(connections.len())),
            idle: Arc::new(Mutex::new(connections)),
            place: place.to_owned(),
        }
    }

    /// Runs `work` on one connection, in one snapshot, off the async threads.
    pub(super) async fn read<T, F>(&self, work: F) -> Result<T, Error>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> Result<T, Fault> + Send + 'static,
    {
        let stopped = |reason: String| Error::Stopped { reason };
        let permit =
            Arc::clone(&self.permits).acquire_owned().await.map_err(|e| stopped(e.to_string()))?;
        let idle = Arc::clone(&self.idle);
        let place = self.place.clone();
        let done = tokio::task::spawn_blocking(move || {
            let _permit = permit;
            let taken = idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
            let Some(mut conn) = taken else {
                return Err(stopped("a reader was lost".into()));
            };
            let result = snapshot(&mut conn, work);
            idle.lock().unwrap_or_else(PoisonError::into_inner).push(conn);
            result.map_err(|fault| match fault.into_commit_error(&place) {
                CommitError::Store(e) => e,
                other => {
                    Error::Corrupt { place: place.display().to_string(), detail: other.to_string() }
                }
            })
        });
        done.await.map_err(|e| stopped(e.to_string()))?
    }
}

fn snapshot<T>(
    conn: &mut Connection,
    work: impl FnOnce(&Connection) -> Result<T, Fault>,
) -> Result<T, Fault> {
    let tx = conn.transaction_with_behavior(TransactionBehavior::Deferred)?;
    let value = work(&tx)?;
    tx.finish()?;
    Ok(value)
}
