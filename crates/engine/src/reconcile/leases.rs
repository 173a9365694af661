//! Leases of processes that are gone are ended at once.

use crate::error::HouseError;
use crate::house::House;
use crate::worker;

impl House {
    /// Ends the leases of dead workers, found by the file locks that they no longer hold.
    pub(crate) async fn bury_the_dead(&self) -> Result<(), HouseError> {
        let dead = worker::dead(&self.settings.workers()).map_err(|error| {
            HouseError::fixable(
                format!("looking for other workers failed: {error}"),
                "look at the data folder's permissions",
            )
        })?;
        for (name, path) in dead {
            if name == self.worker.name() {
                continue;
            }
            let rows = self.store.expire_worker(&name, self.clock.now()).await?;
            tracing::debug!(worker = name, rows = rows.len(), "a worker is gone");
            drop(std::fs::remove_file(path));
        }
        Ok(())
    }
}
