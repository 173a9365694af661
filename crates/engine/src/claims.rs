//! Which action of a run may be performed now: the oldest that nobody holds and that waits for nothing.
//!
//! The wall clock may be set back or forward at any moment, so it does not say whether somebody still holds an action:
//! a lease that changes is held, and one that did not change for its whole length, counted by a clock that cannot be
//! set, has been given up. A process that is gone has given up everything (`reconcile::leases`). Pauses are counted by
//! the same clock, and none is longer than the longest that is ever asked for.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use domain::{Clock, RunId, Timestamp};
use runs::{Action, Step};
use store::queue::{Claim, QueueFilter};
use store::record::OutboxRow;

use crate::error::HouseError;
use crate::house::House;

/// How long a claim is held without a sign of life.
pub(crate) const LEASE_MS: u64 = 30_000;

/// How long to wait when somebody else is at work on the run.
const FOLLOW: Duration = Duration::from_millis(250);

/// How long a lease is remembered that nobody asks about, in lengths of a lease.
const REMEMBERED: u32 = 20;

/// What there is to do.
pub(crate) enum Next {
    /// This, which is ours now.
    Claimed(Box<Claim>),
    /// Nothing for so long: others are at it, or a pause lasts.
    Wait(Duration),
    /// Nothing at all.
    Nothing,
}

/// Time since this process began, on top of the wall clock as it was then: never goes back, never jumps.
#[derive(Debug)]
pub(crate) struct Steady {
    began: Timestamp,
    since: Instant,
}

impl Steady {
    /// Counts from now.
    pub(crate) fn new(clock: &dyn Clock) -> Self {
        Self { began: clock.now(), since: Instant::now() }
    }

    /// Now.
    pub(crate) fn now(&self) -> Timestamp {
        let passed = u64::try_from(self.since.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.began.plus_millis(passed)
    }
}

/// Leases as they were last seen, and since when they have been so.
#[derive(Debug, Default)]
pub(crate) struct Watched(Mutex<HashMap<u64, Seen>>);

#[derive(Debug)]
struct Seen {
    token: u64,
    until: Timestamp,
    since: Instant,
}

impl Watched {
    /// Whether somebody holds this action, this process included.
    fn is_held(&self, row: &OutboxRow, now: Instant) -> bool {
        let lease_max = Duration::from_millis(LEASE_MS);
        let mut seen = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(lease) = &row.lease else {
            seen.remove(&row.id);
            return false;
        };
        seen.retain(|_, seen| now.duration_since(seen.since) < lease_max * REMEMBERED);
        let fresh = Seen { token: lease.token, until: lease.until, since: now };
        let known = seen.entry(row.id).or_insert(fresh);
        if (known.token, known.until) != (lease.token, lease.until) {
            *known = Seen { token: lease.token, until: lease.until, since: now };
        }
        now.duration_since(known.since) < lease_max
    }
}

impl House {
    /// Claims the next action of a run.
    pub(crate) async fn claim_next(&self, run: RunId) -> Result<Next, HouseError> {
        let rows = self.store.outbox_of(run).await?;
        if rows.is_empty() {
            return Ok(Next::Nothing);
        }
        let mut wait = FOLLOW;
        for row in rows {
            if self.watched.is_held(&row, Instant::now()) {
                continue;
            }
            let pause = self.pause_left(&row);
            if !pause.is_zero() {
                wait = wait.min(pause);
                continue;
            }
            if self.is_for_another(&row) {
                continue;
            }
            let token = row.lease.as_ref().map(|lease| lease.token);
            let filter = QueueFilter::Row { id: row.id, token };
            let now = self.clock.now();
            if let Some(claim) = self.store.claim(self.worker.name(), now, LEASE_MS, filter).await?
            {
                return Ok(Next::Claimed(Box::new(claim)));
            }
        }
        Ok(Next::Wait(wait))
    }

    /// Whether an action works with a machine that another living process keeps: it can do nothing here.
    fn is_for_another(&self, row: &OutboxRow) -> bool {
        match crate::outbox::from_document(&row.new.body) {
            Ok(
                Action::Perform { step: Step::Export { machine }, .. }
                | Action::Release { machine },
            ) => self.is_kept_elsewhere(machine),
            _ => false,
        }
    }

    /// Whether somebody is at any action of a run, this process included.
    pub(crate) async fn is_held(&self, run: RunId) -> Result<bool, HouseError> {
        let rows = self.store.outbox_of(run).await?;
        let now = Instant::now();
        Ok(rows.iter().any(|row| self.watched.is_held(row, now) || self.is_for_another(row)))
    }

    /// How much of a pause is left before an action. Everything but the end of a pause is due at once.
    fn pause_left(&self, row: &OutboxRow) -> Duration {
        let Ok(Action::Wake { at, .. }) = crate::outbox::from_document(&row.new.body) else {
            return Duration::ZERO;
        };
        let left = at.millis_since(self.steady.now());
        // Nobody ever asks for a longer one: another process counted from another time.
        if left > self.settings.backoff_max_ms {
            Duration::ZERO
        } else {
            Duration::from_millis(left)
        }
    }
}

#[cfg(test)]
pub(crate) mod tests;
