//! The egress proxy: the only way out of a machine, on the host end of its stream.
//!
//! A [`Gateway`] is made once a process; each machine gets a [`Door`] of its own, with a certificate
//! authority that only this machine trusts. A request's way: `gate` and `head` refuse what has two
//! readings, `target` brings it into one spelling, `policy` finds the rule that allows it, `answer` asks
//! the upstream with the fields that may cross (`fields`), or the host's cache where the answer never changes
//! (`kept`, `cache`), and carries the answer back (`body`), and
//! `entry` puts it on record once.

mod answer;
mod body;
mod cache;
mod credential;
mod door;
mod entry;
mod fields;
mod gate;
mod head;
mod issuer;
mod kept;
mod policy;
mod serve;
mod target;
mod total;
mod upstream;

use std::path::PathBuf;
use std::sync::Arc;

use domain::Clock;
use domain::clock::SystemClock;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::Semaphore;

pub(crate) use self::upstream::{chain, client as host_client};
use crate::port::{EgressAudit, NetworkPolicy, SandboxError};

/// What the gateway needs to know.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Where answers that never change are kept; machines read through it and never write it.
    pub cache_dir: PathBuf,
    /// The most bytes that are kept there.
    pub cache_max_bytes: u64,
    /// Trust anchors besides the host's own, PEM; each text may hold several.
    pub extra_roots_pem: Vec<String>,
    /// What bounds each machine.
    pub limits: Limits,
    /// Dates the certificates.
    pub clock: Arc<dyn Clock>,
}

impl Settings {
    /// Settings with the usual limits and the host's trust anchors alone.
    pub fn new(cache_dir: PathBuf, cache_max_bytes: u64) -> Self {
        Self {
            cache_dir,
            cache_max_bytes,
            extra_roots_pem: Vec::new(),
            limits: Limits::default(),
            clock: Arc::new(SystemClock),
        }
    }
}

/// What bounds each machine's use of the network.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// Time to reach an upstream, in milliseconds.
    pub connect_ms: u64,
    /// Time without a byte, in either direction, in milliseconds.
    pub idle_ms: u64,
    /// Time for a whole answer, in milliseconds.
    pub whole_ms: u64,
    /// Requests of one machine that are under way at once; more wait.
    pub requests_max: usize,
    /// Requests of one machine in all, refused ones too; more are refused, and counted instead of recorded.
    pub requests_total_max: u64,
    /// Bytes of bodies of one machine in all, both ways, what is read from the host's cache too; the answer that reaches this
    /// is cut, and more requests are refused.
    pub bytes_total_max: u64,
    /// Connections of one machine that are open at once; more wait.
    pub connections_max: usize,
    /// The largest request head, in bytes.
    pub head_max_bytes: usize,
    /// The largest request body, in bytes.
    pub request_body_max_bytes: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connect_ms: 15_000,
            idle_ms: 60_000,
            whole_ms: 30 * 60_000,
            requests_max: 48,
            requests_total_max: 20_000,
            bytes_total_max: 16 * 1024 * 1024 * 1024,
            connections_max: 192,
            head_max_bytes: 32 * 1024,
            request_body_max_bytes: 1024 * 1024,
        }
    }
}

/// Asks upstreams for all machines of this process, and keeps what never changes.
#[derive(Debug)]
pub struct Gateway {
    settings: Settings,
    client: reqwest::Client,
    provider: Arc<rustls::crypto::CryptoProvider>,
    cache: cache::Cache,
}

/// One machine's way out.
#[derive(Debug)]
pub struct Door {
    inner: Arc<door::Inner>,
    ca_certificate_pem: String,
}

impl Gateway {
    /// A gateway with the host's own trust anchors and proxies.
    pub fn new(settings: Settings) -> Result<Self, SandboxError> {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let client = upstream::client(&settings.extra_roots_pem, &settings.limits)?;
        let (folder, clock) = (settings.cache_dir.clone(), Arc::clone(&settings.clock));
        let cache =
            cache::Cache::open(folder, settings.cache_max_bytes, clock).map_err(|source| {
                let action = format!("open the cache in `{}`", settings.cache_dir.display());
                SandboxError::Io { action, source }
            })?;
        Ok(Self { settings, client, provider, cache })
    }

    /// Opens a way out for one machine.
    pub fn open(
        self: &Arc<Self>,
        policy: &NetworkPolicy,
        audit: Arc<dyn EgressAudit>,
    ) -> Result<Door, SandboxError> {
        let policy = policy::Policy::compile(policy)?;
        let clock = Arc::clone(&self.settings.clock);
        let issuer = issuer::Issuer::new(policy.tls_hosts(), clock, Arc::clone(&self.provider))
            .map_err(|error| SandboxError::Launch(upstream::chain(&error)))?;
        let ca_certificate_pem = issuer.pem();
        let limits = &self.settings.limits;
        let inner = door::Inner {
            gateway: Arc::clone(self),
            policy,
            issuer,
            audit,
            requests: Arc::new(Semaphore::new(limits.requests_max)),
            connections: Semaphore::new(limits.connections_max),
            total: Arc::new(total::Total::new(limits.bytes_total_max)),
            asked: std::sync::atomic::AtomicU64::new(0),
        };
        Ok(Door { inner: Arc::new(inner), ca_certificate_pem })
    }
}

impl Door {
    /// The certificate that the machine has to trust, PEM.
    pub fn ca_certificate_pem(&self) -> &str {
        &self.ca_certificate_pem
    }

    /// Speaks HTTP proxy on one connection of the machine until it ends. Never fails: what goes wrong is
    /// answered to the machine and told to the audit.
    pub async fn serve<S>(&self, connection: S)
    where
        S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
    {
        serve::serve(&self.inner, connection).await;
    }
}

/// A path as the proxy spells it before rules are asked; `None` where it would be refused.
pub(crate) fn normalise(path: &str) -> Option<String> {
    target::normalise(path).ok()
}
