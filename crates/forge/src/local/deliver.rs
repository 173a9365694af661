//! Objects on their way into somebody's repository: one pack, and nothing else.

use std::fs::File;

use domain::CommitId;

use super::{LocalError, LocalForge};
use crate::view::View;

/// The largest pack that is added to a repository, in bytes.
const DELIVERY_MAX_BYTES: u64 = 4 * domain::limit::EXPORT_MAX_BYTES;

impl LocalForge {
    /// Puts what `head` adds to `known` into the repository. Doing it twice is doing it once.
    pub(super) async fn deliver(
        &self,
        shown: &View,
        head: &CommitId,
        known: &CommitId,
    ) -> Result<(), LocalError> {
        if !self.has_commit(shown, known).await? {
            return Err(LocalError::Refused {
                reason: format!("commit {} is no longer in `{}`", known.short(), self.place()),
                hint: "its history was rewritten since: run the agent again".into(),
            });
        }
        if self.has_commit(shown, head).await? {
            return Ok(());
        }
        let io = |source| {
            let action = "pack a proposal in the data folder".to_owned();
            LocalError::Mirror(crate::mirror::MirrorError::Io { action, source })
        };
        let folder = self.mirror.quarantine().map_err(io)?;
        let path = folder.path().join("proposal.pack");
        self.mirror
            .on("pack-objects")
            .args(["--quiet", "--revs", "--thin", "--stdout", "--delta-base-offset"])
            .input(format!("{head}\n^{known}\n").into_bytes())
            .output_file(File::create(&path).map_err(io)?, DELIVERY_MAX_BYTES)
            .ok()
            .await?;
        self.on(shown, "index-pack")
            .args(["--stdin", "--fix-thin"])
            .input_file(File::open(&path).map_err(io)?)
            .ok()
            .await
            .map_err(|error| self.unwritable(error))?;
        Ok(())
    }

    /// Whether the repository holds a commit.
    pub(super) async fn has_commit(&self, shown: &View, id: &CommitId) -> Result<bool, LocalError> {
        let wanted = format!("{id}^{{commit}}");
        let call = self.on(shown, "cat-file").args(["-e", &wanted]);
        Ok(call.run().await?.code == Some(0))
    }
}
