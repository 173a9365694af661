//! What one machine may carry over the network in all.

use std::sync::atomic::{AtomicU64, Ordering};

/// Counts the bytes of all bodies of one machine, in both directions.
#[derive(Debug)]
pub(crate) struct Total {
    bytes: AtomicU64,
    max: u64,
}

impl Total {
    pub(crate) const fn new(max: u64) -> Self {
        Self { bytes: AtomicU64::new(0), max }
    }

    /// Counts bytes; `false` when there are now more than the machine may carry.
    pub(crate) fn count(&self, bytes: impl TryInto<u64>) -> bool {
        let bytes = bytes.try_into().unwrap_or(u64::MAX);
        let add = |before: u64| Some(before.saturating_add(bytes));
        let before = self.bytes.fetch_update(Ordering::Relaxed, Ordering::Relaxed, add);
        before.unwrap_or_else(|before| before).saturating_add(bytes) <= self.max
    }

    /// Why nothing more may be asked, where that is so.
    pub(crate) fn spent(&self) -> Option<String> {
        (self.bytes.load(Ordering::Relaxed) >= self.max).then(|| self.reason())
    }

    /// The limit in words.
    pub(crate) fn reason(&self) -> String {
        format!("the machine's limit of {} bytes is reached", self.max)
    }
}

#[cfg(test)]
mod tests {
    use super::Total;

    #[test]
    fn the_last_byte_may_be_carried_and_no_more() {
        let total = Total::new(10);
        assert!(total.count(9_u64));
        assert_eq!(total.spent(), None);
        assert!(total.count(1_u64));
        assert_eq!(total.spent().unwrap(), "the machine's limit of 10 bytes is reached");
        assert!(!total.count(1_u64));
        assert!(!total.count(u64::MAX));
    }
}
