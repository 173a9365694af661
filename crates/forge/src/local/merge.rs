//! A proposal becomes part of its target branch, by plumbing alone.
//!
//! The target moves only from the commit that the proposal was made for, to the commit that was approved, or to a
//! merge commit that holds exactly its tree. A target that moved on is refused: nobody has checked or approved what the
//! two come to together. No work tree is ever touched; one that has the target checked out stays as it is, and the
//! answer says how to bring it along
//! (`docs/decisions/0003-merging-into-a-checked-out-branch.md`).

use std::path::PathBuf;

use domain::exec::Exec;
use domain::{CommitId, Digest, Fence};

use super::work_tree::bring_along;
use super::{Branch, LocalError, LocalForge};
use crate::export::Authorship;
use crate::place::{RemoteUrl, Source};
use crate::tree::Trees;
use crate::view::View;

/// What shall be merged into what.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MergeRequest {
    /// The proposal.
    pub branch: Branch,
    /// The branch to move, by its short name.
    pub target: String,
    /// The digest of the change that was approved.
    pub approved: Digest,
    /// Who makes a merge commit of the base and the proposal; `None` moves the target to the proposal itself.
    pub merge_commit: Option<Authorship>,
}

/// Where a merge moves its target: known, and fit to be recorded, before anything moves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// Where the target stands.
    pub old: CommitId,
    /// Where it will stand; the same where it holds the proposal already.
    pub new: CommitId,
}

/// What became of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Merged {
    /// Where the target stands now.
    pub commit: CommitId,
    /// Work trees that have the target checked out and still show what was there before.
    pub behind: Vec<Behind>,
}

/// A work tree that still shows what was there before a merge.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Behind {
    /// Where it is.
    pub work_tree: PathBuf,
    /// The command that brings it along and keeps uncommitted changes.
    pub command: String,
}

impl LocalForge {
    /// Plans a merge and moves the target branch.
    pub async fn merge(&self, request: &MergeRequest, fence: Fence) -> Result<Merged, LocalError> {
        let plan = self.plan(request).await?;
        self.move_target(request, &plan, fence).await
    }

    /// Says what a merge would move where, and refuses where it may not. Nothing of the repository changes.
    pub async fn plan(&self, request: &MergeRequest) -> Result<Plan, LocalError> {
        let lock = self.mirror.lock().await?;
        self.is_approved(request)?;
        self.mirror.refresh_under(&lock, Some(&request.target)).await?;
        let shown = self.view().await?;
        let target = self.target_ref(&request.target);
        let tip = self.target_tip(&shown, request, &target).await?;
        if self.is_ancestor(&request.branch.head, &tip).await? {
            return Ok(Plan { new: tip.clone(), old: tip });
        }
        self.stands(&shown, &request.branch).await?;
        if tip != request.branch.base {
            return Err(self.moved(request, &tip).await?);
        }
        let new = match &request.merge_commit {
            Some(authorship) => self.merge_commit(&request.branch, authorship).await?,
            None => request.branch.head.clone(),
        };
        if let Source::Remote(url) = self.mirror.source() {
            return Err(self.elsewhere(url, request, &new));
        }
        for tree in self.checked_out(&shown, &request.target)? {
            self.may_move_under(&shown, &tree, &request.target, &tip).await?;
        }
        Ok(Plan { old: tip, new })
    }

    /// Moves the target branch as planned. If it holds what was planned already, this was done before and is done.
    pub async fn move_target(
        &self,
        request: &MergeRequest,
        plan: &Plan,
        fence: Fence,
    ) -> Result<Merged, LocalError> {
        let Plan { old: tip, new } = plan.clone();
        let lock = self.mirror.lock().await?;
        self.raise(request.branch.run, fence)?;
        self.is_approved(request)?;
        self.mirror.refresh_under(&lock, Some(&request.target)).await?;
        let shown = self.view().await?;
        let target = self.target_ref(&request.target);
        let now = self.target_tip(&shown, request, &target).await?;
        if self.is_ancestor(&new, &now).await? {
            return Ok(Merged { commit: now, behind: Vec::new() });
        }
        if now != tip {
            return Err(LocalError::Refused {
                reason: format!("`{}` moved to {} meanwhile", request.target, now.short()),
                hint: "ask for the merge again".into(),
            });
        }
        self.stands(&shown, &request.branch).await?;
        let trees = self.checked_out(&shown, &request.target)?;
        for tree in &trees {
            self.may_move_under(&shown, tree, &request.target, &tip).await?;
        }
        self.deliver(&shown, &new, &tip).await?;
        let why = format!("hob: merge {}", request.branch.name);
        self.on(&shown, "update-ref")
            .args(["-m", &why, &target, new.as_str(), tip.as_str()])
            .input_file(lock.file()?)
            .ok()
            .await
            .map_err(|error| self.unwritable(error))?;
        let behind = trees
            .into_iter()
            .map(|tree| Behind {
                command: bring_along(&tree.path, &tip, &new),
                work_tree: tree.path,
            })
            .collect();
        Ok(Merged { commit: new, behind })
    }

    /// What the person has to do where the target is not on this host. A push moves it only from what it holds.
    fn elsewhere(&self, url: &RemoteUrl, request: &MergeRequest, new: &CommitId) -> LocalError {
        let push = |what: String| {
            let git_dir = format!("--git-dir={}", self.mirror.git_dir().display());
            let words = ["git".into(), git_dir, "push".into(), url.as_str().into(), what];
            Exec::new(words, "publish a proposal").display()
        };
        let branch = request.branch.ref_name();
        LocalError::Elsewhere {
            place: url.as_str().to_owned(),
            merge: push(format!("{new}:refs/heads/{}", request.target)),
            publish: push(format!("{branch}:{branch}")),
        }
    }

    /// The commit that would be merged is the one that was approved, byte for byte.
    fn is_approved(&self, request: &MergeRequest) -> Result<(), LocalError> {
        let Branch { head, base, .. } = &request.branch;
        let found = self.mirror.trees().and_then(|trees| trees.commit(head));
        let found = found.map_err(|error| LocalError::Refused {
            reason: format!("the proposed commit {} cannot be read: {error}", head.short()),
            hint: "run the agent again".into(),
        })?;
        let digest = Trees::digest(base, &found.tree, &found.message);
        if found.parents != [base.clone()] || digest != request.approved {
            return Err(LocalError::Refused {
                reason: format!("commit {} is not the change that was approved", head.short()),
                hint: "look at the proposal again and approve what it is now".into(),
            });
        }
        Ok(())
    }

    async fn target_tip(
        &self,
        shown: &View,
        request: &MergeRequest,
        target: &str,
    ) -> Result<CommitId, LocalError> {
        let symbolic = self.on(shown, "symbolic-ref").args(["-q", target]).run().await?;
        if symbolic.code == Some(0) {
            return Err(LocalError::Refused {
                reason: format!("`{}` is another name of `{}`", request.target, symbolic.text()),
                hint: "name that branch as the target".into(),
            });
        }
        self.ref_value(shown, target).await?.ok_or_else(|| LocalError::Refused {
            reason: format!("the target branch `{}` is gone", request.target),
            hint: "make it again, or reject the proposal".into(),
        })
    }

    /// The proposal's branch is still there and still holds what was proposed.
    async fn stands(&self, shown: &View, branch: &Branch) -> Result<(), LocalError> {
        match self.ref_value(shown, &branch.ref_name()).await? {
            Some(at) if at == branch.head => Ok(()),
            Some(at) => Err(LocalError::Refused {
                reason: format!("the branch `{}` moved to {}", branch.name, at.short()),
                hint: "only what was approved is merged: merge that branch yourself, or run the agent again"
                    .into(),
            }),
            None => Err(LocalError::Refused {
                reason: format!("the branch `{}` was deleted", branch.name),
                hint: "reject the proposal, or run the agent again".into(),
            }),
        }
    }

    async fn is_ancestor(&self, older: &CommitId, newer: &CommitId) -> Result<bool, LocalError> {
        let args = ["--is-ancestor", older.as_str(), newer.as_str()];
        let told = self.mirror.on("merge-base").args(args).run().await?;
        match told.code {
            Some(0) => Ok(true),
            Some(1) => Ok(false),
            _ => Err(told.into_error().into()),
        }
    }

    /// Why a target that moved is not merged into, and the way on.
    async fn moved(
        &self,
        request: &MergeRequest,
        tip: &CommitId,
    ) -> Result<LocalError, LocalError> {
        let MergeRequest { branch, target, .. } = request;
        let what = if self.is_ancestor(&branch.base, tip).await? {
            "since the proposal was made and checked"
        } else {
            "and no longer holds the commit that the proposal starts from"
        };
        let (base, tip) = (branch.base.short(), tip.short());
        Ok(LocalError::Refused {
            reason: format!("`{target}` moved from {base} to {tip} {what}"),
            hint: "run the agent again: its checks run on what is there now, and it proposes what comes of that"
                .into(),
        })
    }

    /// A merge commit of the base and the proposal, with the proposal's tree as it was approved.
    async fn merge_commit(
        &self,
        branch: &Branch,
        authorship: &Authorship,
    ) -> Result<CommitId, LocalError> {
        let mut call = self.mirror.on("commit-tree");
        for (name, value) in authorship.env() {
            call = call.env(name, value);
        }
        let tree = format!("{}^{{tree}}", branch.head);
        let args =
            [tree.as_str(), "-p", branch.base.as_str(), "-p", branch.head.as_str(), "-F", "-"];
        let told = call.args(args).input(authorship.text().into_bytes()).ok().await?.text();
        told.parse().map_err(|_| LocalError::Refused {
            reason: "git made no merge commit".into(),
            hint: "merge without `--merge-commit`".into(),
        })
    }
}
