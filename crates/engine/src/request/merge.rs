//! Merging: the only thing that moves a target branch, and only after the gates.

use domain::{Actor, ProposalId};
use forge::local::MergeRequest;

use super::review::{approvals_needed, local_error, text};
use crate::error::HouseError;
use crate::house::House;
use crate::intent::{Intended, merge_author};
use crate::request::refused::Asked;

/// What a merge did.
#[derive(Debug, Clone, serde::Serialize)]
pub struct Merged {
    /// The proposal.
    pub proposal: ProposalId,
    /// The branch that moved.
    pub target: String,
    /// The commit it is at now.
    pub commit: domain::CommitId,
    /// Work trees that have the branch checked out and still show what was there before.
    pub behind: Vec<Behind>,
}

/// A work tree that still shows what was there before a merge.
#[derive(Debug, Clone, serde::Serialize)]
pub struct Behind {
    /// Where it is.
    pub work_tree: String,
    /// The command that brings it along and keeps uncommitted changes.
    pub command: String,
}

impl House {
    /// Merges an approved proposal into its target branch, which must stand where the proposal starts:
    /// by a fast-forward, or by a merge commit with the tree that was approved where `merge_commit` asks for one.
    pub async fn merge(
        &self,
        actor: &Actor,
        id: ProposalId,
        merge_commit: bool,
    ) -> Result<Merged, HouseError> {
        let asked = Asked::new(actor, "merge", ("proposal", id));
        self.told(asked, self.merged_as_asked(actor, id, merge_commit).await).await
    }

    async fn merged_as_asked(
        &self,
        actor: &Actor,
        id: ProposalId,
        merge_commit: bool,
    ) -> Result<Merged, HouseError> {
        let proposal = self.answerable(id).await?;
        let given =
            proposal.approvals.iter().filter(|a| a.digest == proposal.digest).count() as u64;
        let needed = approvals_needed(&proposal);
        if given < needed {
            return Err(HouseError::Refused(format!(
                "{id} has {given} of {needed} approvals; give one with `hob review approve {id}`"
            )));
        }
        let target = text(&proposal, "target").ok_or_else(|| {
            HouseError::Refused(format!(
                "{id} was made on a detached HEAD: there is no branch to merge into"
            ))
        })?;
        self.check_head(&proposal).await?;
        let (local, branch) = self.local_of(&proposal)?;
        let request = MergeRequest {
            branch,
            target: target.clone(),
            approved: proposal.digest,
            merge_commit: merge_commit.then(|| merge_author(&proposal, actor, self.clock.now())),
        };
        let plan = local.plan(&request).await.map_err(|error| local_error(&error))?;
        let answer =
            Intended::Merge { target: target.clone(), old: plan.old, new: plan.new.clone() };
        let intended = self.intend(actor, proposal, answer).await?;
        self.failpoint.hit("merge-intended");
        let merged = match self.carry_out(&intended).await {
            Ok(merged) => merged,
            Err(error) => {
                // The person is told that it failed: it is not done behind their back later.
                if let Err(error) = self.abandon_undone(&intended, &crate::chain(&error)).await {
                    let error = crate::chain(&error);
                    tracing::warn!(proposal = %id, error, "its answer stands, and is looked at again");
                }
                return Err(error);
            }
        };
        let behind = merged
            .behind
            .into_iter()
            .map(|behind| Behind {
                work_tree: behind.work_tree.display().to_string(),
                command: behind.command,
            })
            .collect();
        let commit = merged.commit.unwrap_or(plan.new);
        Ok(Merged { proposal: id, target, commit, behind })
    }
}
