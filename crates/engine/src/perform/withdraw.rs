//! Withdraw: a proposal is taken back; its branch goes where nobody has touched it.

use domain::ProposalId;
use store::record::ProposalState;
use store::transaction::Write;

use crate::audit::{Note, Scribe};
use crate::error::HouseError;
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
    if proposal.state.is_open() {
        proposal.state = ProposalState::Withdrawn;
        proposal.updated = house.clock.now();
        tx.proposals = vec![Write::Update(proposal)];
    }
    house.commit(tx).await
}
