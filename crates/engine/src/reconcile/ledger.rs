//! Entries are sealed: the tree grows over them and its root is signed.

use std::collections::BTreeMap;

use ledger::tree;
use store::error::CommitError;
use store::record::Checkpoint;

use crate::error::HouseError;
use crate::house::House;

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
    /// Signs a checkpoint over all entries that none covers yet.
    pub async fn seal(&self) -> Result<(), HouseError> {
        while self.seal_some().await? {}
        Ok(())
    }

    async fn seal_some(&self) -> Result<bool, HouseError> {
        let newest = self.store.checkpoints().await?.pop();
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
        let newest = self.store.checkpoints().await?.pop();
        let (size, root) = newest.map_or((0, String::new()), |checkpoint| {
            (checkpoint.size, base64::engine::general_purpose::STANDARD.encode(checkpoint.root))
        });
        Ok(Standing { root, size })
    }
}
