//! Withdraw: a proposal is taken back; its branch goes where nobody has touched it.

use domain::{Fence, ProposalId};
use forge::LocalForge;
use forge::local::{Branch, Withdrawn};
use store::record::{ProposalState, RunRow};
use store::transaction::Write;

use crate::audit::{Note, Scribe};
use crate::error::HouseError;
use crate::facts::Facts;
use crate::house::House;

/// Takes a proposal back and completes the claim that asked for it.
pub(crate) async fn withdraw(
    house: &House,
    id: ProposalId,
    scribe: &Scribe,
    done: (u64, u64),
) -> Result<(), HouseError> {
    let Some(mut proposal) = house.store.proposal(id).await? else {
        return house.complete(scribe, done, vec![]).await;
    };
    if !proposal.state.is_open() {
        // It was answered in the very same instant.
        return house.complete(scribe, done, vec![]).await;
    }
    let note = match house.remove_branch(&proposal).await {
        Ok(()) => Note::new("proposal.withdrawn", "its run was stopped"),
        Err(error) => Note::new("proposal.withdrawn", "its run was stopped; the branch stays")
            .fact("branch_kept_because", error.to_string()),
    };
    let mut tx = crate::commit::written(
        scribe,
        vec![note.fact("proposal", id.to_string()).fact("branch", proposal.branch.as_str())],
    );
    tx.completed = vec![done];
    proposal.state = ProposalState::Withdrawn;
    proposal.updated = house.clock.now();
    tx.proposals = vec![Write::Update(proposal)];
    house.commit(tx).await
}

/// Takes back the branch of a run whose publication did not come to a proposal, and completes the claim.
pub(crate) async fn unpublish(
    house: &House,
    row: &RunRow,
    fence: Fence,
    (scribe, done): (&Scribe, (u64, u64)),
) -> Result<(), HouseError> {
    let Some(branch) = pushed(row)? else { return house.complete(scribe, done, vec![]).await };
    let note = Note::new("branch.withdrawn", "its proposal was never made")
        .fact("branch", branch.name.as_str());
    let notes = match remove(house, row, &branch, fence).await {
        Ok(Withdrawn::Deleted) => vec![note],
        Ok(Withdrawn::WasGone) => vec![],
        Ok(Withdrawn::Kept { why }) => vec![note.fact("branch_kept_because", why)],
        Err(error) => vec![note.fact("branch_kept_because", crate::chain(&error))],
    };
    house.complete(scribe, done, notes).await
}

/// The branch that the run's newest change would have been published as.
fn pushed(row: &RunRow) -> Result<Option<Branch>, HouseError> {
    let facts = Facts::read(row.id, &row.facts)?;
    let (Some(change), Some(base)) = (facts.change, facts.base) else { return Ok(None) };
    let title = facts.outcome.unwrap_or_default().title;
    Ok(Some(Branch::of(row.id, &title, base, change.head)))
}

async fn remove(
    house: &House,
    row: &RunRow,
    branch: &Branch,
    fence: Fence,
) -> Result<Withdrawn, HouseError> {
    let source = Facts::read(row.id, &row.facts)?.request.source;
    let local = LocalForge::new(house.mirror_at(&source)?);
    let gone = local.withdraw(branch, fence).await;
    gone.map_err(|error| crate::request::review::local_error(&error))
}
