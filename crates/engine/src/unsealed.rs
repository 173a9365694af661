//! Whether this process has written entries that it has not seen sealed: a seal that failed, or that was stopped half-way,
//! leaves them to the next one.

use std::sync::atomic::{AtomicU64, Ordering};

/// Counts what was written, and how much of it was sealed.
#[derive(Debug, Default)]
pub(crate) struct Unsealed {
    written: AtomicU64,
    sealed: AtomicU64,
}

/// What was written before a seal began.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Before(u64);

impl Unsealed {
    /// Entries were written.
    pub(crate) fn wrote(&self) {
        self.written.fetch_add(1, Ordering::SeqCst);
    }

    /// Looked at before a seal begins: what is written while it goes on may not be in it.
    pub(crate) fn before(&self) -> Before {
        Before(self.written.load(Ordering::SeqCst))
    }

    /// The seal that began then has succeeded.
    pub(crate) fn sealed(&self, Before(written): Before) {
        self.sealed.fetch_max(written, Ordering::SeqCst);
    }

    /// Whether anything is left to be sealed.
    pub(crate) fn is_any(&self) -> bool {
        self.sealed.load(Ordering::SeqCst) < self.written.load(Ordering::SeqCst)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_seal_that_succeeded_covers_and_only_what_was_written_before_it_began() {
        let unsealed = Unsealed::default();
        assert!(!unsealed.is_any());
        unsealed.wrote();
        let begun = unsealed.before();
        assert!(unsealed.is_any(), "a seal that is under way, or was stopped, covers nothing");
        unsealed.wrote();
        unsealed.sealed(begun);
        assert!(unsealed.is_any(), "this was written since");
        let late = unsealed.before();
        unsealed.sealed(late);
        unsealed.sealed(begun);
        assert!(!unsealed.is_any(), "an older seal that ends late takes nothing back");
    }
}
