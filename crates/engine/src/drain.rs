//! What a run that is over, or told to stop, still asks for is done by whoever comes by, unless somebody is at it.
//!
//! Nothing there needs a machine: branches are taken back, machines of dead processes are let go, and a step
//! that was under way is over.

use domain::RunId;
use runs::{Command, FailureClass};
use store::record::RunState;

use crate::claims::Next;
use crate::commit::Along;
use crate::error::HouseError;
use crate::house::House;
use crate::reconcile::proposals::is_busy;

/// How many runs are looked at together.
const RUNS_PAGE: usize = 500;

impl House {
    /// Brings a run that is over, or told to stop, to its end, as far as no living process holds one of its
    /// actions. A run that is at work or waits is left alone.
    pub(crate) async fn drain(&self, run: RunId) -> Result<(), HouseError> {
        self.bury_the_dead().await?;
        while self.is_stranded(run).await? {
            match self.claim_next(run).await? {
                Next::Claimed(claim) => {
                    Box::pin(self.perform(run, *claim, &self.leaving())).await?;
                }
                Next::Wait(_) => return Ok(()),
                Next::Nothing => return Box::pin(self.end_stuck(run)).await,
            }
        }
        Ok(())
    }

    /// Ends a run that was told to stop where nobody is left to answer: what it was at is lost.
    async fn end_stuck(&self, run: RunId) -> Result<(), HouseError> {
        let row = self.load(run).await?;
        if self.is_stuck(&row).await?.is_none() {
            return Ok(());
        }
        let command = Command::Failed {
            fence: domain::Fence(row.run.fence),
            class: FailureClass::Infrastructure,
            reason: "stopped, and nothing was left that would have answered".to_owned(),
            work: None,
            jitter: 0,
        };
        self.apply(run, &command, &self.scribe_of(&row)?, Along::default()).await?;
        Ok(())
    }

    /// Drains every run; one that cannot be is left for the next time.
    pub(crate) async fn drain_all(&self) -> Result<(), HouseError> {
        let mut after = None;
        loop {
            let runs = self.store.runs_with_actions(after, RUNS_PAGE).await?;
            let Some(last) = runs.last() else { return Ok(()) };
            after = Some(*last);
            for run in runs {
                // A repository at work holds nobody up, and neither does a run that cannot be looked at.
                let drained = match self.would_wait(run).await {
                    Ok(true) => continue,
                    Ok(false) => self.drain(run).await,
                    Err(error) => Err(error),
                };
                if let Err(error) = drained {
                    tracing::warn!(%run, error = crate::chain(&error), "its end waits for the next time");
                }
            }
        }
    }

    /// Whether another process is at work on the repository that a branch is still to be taken back from.
    async fn would_wait(&self, run: RunId) -> Result<bool, HouseError> {
        let rows = self.store.outbox_of(run).await?;
        let takes_back = |name: &str| matches!(name, "withdraw" | "unpublish");
        if !rows.iter().any(|row| takes_back(&row.new.action)) {
            return Ok(false);
        }
        let row = self.load(run).await?;
        let source = crate::facts::Facts::read(row.id, &row.facts)?.request.source;
        Ok(self.mirror_at(&source).is_ok_and(|mirror| is_busy(&mirror)))
    }

    async fn is_stranded(&self, run: RunId) -> Result<bool, HouseError> {
        let row = self.load(run).await?;
        let over = matches!(row.run.state, RunState::Ended { .. } | RunState::Stopping { .. });
        Ok(over && !self.is_held(run).await?)
    }
}
