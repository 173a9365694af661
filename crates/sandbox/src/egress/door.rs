//! One machine's way out, shared by all its connections.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::sync::Semaphore;

use super::Gateway;
use super::entry::{Entry, Line};
use super::issuer::Issuer;
use super::policy::Policy;
use super::total::Total;
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
    /// Bytes of bodies that were carried.
    pub(crate) total: Arc<Total>,
    /// Lines that were begun, refused ones too.
    pub(crate) asked: AtomicU64,
}

impl Inner {
    /// Begins the line of a request in the ledger. What comes after the machine's last request is only counted.
    pub(crate) fn entry(&self, line: &Line<'_>) -> Entry {
        let asked = self.asked.fetch_add(1, Ordering::Relaxed);
        let max = self.gateway.settings.limits.requests_total_max;
        let entry = Entry::new(&self.audit, line);
        if asked < max {
            return entry;
        }
        entry.beyond(format!("the machine's limit of {max} requests is reached"), asked == max)
    }

    /// Ends a line that was no request after all.
    pub(crate) fn forget(&self, entry: Entry) {
        // One beyond the limit stays counted: the count is what is told of it.
        if entry.spent().is_none() {
            self.asked.fetch_sub(1, Ordering::Relaxed);
        }
        entry.forget();
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        let max = self.gateway.settings.limits.requests_total_max;
        let more = self.asked.load(Ordering::Relaxed).saturating_sub(max + 1);
        if more > 0 {
            let line = Line { method: "?", host: "", port: 0, target: "", query: None };
            let reason =
                format!("{more} more requests after the machine's limit of {max} was reached");
            Entry::new(&self.audit, &line).refuse(&reason);
        }
    }
}
