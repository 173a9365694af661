//! How long a run took until it first came to rest. What people take for their answer is not the run's, and neither is time
//! in which no process was at it; the wall clock, which may be set, is not asked.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use domain::RunId;
use store::record::RunRow;

use crate::error::HouseError;
use crate::facts::Facts;
use crate::house::House;

/// Since when this process is at each run, and for how many milliseconds it had been worked on by then.
#[derive(Debug, Default)]
pub(crate) struct Watches(Mutex<HashMap<RunId, (Instant, u64)>>);

impl Watches {
    fn start(&self, run: RunId, spent_ms: u64) {
        let mut watches = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        watches.entry(run).or_insert_with(|| (Instant::now(), spent_ms));
    }

    /// How long a run took so far, in milliseconds: at least as long as it was worked on.
    fn took(&self, run: RunId, spent_ms: u64) -> u64 {
        let watches = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let Some((since, before_ms)) = watches.get(&run) else { return spent_ms };
        let here = u64::try_from(since.elapsed().as_millis()).unwrap_or(u64::MAX);
        before_ms.saturating_add(here).max(spent_ms)
    }
}

impl House {
    /// From here on this process is at a run.
    pub(crate) fn watch(&self, row: &RunRow) -> Result<(), HouseError> {
        let spent = Facts::read(row.id, &row.facts)?.spent;
        self.watches.start(row.id, spent.total());
        Ok(())
    }

    /// Fixes how long a run took where it comes to rest for the first time.
    pub(crate) fn fix_time(&self, run: RunId, state: &runs::State, facts: &mut Facts) {
        let rests = matches!(state, runs::State::Proposed { .. } | runs::State::Ended { .. });
        if rests && facts.took_ms.is_none() {
            facts.took_ms = Some(self.watches.took(run, facts.spent.total()));
        }
    }
}
