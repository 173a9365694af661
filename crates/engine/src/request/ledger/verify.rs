//! The whole log verified: its entries, its hashes, its checkpoints, the one kept outside, and what the
//! database holds beside it.

use std::collections::BTreeMap;

use ledger::{Seal, Verifier};
use store::port::RunFilter;
use store::record::{LedgerRow, RunState};

use super::beside::Beside;
use super::{PAGE, Verified, verified};
use crate::error::HouseError;
use crate::house::House;
use crate::keeper::checkpoint;

impl House {
    /// Verifies the whole log: every entry, every stored hash, every checkpoint, every payload that an
    /// entry names, and how runs and proposals stand beside what the log says of them.
    pub async fn verify_ledger(&self) -> Result<Verified, HouseError> {
        let key = self.key.verifier();
        let mut faults = Vec::new();
        // What only grows is read before what it must be a part of: others may write meanwhile.
        let kept = match checkpoint::read(&self.settings.ledger_checkpoint(), key) {
            Ok(kept) => kept,
            Err(error) => {
                faults.push(crate::chain(&error));
                None
            }
        };
        let hashes = self.store.ledger_hash_rows().await?;
        let checkpoints = self.store.checkpoints().await?;
        let newest = checkpoints.last().map_or(0, |checkpoint| checkpoint.size);

        let (mut verifier, mut beside) = (Verifier::default(), Beside::default());
        let mut from = 0;
        while let Some(rows) = self.ledger_page(&mut from).await? {
            for row in &rows {
                verifier.push(row.index, &row.entry.bytes, row.entry.leaf_hash);
                beside.look(self, row).await?;
            }
        }
        beside.compare(self, from).await?;

        let count = hash_count(newest)?;
        let indexes: Vec<u64> = (0..count).collect();
        let mut stored = BTreeMap::new();
        for some in indexes.chunks(PAGE) {
            stored.extend(self.hashes(some).await?);
        }
        let mut seals: Vec<Seal> = checkpoints
            .into_iter()
            .map(|c| Seal { note: c.note, claimed: Some((c.size, c.root)) })
            .collect();
        seals.extend(kept.iter().map(|(note, _)| Seal { note: note.clone(), claimed: None }));
        let verification = verifier.finish(Some(&stored), &seals, key);
        let (size, proved) = (verification.size, verification.sealed);

        let expected = hash_count(hashes.sealed)?;
        if hashes.count != expected || hashes.end != expected {
            faults.push(format!(
                "{} entries are sealed, so {expected} hashes are stored over them; there are {}, up to number {}",
                hashes.sealed, hashes.count, hashes.end
            ));
        }
        match kept.map(|(_, kept)| kept.size) {
            None if size > 0 && faults.is_empty() => faults.push(
                "the checkpoint that is kept outside the database is missing".to_owned(),
            ),
            Some(kept) if kept > size => faults.push(format!(
                "the checkpoint kept outside the database covers {kept} entries, the log has {size}"
            )),
            Some(kept) if kept > newest => faults.push(format!(
                "the checkpoint kept outside the database covers {kept} entries, the newest in it {newest} of {size}"
            )),
            Some(kept) if kept > proved => faults.push(format!(
                "the checkpoint kept outside the database covers {kept} entries, and only the first {proved} of the {size} in it are proved"
            )),
            _ => {}
        }
        if size > newest && self.is_idle().await? && self.newest_sealed().await? < size {
            faults.push(format!(
                "entries {newest} to {} are not sealed though nobody is working: they were added by other means than hob, or a command was killed",
                size - 1
            ));
        }
        let mut verified = verified(verification, key);
        faults.append(&mut verified.faults);
        faults.append(&mut beside.faults);
        verified.more += beside.more;
        verified.clean = faults.is_empty() && verified.more == 0;
        verified.faults = faults;
        Ok(verified)
    }

    /// The next entries from `from` on, which is moved behind them.
    pub(super) async fn ledger_page(
        &self,
        from: &mut u64,
    ) -> Result<Option<Vec<LedgerRow>>, HouseError> {
        let rows = self.store.ledger_rows(*from, PAGE).await?;
        Ok(rows.last().map(|row| row.index + 1).map(|next| {
            *from = next;
            rows
        }))
    }

    async fn newest_sealed(&self) -> Result<u64, HouseError> {
        Ok(self.store.ledger_hash_rows().await?.sealed)
    }

    /// Whether no run is to be worked on and no other process of hob is there.
    async fn is_idle(&self) -> Result<bool, HouseError> {
        let others = crate::worker::others(&self.settings.workers(), self.worker.name()).map_err(
            |error| {
                HouseError::data_folder("looking for other workers", &self.settings.data, &error)
            },
        )?;
        let filter = RunFilter { unfinished: true, ..RunFilter::default() };
        let runs = self.store.runs(filter).await?;
        let waits = |state: &RunState| matches!(state, RunState::Proposed { .. });
        Ok(!others && runs.iter().all(|row| waits(&row.run.state)))
    }
}

fn hash_count(size: u64) -> Result<u64, HouseError> {
    ledger::tree::hash_count(size).map_err(|error| HouseError::Inconsistent(error.to_string()))
}
