//! Baselines do not pile up: the oldest go, and are measured again where they are wanted again.

use crate::error::HouseError;
use crate::house::House;

/// The most baselines that are kept.
const BASELINES_MAX: usize = 1_000;

/// The most bytes that they may have together.
const BYTES_MAX: u64 = 256 * 1024 * 1024;

impl House {
    /// Forgets the oldest baselines beyond what is kept.
    pub(crate) async fn trim_baselines(&self) -> Result<(), HouseError> {
        let gone = self.store.trim_baselines(BASELINES_MAX, BYTES_MAX).await?;
        if gone > 0 {
            tracing::debug!(gone, "old baselines are forgotten");
        }
        Ok(())
    }
}
