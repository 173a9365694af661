//! Objects on their way into somebody's repository: one pack, and nothing else.

use std::fs::File;

use domain::CommitId;

use super::{LocalError, LocalForge};
use crate::ownership;
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
        let git = &self.mirror.git;
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
        let told = git
            .on(shown.git_dir(), "index-pack")
            .args(["--stdin", "--fix-thin"])
            .input_file(File::open(&path).map_err(io)?)
            .ok()
            .await
            .map_err(|error| self.unwritable(error))?
            .text();
        let name = told.split_whitespace().last().unwrap_or_default().to_owned();
        for ending in ["pack", "idx", "rev"] {
            self.hand_over(&format!("objects/pack/pack-{name}.{ending}"))?;
        }
        Ok(())
    }

    /// Whether the repository holds a commit.
    pub(super) async fn has_commit(&self, shown: &View, id: &CommitId) -> Result<bool, LocalError> {
        let wanted = format!("{id}^{{commit}}");
        let call = self.mirror.git.on(shown.git_dir(), "cat-file").args(["-e", &wanted]);
        Ok(call.run().await?.code == Some(0))
    }

    /// Gives a file that was just made in the repository to the repository's owner.
    pub(super) fn hand_over(&self, file: &str) -> Result<(), LocalError> {
        let folder = &self.repository.common_dir;
        ownership::hand_over(folder, &folder.join(file)).map_err(|source| LocalError::Unwritable {
            place: self.place(),
            reason: format!("give `{file}` to the repository's owner: {source}"),
            hint: "run hob as the user who owns the repository".into(),
        })
    }
}
