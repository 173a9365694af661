//! Reconcilers: idempotent, without input; at the start, periodic, and signalled. Restart, a signal that was lost and the
//! normal path are one code path.

mod baselines;
mod leases;
mod ledger;
mod machines;
mod mirrors;
pub(crate) mod proposals;
pub(crate) mod signals;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, Interval, MissedTickBehavior};

use crate::error::HouseError;
use crate::house::House;
use crate::supervise::{Task, spawn};
use signals::Reconciler;

/// How often each is done, whether it was signalled or not.
const PERIOD: Duration = Duration::from_secs(15);

impl House {
    /// Does everything once; what one reconciler could not do holds no other up. What was written is sealed at the end.
    ///
    /// # Errors
    /// The first that there was.
    pub async fn reconcile(&self) -> Result<(), HouseError> {
        self.reconcile_these(&Reconciler::ALL.into()).await
    }

    /// Does everything again and again, and at once what somebody gave a signal for, until the house is left.
    pub fn reconcile_always(self: &Arc<Self>) -> Task<()> {
        let house = self.clone();
        spawn("reconcile", async move {
            let mut period = period();
            while house.reconcile_next(&mut period).await.is_some() {}
        })
    }

    /// Waits for signals, or until the period is over, and does what is to be done then. Says whose turn it was; nothing
    /// where the house is left.
    async fn reconcile_next(&self, period: &mut Interval) -> Option<BTreeSet<Reconciler>> {
        let leave = self.leaving();
        let these = tokio::select! {
            () = leave.cancelled() => return None,
            given = self.signals.heard() => given,
            _ = period.tick() => {
                self.signals.take();
                Reconciler::ALL.into()
            }
        };
        if let Err(error) = self.reconcile_these(&these).await {
            tracing::warn!(error = crate::chain(&error), "reconciling waits for the next time");
        }
        Some(these)
    }

    async fn reconcile_these(&self, these: &BTreeSet<Reconciler>) -> Result<(), HouseError> {
        let mut first = None;
        for reconciler in these {
            let done = match reconciler {
                Reconciler::Leases => self.bury_the_dead().await,
                Reconciler::Machines => self.reclaim_machines().await,
                Reconciler::Ends => self.drain_all().await,
                Reconciler::Proposals => self.follow_proposals().await,
                Reconciler::Mirrors => self.forget_the_ended().await,
                Reconciler::Baselines => self.trim_baselines().await,
                Reconciler::Stuck => self.look_for_the_stuck().await,
                Reconciler::Ledger => self.seal().await,
            };
            match done {
                Err(error) if first.is_none() => first = Some(error),
                Err(error) => {
                    let error = crate::chain(&error);
                    tracing::warn!(error, "reconciling waits for the next time");
                }
                Ok(()) => {}
            }
        }
        first.map_or(Ok(()), Err)
    }
}

/// The period, from now on.
fn period() -> Interval {
    let mut period = tokio::time::interval_at(Instant::now() + PERIOD, PERIOD);
    period.set_missed_tick_behavior(MissedTickBehavior::Delay);
    period
}

#[cfg(test)]
mod tests;
