//! The whole log verified: its entries, its hashes, its checkpoints, the one kept outside, and what the
//! database holds beside it.

use std::collections::BTreeMap;

use ledger::checkpoint::Checkpoint;
use ledger::{Seal, Verifier};
use store::record::LedgerRow;

use super::beside::Beside;
use super::{PAGE, Verified, verified};
use crate::error::HouseError;
use crate::house::House;
use crate::keeper::checkpoint;

/// Said where erased content is not gone from the disk.
const NOT_FROM_DISK: &str = "what was erased last may still be on the disk: another process reads the store, or did when it \
                             was erased; the next command that finds nobody reading takes it away";

impl House {
    /// Verifies the whole log: every entry, every stored hash, every checkpoint, every payload that an
    /// entry names, how runs and proposals stand beside what the log says of them, and that the log goes on
    /// from the checkpoint that was kept `elsewhere`, where there is one.
    ///
    /// Others may write meanwhile. What only grows is therefore read before what it must be a part of: the
    /// kept checkpoint, then those of the database, then the entries. Nothing that a living process does between
    /// two reads looks like damage.
    pub async fn verify_ledger(&self, elsewhere: Option<&str>) -> Result<Verified, HouseError> {
        let key = self.key.verifier();
        let mut faults = Vec::new();
        let kept = checkpoint::read(&self.settings.ledger_checkpoint(), key);
        let hashes = self.store.ledger_hash_rows().await?;
        let checkpoints = self.all_checkpoints().await?;
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

        let indexes: Vec<u64> = (0..hash_count(newest)?).collect();
        let mut stored = BTreeMap::new();
        for some in indexes.chunks(PAGE) {
            stored.extend(self.hashes(some).await?);
        }
        let kept = kept.unwrap_or_else(|error| {
            faults.push(crate::chain(&error));
            None
        });
        let mut seals: Vec<Seal> = checkpoints
            .into_iter()
            .map(|c| Seal { note: c.note, claimed: Some((c.size, c.root)) })
            .collect();
        let outside = kept.iter().map(|(note, _)| note.as_str()).chain(elsewhere);
        seals.extend(outside.map(|note| Seal { note: note.to_owned(), claimed: None }));
        let verification = verifier.finish(Some(&stored), &seals, key);

        let expected = hash_count(hashes.sealed)?;
        if hashes.end > expected {
            let (sealed, end) = (hashes.sealed, hashes.end);
            faults.push(format!(
                "{sealed} entries are sealed, so {expected} hashes are stored over them, and they go to {end}"
            ));
        }
        let kept = kept.map(|(_, kept)| kept);
        if faults.is_empty() {
            faults.extend(self.beside_kept(kept.as_ref(), newest, verification.size));
        }
        let mut verified = verified(verification, key, "this host's key");
        faults.append(&mut verified.faults);
        faults.append(&mut beside.faults);
        verified.remarks.append(&mut beside.remarks);
        if !self.store.is_cleared().await? {
            verified.remarks.push(NOT_FROM_DISK.to_owned());
        }
        verified.more += beside.more;
        verified.erasures = beside.erasures;
        verified.clean = faults.is_empty() && verified.more == 0;
        verified.faults = faults;
        Ok(verified)
    }

    /// What is wrong between the kept checkpoint and the newest one of the database.
    fn beside_kept(&self, kept: Option<&Checkpoint>, newest: u64, size: u64) -> Option<String> {
        let path = self.settings.ledger_checkpoint();
        match kept {
            None if size > 0 => Some(format!(
                "the checkpoint kept outside the database, `{}`, is missing: whether the log was cut cannot be \
                 told. The next `hob runs resume` keeps a new one, and the log says so",
                path.display()
            )),
            Some(kept) if kept.size > newest => Some(checkpoint::outran(&path, kept.size, newest)),
            _ => None,
        }
    }

    /// The signed checkpoints, oldest first.
    pub(super) async fn all_checkpoints(
        &self,
    ) -> Result<Vec<store::record::Checkpoint>, HouseError> {
        let mut all: Vec<store::record::Checkpoint> = Vec::new();
        loop {
            let from = all.last().map_or(0, |newest| newest.size + 1);
            let some = self.store.checkpoints(from, PAGE).await?;
            if some.is_empty() {
                return Ok(all);
            }
            all.extend(some);
        }
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
}

fn hash_count(size: u64) -> Result<u64, HouseError> {
    ledger::tree::hash_count(size).map_err(|error| HouseError::Inconsistent(error.to_string()))
}
