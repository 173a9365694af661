//! How people answered earlier proposals of the run's agent for its repository: the next attempt is told, and what they have
//! rejected is not proposed to them once more as long as nothing has changed
//! (`docs/decisions/0009-what-was-rejected.md`).

use agent::context::{Answer, Answered};
use domain::change::Change;
use domain::dependency::Update;
use store::port::ProposalFilter;
use store::record::{Proposal, ProposalState};

use crate::error::HouseError;
use crate::perform::{Stage, StepError};

/// The most answers that are looked at, the newest first.
const ANSWERS_MAX: usize = 100;

impl Stage<'_> {
    /// The answers, the newest first.
    pub(crate) async fn answers(&self) -> Result<Vec<Answered>, StepError> {
        let mut answers = Vec::new();
        for proposal in self.answered().await? {
            let answer = match proposal.state {
                ProposalState::Merged => Answer::Merged,
                _ => Answer::Rejected { why: why(&proposal)?, binds: self.binds(&proposal).await? },
            };
            let updates = proposal.facts.get("updates").cloned().unwrap_or_default();
            // What another kind of agent has proposed are no updates of packages.
            let updates = serde_json::from_value::<Vec<Update>>(updates).unwrap_or_default();
            answers.push(Answered { proposal: proposal.id.to_string(), answer, updates });
        }
        Ok(answers)
    }

    /// Where people have rejected exactly this change, and nothing has changed since: in which words.
    pub(crate) async fn rejected(&self, change: &Change) -> Result<Option<String>, StepError> {
        for proposal in self.answered().await? {
            let tree = proposal.facts.get("tree").and_then(|tree| tree.as_str());
            let is_same = tree == Some(change.tree.as_str());
            if is_same && self.binds(&proposal).await? {
                let (id, why) = (proposal.id, why(&proposal)?);
                return Ok(Some(format!(
                    "{id} proposed exactly this from the same commit, and it was rejected: {why}"
                )));
            }
        }
        Ok(None)
    }

    async fn answered(&self) -> Result<Vec<Proposal>, StepError> {
        let filter = ProposalFilter {
            agent: Some(self.name.clone()),
            repository: Some(self.repository()?),
            states: vec![ProposalState::Merged, ProposalState::Rejected],
            limit: ANSWERS_MAX,
            ..ProposalFilter::default()
        };
        Ok(self.house.store.proposals(filter).await.map_err(HouseError::from)?)
    }

    /// Whether a rejection speaks of this very work: the same commit, definition, settings, branch and advisories.
    async fn binds(&self, proposal: &Proposal) -> Result<bool, StepError> {
        if proposal.state != ProposalState::Rejected || proposal.base != self.base()? {
            return Ok(false);
        }
        let store = &self.house.store;
        let identity = |row: Option<store::record::RunRow>| row.map(|row| row.identity);
        let theirs = identity(store.run(proposal.run).await.map_err(HouseError::from)?);
        let own = identity(store.run(self.run).await.map_err(HouseError::from)?);
        Ok(own.is_some() && theirs == own)
    }
}

fn why(proposal: &Proposal) -> Result<String, StepError> {
    let why = crate::intent::rejection(proposal)?;
    Ok(why.unwrap_or_else(|| "why is not kept".to_owned()))
}
