//! Machines with a kernel of their own: what they are made of on this host, and what boots them.

use std::sync::Arc;

use sandbox::egress::Gateway;
use sandbox::image::Watcher;
use sandbox::microvm::Parts;
use sandbox::namespaces::Capability;
use sandbox::qemu::{Acceleration, Qemu};

use super::workshop::unusable;
use crate::exit::Failure;
use crate::settings::Settings;

/// Machines of QEMU with one of these accelerations; a probe guest has booted.
pub(crate) async fn qemu(
    settings: &Settings,
    gateway: Arc<Gateway>,
    accelerations: &[Acceleration],
) -> Result<Qemu, Failure> {
    let mut wanted = of_qemu(settings).await?;
    wanted.accelerations = accelerations.to_vec();
    Qemu::new(wanted, gateway).await.map_err(|error| unusable(settings, &error))
}

/// What can be said of QEMU on this host.
pub(crate) async fn probe(settings: &Settings) -> Vec<Capability> {
    match of_qemu(settings).await {
        Ok(wanted) => sandbox::qemu::probe(&wanted).await,
        Err(failure) => vec![Capability {
            name: "qemu",
            ok: false,
            required: false,
            detail: failure.problem,
            hint: failure.hint,
        }],
    }
}

async fn of_qemu(settings: &Settings) -> Result<sandbox::qemu::Settings, Failure> {
    let (data, variables) = (settings.data.clone(), settings.environment.clone());
    let found = move || Parts::find(&data, &variables, &Watcher::nobody());
    let found = tokio::task::spawn_blocking(found).await;
    let found = found.map_err(|error| Failure::bug("looking for images", &error))?;
    let parts = found.map_err(|error| Failure::fixable(engine::chain(&error), error.hint()))?;
    let (data, variables) = (settings.data.clone(), settings.environment.clone());
    Ok(sandbox::qemu::Settings::new(data, variables, parts))
}
