//! Machines that nobody holds any more are taken away.

use store::record::MachineState;

use crate::audit::Note;
use crate::error::HouseError;
use crate::house::House;

impl House {
    /// Takes away what machines of dead processes have left on the host, and notes it.
    pub(crate) async fn reclaim_machines(&self) -> Result<(), HouseError> {
        let Some(workshop) = &self.workshop else { return Ok(()) };
        let reclaimed = workshop
            .sandbox
            .reclaim()
            .await
            .map_err(|error| HouseError::Inconsistent(crate::chain(&error)))?;
        for (path, why) in &reclaimed.left {
            tracing::warn!(path = %path.display(), why, "a machine's remains could not be taken away");
        }
        // All were taken away already: what cannot be told of one holds no other up.
        let mut first = Ok(());
        for id in reclaimed.machines {
            first = first.and(self.tell_reclaimed(id).await);
        }
        first
    }

    async fn tell_reclaimed(&self, id: domain::MachineId) -> Result<(), HouseError> {
        let scribe = self.scribe_of_house(&domain::Actor::house());
        let note =
            Note::new("machine.reclaimed", "its process is gone").fact("machine", id.to_string());
        let mut tx = crate::commit::written(&scribe, vec![note]);
        if let Some(mut row) = self.store.machine(id).await? {
            row.state = MachineState::Released;
            tx.machines = vec![row];
        }
        self.commit(tx).await
    }
}
