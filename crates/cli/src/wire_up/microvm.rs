//! Machines with a kernel of their own: what they are made of on this host, and what boots them.

use std::sync::Arc;

use sandbox::egress::Gateway;
use sandbox::image::{ImageError, Said, Watcher};
use sandbox::microvm::Parts;
use sandbox::namespaces::Capability;
use sandbox::qemu::{Acceleration, Qemu};

use super::workshop::unusable;
use crate::exit::Failure;
use crate::mouth;
use crate::settings::Settings;

/// Machines of QEMU with one of these accelerations; a probe guest has booted.
pub(crate) async fn qemu(
    settings: &Settings,
    gateway: Arc<Gateway>,
    accelerations: &[Acceleration],
) -> Result<Qemu, Failure> {
    let mut wanted = of_qemu(settings).await?;
    wanted.accelerations = accelerations.to_vec();
    // First whether anything boots at all: toolchains are packed only for machines that come up.
    let boots = Qemu::new(wanted.clone(), Arc::clone(&gateway)).await;
    let boots = boots.map_err(|error| unusable(settings, &error))?;
    wanted.accelerations = vec![boots.acceleration()];
    let (data, variables) = (settings.data.clone(), settings.environment.clone());
    let (parts, watcher) = (wanted.parts.clone(), progress());
    wanted.parts = blocking(move || parts.with_toolchains(&data, &variables, &watcher)).await?;
    Qemu::new(wanted, gateway).await.map_err(|error| unusable(settings, &error))
}

/// Says what is packed, which may take minutes the first time.
fn progress() -> Watcher {
    Watcher::new(|said| {
        if let Said::Step(step) = said {
            mouth::say(step);
        }
    })
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, ImageError> + Send + 'static,
) -> Result<T, Failure> {
    let done = tokio::task::spawn_blocking(work).await;
    let done = done.map_err(|error| Failure::bug("looking for images", &error))?;
    done.map_err(|error| Failure::fixable(engine::chain(&error), error.hint()))
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
    // First what is installed in a moment: images take minutes.
    let variables = settings.environment.clone();
    let installed = tokio::task::spawn_blocking(move || sandbox::qemu::installed(&variables));
    let installed = installed.await.map_err(|error| Failure::bug("looking for QEMU", &error))?;
    installed.map_err(|error| unusable(settings, &error))?;
    let data = settings.data.clone();
    let parts = blocking(move || Parts::find(&data)).await?;
    let (data, variables) = (settings.data.clone(), settings.environment.clone());
    Ok(sandbox::qemu::Settings::new(data, variables, parts))
}
