//! Which proposals of an agent for a repository wait for people: looked up in one place.

use store::port::ProposalFilter;
use store::record::{Proposal, ProposalState};
use store::transaction::Write;

use crate::audit::Note;
use crate::commit::{Along, Step};
use crate::error::HouseError;
use crate::house::House;
use crate::perform::{Stage, StepError};

impl House {
    /// The open and approved proposals of an agent for a repository (in canonical text).
    pub(crate) async fn open_proposals(
        &self,
        agent: &str,
        repository: &str,
    ) -> Result<Vec<Proposal>, HouseError> {
        let filter = ProposalFilter {
            agent: Some(agent.to_owned()),
            repository: Some(repository.to_owned()),
            states: vec![ProposalState::Open, ProposalState::Approved],
            ..ProposalFilter::default()
        };
        Ok(self.store.proposals(filter).await?)
    }

    /// Older open proposals of the same agent for the same branch make room for one that is published: the
    /// newest work counts. They are read anew for each try to write, since people may answer them meanwhile.
    pub(crate) async fn with_superseded(
        &self,
        step: &Step<'_>,
        mut along: Along,
    ) -> Result<Along, HouseError> {
        let published = matches!(step.next.state, runs::State::Proposed { .. });
        let Some(Write::Insert(newer)) = along.proposals.first().cloned() else { return Ok(along) };
        if !along.supersedes || !published {
            return Ok(along);
        }
        for mut older in self.open_proposals(&newer.agent, &newer.repository).await? {
            let elsewhere = older.facts.get("target") != newer.facts.get("target");
            if elsewhere || older.run == newer.run {
                continue;
            }
            let note = Note::new("proposal.superseded", format!("{} takes its place", newer.id))
                .fact("proposal", older.id.to_string());
            along.notes.push(note);
            older.state = ProposalState::Superseded;
            older.updated = newer.made;
            along.proposals.push(Write::Update(older));
        }
        Ok(along)
    }
}

impl Stage<'_> {
    /// The open and approved proposals of the run's agent for its repository.
    pub(crate) async fn open_proposals(&self) -> Result<Vec<Proposal>, StepError> {
        Ok(self.house.open_proposals(&self.name, &self.repository()?).await?)
    }
}
