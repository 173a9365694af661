//! Questions about runs. They change nothing.

use domain::RunId;
use store::port::RunFilter;

use crate::error::HouseError;
use crate::house::House;
use crate::report::{RunLine, run_line};

impl House {
    /// Runs, newest first, at most `limit`.
    pub async fn list_runs(
        &self,
        unfinished: bool,
        limit: usize,
    ) -> Result<Vec<RunLine>, HouseError> {
        let filter = RunFilter { unfinished, ..RunFilter::default() };
        Ok(self.runs_of(filter, limit).await?.iter().map(run_line).collect())
    }

    /// One run as a line.
    pub async fn show_run(&self, run: RunId) -> Result<RunLine, HouseError> {
        Ok(run_line(&self.load(run).await?))
    }

    /// The runs that are under way or wait to go on, oldest first; not those that wait for people.
    pub async fn unfinished_runs(&self) -> Result<Vec<RunId>, HouseError> {
        let filter = RunFilter { unfinished: true, ..RunFilter::default() };
        let mut runs: Vec<RunId> = self
            .runs_of(filter, usize::MAX)
            .await?
            .into_iter()
            .filter(|row| row.run.state.name() != "proposed")
            .map(|row| row.id)
            .collect();
        runs.reverse();
        Ok(runs)
    }
}
