//! Counts the machines of which something is still on the host, so that a process can wait at its end until nothing is.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;

/// How many machines there is something left of.
#[derive(Debug)]
pub(crate) struct Presence(watch::Sender<usize>);

/// One of them; it counts until it is dropped.
#[derive(Debug)]
pub(crate) struct Present(Arc<Presence>);

impl Presence {
    /// None yet.
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self(watch::Sender::new(0)))
    }

    /// One more.
    pub(crate) fn enter(self: &Arc<Self>) -> Present {
        self.0.send_modify(|count| *count += 1);
        Present(Arc::clone(self))
    }

    /// Waits until none is left, at most so long; how many are.
    pub(crate) async fn gone(&self, max: Duration) -> usize {
        let mut seen = self.0.subscribe();
        match tokio::time::timeout(max, seen.wait_for(|count| *count == 0)).await {
            Ok(_) => 0,
            Err(_) => *self.0.borrow(),
        }
    }
}

impl Drop for Present {
    fn drop(&mut self) {
        self.0.0.send_modify(|count| *count -= 1);
    }
}
