//! Questions about runs. They change nothing.

use domain::RunId;
use store::port::RunFilter;

use crate::error::HouseError;
use crate::house::House;
use crate::report::{RunLine, run_line};

/// A line of a run's journal.
#[derive(Debug, Clone, serde::Serialize)]
pub struct JournalLine {
    /// Its number within the run, from 1.
    pub seq: u64,
    /// When.
    pub at: String,
    /// What was said to the run.
    pub command: serde_json::Value,
    /// The state before.
    pub before: String,
    /// The state after.
    pub after: String,
    /// What followed.
    pub actions: serde_json::Value,
}

impl House {
    /// Runs, newest first.
    pub async fn list_runs(
        &self,
        unfinished: bool,
        limit: usize,
    ) -> Result<Vec<RunLine>, HouseError> {
        let filter = RunFilter { unfinished, limit, ..RunFilter::default() };
        self.store.runs(filter).await?.iter().map(run_line).collect()
    }

    /// One run as a line.
    pub async fn show_run(&self, run: RunId) -> Result<RunLine, HouseError> {
        run_line(&self.load(run).await?)
    }

    /// A run's journal, oldest first.
    pub async fn journal(&self, run: RunId) -> Result<Vec<JournalLine>, HouseError> {
        self.load(run).await?;
        let rows = self.store.journal(run).await?;
        let lines = rows.into_iter().map(|row| JournalLine {
            seq: row.seq,
            at: row.entry.at.to_string(),
            command: row.entry.command,
            before: row.entry.before,
            after: row.entry.after,
            actions: row.entry.actions,
        });
        Ok(lines.collect())
    }

    /// The runs that are under way or wait to go on, oldest first; not those that wait for people.
    pub async fn unfinished_runs(&self) -> Result<Vec<RunId>, HouseError> {
        let filter = RunFilter { unfinished: true, ..RunFilter::default() };
        let mut runs: Vec<RunId> = self
            .store
            .runs(filter)
            .await?
            .into_iter()
            .filter(|row| row.run.state.name() != "proposed")
            .map(|row| row.id)
            .collect();
        runs.reverse();
        Ok(runs)
    }
}
