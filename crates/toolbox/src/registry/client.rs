//! The one caching HTTP client that every run asks registries through.
//!
//! An answer that is younger than [`Settings::fresh_ms`] counts without being asked for again; an older
//! one is asked for conditionally. Equal requests of one process share one exchange, processes share the
//! folder. A kept answer is never used *instead* of one that could not be had: what a registry said
//! yesterday says nothing about what is yanked today, and a report built on it would be a false green.

mod cache;
mod exchange;

use std::collections::{BTreeMap, HashMap};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use bytes::Bytes;
use domain::clock::SystemClock;
use domain::{Clock, Digest, Secret, Timestamp};
use reqwest::Url;
use tokio::sync::{OnceCell, Semaphore};
use tokio::time::Instant;

use self::cache::{Cache, Kept};
use self::exchange::{Exchange, Outcome, Request};
use super::tally::{Asked, Tally};
use super::{Endpoint, RegistryError, Settings};

/// How often a refused or failed request is made before it counts as unreachable.
pub const TRIES_MAX: u32 = 4;
/// The longest wait that a registry may ask for; one that wants more is unreachable for this run.
pub const RETRY_AFTER_MAX_MS: u64 = 20_000;
/// The longest wait between two tries that we choose ourselves.
const BACKOFF_MAX_MS: u64 = 8_000;
/// What a linked file is asked for as.
const ANYTHING: &str = "*/*";
/// The longest address that is asked for, in bytes.
const ADDRESS_MAX_BYTES: usize = 2_048;

/// An answer with status 200, as it was sent or kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fetched {
    /// The address that answered in the end, redirects followed; relative links start here.
    pub url: String,
    /// The `content-type` header.
    pub content_type: Option<String>,
    /// The body, decompressed.
    pub body: Bytes,
    /// When the registry last confirmed it.
    pub confirmed_at: Timestamp,
}

/// Why there can be no client at all.
#[derive(Debug, thiserror::Error)]
pub enum SetUpError {
    /// The cache folder cannot be used.
    #[error("the registry cache `{path}` cannot be used")]
    Cache {
        /// The folder.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// TLS or the host's proxy settings are not usable.
    #[error("no HTTP client can be made: {reason}")]
    Http {
        /// Why.
        reason: String,
    },
}

/// The client. Cheap to clone; all clones share cache, limits and flights.
#[derive(Debug, Clone)]
pub struct Client {
    shared: Arc<Shared>,
    tally: Arc<Tally>,
}

type Answer = Result<Arc<Fetched>, RegistryError>;

#[derive(Debug)]
struct Shared {
    settings: Settings,
    clock: Arc<dyn Clock>,
    cache: Cache,
    exchange: Exchange,
    permits: Semaphore,
    flights: Mutex<HashMap<Digest, Weak<OnceCell<Answer>>>>,
    /// Until when a host asked to be left alone.
    pauses: Mutex<HashMap<String, Instant>>,
    backoff_first_ms: u64,
}

impl Client {
    /// Opens the cache and reads the host's trust anchors and proxies.
    pub fn new(settings: Settings) -> Result<Self, SetUpError> {
        Self::with_clock(settings, Arc::new(SystemClock))
    }

    /// The same with a clock of the caller's.
    pub fn with_clock(settings: Settings, clock: Arc<dyn Clock>) -> Result<Self, SetUpError> {
        Self::with_backoff(settings, clock, 250)
    }

    fn with_backoff(
        settings: Settings,
        clock: Arc<dyn Clock>,
        backoff_first_ms: u64,
    ) -> Result<Self, SetUpError> {
        let cache = Cache::open(&settings.cache_dir)
            .map_err(|source| SetUpError::Cache { path: settings.cache_dir.clone(), source })?;
        let exchange = Exchange::new(settings.timeout_ms, settings.response_max_bytes)?;
        let permits = Semaphore::new(settings.concurrency_max.clamp(1, 1_000));
        Ok(Self {
            tally: Arc::default(),
            shared: Arc::new(Shared {
                settings,
                clock,
                cache,
                exchange,
                permits,
                flights: Mutex::default(),
                pauses: Mutex::default(),
                backoff_first_ms,
            }),
        })
    }

    /// The same client, counting anew what is asked through it and its clones.
    #[must_use]
    pub fn counting(&self) -> Self {
        Self { shared: Arc::clone(&self.shared), tally: Arc::default() }
    }

    /// What was asked of which host since this was last called, through this client and its clones.
    pub fn take_asked(&self) -> BTreeMap<String, Asked> {
        self.tally.take()
    }

    /// Asks for `path` below the endpoint's base; `package` is who is asked about, for errors.
    ///
    /// `path` is percent-encoded by the caller where a name needs it. What would leave the base
    /// (`..`, a query, a fragment) is refused as [`RegistryError::InvalidName`] before anything is sent.
    pub async fn get(
        &self,
        endpoint: &Endpoint,
        package: &str,
        path: &str,
        accept: &str,
    ) -> Result<Arc<Fetched>, RegistryError> {
        let url = address(endpoint, package, path).inspect_err(|_| self.refused(endpoint))?;
        self.ask(url, package, accept, endpoint.authorization.as_ref()).await
    }

    /// Asks for what an answer of the endpoint links to, wherever that is; the endpoint's credential goes to its own
    /// origin only.
    ///
    /// A link that is no address, none of http(s), or that leads from TLS to plain is [`RegistryError::Garbage`],
    /// before anything is sent.
    pub async fn follow(
        &self,
        endpoint: &Endpoint,
        package: &str,
        page: &Fetched,
        link: &str,
    ) -> Result<Arc<Fetched>, RegistryError> {
        let garbage = || {
            self.refused(endpoint);
            let reason = "it links to what is no address that may be followed".to_owned();
            RegistryError::Garbage { package: package.to_owned(), reason }
        };
        if link.len() > ADDRESS_MAX_BYTES {
            return Err(garbage());
        }
        let base = Url::parse(&page.url).map_err(|_| garbage())?;
        let mut url = base.join(link).map_err(|_| garbage())?;
        url.set_fragment(None);
        let is_named = url.username().is_empty() && url.password().is_none();
        if !is_named || !(url.scheme() == "https" || url.scheme() == base.scheme()) {
            return Err(garbage());
        }
        let own = Url::parse(&endpoint.base).is_ok_and(|own| own.origin() == url.origin());
        let credential = endpoint.authorization.as_ref().filter(|_| own);
        self.ask(url, package, ANYTHING, credential).await
    }

    fn refused(&self, endpoint: &Endpoint) {
        let base = Url::parse(&endpoint.base).ok();
        let host = base.as_ref().and_then(Url::host_str).unwrap_or_default();
        self.tally.count(host, |asked| asked.refused += 1);
    }

    async fn ask(
        &self,
        url: Url,
        package: &str,
        accept: &str,
        authorization: Option<&Secret>,
    ) -> Answer {
        let key = cache_key(&url, accept, authorization);
        let request = Request { url, accept, authorization };
        let flight = self.shared.flight(&key);
        let mut is_first = false;
        let answer = flight
            .get_or_init(|| {
                is_first = true;
                Box::pin(self.shared.answer((&key, &self.tally), package, &request))
            })
            .await
            .clone();
        let host = request.url.host_str().unwrap_or_default();
        if !is_first {
            self.tally.count(host, |asked| asked.kept += 1);
        }
        if !matches!(answer, Ok(_) | Err(RegistryError::NoSuchPackage { .. })) {
            self.tally.count(host, |asked| asked.failed += 1);
        }
        answer
    }
}

impl Shared {
    /// The exchange of this key that is under way, or a new one.
    fn flight(&self, key: &Digest) -> Arc<OnceCell<Answer>> {
        let mut flights = self.flights.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(flight) = flights.get(key).and_then(Weak::upgrade) {
            return flight;
        }
        flights.retain(|_, flight| flight.strong_count() > 0);
        let flight = Arc::new(OnceCell::new());
        flights.insert(*key, Arc::downgrade(&flight));
        flight
    }

    async fn answer(
        &self,
        (key, tally): (&Digest, &Tally),
        package: &str,
        request: &Request<'_>,
    ) -> Answer {
        let host = request.url.host_str().unwrap_or_default().to_owned();
        let kept = self.cache.load(key).await;
        if let Some(kept) = &kept
            && self.is_fresh(kept)
        {
            tally.count(&host, |asked| asked.kept += 1);
            return Ok(Arc::new(kept.fetched()));
        }
        let unreachable =
            |reason: String| RegistryError::Unreachable { package: package.to_owned(), reason };
        let mut last = String::new();
        for attempt in 0..TRIES_MAX {
            if attempt > 0 {
                tokio::time::sleep(self.backoff(attempt)).await;
            }
            self.wait_for(&host).await;
            let outcome = {
                let _permit = self.permits.acquire().await.expect("the semaphore is never closed");
                tally.count(&host, |asked| asked.sent += 1);
                self.exchange.run(request, kept.as_ref(), self.clock.now()).await
            };
            match outcome {
                Outcome::Answered(answered) => {
                    let from = Url::parse(&answered.meta.url).ok();
                    if let Some(other) =
                        from.as_ref().and_then(Url::host_str).filter(|other| *other != host)
                    {
                        tally.count(other, |asked| asked.sent += 1);
                    }
                    self.cache.store(key, &answered).await;
                    return Ok(Arc::new(answered.fetched()));
                }
                Outcome::Unchanged => {
                    let Some(mut kept) = kept else {
                        let reason = "it says that nothing changed, to a first question".to_owned();
                        return Err(RegistryError::Garbage { package: package.to_owned(), reason });
                    };
                    kept.meta.confirmed_at = self.clock.now();
                    self.cache.confirm(key, &kept.meta).await;
                    return Ok(Arc::new(kept.fetched()));
                }
                Outcome::Missing => {
                    self.cache.forget(key).await;
                    return Err(RegistryError::NoSuchPackage { package: package.to_owned() });
                }
                Outcome::Garbage(reason) => {
                    return Err(RegistryError::Garbage { package: package.to_owned(), reason });
                }
                Outcome::Refused(reason) => return Err(unreachable(reason)),
                Outcome::Later { reason, wait_ms } => {
                    if wait_ms > RETRY_AFTER_MAX_MS {
                        let seconds = wait_ms / 1_000;
                        return Err(unreachable(format!("{reason}; it asks to wait {seconds} s")));
                    }
                    self.pause(&host, wait_ms);
                    last = reason;
                }
            }
        }
        Err(unreachable(format!("{last}, {TRIES_MAX} times")))
    }

    /// Whether a kept answer counts as it is. One from the future does not: the clock jumped.
    fn is_fresh(&self, kept: &Kept) -> bool {
        let now = self.clock.now();
        kept.meta.confirmed_at <= now
            && now.millis_since(kept.meta.confirmed_at) < self.settings.fresh_ms
    }

    /// Doubles with each try and is spread by half, so that many askers do not come back at once.
    fn backoff(&self, attempt: u32) -> Duration {
        let doubled = self.backoff_first_ms.saturating_mul(1 << (attempt - 1).min(16));
        let full = doubled.min(BACKOFF_MAX_MS);
        let mut random = [0u8; 2];
        self.clock.fill_random(&mut random);
        let spread = full / 2 * u64::from(u16::from_le_bytes(random)) / u64::from(u16::MAX);
        Duration::from_millis(full / 2 + spread)
    }

    /// Leaves a host alone for a while, for everybody who asks it.
    fn pause(&self, host: &str, wait_ms: u64) {
        if wait_ms == 0 {
            return;
        }
        let until = Instant::now() + Duration::from_millis(wait_ms);
        let mut pauses = self.pauses.lock().unwrap_or_else(PoisonError::into_inner);
        let entry = pauses.entry(host.to_owned()).or_insert(until);
        *entry = (*entry).max(until);
    }

    async fn wait_for(&self, host: &str) {
        let until = {
            let pauses = self.pauses.lock().unwrap_or_else(PoisonError::into_inner);
            pauses.get(host).copied()
        };
        if let Some(until) = until {
            tokio::time::sleep_until(until).await;
        }
    }
}

/// The address to ask, which lies below the endpoint's base.
fn address(endpoint: &Endpoint, package: &str, path: &str) -> Result<Url, RegistryError> {
    let invalid = || {
        let shown: String = package.escape_debug().take(200).collect();
        RegistryError::InvalidName { package: shown }
    };
    let strange = |byte: u8| byte <= b' ' || byte >= 0x7f || b"\\?#\"<>^`{|}".contains(&byte);
    let dotted = |part: &str| {
        let part = part.to_ascii_lowercase().replace("%2e", ".");
        part.is_empty() || part == "." || part == ".."
    };
    // A trailing slash is part of some protocols (python's simple index), an empty part is not.
    let parts = path.strip_suffix('/').unwrap_or(path);
    if path.bytes().any(strange) || parts.split('/').any(dotted) {
        return Err(invalid());
    }
    let text = format!("{}/{path}", endpoint.base.trim_end_matches('/'));
    if text.len() > ADDRESS_MAX_BYTES {
        return Err(invalid());
    }
    let url = Url::parse(&text).ok().filter(|url| matches!(url.scheme(), "http" | "https"));
    url.ok_or_else(|| RegistryError::Unreachable {
        package: package.to_owned(),
        reason: format!("the configured {} registry is no http(s) address", endpoint.ecosystem),
    })
}

/// Two askers share an answer only where they send the same: address, accepted types and credential.
fn cache_key(url: &Url, accept: &str, authorization: Option<&Secret>) -> Digest {
    let credential = authorization.map_or("", |secret| secret.reveal());
    Digest::of_parts([url.as_str().as_bytes(), accept.as_bytes(), credential.as_bytes()])
}

#[cfg(test)]
mod tests;
