//! A proposal becomes a branch: its objects and that one ref, and nothing else of the repository.

use domain::Fence;

use super::{Branch, LocalError, LocalForge};

impl LocalForge {
    /// Makes the branch. If it is there already at the same commit, this was done before and is done.
    pub async fn propose(&self, branch: &Branch, fence: Fence) -> Result<(), LocalError> {
        let lock = self.mirror.lock().await?;
        self.raise(branch.run, fence)?;
        let shown = self.view().await?;
        let name = branch.ref_name();
        match self.ref_value(&shown, &name).await? {
            Some(at) if at == branch.head => return Ok(()),
            Some(at) => {
                return Err(LocalError::Refused {
                    reason: format!(
                        "the branch `{}` is already there, at {}",
                        branch.name,
                        at.short()
                    ),
                    hint: "somebody moved it: rename or delete it, then run the agent again".into(),
                });
            }
            None => {}
        }
        self.deliver(&shown, &branch.head, &branch.base).await?;
        let nothing = "0".repeat(branch.head.as_str().len());
        self.on(&shown, "update-ref")
            .args([&name, branch.head.as_str(), &nothing])
            .input_file(lock.file()?)
            .ok()
            .await
            .map_err(|error| self.unwritable(error))?;
        Ok(())
    }
}
