//! One machine's way out, shared by all its connections.

use std::sync::Arc;

use tokio::sync::Semaphore;

use super::Gateway;
use super::entry::Entry;
use super::issuer::Issuer;
use super::policy::Policy;
use crate::port::EgressAudit;

/// What the connections of one machine share.
#[derive(Debug)]
pub(crate) struct Inner {
    pub(crate) gateway: Arc<Gateway>,
    pub(crate) policy: Policy,
    pub(crate) issuer: Issuer,
    pub(crate) audit: Arc<dyn EgressAudit>,
    /// Requests under way.
    pub(crate) requests: Arc<Semaphore>,
    /// Open connections.
    pub(crate) connections: Semaphore,
}

impl Inner {
    /// Begins the line of a request in the ledger.
    pub(crate) fn entry(&self, method: &str, host: &str, path: &str) -> Entry {
        Entry::new(&self.audit, method, host, path)
    }
}
