//! Answers that never change, kept on the host for all machines: they read through it and never write it.
//!
//! What is kept was asked for by the host in its own words ([`super::fields::canonical`]), so no machine
//! has a say in it. Concurrent requests for one thing share one download: the first starts it, all read the file
//! as it grows. A finished file is named by its SHA-256 and is hashed again before it is served.

mod download;
mod range;
mod store;

use std::collections::HashMap;
use std::fs::File;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use domain::{Clock, Digest};
use http::HeaderMap;
use http::header::{self, HeaderValue};
use tokio::sync::{OwnedSemaphorePermit, watch};
use tokio::task::JoinSet;
use tokio::time::Instant;

pub(crate) use self::download::Progress;
pub(crate) use self::range::{Part, part};
use self::store::Store;
use super::target::Asked;
use crate::port::EgressRule;

/// What is kept besides the bytes.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub(crate) struct Meta {
    /// Bytes of the body.
    pub(crate) length: u64,
    content_type: Option<String>,
    etag: Option<String>,
    last_modified: Option<String>,
}

impl Meta {
    /// What an upstream's answer says of itself, where it is one that can be kept: whole, of known
    /// length, unencoded.
    pub(crate) fn of(status: http::StatusCode, headers: &HeaderMap) -> Option<Self> {
        let text = |name: header::HeaderName| {
            headers.get(name).and_then(|value| value.to_str().ok()).map(str::to_owned)
        };
        if status != http::StatusCode::OK || headers.contains_key(header::CONTENT_ENCODING) {
            return None;
        }
        Some(Self {
            length: text(header::CONTENT_LENGTH)?.parse().ok()?,
            content_type: text(header::CONTENT_TYPE),
            etag: text(header::ETAG),
            last_modified: text(header::LAST_MODIFIED),
        })
    }

    /// The header fields of an answer with this.
    pub(crate) fn headers(&self) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert(header::ACCEPT_RANGES, HeaderValue::from_static("bytes"));
        headers.insert(header::CONTENT_LENGTH, HeaderValue::from(self.length));
        let texts = [
            (header::CONTENT_TYPE, &self.content_type),
            (header::ETAG, &self.etag),
            (header::LAST_MODIFIED, &self.last_modified),
        ];
        for (name, text) in texts {
            if let Some(value) = text.as_ref().and_then(|text| text.parse().ok()) {
                headers.insert(name, value);
            }
        }
        headers
    }
}

/// Something that can be read, now or as it arrives.
#[derive(Debug, Clone)]
pub(crate) struct Found {
    pub(crate) meta: Meta,
    pub(crate) file: Arc<File>,
    pub(crate) progress: watch::Receiver<Progress>,
}

/// The name under which an answer is kept. A credential is part of it: what was fetched with one is found
/// only by those whose rule carries the same.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Key(String);

impl Key {
    pub(crate) fn new(asked: &Asked, rule: &EgressRule) -> Self {
        let scheme: &[u8] = if asked.plain { b"http" } else { b"https" };
        let authority = asked.authority.to_string();
        let secret = rule.authorization.as_ref().map_or("", |secret| secret.reveal());
        let parts = [scheme, authority.as_bytes(), asked.path.as_bytes(), secret.as_bytes()];
        Self(Digest::of_parts(parts).hex())
    }
}

/// A download that shall be kept.
pub(crate) struct Arrival {
    pub(crate) key: Key,
    pub(crate) meta: Meta,
    pub(crate) answer: reqwest::Response,
    pub(crate) deadline: Instant,
    pub(crate) slot: OwnedSemaphorePermit,
}

/// The cache of one process; several may share its folder.
#[derive(Debug)]
pub(crate) struct Cache {
    store: Arc<Store>,
    flights: Mutex<HashMap<Key, Arc<tokio::sync::Mutex<()>>>>,
    arriving: Arc<Mutex<HashMap<Key, Found>>>,
    tasks: Mutex<JoinSet<()>>,
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Cache {
    pub(crate) fn open(
        folder: PathBuf,
        max_bytes: u64,
        clock: Arc<dyn Clock>,
    ) -> std::io::Result<Self> {
        Ok(Self {
            store: Arc::new(Store::open(folder, max_bytes, clock)?),
            flights: Mutex::default(),
            arriving: Arc::default(),
            tasks: Mutex::default(),
        })
    }

    /// What everyone who asks for `key` takes turns with, until it is known whether it can be kept.
    pub(crate) fn flight(&self, key: &Key) -> Arc<tokio::sync::Mutex<()>> {
        let mut flights = locked(&self.flights);
        flights.retain(|_, flight| Arc::strong_count(flight) > 1);
        Arc::clone(flights.entry(key.clone()).or_default())
    }

    /// What is kept or arriving under `key`.
    pub(crate) async fn find(&self, key: &Key) -> Option<Found> {
        if let Some(found) = locked(&self.arriving).get(key) {
            return Some(found.clone());
        }
        let (store, name) = (Arc::clone(&self.store), key.0.clone());
        let kept = tokio::task::spawn_blocking(move || store.find(&name)).await.ok().flatten();
        let (meta, file) = kept?;
        let done = Progress { bytes: meta.length, end: Some(Ok(())) };
        Some(Found { meta, file: Arc::new(file), progress: watch::channel(done).1 })
    }

    /// Begins to keep an answer; `Err` gives it back where there is no room for it.
    pub(crate) async fn keep(&self, arrival: Arrival) -> Result<Found, Box<Arrival>> {
        let (store, length) = (Arc::clone(&self.store), arrival.meta.length);
        let begun = tokio::task::spawn_blocking(move || store.begin(length)).await.ok().flatten();
        let Some(draft) = begun else { return Err(Box::new(arrival)) };
        let (progress, seen) = watch::channel(Progress::default());
        let found =
            Found { meta: arrival.meta.clone(), file: Arc::clone(&draft.file), progress: seen };
        locked(&self.arriving).insert(arrival.key.clone(), found.clone());
        let left = download::Arriving {
            map: Arc::clone(&self.arriving),
            key: arrival.key.clone(),
            progress,
        };
        let store = Arc::clone(&self.store);
        let mut tasks = locked(&self.tasks);
        while tasks.try_join_next().is_some() {}
        tasks.spawn(download::run(store, draft, arrival, left));
        drop(tasks);
        Ok(found)
    }
}

#[cfg(test)]
mod tests;
