//! Runs follow what became of their proposals: merged, refused, superseded.

use domain::Actor;
use runs::Answer;
use store::port::RunFilter;
use store::record::{Proposal, ProposalState, RunRow, RunState};

use crate::audit::Note;
use crate::error::HouseError;
use crate::house::House;

/// How many runs are looked at together.
const RUNS_PAGE: usize = 500;

impl House {
    /// Ends proposed runs whose proposal was answered.
    pub(crate) async fn follow_proposals(&self) -> Result<(), HouseError> {
        let mut before = None;
        loop {
            let filter =
                RunFilter { unfinished: true, before, limit: RUNS_PAGE, ..RunFilter::default() };
            let rows = self.store.runs(filter).await?;
            let Some(last) = rows.last() else { return Ok(()) };
            before = Some(last.id);
            for row in rows {
                if let Err(error) = self.follow_proposal_of(&row).await {
                    let (run, error) = (row.id, crate::chain(&error));
                    tracing::warn!(%run, error, "its proposal is followed the next time");
                }
            }
        }
    }

    /// Ends a proposed run if its proposal was answered.
    async fn follow_proposal_of(&self, row: &RunRow) -> Result<(), HouseError> {
        let RunState::Proposed { proposal } = row.run.state else { return Ok(()) };
        let Some(proposal) = self.store.proposal(proposal).await? else { return Ok(()) };
        // An answer that is carried out elsewhere, or a repository at work, holds nobody up.
        let waits = crate::intent::of(&proposal)?.is_some() || !proposal.state.is_open();
        if waits && self.mirror_of(&proposal).is_ok_and(|mirror| is_busy(&mirror)) {
            return Ok(());
        }
        if let Err(error) = self.carry_out(&proposal).await {
            let error = crate::chain(&error);
            tracing::warn!(proposal = %proposal.id, error, "its answer is not carried out yet");
            return Ok(());
        }
        let Some(proposal) = self.store.proposal(proposal.id).await? else { return Ok(()) };
        let proposal = self.merged_elsewhere(proposal).await?;
        let answer = match proposal.state {
            ProposalState::Open | ProposalState::Approved | ProposalState::Withdrawn => {
                return Ok(());
            }
            ProposalState::Merged => Answer::Merged,
            ProposalState::Rejected => Answer::Rejected,
            ProposalState::Superseded => Answer::Superseded,
        };
        self.end_run(&Actor::agent(&row.agent.name), &proposal, answer).await
    }

    /// A proposal that somebody merged with git itself is merged, and the ledger says by whose hand.
    async fn merged_elsewhere(&self, mut proposal: Proposal) -> Result<Proposal, HouseError> {
        let target = proposal.facts.get("target").and_then(|t| t.as_str()).map(str::to_owned);
        let (true, Some(target)) = (proposal.state.is_open(), target) else { return Ok(proposal) };
        let Ok((local, branch)) = self.local_of(&proposal) else { return Ok(proposal) };
        let scratch = self.scratch()?;
        let standing = local.standing(&branch, &target, scratch.path()).await;
        let merged = standing.is_ok_and(|standing| standing.merged);
        if merged {
            let note = Note::new("proposal.merged", "found merged, not by hob")
                .fact("proposal", proposal.id.to_string())
                .fact("target", target)
                .fact("digest", proposal.digest.to_string());
            proposal.state = ProposalState::Merged;
            proposal.updated = self.clock.now();
            self.answer(&Actor::house(), proposal.clone(), note).await?;
        }
        Ok(proposal)
    }
}

/// Whether another process is at work on a repository: what is left to do there is done the next time.
pub(crate) fn is_busy(mirror: &forge::Mirror) -> bool {
    mirror.is_busy().unwrap_or(false)
}
