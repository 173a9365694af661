//! The egress proxy: the only way out of a machine, on the host end of its stream.
//!
//! A [`Gateway`] is made once a process; each machine gets a [`Door`] of its own, with a certificate
//! authority that only this machine trusts.

use std::path::PathBuf;
use std::sync::Arc;

use tokio::io::{AsyncRead, AsyncWrite};

use crate::port::{EgressAudit, NetworkPolicy, SandboxError};

/// What the gateway needs to know.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Where answers that never change are kept; machines read through it and never write it.
    pub cache_dir: PathBuf,
    /// The most bytes that are kept there.
    pub cache_max_bytes: u64,
}

/// Asks upstreams for all machines of this process, and keeps what never changes.
#[derive(Debug)]
pub struct Gateway {
    settings: Settings,
}

/// One machine's way out.
#[derive(Debug)]
pub struct Door {
    ca_certificate_pem: String,
}

impl Gateway {
    /// A gateway with the host's own trust anchors and proxies.
    pub fn new(settings: Settings) -> Result<Self, SandboxError> {
        Ok(Self { settings })
    }

    /// Opens a way out for one machine.
    pub fn open(
        self: &Arc<Self>,
        _policy: &NetworkPolicy,
        _audit: Arc<dyn EgressAudit>,
    ) -> Result<Door, SandboxError> {
        let _ = &self.settings;
        Ok(Door { ca_certificate_pem: String::new() })
    }
}

impl Door {
    /// The certificate that the machine has to trust, PEM.
    pub fn ca_certificate_pem(&self) -> &str {
        &self.ca_certificate_pem
    }

    /// Speaks HTTP proxy on one connection of the machine until it ends. Never fails: what goes wrong is
    /// answered to the machine and told to the audit.
    pub async fn serve<S>(&self, _connection: S)
    where
        S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
    {
    }
}
