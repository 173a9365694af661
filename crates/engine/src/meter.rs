//! How long a step is worked on: counted while it goes on, so that what a process took that died, left or lost its lease
//! is known to whoever goes on.

use std::time::Duration;

use domain::RunId;
use runs::Step;
use store::error::CommitError;
use store::transaction::{Transaction, Write};
use tokio::time::Instant;

use crate::error::HouseError;
use crate::facts::{Facts, SpentMillis};
use crate::house::House;
use crate::space::Waits;

/// The time of one step, from when it is made on. Waiting for space on a disk is no work.
#[derive(Debug, Clone)]
pub(crate) struct Meter {
    began: Instant,
    /// Whether it waits for space on a disk.
    pub(crate) waits: Waits,
}

impl Default for Meter {
    fn default() -> Self {
        Self { began: Instant::now(), waits: Waits::default() }
    }
}

impl Meter {
    /// How long it was worked on so far.
    pub(crate) fn worked(&self) -> Duration {
        self.began.elapsed().saturating_sub(self.waits.waited())
    }

    /// Ends once it was worked on for so long.
    pub(crate) async fn reaches(&self, long: Duration) {
        loop {
            let left = long.saturating_sub(self.worked());
            if left.is_zero() {
                return;
            }
            tokio::time::sleep(left).await;
        }
    }
}

/// What of a meter is in the run's facts already.
#[derive(Debug)]
pub(crate) struct Counted {
    step: Step,
    meter: Meter,
    millis: u64,
}

impl Counted {
    /// Nothing of this step.
    pub(crate) const fn none(step: Step, meter: Meter) -> Self {
        Self { step, meter, millis: 0 }
    }

    /// The step.
    pub(crate) const fn step(&self) -> Step {
        self.step
    }

    /// What is in the facts, with what is not counted yet.
    pub(crate) fn with_the_rest(&self, mut spent: SpentMillis) -> SpentMillis {
        spent.add(self.step, self.rest());
        spent
    }

    fn rest(&self) -> u64 {
        let worked = u64::try_from(self.meter.worked().as_millis()).unwrap_or(u64::MAX);
        worked.saturating_sub(self.millis)
    }
}

impl House {
    /// Counts what was worked since the last time. Added to what the run has by then: somebody else may have counted too.
    pub(crate) async fn count(&self, run: RunId, counted: &mut Counted) -> Result<(), HouseError> {
        let millis = counted.rest();
        loop {
            let mut row = self.load(run).await?;
            if row.run.state.is_ended() {
                return Ok(());
            }
            let mut facts = Facts::read(run, &row.facts)?;
            facts.spent.add(counted.step, millis);
            row.facts = facts.document();
            let tx = Transaction { runs: vec![Write::Update(row)], ..Transaction::default() };
            match self.store.commit(tx).await {
                Ok(_) => {
                    counted.millis = counted.millis.saturating_add(millis);
                    return Ok(());
                }
                Err(CommitError::StaleRevision { .. }) => {}
                Err(error) => return Err(error.into()),
            }
        }
    }
}
