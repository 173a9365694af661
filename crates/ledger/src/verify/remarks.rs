//! What is unusual about entries and may be right all the same.

use domain::Timestamp;

use super::{BACKWARDS_MAX_MS, REMARKS_MAX, Remark};

/// Remarks as they come up.
#[derive(Debug, Default)]
pub(super) struct Remarks {
    latest: u64,
    pub(super) found: Vec<Remark>,
}

impl Remarks {
    /// The next entry says when it was written.
    pub(super) fn instant(&mut self, index: u64, at: Timestamp) {
        let at = at.as_millis();
        let by_ms = self.latest.saturating_sub(at);
        if by_ms <= BACKWARDS_MAX_MS {
            self.latest = self.latest.max(at);
            return;
        }
        // A clock that was set right is remarked on once: what follows goes on from there.
        self.latest = at;
        if self.found.len() < REMARKS_MAX {
            self.found.push(Remark::Backwards { index, by_ms });
        }
    }
}
