//! What was asked of registries, counted by host: for the record of whoever had it asked. Bounded, however much it was.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

/// The most hosts that are counted each for itself.
pub const HOSTS_MAX: usize = 50;

/// What all hosts beyond [`HOSTS_MAX`] are counted under.
pub const OTHERS: &str = "others";

/// How often a host was asked, and what came of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize)]
pub struct Asked {
    /// Requests that were sent, each try counted; one that was redirected counts for the host that answered too.
    pub sent: u64,
    /// Questions for which nothing was sent: a kept answer was fresh enough, or somebody was asking the same.
    pub kept: u64,
    /// Questions that were not sent because they may not be: they would have left the registry.
    pub refused: u64,
    /// Questions that came to no answer: unreachable, turned away, not understood. A package that is not there is an answer.
    pub failed: u64,
}

/// Counts, shared by all who ask in one name.
#[derive(Debug, Default)]
pub(super) struct Tally(Mutex<BTreeMap<String, Asked>>);

impl Tally {
    /// Counts for a host.
    pub(super) fn count(&self, host: &str, add: impl FnOnce(&mut Asked)) {
        let mut hosts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let known = hosts.contains_key(host) || hosts.len() < HOSTS_MAX;
        add(hosts.entry(if known { host } else { OTHERS }.to_owned()).or_default());
    }

    /// Everything since the last time.
    pub(super) fn take(&self) -> BTreeMap<String, Asked> {
        std::mem::take(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_beyond_the_limit_are_counted_together() {
        let tally = Tally::default();
        for host in 0..HOSTS_MAX + 3 {
            tally.count(&format!("host-{host}.invalid"), |asked| asked.sent += 1);
        }
        let taken = tally.take();
        assert_eq!(taken.len(), HOSTS_MAX + 1);
        assert_eq!(taken[OTHERS].sent, 3);
        assert!(tally.take().is_empty(), "what was taken is counted once");
    }
}
