//! Leases of processes that are gone are ended at once, and their scratch folders are removed.

use crate::error::HouseError;
use crate::house::House;
use crate::reconcile::signals::Reconciler;
use crate::worker;

impl House {
    /// Ends the leases of dead workers and removes their scratch folders. The file locks that they no
    /// longer hold give them away.
    pub(crate) async fn bury_the_dead(&self) -> Result<(), HouseError> {
        let dead = worker::dead(&self.settings.workers()).map_err(|error| {
            HouseError::data_folder("looking for other workers", &self.settings.data, &error)
        })?;
        // One that cannot be buried holds no other up.
        let mut first = Ok(());
        for (name, path) in dead {
            if name == self.worker.name() {
                continue;
            }
            let rows = match self.store.expire_worker(&name, self.clock.now()).await {
                Ok(rows) => rows,
                Err(error) => {
                    first = first.and(Err(error.into()));
                    continue;
                }
            };
            tracing::debug!(worker = name, rows = rows.len(), "a worker is gone");
            // What it held and made is nobody's now.
            self.signals.give([Reconciler::Machines, Reconciler::Ends]);
            drop(std::fs::remove_dir_all(self.settings.scratch().join(&name)));
            drop(std::fs::remove_file(path));
        }
        first
    }
}
