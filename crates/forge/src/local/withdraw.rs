//! Taking a proposal back, and looking how it stands.

use std::path::Path;

use domain::{CommitId, Fence};

use super::{Branch, LocalError, LocalForge};
use crate::view::View;

/// What became of a withdrawn branch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Withdrawn {
    /// It was deleted.
    Deleted,
    /// It was gone before.
    WasGone,
    /// It was left, because somebody works on it.
    Kept {
        /// Why.
        why: String,
    },
}

/// How a proposal stands in its repository.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Standing {
    /// Where its branch is; `None` where it is gone.
    pub branch: Option<CommitId>,
    /// Where the target is; `None` where it is gone.
    pub target: Option<CommitId>,
    /// Whether the target holds the proposal.
    pub merged: bool,
}

impl LocalForge {
    /// Deletes the branch if it is still what was proposed and nobody has it checked out.
    pub async fn withdraw(&self, branch: &Branch, fence: Fence) -> Result<Withdrawn, LocalError> {
        let lock = self.mirror.lock().await?;
        self.raise(branch.run, fence)?;
        let shown = self.view().await?;
        let name = branch.ref_name();
        let Some(at) = self.ref_value(&shown, &name).await? else { return Ok(Withdrawn::WasGone) };
        if at != branch.head {
            let why = format!("the branch `{}` moved to {}", branch.name, at.short());
            return Ok(Withdrawn::Kept { why });
        }
        if let Some(tree) = self.checked_out(&shown, &branch.name)?.first() {
            let path = tree.path.display();
            let why = format!("the branch `{}` is checked out in `{path}`", branch.name);
            return Ok(Withdrawn::Kept { why });
        }
        self.on(&shown, "update-ref")
            .args(["-d", &name, branch.head.as_str()])
            .input_file(lock.file()?)
            .ok()
            .await
            .map_err(|error| self.unwritable(error))?;
        Ok(Withdrawn::Deleted)
    }

    /// Looks how a proposal stands. Nothing is waited for and nothing is written but a view in the folder `scratch`,
    /// which is this process's own.
    pub async fn standing(
        &self,
        branch: &Branch,
        target: &str,
        scratch: &Path,
    ) -> Result<Standing, LocalError> {
        let shown = View::open(&self.mirror.git, &self.repository, scratch).await?;
        let target = self.ref_value(&shown, &self.target_ref(target)).await?;
        let merged = match &target {
            Some(tip) if self.has_commit(&shown, &branch.head).await? => {
                let args = ["--is-ancestor", branch.head.as_str(), tip.as_str()];
                let call = self.on(&shown, "merge-base");
                call.args(args).run().await?.code == Some(0)
            }
            _ => false,
        };
        Ok(Standing { branch: self.ref_value(&shown, &branch.ref_name()).await?, target, merged })
    }
}
