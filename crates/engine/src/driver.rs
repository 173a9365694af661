//! Claims actions under a lease, performs them and feeds the results back as the next commands.
//!
//! A crash anywhere is the same loop again: what was claimed and not completed is claimed once more,
//! and the run machine says what that means.

use std::time::Duration;

use domain::{Digest, Fence, MachineId, RunId};
use runs::{Action, Command, Done, FailureClass, Step};
use store::error::CommitError;
use store::queue::Claim;
use store::record::RunState;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::audit::Note;
use crate::claims::{LEASE_MS, Next};
use crate::commit::{Along, Applied};
use crate::error::HouseError;
use crate::facts::Facts;
use crate::house::House;
use crate::meter::Counted;
use crate::pending::Pending;
use crate::perform::{self, Stage, StepError};
use crate::progress::Progress;
use crate::reconcile::signals::Reconciler;

/// How often a claim is renewed, notes are written and a request to stop is looked for.
const HEARTBEAT: Duration = Duration::from_millis(1_000);

/// How often the time that a step takes is counted while it goes on: what a process that dies takes along at most.
const COUNTED: Duration = Duration::from_secs(5);

/// The shortest wait before what is to be done is looked for again.
const WAIT_MIN: Duration = Duration::from_millis(5);

/// The longest reason of a failed step that is kept with the run, in characters.
const FAILURE_MAX_CHARS: usize = 4 * domain::limit::QUOTE_MAX_CHARS;

/// A row that was claimed so often is poison: it takes its worker down each time.
const CLAIMS_MAX: u64 = 5;

/// Why driving came to rest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rest {
    /// Nothing is left to do: the run is over, or waits for people.
    Settled,
    /// This process was told to leave; the run goes on later.
    Left,
}

/// What became of a step that was performed under its heartbeat.
enum Beat {
    Result(Result<Done, StepError>),
    /// The lease went to somebody else: nothing may be written any more.
    LeaseLost,
    /// The run was told to stop.
    Stopped,
    /// The process was told to leave.
    Left,
}

impl House {
    /// Drives one run until it rests.
    pub async fn drive(&self, run: RunId) -> Result<Rest, HouseError> {
        let leave = self.leaving();
        self.watch(&self.load(run).await?)?;
        let mut told = false;
        loop {
            if leave.is_cancelled() {
                self.tell_the_rest(run).await?;
                return Ok(Rest::Left);
            }
            match self.claim_next(run).await? {
                Next::Claimed(claim) => {
                    self.failpoint.hit("action-claimed");
                    Box::pin(self.perform(run, *claim, &leave)).await?;
                }
                Next::Nothing => {
                    let row = self.load(run).await?;
                    match row.run.state {
                        RunState::Queued => self.begin(run).await?,
                        RunState::Proposed { .. } | RunState::Ended { .. } => {
                            self.tell_the_rest(run).await?;
                            return Ok(Rest::Settled);
                        }
                        RunState::Working { .. }
                        | RunState::Waiting { .. }
                        | RunState::Stopping { .. } => self.refuse_stuck(run).await?,
                    }
                }
                Next::Wait(wait) => {
                    self.bury_the_dead().await?;
                    if !told {
                        told = self.tell_who_works(run).await?;
                    }
                    tokio::select! {
                        () = tokio::time::sleep(wait.max(WAIT_MIN)) => {}
                        () = leave.cancelled() => {}
                    }
                }
            }
        }
    }

    /// Says so where another process works on the run.
    async fn tell_who_works(&self, run: RunId) -> Result<bool, HouseError> {
        let rows = self.store.outbox_of(run).await?;
        let mut leases = rows.iter().filter_map(|row| row.lease.as_ref());
        let other = leases.find(|lease| lease.worker != self.worker.name());
        let Some(pid) = other.and_then(|lease| crate::worker::pid(&lease.worker)) else {
            return Ok(false);
        };
        let line = format!(
            "another hob (pid {pid}) works on {run}: waiting; `hob runs logs -f {run}` shows it"
        );
        self.listener.hear(&Progress::Note { line });
        Ok(true)
    }

    /// Starts a queued run.
    pub(crate) async fn begin(&self, run: RunId) -> Result<(), HouseError> {
        let row = self.load(run).await?;
        let scribe = self.scribe_of(&row)?;
        self.apply(run, &Command::Start, &scribe, Along::default()).await?;
        Ok(())
    }

    /// Performs an action that was claimed.
    pub(crate) async fn perform(
        &self,
        run: RunId,
        claim: Claim,
        leave: &CancellationToken,
    ) -> Result<(), HouseError> {
        let action = crate::outbox::from_document(&claim.row.new.body).map_err(|error| {
            HouseError::Inconsistent(format!("outbox row {}: {error}", claim.row.id))
        })?;
        let done = (claim.row.id, claim.token);
        let row = self.load(run).await?;
        let scribe = self.scribe_of(&row)?;
        let along = Along { claim: Some(done), ..Along::default() };
        match action {
            Action::Perform { fence, attempt, step } => {
                self.perform_step(run, &claim, (fence, attempt, step), leave).await
            }
            Action::Wake { .. } if row.run.state.is_ended() => {
                self.complete(&scribe, done, vec![]).await
            }
            Action::Wake { fence, at: _ } => {
                self.apply(run, &Command::Wake { fence }, &scribe, along).await?;
                Ok(())
            }
            // The heartbeat of whoever performs the action looks for the request itself.
            Action::Interrupt { fence: _ } => self.complete(&scribe, done, vec![]).await,
            Action::Release { machine } => self.release(run, machine, &scribe, done).await,
            Action::Withdraw { proposal } => {
                perform::withdraw::withdraw(self, proposal, &scribe, done).await
            }
            Action::Unpublish { fence } => {
                // What an older claim of that action still pushes is refused afterwards.
                let fence = Fence((fence.0 << 16) | 0xffff);
                perform::withdraw::unpublish(self, &row, fence, (&scribe, done)).await
            }
        }
    }

    async fn perform_step(
        &self,
        run: RunId,
        claim: &Claim,
        (fence, attempt, step): (Fence, u32, Step),
        leave: &CancellationToken,
    ) -> Result<(), HouseError> {
        let done = (claim.row.id, claim.token);
        let row = self.load(run).await?;
        let scribe = self.scribe_of(&row)?;
        if row.run.fence != fence.0 || matches!(row.run.state, RunState::Ended { .. }) {
            return self.complete(&scribe, done, vec![]).await;
        }
        let stopped = matches!(row.run.state, RunState::Stopping { .. });
        let given_up =
            if stopped { Some(StepError::stopped()) } else { lost_before(claim.row.claims, step) };
        if let Some(why) = given_up {
            let command = self.failed(fence, why, None);
            let along = Along { claim: Some(done), ..Along::default() };
            self.apply(run, &command, &scribe, along).await?;
            return Ok(());
        }
        let mut stage = Stage::open(self, &row, (attempt, side_effect_fence(fence, claim)), done)?;
        self.listener.hear(&Progress::Step { step: step.name(), attempt });
        let mut counted = Counted::none(step, stage.meter.clone());
        let beat = self.under_heartbeat(claim, &mut stage, (step, &mut counted), leave).await;
        stage.tell_asked();
        let command = match beat {
            Beat::LeaseLost => {
                self.signals.give([Reconciler::Leases, Reconciler::Machines, Reconciler::Ends]);
                // The state belongs to somebody else now. What was done here was done all the same.
                stage.note(
                    Note::new("lease.lost", "somebody else goes on").fact("step", step.name()),
                );
                return self.lay_down(stage, &mut counted).await;
            }
            Beat::Left => {
                self.lay_down(stage, &mut counted).await?;
                self.store.release(claim.row.id, claim.token, self.clock.now()).await?;
                return Ok(());
            }
            Beat::Stopped => self.failed(fence, StepError::stopped(), None),
            Beat::Result(Ok(result)) => Command::Done { fence, done: result, spare: self.spare() },
            Beat::Result(Err(error)) => self.failed(fence, error, stage.work()),
        };
        // What was counted while the step went on is in the row by now, whoever counted it.
        let row = self.load(run).await?;
        let spent = counted.with_the_rest(Facts::read(run, &row.facts)?.spent);
        stage.facts.spent = spent;
        let (facts, mut along) = stage.close();
        along.claim = Some(done);
        along.facts = Some(facts);
        let told = along.notes.clone();
        match self.apply(run, &command, &scribe, along).await {
            Ok(Applied::Taken | Applied::Refused(_)) => {
                if matches!(step, Step::Judge) {
                    self.failpoint.hit("verdict-committed");
                }
                Ok(())
            }
            // Somebody else has it now; what was done here is done again there, idempotently.
            Err(HouseError::Commit(CommitError::StaleLease { .. })) => {
                self.write_notes(&scribe, told).await
            }
            Err(HouseError::Commit(error @ CommitError::TooLarge { .. })) => {
                let error = StepError::budget(format!("the step `{}`: {error}", step.name()));
                let command = self.failed(fence, error, None);
                let facts = Facts { spent, ..Facts::read(run, &row.facts)? };
                let along = Along { claim: Some(done), notes: told, ..Along::default() };
                let along = Along { facts: Some(facts), ..along };
                self.apply(run, &command, &scribe, along).await?;
                Ok(())
            }
            Err(error) => {
                self.pending(run).give_back(told);
                Err(error)
            }
        }
    }

    /// Leaves a step to whoever goes on with it: what was told and how long it took stays.
    async fn lay_down(&self, stage: Stage<'_>, counted: &mut Counted) -> Result<(), HouseError> {
        self.drop_machines(counted.step()).await;
        if let Err(error) = self.count(stage.run, counted).await {
            tracing::warn!(error = crate::chain(&error), "the time of a step is not counted");
        }
        self.write_notes(&stage.scribe, stage.notes.take().notes).await
    }

    async fn under_heartbeat(
        &self,
        claim: &Claim,
        stage: &mut Stage<'_>,
        (step, counted): (Step, &mut Counted),
        leave: &CancellationToken,
    ) -> Beat {
        let (notes, scribe, run) = (stage.notes.clone(), stage.scribe.clone(), stage.run);
        let (may_be_cut, meter) = (perform::may_be_cut(step), stage.meter.clone());
        let (left, out_of_time) = (stage.time_left(), stage.out_of_time(step));
        let is_timed = perform::is_timed(step);
        if is_timed && left.is_zero() {
            return Beat::Result(Err(out_of_time));
        }
        let mut time_is_up = std::pin::pin!(meter.reaches(meter.worked() + left));
        let mut work = std::pin::pin!(perform::step(stage, step));
        let mut beat = Instant::now() + HEARTBEAT;
        let mut count = Instant::now() + COUNTED;
        loop {
            tokio::select! {
                result = &mut work => {
                    // Whoever leaves does not wait for space; that is no failure of the step.
                    let left = self.stopping() && result.as_ref().is_err_and(StepError::wants_space);
                    return if left { Beat::Left } else { Beat::Result(result) };
                }
                () = leave.cancelled(), if may_be_cut || meter.waits.now() => return Beat::Left,
                () = &mut time_is_up, if is_timed => return Beat::Result(Err(out_of_time)),
                // A command is about to start: the ledger knows of it first.
                () = notes.wanted() => {
                    self.write_pending(&scribe, &notes).await;
                    continue;
                }
                () = tokio::time::sleep_until(beat) => beat = Instant::now() + HEARTBEAT,
            }
            let held = [(claim.row.id, claim.token)];
            let now = self.clock.now();
            let lost = self.store.renew(self.worker.name(), &held, now, LEASE_MS).await;
            if lost.is_ok_and(|rows| !rows.is_empty()) {
                return Beat::LeaseLost;
            }
            self.write_pending(&scribe, &notes).await;
            if Instant::now() >= count {
                count = Instant::now() + COUNTED;
                if let Err(error) = self.count(run, counted).await {
                    tracing::warn!(error = crate::chain(&error), "time is counted later");
                }
            }
            let stopping = self
                .store
                .run(run)
                .await
                .ok()
                .flatten()
                .is_some_and(|row| row.run.state.name() == "stopping");
            if stopping && (may_be_cut || meter.waits.now()) {
                return Beat::Stopped;
            }
        }
    }

    /// Writes what waits; what cannot be written waits on, within its bound.
    async fn write_pending(&self, scribe: &crate::audit::Scribe, notes: &Pending) {
        let taken = notes.take();
        if let Err(error) = self.write_notes_now(scribe, taken.notes.clone()).await {
            tracing::warn!(%error, "notes wait for the next heartbeat");
            notes.give_back(taken.notes);
        }
    }

    async fn release(
        &self,
        run: RunId,
        machine: MachineId,
        scribe: &crate::audit::Scribe,
        done: (u64, u64),
    ) -> Result<(), HouseError> {
        self.close_machine(machine).await;
        let pending = self.pending(run);
        let waiting = pending.take().notes;
        let mut notes = waiting.clone();
        let (note, row) = self.released(machine).await?;
        notes.extend(note);
        let mut tx = crate::commit::written(scribe, notes);
        tx.completed = vec![done];
        tx.machines = row.into_iter().collect();
        let committed = self.commit(tx).await;
        if committed.is_err() {
            pending.give_back(waiting);
        } else {
            self.release_is_told(machine);
        }
        committed
    }

    /// Completes a claim that asks for nothing more.
    pub(crate) async fn complete(
        &self,
        scribe: &crate::audit::Scribe,
        done: (u64, u64),
        notes: Vec<Note>,
    ) -> Result<(), HouseError> {
        let mut tx = crate::commit::written(scribe, notes);
        tx.completed = vec![done];
        self.commit(tx).await
    }

    fn failed(&self, fence: Fence, error: StepError, work: Option<Digest>) -> Command {
        let mut jitter = [0_u8; 2];
        self.clock.fill_random(&mut jitter);
        let jitter = u16::from_be_bytes(jitter);
        let reason = domain::limit::head_chars(&error.reason, FAILURE_MAX_CHARS);
        if reason != StepError::stopped().reason {
            let first = governance::text::plain(reason.lines().next().unwrap_or_default());
            let line = format!("this did not work ({}): {first}", error.class.name());
            self.listener.hear(&Progress::Note { line });
        }
        Command::Failed { fence, class: error.class, reason, work, jitter }
    }

    fn spare(&self) -> [MachineId; 2] {
        [MachineId::fresh(&*self.clock), MachineId::fresh(&*self.clock)]
    }

    /// Takes a step's machines away and waits until they have told everything.
    async fn drop_machines(&self, step: Step) {
        for machine in step.machines() {
            self.close_machine(machine).await;
        }
    }
}

/// What was in a machine is gone with whoever claimed the action before; what the host does alone is
/// simply done again, unless it takes its worker down each time.
fn lost_before(claims: u64, step: Step) -> Option<StepError> {
    let in_machine = !step.machines().is_empty();
    let poison = claims > CLAIMS_MAX;
    (claims > 1 && (in_machine || poison)).then(|| StepError {
        class: FailureClass::Infrastructure,
        reason: format!("the step `{}` was lost with the process that performed it", step.name()),
    })
}

/// Grows with every action of a run and with every claim of one action, so that a side effect of an
/// older claim can be told from that of a newer one.
fn side_effect_fence(fence: Fence, claim: &Claim) -> Fence {
    Fence((fence.0 << 16) | claim.token.min(0xffff))
}
