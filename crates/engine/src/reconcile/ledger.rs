//! Entries are sealed: the tree grows over them and its root is signed.

use std::collections::BTreeMap;

use domain::Actor;
use ledger::tree;
use store::error::CommitError;
use store::record::Checkpoint;

use crate::audit::Note;
use crate::error::HouseError;
use crate::house::House;
use crate::keeper::checkpoint;

/// The most entries that one checkpoint adds.
const SEAL_ROWS_MAX: usize = 5_000;

/// Where the log stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Standing {
    /// The root at `size`, base64.
    pub(crate) root: String,
    /// How many entries the newest checkpoint covers.
    pub(crate) size: u64,
}

impl House {
    /// Signs a checkpoint over all entries that none covers yet, and keeps the newest one outside the
    /// database too. A log that contradicts what was sealed before is not sealed: the signature would
    /// make the other history a true one.
    pub async fn seal(&self) -> Result<(), HouseError> {
        self.refuse_another_history().await?;
        let begun = self.unsealed.before();
        while self.seal_some().await? {}
        if let Some(newest) = self.store.newest_checkpoint().await? {
            self.failpoint.hit("ledger-sealed");
            self.keep_checkpoint(&newest.note, newest.size)?;
        }
        self.unsealed.sealed(begun);
        Ok(())
    }

    /// Seals what this process has written, if it has: the last thing that a process does.
    pub async fn seal_own(&self) -> Result<(), HouseError> {
        if self.unsealed.is_any() { self.seal().await } else { Ok(()) }
    }

    /// A log without entries begins with a kept checkpoint of none: that there is one can be relied on.
    pub(crate) async fn begin_ledger(&self) -> Result<(), HouseError> {
        if !self.settings.ledger_checkpoint().exists() && self.store.ledger_size().await? == 0 {
            let root = tree::root(&Vec::new(), 0)
                .map_err(|error| HouseError::Inconsistent(error.to_string()))?;
            self.keep_checkpoint(&self.key.sign(0, root), 0)?;
        }
        Ok(())
    }

    fn keep_checkpoint(&self, note: &str, size: u64) -> Result<(), HouseError> {
        let path = self.settings.ledger_checkpoint();
        checkpoint::keep(&path, self.key.verifier(), note, size)
    }

    /// Compares what is about to be sealed with the checkpoint that is kept outside the database. Where that
    /// one is missing, the log says so itself: from the next checkpoint on one is kept again.
    async fn refuse_another_history(&self) -> Result<(), HouseError> {
        let refused = |why: String| {
            let hint = "`hob ledger verify` says more; put the data folder back from a backup";
            Err(HouseError::fixable(format!("the log is not sealed: {why}"), hint))
        };
        // Read first: what is kept follows what the database holds, never the other way round.
        let path = self.settings.ledger_checkpoint();
        let kept = checkpoint::read(&path, self.key.verifier())?;
        let rows = self.store.ledger_hash_rows().await?;
        let size = self.store.ledger_size().await?;
        let broken = |error: tree::TreeError| HouseError::Inconsistent(error.to_string());
        let expected = tree::hash_count(rows.sealed).map_err(broken)?;
        if rows.end != expected {
            return refused(format!(
                "{} entries are sealed, so {expected} hashes belong to them, and they go to {}",
                rows.sealed, rows.end
            ));
        }
        if size < rows.sealed {
            return refused(format!("{} entries were sealed, and {size} are left", rows.sealed));
        }
        let Some((_, kept)) = kept else { return self.renew_checkpoint(rows.sealed, size).await };
        if kept.size > rows.sealed {
            return refused(checkpoint::outran(&path, kept.size, rows.sealed));
        }
        let needed = tree::needed_for_append(kept.size).map_err(broken)?;
        let stored = self.hashes(&needed).await?;
        match tree::root(&stored, kept.size) {
            Ok(root) if root == kept.root => Ok(()),
            _ => refused(format!(
                "its first {} entries are not those of the checkpoint kept outside it",
                kept.size
            )),
        }
    }

    async fn renew_checkpoint(&self, sealed: u64, size: u64) -> Result<(), HouseError> {
        if size == 0 {
            return Ok(());
        }
        let why = "the checkpoint kept outside the database was missing";
        let note = Note::new(checkpoint::RENEWED, why).fact("sealed", sealed).fact("entries", size);
        self.write_notes_now(&self.scribe_of_house(&Actor::house()), vec![note]).await
    }

    async fn seal_some(&self) -> Result<bool, HouseError> {
        let newest = self.store.newest_checkpoint().await?;
        let size = newest.as_ref().map_or(0, |checkpoint| checkpoint.size);
        let rows = self.store.ledger_rows(size, SEAL_ROWS_MAX).await?;
        if rows.is_empty() {
            return Ok(false);
        }
        let broken = |error: tree::TreeError| HouseError::Inconsistent(error.to_string());
        let needed = tree::needed_for_append(size).map_err(broken)?;
        let stored: BTreeMap<u64, ledger::Hash> = self.hashes(&needed).await?;
        let leaves = rows.iter().map(|row| row.entry.leaf_hash);
        let grown = tree::append(&stored, size, leaves).map_err(broken)?;
        let checkpoint = Checkpoint {
            size: grown.size,
            root: grown.root,
            note: self.key.sign(grown.size, grown.root),
            at: self.clock.now(),
        };
        match self.store.seal(size, grown.hashes, checkpoint).await {
            // Another process has sealed them meanwhile; the next look finds what is left.
            Ok(()) | Err(CommitError::StaleRevision { .. }) => Ok(true),
            Err(error) => Err(error.into()),
        }
    }

    pub(crate) async fn hashes(
        &self,
        indexes: &[u64],
    ) -> Result<BTreeMap<u64, ledger::Hash>, HouseError> {
        let found = self.store.ledger_hashes(indexes).await?;
        Ok(indexes.iter().copied().zip(found).filter_map(|(i, hash)| Some((i, hash?))).collect())
    }

    /// Where the log stands now.
    pub(crate) async fn ledger_standing(&self) -> Result<Standing, HouseError> {
        use base64::Engine as _;
        let newest = self.store.newest_checkpoint().await?;
        let (size, root) = newest.map_or((0, String::new()), |checkpoint| {
            (checkpoint.size, base64::engine::general_purpose::STANDARD.encode(checkpoint.root))
        });
        Ok(Standing { root, size })
    }
}
