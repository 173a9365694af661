//! The machines of this process: those that are kept between two steps, and which were seen to be gone.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use domain::{MachineId, RunId};
use sandbox::port::Machine;
use store::record::MachineState;

use crate::audit::Note;
use crate::error::HouseError;
use crate::house::House;
use crate::reconcile::signals::Reconciler;

/// How far a machine that this process has asked for is gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Gone {
    /// It is at work, or is being taken away beside everything else.
    NotYet,
    /// Its processes were seen to have ended, or it never came up.
    Yes,
}

/// Every machine that this process has asked for, until the ledger says that it is gone.
#[derive(Debug, Clone, Default)]
pub(crate) struct Asked(Arc<Mutex<BTreeMap<MachineId, (RunId, Gone)>>>);

impl Asked {
    fn all(&self) -> MutexGuard<'_, BTreeMap<MachineId, (RunId, Gone)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A machine is asked for.
    pub(crate) fn ask(&self, machine: MachineId, run: RunId) {
        self.all().insert(machine, (run, Gone::NotYet));
    }

    /// It was seen to be gone.
    pub(crate) fn is_gone(&self, machine: MachineId) {
        if let Some((_, gone)) = self.all().get_mut(&machine) {
            *gone = Gone::Yes;
        }
    }

    /// How far it is gone; nothing where this process has not asked for it, or the ledger knows.
    pub(crate) fn how_far(&self, machine: MachineId) -> Option<Gone> {
        self.all().get(&machine).map(|(_, gone)| *gone)
    }

    fn forget(&self, machine: MachineId) {
        self.all().remove(&machine);
    }
}

/// Machines between two steps.
pub(crate) type Kept = Mutex<HashMap<MachineId, Box<dyn Machine>>>;

impl House {
    /// Keeps a machine for the next step, which is for this process alone.
    pub(crate) fn keep_machine(&self, machine: Box<dyn Machine>) {
        let id = machine.id();
        self.worker.keeps(id);
        self.kept.lock().unwrap_or_else(PoisonError::into_inner).insert(id, machine);
    }

    /// Takes a machine that was kept.
    pub(crate) fn take_machine(&self, id: MachineId) -> Option<Box<dyn Machine>> {
        let machine = self.kept.lock().unwrap_or_else(PoisonError::into_inner).remove(&id);
        if machine.is_some() {
            self.worker.gives_up(id);
        }
        machine
    }

    /// Whether another living process keeps this machine.
    pub(crate) fn is_kept_elsewhere(&self, id: MachineId) -> bool {
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner).contains_key(&id);
        // Where nobody can be asked, whoever takes it finds out.
        !kept && crate::worker::is_kept(&self.settings.workers(), id).unwrap_or(false)
    }

    /// Closes a machine that was kept, if it was.
    pub(crate) async fn close_machine(&self, id: MachineId) {
        if let Some(machine) = self.take_machine(id)
            && let Err(error) = machine.close().await
        {
            tracing::warn!(%error, "a machine was not taken away in order; the reclaimer will");
            self.signals.give([Reconciler::Machines]);
        }
    }

    /// What the ledger is told where a machine's step is over: that it is gone only where that was seen. The row
    /// that goes with it.
    pub(crate) async fn released(
        &self,
        id: MachineId,
    ) -> Result<(Option<Note>, Option<store::record::Machine>), HouseError> {
        let row = self.store.machine(id).await?;
        // One that was never asked for, or is known to be gone: there is nothing to be told.
        let Some(mut row) = row.filter(|row| row.state != MachineState::Released) else {
            return Ok((None, None));
        };
        match self.asked.how_far(id) {
            Some(Gone::Yes) => {
                row.state = MachineState::Released;
                let note = Note::new("machine.released", "its step is over");
                Ok((Some(note.fact("machine", id.to_string())), Some(row)))
            }
            // It is told when the process that asked for it ends.
            Some(Gone::NotYet) => Ok((None, None)),
            None => {
                self.signals.give([Reconciler::Machines]);
                let note = Note::new("machine.left", "its release is left to the reclaimer");
                Ok((Some(note.fact("machine", id.to_string())), None))
            }
        }
    }

    /// The ledger knows that it is gone.
    pub(crate) fn release_is_told(&self, id: MachineId) {
        if self.asked.how_far(id) == Some(Gone::Yes) {
            self.asked.forget(id);
        }
    }

    /// Whether the ledger is still to be told that a machine of this run is gone: at the end of the process, or by whoever
    /// reclaims it.
    pub fn has_untold_machines(&self, run: RunId) -> bool {
        self.asked.all().values().any(|(of, _)| *of == run)
    }

    /// Closes every machine that is still kept.
    pub(crate) async fn close_machines(&self) {
        let ids: Vec<MachineId> =
            self.kept.lock().unwrap_or_else(PoisonError::into_inner).keys().copied().collect();
        for id in ids {
            self.close_machine(id).await;
        }
    }

    /// At the end of the process: tells the ledger which machines are gone that it does not know of. Where it cannot
    /// be told, the rows stay as they are.
    pub(crate) async fn tell_of_machines(&self, all_are_gone: bool) -> Result<(), HouseError> {
        let asked: Vec<(MachineId, RunId)> = self
            .asked
            .all()
            .iter()
            .filter(|(_, (_, gone))| all_are_gone || *gone == Gone::Yes)
            .map(|(id, (run, _))| (*id, *run))
            .collect();
        let mut first = Ok(());
        for (id, run) in asked {
            self.asked.is_gone(id);
            // What cannot be told of one holds no other up.
            match self.tell_of_machine(id, run).await {
                Ok(()) => self.asked.forget(id),
                Err(error) => first = first.and(Err(error)),
            }
        }
        first
    }

    async fn tell_of_machine(&self, id: MachineId, run: RunId) -> Result<(), HouseError> {
        if let (Some(note), Some(row)) = self.released(id).await? {
            let scribe = self.scribe_of(&self.load(run).await?)?;
            let mut tx = crate::commit::written(&scribe, vec![note]);
            tx.machines = vec![row];
            self.store.commit(tx).await?;
            self.unsealed.wrote();
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
