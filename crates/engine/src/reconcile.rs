//! Reconcilers: idempotent, without input, at the start and periodic. Restart and normal path are one code path.

mod leases;
mod ledger;
mod machines;
pub(crate) mod proposals;

use std::sync::Arc;
use std::time::Duration;

use crate::error::HouseError;
use crate::house::House;
use crate::supervise::{Task, spawn};

/// How often each is done.
const PERIOD: Duration = Duration::from_secs(15);

impl House {
    /// Does everything once; what one reconciler could not do holds no other up. What was written is sealed at the end.
    ///
    /// # Errors
    /// The first that there was.
    pub async fn reconcile(&self) -> Result<(), HouseError> {
        let buried = self.bury_the_dead().await;
        let reclaimed = self.reclaim_machines().await;
        let drained = self.drain_all().await;
        let followed = self.follow_proposals().await;
        let sealed = self.seal().await;
        let done = [buried, reclaimed, drained, followed, sealed];
        let mut failed = done.into_iter().filter_map(Result::err);
        let Some(first) = failed.next() else { return Ok(()) };
        for error in failed {
            tracing::warn!(error = crate::chain(&error), "reconciling waits for the next time");
        }
        Err(first)
    }

    /// Does everything again and again, until the house is left.
    pub fn reconcile_always(self: &Arc<Self>) -> Task<()> {
        let house = self.clone();
        spawn("reconcile", async move {
            let leave = house.leaving();
            loop {
                tokio::select! {
                    () = tokio::time::sleep(PERIOD) => {}
                    () = leave.cancelled() => return,
                }
                if let Err(error) = house.reconcile().await {
                    tracing::warn!(
                        error = crate::chain(&error),
                        "reconciling waits for the next time"
                    );
                }
            }
        })
    }
}
