//! Where a branch is checked out, and whether its work tree could be brought along with one command.

use std::fs;
use std::path::{Path, PathBuf};

use domain::CommitId;

use super::{LocalError, LocalForge};
use crate::place::{self, LocalRepository};
use crate::view::{self, View};

/// What a git folder holds while something is under way that a moved branch would confuse.
const UNDER_WAY: [(&str, &str); 6] = [
    ("MERGE_HEAD", "a merge"),
    ("CHERRY_PICK_HEAD", "a cherry-pick"),
    ("REVERT_HEAD", "a revert"),
    ("rebase-merge", "a rebase"),
    ("rebase-apply", "a rebase"),
    ("BISECT_LOG", "a bisection"),
];

/// A work tree of the repository.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct WorkTree {
    pub(super) path: PathBuf,
    git_dir: PathBuf,
}

impl LocalForge {
    /// The work trees that have `branch` checked out, or are in the middle of rebasing or bisecting it.
    pub(super) fn checked_out(
        &self,
        shown: &View,
        branch: &str,
    ) -> Result<Vec<WorkTree>, LocalError> {
        let wanted = format!("refs/heads/{branch}");
        let mut found = Vec::new();
        for tree in self.work_trees(shown)? {
            let repository = LocalRepository {
                git_dir: tree.git_dir.clone(),
                common_dir: self.repository.common_dir.clone(),
                work_tree: Some(tree.path.clone()),
            };
            let head = view::head_text(&repository)?;
            let rewritten = ["rebase-merge/head-name", "rebase-apply/head-name", "BISECT_START"];
            let names = rewritten.map(|file| {
                place::read_pointer(&tree.git_dir.join(file)).unwrap_or_default().trim().to_owned()
            });
            let here = head.trim_end() == format!("ref: {wanted}");
            if here || names.iter().any(|name| *name == wanted || name == branch) {
                found.push(tree);
            }
        }
        Ok(found)
    }

    fn work_trees(&self, shown: &View) -> Result<Vec<WorkTree>, LocalError> {
        let common = &self.repository.common_dir;
        let mut found: Vec<WorkTree> = Vec::new();
        let mut add = |path: PathBuf, git_dir: PathBuf| {
            if path.is_dir() && found.iter().all(|known| known.git_dir != git_dir) {
                found.push(WorkTree { path, git_dir });
            }
        };
        if let Some(path) = &self.repository.work_tree {
            add(path.clone(), self.repository.git_dir.clone());
        }
        if common.file_name().is_some_and(|name| name == ".git")
            && !shown.format.bare
            && let Some(path) = common.parent()
        {
            add(path.to_owned(), common.clone());
        }
        let linked = fs::read_dir(common.join("worktrees")).into_iter().flatten().flatten();
        for entry in linked {
            if !entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                continue;
            }
            let git_dir = entry.path();
            let Ok(pointer) = place::read_pointer(&git_dir.join("gitdir")) else { continue };
            if let Some(path) = git_dir.join(pointer.trim_end_matches('\n')).parent() {
                add(path.to_owned(), git_dir);
            }
        }
        Ok(found)
    }

    /// Refuses where the branch cannot be moved under this work tree without losing track of what is in it.
    pub(super) async fn may_move_under(
        &self,
        shown: &View,
        tree: &WorkTree,
        branch: &str,
        tip: &CommitId,
    ) -> Result<(), LocalError> {
        let path = tree.path.display();
        let refused = |what: &str| LocalError::Refused {
            reason: format!("`{branch}` is checked out in `{path}`, and {what}"),
            hint: "finish or undo that first, then merge again".into(),
        };
        for (file, what) in UNDER_WAY {
            if tree.git_dir.join(file).exists() {
                return Err(refused(&format!("{what} is under way there")));
            }
        }
        if tree.git_dir.join("index.lock").exists() {
            return Err(refused("another git program is at work there (`index.lock`)"));
        }
        let Some(index) = shown.copy_index(&tree.git_dir)? else { return Ok(()) };
        let compared = self
            .on(shown, "diff-index")
            .env("GIT_INDEX_FILE", index)
            .args(["--cached", "--quiet", "--ignore-submodules=none", tip.as_str(), "--"])
            .run()
            .await?;
        match compared.code {
            Some(0) => Ok(()),
            Some(1) => Err(refused("its index holds staged changes")),
            _ => Err(refused("its index cannot be read")),
        }
    }
}

/// The command that brings a work tree from the old tip of its branch to the new one; it keeps uncommitted
/// changes and refuses where they are in the way.
pub(super) fn bring_along(path: &Path, old: &CommitId, new: &CommitId) -> String {
    let words =
        ["git", "-C", &path.display().to_string(), "read-tree", "-m", "-u"].map(str::to_owned);
    let words = words.into_iter().chain([old.to_string(), new.to_string()]);
    domain::exec::Exec::new(words, "bring a work tree along").display()
}
