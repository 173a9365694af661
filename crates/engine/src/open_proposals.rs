//! Which proposals of an agent for a repository wait for people: looked up in one place.

use store::port::ProposalFilter;
use store::record::{Proposal, ProposalState};

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
}

impl Stage<'_> {
    /// The open and approved proposals of the run's agent for its repository.
    pub(crate) async fn open_proposals(&self) -> Result<Vec<Proposal>, StepError> {
        Ok(self.house.open_proposals(&self.agent.name, &self.repository()?).await?)
    }
}
