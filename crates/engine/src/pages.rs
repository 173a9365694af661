//! Reads that go on, page by page, where one read of the store gives back too little.

use store::port::{ProposalFilter, READ_ROWS_MAX, RunFilter};
use store::record::{LedgerRow, Proposal, RunRow};

use crate::error::HouseError;
use crate::house::House;

/// How many rows are still to be asked for; 0 where it is enough.
const fn page(wanted: usize, found: usize) -> usize {
    let left = wanted.saturating_sub(found);
    if left < READ_ROWS_MAX { left } else { READ_ROWS_MAX }
}

impl House {
    /// The newest `max` runs that the filter names; its own limit and place do not count.
    pub(crate) async fn runs_of(
        &self,
        filter: RunFilter,
        max: usize,
    ) -> Result<Vec<RunRow>, HouseError> {
        let mut found: Vec<RunRow> = Vec::new();
        loop {
            let (limit, before) = (page(max, found.len()), found.last().map(|row| row.id));
            if limit == 0 {
                return Ok(found);
            }
            let rows = self.store.runs(RunFilter { limit, before, ..filter.clone() }).await?;
            if rows.is_empty() {
                return Ok(found);
            }
            found.extend(rows);
        }
    }

    /// All proposals that the filter names, newest first; its own limit and place do not count.
    pub(crate) async fn proposals_of(
        &self,
        filter: ProposalFilter,
    ) -> Result<Vec<Proposal>, HouseError> {
        let mut found: Vec<Proposal> = Vec::new();
        loop {
            let before = found.last().map(|proposal| proposal.id);
            let filter = ProposalFilter { limit: READ_ROWS_MAX, before, ..filter.clone() };
            let rows = self.store.proposals(filter).await?;
            if rows.is_empty() {
                return Ok(found);
            }
            found.extend(rows);
        }
    }

    /// At most `max` ledger entries from an index on.
    pub(crate) async fn ledger_of(
        &self,
        mut from: u64,
        max: usize,
    ) -> Result<Vec<LedgerRow>, HouseError> {
        let mut found: Vec<LedgerRow> = Vec::new();
        loop {
            let limit = page(max, found.len());
            if limit == 0 {
                return Ok(found);
            }
            let rows = self.store.ledger_rows(from, limit).await?;
            let Some(last) = rows.last() else { return Ok(found) };
            from = last.index + 1;
            found.extend(rows);
        }
    }
}
