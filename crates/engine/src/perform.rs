//! The performers: one step of a run each, each safe to be done again.

use std::time::Duration;

use domain::agent::{Agent, Brain};
use domain::{Digest, Fence, RunId};
use runs::{Done, FailureClass, Step};
use serde_json::json;
use store::record::{Proposal, RunRow};
use store::transaction::Write;
use toolbox::registry::Client;

use crate::audit::{Note, Scribe};
use crate::commit::Along;
use crate::error::HouseError;
use crate::facts::Facts;
use crate::house::{House, Workshop};
use crate::meter::Meter;
use crate::pending::Pending;
use crate::space::Patience;

mod act;
mod escalate;
mod export;
mod judge;
mod machine;
mod prepare;
mod propose;
mod repository;
mod verify;

pub(crate) mod withdraw;

pub(crate) use verify::millis_as_seconds as verify_millis_as_seconds;

/// Why a step failed.
#[derive(Debug)]
pub(crate) struct StepError {
    /// Whose fault.
    pub(crate) class: FailureClass,
    /// Why, for the next attempt and for people.
    pub(crate) reason: String,
}

impl StepError {
    /// Machines, disks, registries.
    pub(crate) fn infrastructure(reason: impl std::fmt::Display) -> Self {
        Self { class: FailureClass::Infrastructure, reason: reason.to_string() }
    }

    /// The brain.
    pub(crate) fn agent(reason: impl std::fmt::Display) -> Self {
        Self { class: FailureClass::Agent, reason: reason.to_string() }
    }

    /// Out of bounds.
    pub(crate) fn policy(reason: impl std::fmt::Display) -> Self {
        Self { class: FailureClass::Policy, reason: reason.to_string() }
    }

    /// Something is used up.
    pub(crate) fn budget(reason: impl std::fmt::Display) -> Self {
        Self { class: FailureClass::Budget, reason: reason.to_string() }
    }
}

impl StepError {
    /// Whether a full disk of this host is why.
    pub(crate) fn wants_space(&self) -> bool {
        self.class == FailureClass::Infrastructure && crate::space::is_full(&self.reason)
    }

    /// Somebody asked the run to stop.
    pub(crate) fn stopped() -> Self {
        Self::budget("stopped on request")
    }
}

impl From<HouseError> for StepError {
    fn from(error: HouseError) -> Self {
        Self::infrastructure(crate::chain(&error))
    }
}

/// What a performer has at hand, and what it leaves behind.
#[derive(Debug)]
pub(crate) struct Stage<'a> {
    pub(crate) house: &'a House,
    pub(crate) run: RunId,
    /// The agent's name, which stays whatever became of its definition.
    pub(crate) name: String,
    agent: Result<Agent, String>,
    pub(crate) facts: Facts,
    pub(crate) notes: Pending,
    pub(crate) scribe: Scribe,
    pub(crate) attempt: u32,
    pub(crate) fence: Fence,
    pub(crate) failures: Vec<runs::Failure>,
    pub(crate) proposals: Vec<Write<Proposal>>,
    /// Whether the new proposal takes the place of older ones.
    pub(crate) supersedes: bool,
    /// The row and the token under which the step is performed.
    pub(crate) claim: (u64, u64),
    /// How long it is worked on.
    pub(crate) meter: Meter,
    /// How long the whole run may be worked on, in milliseconds.
    time_ms: u64,
    /// Asks registries, and counts what is asked in this step.
    registries: Option<Client>,
}

impl<'a> Stage<'a> {
    /// Sets the stage for a step.
    pub(crate) fn open(
        house: &'a House,
        row: &RunRow,
        (attempt, fence): (u32, Fence),
        claim: (u64, u64),
    ) -> Result<Self, HouseError> {
        let facts = Facts::read(row.id, &row.facts)?;
        let agent = facts.request.agent().map_err(|error| crate::chain(&error));
        let run = crate::persist::from_record(&row.run);
        Ok(Self {
            house,
            run: row.id,
            name: row.agent.name.clone(),
            agent,
            notes: house.pending(row.id),
            scribe: house.scribe_of(row)?,
            facts,
            attempt,
            fence,
            failures: run.failures,
            time_ms: run.limits.time_ms,
            proposals: Vec::new(),
            supersedes: false,
            claim,
            meter: Meter::default(),
            registries: house.workshop.as_ref().map(|workshop| workshop.registries.counting()),
        })
    }

    /// The agent as its definition makes it. A newer hob may read a stored definition otherwise than the one that accepted
    /// it: then people are told, which needs no agent.
    pub(crate) fn agent(&self) -> Result<&Agent, StepError> {
        self.agent.as_ref().map_err(|problem| {
            StepError::agent(format!("the run's definition makes no agent any more: {problem}"))
        })
    }

    /// For how long the run may still be worked on.
    pub(crate) fn time_left(&self) -> Duration {
        let spent = Duration::from_millis(self.facts.spent.total()) + self.meter.worked();
        Duration::from_millis(self.time_ms).saturating_sub(spent)
    }

    /// What a step says that was not done before the run's time was used up.
    pub(crate) fn out_of_time(&self, step: Step) -> StepError {
        let (seconds, step) = (self.time_ms / 1_000, step.name());
        StepError::budget(format!("the run's time of {seconds} s is used up in the step `{step}`"))
    }

    /// Asked before a side effect that no fence of its own guards: whether this step is still this process's.
    pub(crate) async fn still_ours(&self) -> Result<(), StepError> {
        let (id, token) = self.claim;
        if self.house.store.holds(id, token).await.map_err(HouseError::from)? {
            Ok(())
        } else {
            Err(StepError::infrastructure("somebody else goes on with this step"))
        }
    }

    /// Where a step failed for want of space on a disk: waits for some. Gives the error back where nothing helps.
    pub(crate) async fn wait_for_space(
        &self,
        patience: &mut Patience,
        error: StepError,
    ) -> Result<(), StepError> {
        let wants_space = error.wants_space();
        if wants_space && patience.wait(self.house, &self.meter.waits, &error.reason).await {
            Ok(())
        } else {
            Err(error)
        }
    }

    /// Tells the ledger.
    pub(crate) fn note(&self, note: Note) {
        self.notes.add(note.fact("attempt", self.attempt));
    }

    /// What registries are asked through, so that the ledger hears of it.
    pub(crate) fn asking(&self, workshop: &Workshop) -> Client {
        self.registries.clone().unwrap_or_else(|| workshop.registries.clone())
    }

    /// Tells the ledger what this host itself has asked of registries in this step: one entry, however much it was.
    pub(crate) fn tell_asked(&self) {
        let hosts = self.registries.as_ref().map(Client::take_asked).unwrap_or_default();
        if !hosts.is_empty() {
            let note = Note::new("registry.asked", "what registries know of the packages here");
            self.note(note.fact("hosts", json!(hosts)));
        }
    }

    /// Names what the step worked on, where the next attempt would do the same with the same, as a playbook does: the
    /// change, or the base where there is none yet.
    pub(crate) fn work(&self) -> Option<Digest> {
        let Ok(agent) = self.agent() else {
            return Some(Digest::of(self.facts.request.definition.as_bytes()));
        };
        let Brain::Playbook(_) = &agent.brain;
        let change = self.facts.change.as_ref().map(|change| change.digest);
        change.or_else(|| Some(Digest::of(self.facts.base.as_ref()?.as_str().as_bytes())))
    }

    /// What goes with the command that the step ends in.
    pub(crate) fn close(self) -> (Facts, Along) {
        let along = Along {
            notes: self.notes.take().notes,
            proposals: self.proposals,
            supersedes: self.supersedes,
            ..Along::default()
        };
        (self.facts, along)
    }
}

/// Performs a step. What the host does alone is simply done again once there is space on its disk.
pub(crate) async fn step(stage: &mut Stage<'_>, step: Step) -> Result<Done, StepError> {
    let mut patience = Patience::default();
    loop {
        let error = match once(stage, step).await {
            Err(error) if step.machines().is_empty() => error,
            result => return result,
        };
        stage.wait_for_space(&mut patience, error).await?;
    }
}

async fn once(stage: &mut Stage<'_>, step: Step) -> Result<Done, StepError> {
    if !matches!(step, Step::Escalate { .. }) {
        stage.agent()?;
    }
    match step {
        Step::Prepare => prepare::prepare(stage).await,
        Step::Act { machine } => Box::pin(act::act(stage, machine)).await,
        Step::Export { machine } => export::export(stage, machine).await,
        Step::Verify { machine, baseline } => {
            Box::pin(verify::verify(stage, machine, baseline)).await
        }
        Step::Judge => judge::judge(stage).await,
        Step::Propose => propose::propose(stage).await,
        Step::Escalate { ending } => escalate::escalate(stage, ending).await,
    }
}

/// Whether a step may be cut off in the middle: what touches the outside is let finish.
pub(crate) const fn may_be_cut(step: Step) -> bool {
    match step {
        Step::Prepare
        | Step::Act { .. }
        | Step::Export { .. }
        | Step::Verify { .. }
        | Step::Judge => true,
        Step::Propose | Step::Escalate { .. } => false,
    }
}

/// Whether a step ends with the run's time. What touches the outside is let finish, and nothing that was measured is
/// thrown away for the moment that judging it takes.
pub(crate) const fn is_timed(step: Step) -> bool {
    match step {
        Step::Prepare | Step::Act { .. } | Step::Export { .. } | Step::Verify { .. } => true,
        Step::Judge | Step::Propose | Step::Escalate { .. } => false,
    }
}

#[cfg(test)]
mod tests;
