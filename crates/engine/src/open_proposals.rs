//! Which proposals of an agent for a repository wait for people: looked up in one place.

use store::port::ProposalFilter;
use store::record::{Proposal, ProposalState};
use store::transaction::Write;

use crate::audit::Note;
use crate::commit::{Along, Step};
use crate::error::HouseError;
use crate::house::House;
use crate::perform::{Stage, StepError};
use crate::progress::Progress;

/// Where a proposal's facts hold the name of the one that took its place.
pub(crate) const SUPERSEDED_BY: &str = "superseded_by";

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
        self.proposals_of(filter).await
    }

    /// Older open proposals of the same agent for the same branch make room for one that is published: the newest work
    /// counts. One that people approved stays where the newer one holds the same tree: their answer was to just that. They
    /// are read anew for each try to write, since people may answer them meanwhile.
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
            let same = |fact: &str| older.facts.get(fact) == newer.facts.get(fact);
            let stays = older.state == ProposalState::Approved && same("tree");
            if !same("target") || older.run == newer.run || stays {
                continue;
            }
            let note = Note::new("proposal.superseded", format!("{} takes its place", newer.id))
                .fact("proposal", older.id.to_string())
                .fact("approvals", older.approvals.len());
            along.notes.push(note);
            if let Some(facts) = older.facts.as_object_mut() {
                facts.insert(SUPERSEDED_BY.to_owned(), newer.id.to_string().into());
            }
            older.state = ProposalState::Superseded;
            older.updated = newer.made;
            along.proposals.push(Write::Update(older));
        }
        Ok(along)
    }

    /// Tells whoever watches which proposals made room, and whose approval is lost with them.
    pub(crate) fn tell_superseded(&self, lines: Vec<String>) {
        for line in lines {
            self.listener.hear(&Progress::Warning { line });
        }
    }
}

/// A line for each proposal that makes room for the one that is published.
pub(crate) fn superseded_lines(proposals: &[Write<Proposal>]) -> Vec<String> {
    let Some(Write::Insert(newer)) = proposals.first() else { return Vec::new() };
    let older = proposals.iter().filter_map(|write| match write {
        Write::Update(older) if older.state == ProposalState::Superseded => Some(older),
        Write::Update(_) | Write::Insert(_) => None,
    });
    older.map(|older| superseded_line(older, newer)).collect()
}

fn superseded_line(older: &Proposal, newer: &Proposal) -> String {
    let takes = format!("{} takes the place of {}", newer.id, older.id);
    let mut names: Vec<&str> = older.approvals.iter().map(|by| by.actor.as_str()).collect();
    names.dedup();
    if names.is_empty() {
        return takes;
    }
    format!(
        "{takes}, which {} approved: that approval does not count for the new one, look at it with `hob review show {}`",
        names.join(", "),
        newer.id
    )
}

impl Stage<'_> {
    /// The open and approved proposals of the run's agent for its repository.
    pub(crate) async fn open_proposals(&self) -> Result<Vec<Proposal>, StepError> {
        Ok(self.house.open_proposals(&self.name, &self.repository()?).await?)
    }
}
