//! Propose: the branch and the review, idempotent by run.

use domain::ProposalId;
use forge::local::Branch;
use runs::Done;
use serde_json::json;
use store::port::ProposalFilter;
use store::record::{Proposal, ProposalState};
use store::transaction::Write;

use super::{Stage, StepError};
use crate::audit::Note;

/// Publishes the change that was judged, these bytes and no others.
pub(super) async fn propose(stage: &mut Stage<'_>) -> Result<Done, StepError> {
    if let Some(existing) = own(stage).await? {
        stage.facts.proposal = Some(crate::request::review::report(&existing));
        return Ok(Done::Published { proposal: existing.id });
    }
    let change = stage.facts.change.clone().ok_or_else(|| {
        StepError::infrastructure("nothing was exported, so nothing can be proposed")
    })?;
    let base = stage.base()?;
    let outcome = stage.facts.outcome.clone().unwrap_or_default();
    let body = crate::proposal_text::body(stage, &outcome);
    for text in [&outcome.title, &body] {
        if let Some(reason) = governance::text::objection(text) {
            let reason = format!("the proposal's text may not be published: {reason}");
            return Err(StepError { class: runs::FailureClass::Policy, reason });
        }
    }
    let branch = Branch::of(stage.run, &outcome.title, base.clone(), change.head.clone());
    stage.local()?.propose(&branch, stage.fence).await?;
    stage.house.failpoint.hit("branch-pushed");
    let now = stage.house.clock.now();
    let verdict = stage.facts.verdict.clone();
    let proposal = Proposal {
        id: ProposalId::fresh(&*stage.house.clock),
        revision: 0,
        run: stage.run,
        agent: stage.name.clone(),
        repository: stage.repository()?,
        branch: branch.name.clone(),
        base: base.clone(),
        head: change.head.clone(),
        digest: change.digest,
        title: outcome.title.clone(),
        body,
        state: ProposalState::Open,
        approvals: Vec::new(),
        made: now,
        updated: now,
        facts: json!({
            "v": 1,
            "tree": change.tree.as_str(),
            "source": stage.facts.request.source,
            "mirror": stage.holder()?,
            "target": stage.facts.branch,
            "requester": stage.facts.request.actor.name,
            "approvals_needed": stage.agent()?.gates.approvals.max(1),
            "verdict": verdict,
            "checks": stage.facts.checks,
            "updates": outcome.updates,
        }),
    };
    if stage.one_proposal_at_a_time()? {
        stage.supersedes = true;
    }
    let note = Note::new("proposal.published", outcome.title)
        .fact("proposal", proposal.id.to_string())
        .fact("branch", branch.name)
        .fact("base", base.as_str())
        .fact("head", change.head.as_str())
        .fact("digest", change.digest.to_string())
        .payload("body", proposal.body.clone().into_bytes());
    stage.note(note);
    let report = crate::request::review::report(&proposal);
    let id = proposal.id;
    stage.facts.proposal = Some(report);
    stage.proposals.push(Write::Insert(proposal));
    Ok(Done::Published { proposal: id })
}

/// The proposal that this run has published before, if its process died afterwards.
async fn own(stage: &Stage<'_>) -> Result<Option<Proposal>, StepError> {
    let filter = ProposalFilter { run: Some(stage.run), ..ProposalFilter::default() };
    let mut found = stage.house.store.proposals(filter).await.map_err(crate::HouseError::from)?;
    Ok(found.pop())
}

impl From<forge::local::LocalError> for StepError {
    fn from(error: forge::local::LocalError) -> Self {
        let reason = format!("{}; {}", crate::chain(&error), error.hint());
        match error {
            // The repository's state may be another one soon; if it stays, people are told. It is no verdict.
            forge::local::LocalError::Refused { .. }
            | forge::local::LocalError::Elsewhere { .. }
            | forge::local::LocalError::Fence(_)
            | forge::local::LocalError::Mirror(_)
            | forge::local::LocalError::View(_)
            | forge::local::LocalError::Git(_)
            | forge::local::LocalError::Unwritable { .. } => Self::infrastructure(reason),
        }
    }
}
