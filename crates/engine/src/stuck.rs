//! A run that is not over has something to be done, or waits for people. One that has neither goes on never: that is our own
//! bug, or a damaged store, and it is told, not waited for.

use domain::RunId;
use store::port::RunFilter;
use store::record::{RunRow, RunState};

use crate::error::HouseError;
use crate::house::House;

/// How many runs are looked at together.
const RUNS_PAGE: usize = 500;

/// The most runs that are named at once.
const NAMED_MAX: usize = 5;

impl House {
    /// Fails where a run is not over and nothing of it is left to be done.
    pub(crate) async fn refuse_stuck(&self, run: RunId) -> Result<(), HouseError> {
        match self.is_stuck(&self.load(run).await?).await? {
            Some(state) => Err(HouseError::Inconsistent(told(&[(run, state)]))),
            None => Ok(()),
        }
    }

    /// Tells of every such run.
    pub(crate) async fn look_for_the_stuck(&self) -> Result<(), HouseError> {
        let (mut stuck, mut before) = (Vec::new(), None);
        loop {
            let filter =
                RunFilter { unfinished: true, before, limit: RUNS_PAGE, ..RunFilter::default() };
            let rows = self.store.runs(filter).await?;
            let Some(last) = rows.last() else { break };
            before = Some(last.id);
            for row in rows {
                if let Some(state) = self.is_stuck(&row).await? {
                    stuck.push((row.id, state));
                }
            }
        }
        if stuck.is_empty() {
            return Ok(());
        }
        Err(HouseError::Inconsistent(told(&stuck)))
    }

    /// The state of a run that is stuck in it. Others write meanwhile: the state and what is to be done are written together,
    /// so a row that is the same before and after nothing was found to be done is stuck.
    pub(crate) async fn is_stuck(&self, row: &RunRow) -> Result<Option<&'static str>, HouseError> {
        match row.run.state {
            RunState::Queued | RunState::Proposed { .. } | RunState::Ended { .. } => Ok(None),
            RunState::Working { .. } | RunState::Waiting { .. } | RunState::Stopping { .. } => {
                let has_nothing = self.store.outbox_of(row.id).await?.is_empty();
                let is_same = has_nothing && self.load(row.id).await?.revision == row.revision;
                Ok(is_same.then(|| row.run.state.name()))
            }
        }
    }
}

fn told(stuck: &[(RunId, &str)]) -> String {
    let named = stuck.iter().take(NAMED_MAX).map(|(run, state)| format!("{run} is {state}"));
    let mut named = named.collect::<Vec<_>>().join(", ");
    if stuck.len() > NAMED_MAX {
        named = format!("{named} and {} more", stuck.len() - NAMED_MAX);
    }
    format!("{named}, and nothing is left that would bring it on; `hob runs cancel RUN` ends it")
}
