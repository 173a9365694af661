//! Fetches something that shall be kept, while those who want it read along.

use std::collections::HashMap;
use std::fs::File;
use std::io::Write as _;
use std::os::unix::fs::FileExt as _;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use futures_util::StreamExt as _;
use sha2::Digest as _;
use tokio::sync::watch;

use super::store::{Draft, Store};
use super::{Arrival, Found, Key, locked};
use crate::egress::body::Source;
use crate::egress::upstream::chain;

/// How much is read from a file at once.
const PIECE_BYTES: u64 = 64 * 1024;

/// How far a download is.
#[derive(Debug, Clone, Default)]
pub(crate) struct Progress {
    /// Bytes that can be read.
    pub(crate) bytes: u64,
    /// How it ended, once it has.
    pub(crate) end: Option<Result<(), String>>,
}

/// A download's place among those that others can join; it leaves it when dropped.
pub(super) struct Arriving {
    pub(super) map: Arc<Mutex<HashMap<Key, Found>>>,
    pub(super) key: Key,
    pub(super) progress: watch::Sender<Progress>,
}

impl Drop for Arriving {
    fn drop(&mut self) {
        locked(&self.map).remove(&self.key);
        self.progress.send_modify(|progress| {
            progress.end.get_or_insert_with(|| Err("the download was given up".into()));
        });
    }
}

/// Runs a download to its end.
pub(super) async fn run(store: Arc<Store>, draft: Draft, arrival: Arrival, arriving: Arriving) {
    let Arrival { key, meta, answer, deadline, slot } = arrival;
    let fetched =
        tokio::time::timeout_at(deadline, fetch(answer, meta.length, &draft.file, &arriving)).await;
    let end = match fetched.unwrap_or_else(|_| Err("the answer took too long".into())) {
        Ok(digest) => {
            let kept =
                tokio::task::spawn_blocking(move || store.keep(&key.0, draft, digest, meta)).await;
            if let Ok(Err(error)) = kept {
                tracing::warn!(%error, "an answer could not be kept");
            }
            Ok(())
        }
        Err(reason) => Err(reason),
    };
    arriving.progress.send_modify(|progress| progress.end = Some(end));
    drop((arriving, slot));
}

async fn fetch(
    answer: reqwest::Response,
    length: u64,
    file: &Arc<File>,
    arriving: &Arriving,
) -> Result<[u8; 32], String> {
    let mut pieces = answer.bytes_stream();
    let mut hasher = sha2::Sha256::new();
    let mut count = 0_u64;
    while let Some(piece) = pieces.next().await {
        let piece = piece.map_err(|error| chain(&error.without_url()))?;
        hasher.update(&piece);
        count = count.saturating_add(u64::try_from(piece.len()).unwrap_or(u64::MAX));
        if count > length {
            return Err("the answer is longer than it said".into());
        }
        let file = Arc::clone(file);
        tokio::task::spawn_blocking(move || (&*file).write_all(&piece))
            .await
            .map_err(|error| error.to_string())?
            .map_err(|error| format!("the host's cache could not be written: {error}"))?;
        arriving.progress.send_modify(|progress| progress.bytes = count);
    }
    if count != length {
        return Err("the answer is shorter than it said".into());
    }
    Ok(hasher.finalize().into())
}

impl Found {
    /// The bytes from `first` up to, not including, `end`, as they arrive.
    pub(crate) fn read(self, first: u64, end: u64) -> Source {
        futures_util::stream::unfold((self, first), move |(mut found, at)| async move {
            if at >= end {
                return None;
            }
            let piece = found.piece(at, end).await;
            let next = match &piece {
                Ok(bytes) => at + u64::try_from(bytes.len()).unwrap_or(u64::MAX),
                Err(_) => end,
            };
            Some((piece, (found, next)))
        })
        .boxed()
    }

    async fn piece(&mut self, at: u64, end: u64) -> Result<Bytes, String> {
        let available = {
            let seen =
                self.progress.wait_for(|progress| progress.bytes > at || progress.end.is_some());
            let seen = seen.await.map_err(|_| "the download was given up".to_owned())?;
            if seen.bytes <= at {
                let reason = seen.end.clone().and_then(Result::err);
                return Err(reason.unwrap_or_else(|| "the kept answer is too short".into()));
            }
            seen.bytes
        };
        let count = available.min(end).saturating_sub(at).min(PIECE_BYTES);
        let count = usize::try_from(count).unwrap_or(usize::MAX);
        let file = Arc::clone(&self.file);
        let read = move || {
            let mut piece = vec![0_u8; count];
            file.read_exact_at(&mut piece, at).map(|()| Bytes::from(piece))
        };
        tokio::task::spawn_blocking(read)
            .await
            .map_err(|error| error.to_string())?
            .map_err(|error| format!("the host's cache could not be read: {error}"))
    }
}
