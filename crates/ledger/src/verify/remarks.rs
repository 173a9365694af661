//! What is unusual about entries and may be right all the same.

use domain::Timestamp;

use super::{BACKWARDS_MAX_MS, REMARKS_MAX, Remark, Seen};

/// Remarks as they come up.
#[derive(Debug, Default)]
pub(super) struct Remarks {
    latest: u64,
    found: Vec<Remark>,
}

impl Remarks {
    /// The next entry says when it was written.
    pub(super) fn instant(&mut self, index: u64, at: Timestamp) {
        let at = at.as_millis();
        let by_ms = self.latest.saturating_sub(at);
        if by_ms > BACKWARDS_MAX_MS && self.found.len() < REMARKS_MAX {
            self.found.push(Remark::Backwards { index, by_ms });
        }
        self.latest = self.latest.max(at);
    }

    /// All of them, also those about entries that are there twice.
    pub(super) fn finish(mut self, seen: &[Seen]) -> Vec<Remark> {
        let mut hashes: Vec<_> = seen.iter().map(|seen| (seen.hash, seen.index)).collect();
        hashes.sort_unstable();
        let copies = hashes.windows(2).filter(|pair| pair[0].0 == pair[1].0);
        let copies = copies.map(|pair| Remark::Duplicate { index: pair[1].1, earlier: pair[0].1 });
        self.found.extend(copies.take(REMARKS_MAX - self.found.len()));
        self.found
    }
}
