//! Reconcilers: idempotent, without input, signalled and periodic. Restart, missed signal and normal
//! path are one code path.

mod leases;
mod ledger;
mod machines;
pub(crate) mod proposals;

use std::sync::Arc;
use std::time::Duration;

use crate::error::HouseError;
use crate::house::House;
use crate::supervise::{Task, spawn};

/// How often each is done without a signal.
const PERIOD: Duration = Duration::from_secs(15);

impl House {
    /// Does everything once.
    pub async fn reconcile(&self) -> Result<(), HouseError> {
        let cleared = self.clear_what_is_left().await;
        // What was written is sealed, whatever else could not be done.
        let sealed = self.seal().await;
        cleared.and(sealed)
    }

    async fn clear_what_is_left(&self) -> Result<(), HouseError> {
        self.bury_the_dead().await?;
        self.reclaim_machines().await?;
        self.drain_all().await?;
        self.follow_proposals().await
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
