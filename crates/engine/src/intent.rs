//! What a person answered to a proposal, recorded before anything moves, and carried out from that record: a
//! process that dies in between loses no answer, and nobody is named for what another did.

use domain::{Actor, CommitId, Timestamp};
use forge::export::Authorship;
use forge::local::{Behind, LocalError, MergeRequest, Merged, Plan};
use runs::Answer;
use serde::{Deserialize, Serialize};
use store::error::CommitError;
use store::record::{Proposal, ProposalState, RunState};
use store::transaction::Write;

use crate::audit::Note;
use crate::error::HouseError;
use crate::house::House;
use crate::request::review::{ANSWER_FENCE, local_error};

/// Where a proposal's facts hold it.
const KEY: &str = "intent";

/// Where they hold the rejection that was carried out.
const REJECTION: &str = "rejection";

/// An answer that is being carried out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Intent {
    /// Who answered.
    pub(crate) actor: Actor,
    /// When.
    pub(crate) at: Timestamp,
    /// What.
    pub(crate) answer: Intended,
}

/// What shall be done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "snake_case")]
pub(crate) enum Intended {
    /// The target moves.
    Merge {
        /// The branch.
        target: String,
        /// From where.
        old: CommitId,
        /// To where.
        new: CommitId,
    },
    /// The branch goes.
    Reject {
        /// Why.
        why: String,
    },
}

/// What carrying it out came to.
#[derive(Debug, Default)]
pub(crate) struct CarriedOut {
    /// Where the target of a merge is now.
    pub(crate) commit: Option<CommitId>,
    /// Work trees that still show what was there before.
    pub(crate) behind: Vec<Behind>,
}

impl Intended {
    fn note(&self, proposal: &Proposal) -> Note {
        let id = proposal.id.to_string();
        match self {
            Self::Merge { target, old, new } => {
                Note::new("proposal.merge_intended", "approved, and asked for by a person")
                    .fact("target", target.as_str())
                    .fact("old", old.as_str())
                    .fact("new", new.as_str())
                    .fact("digest", proposal.digest.to_string())
            }
            Self::Reject { why } => Note::new("proposal.reject_intended", why.clone())
                .fact("branch", proposal.branch.as_str()),
        }
        .fact("proposal", id)
    }
}

/// The answer to a proposal that is not carried out yet.
pub(crate) fn of(proposal: &Proposal) -> Result<Option<Intent>, HouseError> {
    let Some(found) = proposal.facts.get(KEY) else { return Ok(None) };
    let read = serde_json::from_value(found.clone());
    read.map(Some).map_err(|error| {
        HouseError::Inconsistent(format!("the answer to {}: {error}", proposal.id))
    })
}

/// Why a proposal was rejected; nothing where it was not, or where that was not kept.
pub(crate) fn rejection(proposal: &Proposal) -> Result<Option<String>, HouseError> {
    let Some(found) = proposal.facts.get(REJECTION) else { return Ok(None) };
    let read = serde_json::from_value::<Intent>(found.clone());
    let intent = read.map_err(|error| {
        HouseError::Inconsistent(format!("the rejection of {}: {error}", proposal.id))
    })?;
    Ok(match intent.answer {
        Intended::Reject { why } => Some(why),
        Intended::Merge { .. } => None,
    })
}

fn keep_rejection(proposal: &mut Proposal, intent: &Intent) {
    if let (Some(facts), Intended::Reject { .. }) = (proposal.facts.as_object_mut(), &intent.answer)
    {
        let document = serde_json::to_value(intent).expect("an intent is plain data");
        facts.insert(REJECTION.to_owned(), document);
    }
}

fn set(proposal: &mut Proposal, intent: Option<&Intent>) {
    let Some(facts) = proposal.facts.as_object_mut() else { return };
    match intent {
        Some(intent) => {
            let document = serde_json::to_value(intent).expect("an intent is plain data");
            facts.insert(KEY.to_owned(), document);
        }
        None => {
            facts.remove(KEY);
        }
    }
}

impl House {
    /// Records what a person answered. It fails where the run, or the proposal, was changed meanwhile.
    pub(crate) async fn intend(
        &self,
        actor: &Actor,
        mut proposal: Proposal,
        answer: Intended,
    ) -> Result<Proposal, HouseError> {
        let row = self.load(proposal.run).await?;
        let id = proposal.id;
        let meanwhile =
            || HouseError::Refused(format!("{id} was answered, or its run stopped, meanwhile"));
        if !matches!(row.run.state, RunState::Proposed { .. }) {
            return Err(meanwhile());
        }
        let note = answer.note(&proposal);
        set(&mut proposal, Some(&Intent { actor: actor.clone(), at: self.clock.now(), answer }));
        let mut tx = crate::commit::written(&self.scribe_of(&row)?.by(actor), vec![note]);
        tx.proposals = vec![Write::Update(proposal)];
        // Written as it is: whoever stops the run at the same instant has to look at it again.
        tx.runs = vec![Write::Update(row)];
        match self.commit(tx).await {
            Ok(()) => self.proposal(id).await,
            Err(HouseError::Commit(CommitError::StaleRevision { .. })) => Err(meanwhile()),
            Err(error) => Err(error),
        }
    }

    /// Carries out the answer to a proposal, if there is one; doing so twice is harmless. What its repository
    /// refuses is told, and the proposal waits for people as before; after any other failure it may be tried again.
    pub(crate) async fn carry_out(&self, proposal: &Proposal) -> Result<CarriedOut, HouseError> {
        let Some(intent) = of(proposal)? else { return Ok(CarriedOut::default()) };
        match &intent.answer {
            Intended::Merge { target, old, new } => {
                let plan = Plan { old: old.clone(), new: new.clone() };
                match self.move_target(proposal, &intent, (target, &plan)).await {
                    Ok(merged) => self.merged(proposal, &intent, (target, merged)).await,
                    Err(error) => {
                        if matches!(error, LocalError::Refused { .. }) {
                            self.abandon(proposal, &crate::chain(&error)).await?;
                        }
                        Err(local_error(&error))
                    }
                }
            }
            Intended::Reject { why } => {
                let gone = self.remove_branch(proposal).await;
                self.failpoint.hit("withdrawn");
                let mut note = Note::new("proposal.rejected", why.clone());
                if let Err(error) = gone {
                    note = note.fact("branch_kept_because", error.to_string());
                }
                let answer = (ProposalState::Rejected, Answer::Rejected);
                self.conclude(proposal, &intent, answer, note).await?;
                Ok(CarriedOut::default())
            }
        }
    }

    async fn move_target(
        &self,
        proposal: &Proposal,
        intent: &Intent,
        (target, plan): (&str, &Plan),
    ) -> Result<Merged, LocalError> {
        let unknown = |error: HouseError| LocalError::Refused {
            reason: crate::chain(&error),
            hint: error.hint().to_owned(),
        };
        let (local, branch) = self.local_of(proposal).map_err(unknown)?;
        let request = MergeRequest {
            branch,
            target: target.to_owned(),
            approved: proposal.digest,
            merge_commit: Some(merge_author(proposal, &intent.actor, intent.at)),
        };
        let merged = local.move_target(&request, plan, ANSWER_FENCE).await?;
        self.failpoint.hit("branch-moved");
        Ok(merged)
    }

    async fn merged(
        &self,
        proposal: &Proposal,
        intent: &Intent,
        (target, merged): (&str, Merged),
    ) -> Result<CarriedOut, HouseError> {
        let note = Note::new("proposal.merged", "approved, and asked for by a person")
            .fact("target", target)
            .fact("commit", merged.commit.as_str())
            .fact("digest", proposal.digest.to_string());
        let answer = (ProposalState::Merged, Answer::Merged);
        self.conclude(proposal, intent, answer, note).await?;
        Ok(CarriedOut { commit: Some(merged.commit), behind: merged.behind })
    }

    /// Writes that the answer was carried out, once, whoever did it, and ends the run.
    async fn conclude(
        &self,
        proposal: &Proposal,
        intent: &Intent,
        (state, answer): (ProposalState, Answer),
        note: Note,
    ) -> Result<(), HouseError> {
        let note = note.fact("proposal", proposal.id.to_string());
        let mut latest = proposal.clone();
        // Somebody else may have written it meanwhile: what was done is told all the same, once.
        while latest.state != state {
            let may_be_told = latest.state.is_open() || state == ProposalState::Merged;
            if !may_be_told {
                let (id, now) = (latest.id, latest.state.name());
                return Err(HouseError::Refused(format!("{id} was {now} meanwhile")));
            }
            set(&mut latest, None);
            keep_rejection(&mut latest, intent);
            latest.state = state;
            latest.updated = self.clock.now();
            match self.write_answer(&intent.actor, latest, note.clone()).await {
                Ok(()) => break,
                Err(HouseError::Commit(CommitError::StaleRevision { .. })) => {}
                Err(error) => return Err(error),
            }
            latest = self.proposal(proposal.id).await?;
        }
        self.end_run(&intent.actor, proposal, answer).await
    }

    /// Forgets an answer that failed, unless it was done all the same: where the target holds what it was to hold,
    /// only the record is missing, and whoever comes next writes it with the name of who asked. Where that cannot be
    /// found out the answer stands too.
    pub(crate) async fn abandon_undone(
        &self,
        proposal: &Proposal,
        why: &str,
    ) -> Result<(), HouseError> {
        let Some(Intent { answer: Intended::Merge { target, new, .. }, .. }) = of(proposal)? else {
            return self.abandon(proposal, why).await;
        };
        let (local, branch) = self.local_of(proposal)?;
        let scratch = self.scratch()?;
        let standing = local.standing(&branch, &target, scratch.path()).await;
        let standing = standing.map_err(|error| local_error(&error))?;
        if standing.merged || standing.target == Some(new) {
            return Ok(());
        }
        self.abandon(proposal, why).await
    }

    /// Forgets an answer that could not be carried out, and tells why.
    async fn abandon(&self, proposal: &Proposal, why: &str) -> Result<(), HouseError> {
        let Some(intent) = of(proposal)? else { return Ok(()) };
        let mut open = proposal.clone();
        set(&mut open, None);
        let note = Note::new("proposal.answer_failed", why).fact("proposal", open.id.to_string());
        match self.write_answer(&intent.actor, open, note).await {
            Err(HouseError::Commit(CommitError::StaleRevision { .. })) => Ok(()),
            answer => answer,
        }
    }
}

/// Who makes a merge commit.
pub(crate) fn merge_author(proposal: &Proposal, actor: &Actor, at: Timestamp) -> Authorship {
    Authorship {
        name: actor.name.clone(),
        email: "hob@localhost".to_owned(),
        at,
        message: format!("Merge {}\n\nHob-Proposal: {}\n", proposal.title, proposal.id),
    }
}
