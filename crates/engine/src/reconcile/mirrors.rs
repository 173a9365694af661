//! Mirrors forget runs that are over: the commits of their attempts at once, their fences when nobody can come back.
//!
//! What an open proposal needs stays. Escalations that were written for people are small and theirs: they stay too.

use std::collections::BTreeSet;

use domain::{RunId, Timestamp};
use forge::mirror::Kept;
use store::port::ProposalFilter;

use crate::error::HouseError;
use crate::house::House;

/// How long the closed fence of a run is kept: a process that was stopped for longer is refused by the store alone. In
/// milliseconds: a week.
const FENCE_KEPT_MS: u64 = 7 * 86_400_000;

/// The most runs of one mirror that are forgotten at once, so that nobody waits long for the mirror.
const RUNS_MAX: usize = 200;

/// What could not be looked up of one run is looked up the next time.
fn or_not_yet(run: RunId, answer: Result<bool, HouseError>) -> bool {
    answer.unwrap_or_else(|error| {
        tracing::warn!(%run, error = crate::chain(&error), "a mirror keeps it for now");
        false
    })
}

impl House {
    /// Forgets what mirrors keep of runs that are over. A mirror that is in use is left for the next time.
    pub(crate) async fn forget_the_ended(&self) -> Result<(), HouseError> {
        let broken =
            |error: forge::mirror::MirrorError| HouseError::Inconsistent(crate::chain(&error));
        let now = self.clock.now();
        for Kept { folder, open, closed } in self.mirrors.kept().map_err(broken)? {
            let (mut close, mut bury) = (BTreeSet::new(), BTreeSet::new());
            for run in open {
                if close.len() < RUNS_MAX && or_not_yet(run, self.is_over_and_done(run).await) {
                    close.insert(run);
                }
            }
            for run in closed {
                if bury.len() < RUNS_MAX && or_not_yet(run, self.was_over_before(run, now).await) {
                    bury.insert(run);
                }
            }
            if close.is_empty() && bury.is_empty() {
                continue;
            }
            if let Err(error) = self.mirrors.forget(&folder, &close, &bury).await {
                let (folder, error) = (folder.display(), crate::chain(&error));
                tracing::warn!(%folder, error, "a mirror forgets the next time");
            }
        }
        Ok(())
    }

    /// Whether a run is over, asks for nothing more, and nobody can answer a proposal of it any more. Of one that the
    /// store does not know nothing is known.
    async fn is_over_and_done(&self, run: RunId) -> Result<bool, HouseError> {
        let Some(row) = self.store.run(run).await? else { return Ok(false) };
        if !row.run.state.is_ended() || !self.store.outbox_of(run).await?.is_empty() {
            return Ok(false);
        }
        let filter = ProposalFilter { run: Some(run), ..ProposalFilter::default() };
        for proposal in self.store.proposals(filter).await? {
            if proposal.state.is_open() || crate::intent::of(&proposal)?.is_some() {
                return Ok(false);
            }
        }
        Ok(true)
    }

    async fn was_over_before(&self, run: RunId, now: Timestamp) -> Result<bool, HouseError> {
        let row = self.store.run(run).await?;
        Ok(row.is_some_and(|row| {
            row.run.state.is_ended() && now.millis_since(row.updated) > FENCE_KEPT_MS
        }))
    }
}
