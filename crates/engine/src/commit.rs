//! The two ways anything is written: a command applied to a run with all that follows, and notes alone.

use domain::RunId;
use runs::{Command, Refused, Run};
use store::error::CommitError;
use store::record::{JournalEntry, Machine, Proposal, RunRow};
use store::transaction::{Transaction, Write};

use crate::audit::{Note, Scribe};
use crate::error::HouseError;
use crate::facts::Facts;
use crate::house::House;
use crate::outbox;
use crate::reconcile::signals;
use crate::space::{Patience, Waits};

/// What goes with a command.
#[derive(Debug, Default, Clone)]
pub(crate) struct Along {
    /// The claim that this completes.
    pub(crate) claim: Option<(u64, u64)>,
    /// The run's facts from here on.
    pub(crate) facts: Option<Facts>,
    /// What the ledger is told.
    pub(crate) notes: Vec<Note>,
    /// Proposals that change with it.
    pub(crate) proposals: Vec<Write<Proposal>>,
    /// Whether the proposal that is inserted takes the place of older ones.
    pub(crate) supersedes: bool,
    /// Machines that change with it.
    pub(crate) machines: Vec<Machine>,
}

/// What became of a command.
#[derive(Debug)]
pub(crate) enum Applied {
    /// The run took it.
    Taken,
    /// The run refused it; nothing changed but the claim, which is done.
    Refused(Refused),
}

/// One step of the run machine.
pub(crate) struct Step<'a> {
    row: &'a RunRow,
    /// The run afterwards.
    pub(crate) next: &'a Run,
    command: &'a Command,
    actions: &'a [runs::Action],
}

impl House {
    /// Applies a command and writes state, journal, outbox and ledger in one transaction.
    pub(crate) async fn apply(
        &self,
        id: RunId,
        command: &Command,
        scribe: &Scribe,
        along: Along,
    ) -> Result<Applied, HouseError> {
        loop {
            let row = self.load(id).await?;
            let applied = Box::pin(self.apply_to(&row, command, scribe, along.clone()));
            if let Some(applied) = applied.await? {
                return Ok(applied);
            }
        }
    }

    /// Applies a command to a run as it was looked at; nothing is written where somebody wrote the run since, or answered
    /// a proposal that this takes the place of: then it has to be looked at again.
    pub(crate) async fn apply_to(
        &self,
        row: &RunRow,
        command: &Command,
        scribe: &Scribe,
        along: Along,
    ) -> Result<Option<Applied>, HouseError> {
        let run = crate::persist::from_record(&row.run);
        let mut along = along;
        let mut facts = match along.facts.take() {
            Some(facts) => facts,
            None => Facts::read(row.id, &row.facts)?,
        };
        let worked_ms = facts.spent.total();
        let now = self.steady.now();
        let (answer, tx) = match runs::apply(&run, command, now, worked_ms) {
            Ok((next, actions)) => {
                self.fix_time(row.id, &next.state, &mut facts);
                along.facts = Some(facts);
                let step = Step { row, next: &next, command, actions: &actions };
                let along = self.with_superseded(&step, along).await?;
                (Applied::Taken, self.taken(&step, scribe, along))
            }
            Err(refused) => {
                let mut notes = along.notes;
                notes.push(Note::new("run.command_refused", refused.to_string()));
                let mut tx = written(scribe, notes);
                tx.completed = along.claim.into_iter().collect();
                (Applied::Refused(refused), tx)
            }
        };
        let superseded = crate::open_proposals::superseded_lines(&tx.proposals);
        match self.commit(tx).await {
            Ok(()) => {
                self.tell_superseded(superseded);
                Ok(Some(answer))
            }
            Err(HouseError::Commit(CommitError::StaleRevision {
                what: "run" | "proposal",
                ..
            })) => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn taken(&self, step: &Step<'_>, scribe: &Scribe, along: Along) -> Transaction {
        let Step { row, next, command, actions } = *step;
        let now = self.clock.now();
        let mut record = row.clone();
        record.run = crate::persist::to_record(next);
        record.updated = now;
        if let Some(facts) = &along.facts {
            record.facts = facts.document();
        }
        let before = row.run.state.name().to_owned();
        let after = next.state.name().to_owned();
        let mut notes = along.notes;
        notes.extend(failed(step));
        if let runs::State::Ended { ending } = next.state {
            notes.push(Note::new("run.ended", ending.name()));
        }
        let mut tx = written(scribe, notes);
        tx.runs = vec![Write::Update(record)];
        tx.journal = vec![JournalEntry {
            run: row.id,
            at: now,
            command: outbox::command(command),
            before,
            after,
            actions: actions.iter().map(outbox::document).collect(),
        }];
        tx.completed = along.claim.into_iter().collect();
        tx.outbox = actions.iter().map(|action| outbox::to_row(row.id, action, now)).collect();
        tx.proposals = along.proposals;
        tx.machines = along.machines;
        tx
    }

    /// Writes notes at once, apart from any state.
    pub(crate) async fn write_notes(
        &self,
        scribe: &Scribe,
        notes: Vec<Note>,
    ) -> Result<(), HouseError> {
        if notes.is_empty() {
            return Ok(());
        }
        self.commit(written(scribe, notes)).await
    }

    /// Writes notes at once, or says at once that it was not possible.
    pub(crate) async fn write_notes_now(
        &self,
        scribe: &Scribe,
        notes: Vec<Note>,
    ) -> Result<(), HouseError> {
        if !notes.is_empty() {
            self.store.commit(written(scribe, notes)).await?;
            self.unsealed.wrote();
        }
        Ok(())
    }

    /// Commits, and waits where the disk is full: nothing is lost, and it goes on when there is space.
    pub(crate) async fn commit(&self, tx: Transaction) -> Result<(), HouseError> {
        let (mut patience, waits) = (Patience::default(), Waits::default());
        loop {
            let error = match self.store.commit(tx.clone()).await {
                Ok(_) => {
                    self.unsealed.wrote();
                    self.signals.give(signals::concerned(&tx));
                    return Ok(());
                }
                Err(error) => HouseError::from(error),
            };
            let place = self.settings.data.display();
            if !error.is_full_disk()
                || !patience.wait(self, &waits, &format!("the data folder {place} is full")).await
            {
                return Err(error);
            }
        }
    }

    /// A run's row.
    pub(crate) async fn load(&self, id: RunId) -> Result<RunRow, HouseError> {
        self.store.run(id).await?.ok_or_else(|| {
            HouseError::fixable(
                format!("there is no run {id}"),
                "`hob runs list` shows those there are",
            )
        })
    }
}

/// What the ledger is told of a step that failed: whose fault, why, and when it is tried again, if it is.
fn failed(step: &Step<'_>) -> Option<Note> {
    let Command::Failed { class, reason, .. } = step.command else { return None };
    let note = Note::new("step.failed", reason.clone()).fact("class", class.name());
    let note = match crate::persist::from_record(&step.row.run).state {
        runs::State::Working { attempt, step } => {
            note.fact("step", step.name()).fact("attempt", attempt)
        }
        runs::State::Stopping { step } => note.fact("step", step.name()),
        runs::State::Queued
        | runs::State::Waiting { .. }
        | runs::State::Proposed { .. }
        | runs::State::Ended { .. } => note,
    };
    Some(match step.next.state {
        runs::State::Waiting { gate: runs::Gate::Retry { at, .. }, .. } => {
            note.fact("retry_at", at.to_string())
        }
        _ => note,
    })
}

/// A transaction that holds nothing but what the ledger is told.
pub(crate) fn written(scribe: &Scribe, notes: Vec<Note>) -> Transaction {
    let written = scribe.write(notes);
    Transaction { ledger: written.ledger, payloads: written.payloads, ..Transaction::default() }
}
