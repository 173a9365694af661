//! Proposals that live in hob: look at them, approve, reject.

use domain::report::ProposalReport;
use domain::{Actor, ProposalId};
use forge::local::{Branch, LocalError, Withdrawn};
use forge::{LocalForge, Source};
use store::error::CommitError;
use store::port::ProposalFilter;
use store::record::{Approval, Proposal, ProposalState};
use store::transaction::Write;

use crate::audit::Note;
use crate::error::HouseError;
use crate::house::House;
use crate::intent::Intended;
use crate::request::refused::Asked;

/// A proposal as people see it.
#[derive(Debug, Clone, serde::Serialize)]
pub struct Review {
    /// The proposal.
    pub id: ProposalId,
    /// Its run.
    pub run: domain::RunId,
    /// Its agent.
    pub agent: String,
    /// Who asked for it, where a person did.
    pub requester: Option<String>,
    /// The repository as its user named it.
    pub repository: String,
    /// What became of it.
    pub state: &'static str,
    /// Its branch.
    pub branch: String,
    /// The git folder of hob's own that holds the branch, where the repository is elsewhere.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mirror: Option<String>,
    /// The branch that a merge moves.
    pub target: Option<String>,
    /// The commit it starts from.
    pub base: domain::CommitId,
    /// Whether its target stood on another commit than the base when this was asked: only `list` looks, and
    /// only at repositories on this host.
    pub target_moved: bool,
    /// Whether it was answered and that is not carried out yet: another process is at work on the repository, or the
    /// one that began is gone. The next command that works there goes on with it.
    pub answer_waits: bool,
    /// The commit it leads to.
    pub head: domain::CommitId,
    /// What an approval binds to.
    pub digest: domain::Digest,
    /// Its title.
    pub title: String,
    /// Its text, Markdown.
    pub body: String,
    /// How many approvals a merge needs.
    pub approvals_needed: u64,
    /// Who approved.
    pub approvals: Vec<String>,
    /// Why it was rejected, in the words of who did.
    pub why: Option<String>,
    /// The proposal that took its place.
    pub superseded_by: Option<String>,
    /// When it was published.
    pub made: String,
}

/// The proposal as a run's report has it.
pub(crate) fn report(proposal: &Proposal) -> ProposalReport {
    ProposalReport {
        id: proposal.id,
        branch: proposal.branch.clone(),
        base: proposal.base.clone(),
        head: proposal.head.clone(),
        digest: proposal.digest,
        title: proposal.title.clone(),
        url: None,
        mirror: text(proposal, "mirror"),
    }
}

pub(super) fn text(proposal: &Proposal, key: &str) -> Option<String> {
    proposal.facts.get(key).and_then(|value| value.as_str()).map(str::to_owned)
}

pub(super) fn approvals_needed(proposal: &Proposal) -> u64 {
    // A proposal without the number is not one of ours: one more than anybody can give.
    proposal.facts.get("approvals_needed").and_then(serde_json::Value::as_u64).unwrap_or(u64::MAX)
}

pub(crate) fn review(proposal: &Proposal) -> Review {
    Review {
        id: proposal.id,
        run: proposal.run,
        agent: proposal.agent.clone(),
        requester: text(proposal, "requester"),
        repository: text(proposal, "source").unwrap_or_else(|| proposal.repository.clone()),
        state: proposal.state.name(),
        branch: proposal.branch.clone(),
        mirror: text(proposal, "mirror"),
        target: text(proposal, "target"),
        target_moved: false,
        // An answer that cannot be read is told by whoever carries it out.
        answer_waits: crate::intent::of(proposal).is_ok_and(|intent| intent.is_some()),
        base: proposal.base.clone(),
        head: proposal.head.clone(),
        digest: proposal.digest,
        title: proposal.title.clone(),
        body: proposal.body.clone(),
        approvals_needed: approvals_needed(proposal),
        approvals: proposal
            .approvals
            .iter()
            .filter(|approval| approval.digest == proposal.digest)
            .map(|approval| approval.actor.clone())
            .collect(),
        why: crate::intent::rejection(proposal).ok().flatten(),
        superseded_by: text(proposal, crate::open_proposals::SUPERSEDED_BY),
        made: proposal.made.to_string(),
    }
}

/// Why nothing can be answered to a proposal any more.
fn answered_already(proposal: &Proposal) -> String {
    let (id, state) = (proposal.id, proposal.state.name());
    match text(proposal, crate::open_proposals::SUPERSEDED_BY) {
        Some(newer) if proposal.approvals.is_empty() => {
            format!("{id} is {state} already: {newer} takes its place")
        }
        Some(newer) => format!(
            "{id} is {state} already: {newer} takes its place, and what was said to {id} does not count for it; look at \
             it with `hob review show {newer}`"
        ),
        None => format!("{id} is {state} already"),
    }
}

impl House {
    /// Proposals, newest first.
    pub async fn list_reviews(&self, all: bool) -> Result<Vec<Review>, HouseError> {
        let states = if all { vec![] } else { vec![ProposalState::Open, ProposalState::Approved] };
        let filter = ProposalFilter { states, ..ProposalFilter::default() };
        let mut reviews = Vec::new();
        for proposal in self.proposals_of(filter).await? {
            let target_moved = proposal.state.is_open() && self.has_moved(&proposal).await;
            reviews.push(Review { target_moved, ..review(&proposal) });
        }
        Ok(reviews)
    }

    /// Whether the target of a proposal stands elsewhere than where the proposal starts. A repository that
    /// is elsewhere, or gone, is not asked: a list answers at once.
    async fn has_moved(&self, proposal: &Proposal) -> bool {
        let (None, Some(target)) = (text(proposal, "mirror"), text(proposal, "target")) else {
            return false;
        };
        let Ok((local, branch)) = self.local_of(proposal) else { return false };
        let Ok(scratch) = self.scratch() else { return false };
        let standing = local.standing(&branch, &target, scratch.path()).await;
        standing.is_ok_and(|now| !now.merged && now.target.is_some_and(|tip| tip != proposal.base))
    }

    /// One proposal.
    pub async fn show_review(&self, id: ProposalId) -> Result<Review, HouseError> {
        Ok(review(&self.proposal(id).await?))
    }

    /// A proposal's change, as `git diff` shows one.
    pub async fn diff_review(&self, id: ProposalId) -> Result<String, HouseError> {
        let proposal = self.proposal(id).await?;
        let mirror = self.mirror_of(&proposal)?;
        let read = crate::supervise::blocking("read mirror", move || {
            let trees = mirror.trees()?;
            trees.diff(&proposal.base, &proposal.head)
        });
        let files = read.await?.map_err(|error| HouseError::Inconsistent(crate::chain(&error)))?;
        Ok(forge::tree::unified(&files))
    }

    /// Approves exactly the bytes that `digest` names (the proposal's own where none is given).
    ///
    /// The requester of a change is never its approver, where a second person could be: in a data folder
    /// that only one person can reach nobody else could ever approve, so there it is allowed, said in
    /// the ledger, and shown (`docs/decisions/0004-approving-alone.md`).
    pub async fn approve(
        &self,
        actor: &Actor,
        id: ProposalId,
        digest: Option<domain::Digest>,
    ) -> Result<Review, HouseError> {
        let asked = Asked::new(actor, "approve", ("proposal", id));
        self.told(asked, self.approved(actor, id, digest).await).await
    }

    async fn approved(
        &self,
        actor: &Actor,
        id: ProposalId,
        digest: Option<domain::Digest>,
    ) -> Result<Review, HouseError> {
        let mut proposal = self.answerable(id).await?;
        let digest = digest.unwrap_or(proposal.digest);
        if digest != proposal.digest {
            return Err(HouseError::Refused(format!(
                "{id} is {}, not {digest}: look at it again with `hob review diff {id}`",
                proposal.digest
            )));
        }
        let own = text(&proposal, "requester").as_deref() == Some(actor.name.as_str());
        if own && !self.settings.alone {
            return Err(HouseError::Refused(format!(
                "{} asked for this change, and the requester of a change is never its approver",
                actor.name
            )));
        }
        self.check_head(&proposal).await?;
        let again = proposal.approvals.iter().any(|a| a.actor == actor.name && a.digest == digest);
        if again {
            return Ok(review(&proposal));
        }
        let approval = Approval { actor: actor.name.clone(), digest, at: self.clock.now() };
        proposal.approvals.push(approval);
        let given = proposal.approvals.iter().filter(|a| a.digest == digest).count() as u64;
        if given >= approvals_needed(&proposal) {
            proposal.state = ProposalState::Approved;
        }
        proposal.updated = self.clock.now();
        let note = Note::new("proposal.approved", "exactly these bytes")
            .fact("proposal", id.to_string())
            .fact("digest", digest.to_string())
            .fact("own_request", own);
        let shown = review(&proposal);
        self.answer(actor, proposal, note).await?;
        Ok(shown)
    }

    /// Refuses a proposal; its branch goes where nobody has touched it.
    pub async fn reject(
        &self,
        actor: &Actor,
        id: ProposalId,
        why: &str,
    ) -> Result<Review, HouseError> {
        let asked = Asked::new(actor, "reject", ("proposal", id));
        self.told(asked, self.rejected(actor, id, why).await).await
    }

    async fn rejected(
        &self,
        actor: &Actor,
        id: ProposalId,
        why: &str,
    ) -> Result<Review, HouseError> {
        let proposal = self.answerable(id).await?;
        let answer = Intended::Reject { why: why.to_owned() };
        let intended = self.intend(actor, proposal, answer).await?;
        self.failpoint.hit("reject-intended");
        self.carry_out(&intended).await?;
        self.show_review(id).await
    }

    /// Writes an answer; somebody else's that came first is not written over.
    pub(crate) async fn answer(
        &self,
        actor: &Actor,
        proposal: Proposal,
        note: Note,
    ) -> Result<(), HouseError> {
        let id = proposal.id;
        self.write_answer(actor, proposal, note).await.map_err(|error| match error {
            HouseError::Commit(CommitError::StaleRevision { .. }) => HouseError::Refused(format!(
                "{id} was answered meanwhile: look at it again with `hob review show {id}`"
            )),
            other => other,
        })
    }

    /// Writes an answer, as the store takes it.
    pub(crate) async fn write_answer(
        &self,
        actor: &Actor,
        proposal: Proposal,
        note: Note,
    ) -> Result<(), HouseError> {
        let scribe = self.scribe_of(&self.load(proposal.run).await?)?.by(actor);
        let mut tx = crate::commit::written(&scribe, vec![note]);
        tx.proposals = vec![Write::Update(proposal)];
        self.commit(tx).await
    }

    pub(crate) async fn proposal(&self, id: ProposalId) -> Result<Proposal, HouseError> {
        self.store.proposal(id).await?.ok_or_else(|| {
            HouseError::fixable(
                format!("there is no proposal {id}"),
                "`hob review list --all` shows those there are",
            )
        })
    }

    pub(super) async fn answerable(&self, id: ProposalId) -> Result<Proposal, HouseError> {
        let mut proposal = self.proposal(id).await?;
        if crate::intent::of(&proposal)?.is_some() {
            // Somebody answered before, and their process ended half-way.
            self.carry_out(&proposal).await?;
            proposal = self.proposal(id).await?;
        }
        if !proposal.state.is_open() {
            return Err(HouseError::Refused(answered_already(&proposal)));
        }
        let run = self.load(proposal.run).await?.run;
        if let store::record::RunState::Proposed { .. } = run.state {
            return Ok(proposal);
        }
        // Nobody came by since the run was ended: what it still asks for is done now.
        self.drain(proposal.run).await?;
        Err(HouseError::Refused(format!(
            "{id} is {}: its run {} is over, so nothing of it can be approved or merged",
            self.proposal(id).await?.state.name(),
            proposal.run
        )))
    }

    pub(crate) fn mirror_of(&self, proposal: &Proposal) -> Result<forge::Mirror, HouseError> {
        let place = text(proposal, "source").unwrap_or_else(|| proposal.repository.clone());
        self.mirror_at(&place)
    }

    /// The mirror of a repository as its user names it.
    pub(crate) fn mirror_at(&self, place: &str) -> Result<forge::Mirror, HouseError> {
        let source = Source::find(place, std::path::Path::new("/"))
            .map_err(|error| HouseError::fixable(crate::chain(&error), error.hint()))?;
        self.mirrors
            .mirror(&source)
            .map_err(|error| HouseError::fixable(crate::chain(&error), error.hint()))
    }

    pub(crate) fn local_of(&self, proposal: &Proposal) -> Result<(LocalForge, Branch), HouseError> {
        let local = LocalForge::new(self.mirror_of(proposal)?);
        let branch = Branch {
            run: proposal.run,
            name: proposal.branch.clone(),
            head: proposal.head.clone(),
            base: proposal.base.clone(),
        };
        Ok((local, branch))
    }

    /// What is approved is what the branch holds now.
    pub(super) async fn check_head(&self, proposal: &Proposal) -> Result<(), HouseError> {
        let (local, branch) = self.local_of(proposal)?;
        let target = text(proposal, "target").unwrap_or_default();
        let scratch = self.scratch()?;
        let standing = local
            .standing(&branch, &target, scratch.path())
            .await
            .map_err(|error| local_error(&error))?;
        match standing.branch {
            Some(head) if head == proposal.head => Ok(()),
            Some(head) => Err(HouseError::Refused(format!(
                "the branch `{}` is at {}, not at {} as it was proposed",
                proposal.branch,
                head.short(),
                proposal.head.short()
            ))),
            None => Err(HouseError::Refused(format!(
                "the branch `{}` is gone; run the agent again",
                proposal.branch
            ))),
        }
    }

    /// Deletes a proposal's branch where it is still as it was pushed.
    pub(crate) async fn remove_branch(&self, proposal: &Proposal) -> Result<(), HouseError> {
        let (local, branch) = self.local_of(proposal)?;
        let gone =
            local.withdraw(&branch, ANSWER_FENCE).await.map_err(|error| local_error(&error))?;
        match gone {
            Withdrawn::Deleted | Withdrawn::WasGone => Ok(()),
            Withdrawn::Kept { why } => Err(HouseError::Refused(why)),
        }
    }
}

/// What a person says comes after everything that a run does.
pub(crate) const ANSWER_FENCE: domain::Fence = domain::Fence(u64::MAX);

/// What a local repository refuses is refused; everything else the person can mend.
pub(crate) fn local_error(error: &LocalError) -> HouseError {
    match error {
        LocalError::Refused { .. } => {
            HouseError::Refused(format!("{}; {}", crate::chain(error), error.hint()))
        }
        _ => HouseError::fixable(crate::chain(error), error.hint()),
    }
}
