//! Whether virtual machines come up on this very host: a probe guest is booted until it waits for its host. That
//! `/dev/kvm` can be opened proves nothing.

use std::sync::Arc;
use std::time::{Duration, Instant};

use domain::MachineId;
use domain::clock::SystemClock;

use super::launch::Launcher;
use super::{Acceleration, Settings};
use crate::microvm::probes::{self, Probed, Probes};
use crate::namespaces::Capability;
use crate::port::{MachineSpec, NetworkPolicy, SandboxError};

/// How long the few files of the probe's machine may take to go.
const REMOVAL_MAX: Duration = Duration::from_secs(20);

/// The first acceleration with which a guest boots.
pub(crate) async fn choose(launcher: &Arc<Launcher>) -> Result<Acceleration, SandboxError> {
    let mut reasons = Vec::new();
    for acceleration in launcher.settings().accelerations.clone() {
        let probed = known(launcher, acceleration, false).await;
        if probed.ok {
            return Ok(acceleration);
        }
        reasons.push(format!("{}: {}", acceleration.name(), probed.detail));
    }
    Err(SandboxError::Unusable {
        reason: format!("no guest boots under QEMU ({})", reasons.join("; ")),
        hint: "`hob doctor` tries again and says what is missing".to_owned(),
    })
}

/// What is known of an acceleration; where nothing is, or nothing good and somebody asks `again`, a guest is booted.
async fn known(launcher: &Arc<Launcher>, acceleration: Acceleration, again: bool) -> Probed {
    let probes = Probes::of(launcher.state_dir());
    let key = probes::key(&[
        acceleration.name().as_bytes(),
        launcher.version().as_bytes(),
        launcher.parts().kernel.digest.as_bytes(),
        // Its name is that of its bytes; where it lies says nothing.
        launcher.initramfs().file_name().unwrap_or_default().as_encoded_bytes(),
    ]);
    if let Some(probed) = probes.get(&key).filter(|probed| probed.ok || !again) {
        return probed;
    }
    let probed = boot(launcher, acceleration).await;
    if let Err(error) = probes.put(&key, &probed) {
        tracing::warn!(%error, "the result of a probe was not kept");
    }
    probed
}

async fn boot(launcher: &Arc<Launcher>, acceleration: Acceleration) -> Probed {
    let spec = MachineSpec {
        id: MachineId::fresh(&SystemClock),
        image: "default".to_owned(),
        cpus: 1,
        memory_bytes: 256 * 1024 * 1024,
        disk_bytes: 64 * 1024 * 1024,
        processes_max: 64,
        time_ms: 60_000,
        network: NetworkPolicy::default(),
        env: Vec::new(),
        home_files: Vec::new(),
    };
    let began = Instant::now();
    let rested = launcher.rest(&spec, None, acceleration).await;
    let took = began.elapsed().as_millis();
    let probed = match rested {
        Ok((remains, _cgroup, _resting)) => {
            let taken = tokio::task::spawn_blocking(move || remains.take_away()).await;
            match taken {
                Ok(Ok(())) => Probed { ok: true, detail: format!("a guest boots in {took} ms") },
                Ok(Err(left)) => Probed { ok: false, detail: left.to_string() },
                Err(error) => Probed { ok: false, detail: error.to_string() },
            }
        }
        Err(error) => Probed { ok: false, detail: error.to_string() },
    };
    launcher.presence().gone(REMOVAL_MAX).await;
    probed
}

/// What can be said of QEMU on this host. Leaves nothing behind.
pub async fn probe(settings: &Settings) -> Vec<Capability> {
    let launcher = match Launcher::new(settings.clone()).await {
        Ok(launcher) => launcher,
        Err(error) => return vec![Capability::absent("qemu", &error)],
    };
    let mut found = Vec::new();
    for acceleration in launcher.settings().accelerations.clone() {
        let probed = known(&launcher, acceleration, true).await;
        let version = launcher.version();
        let detail = format!(
            "{} {version} at {}: {}",
            acceleration.name(),
            launcher.program().display(),
            probed.detail
        );
        let is_kvm = acceleration == Acceleration::Kvm;
        found.push(Capability {
            name: if is_kvm { "qemu with kvm" } else { "qemu without kvm" },
            ok: probed.ok,
            required: false,
            detail,
            hint: (!probed.ok && is_kvm).then(|| {
                "hardware virtualisation has to be on, and this user in the group `kvm`".to_owned()
            }),
        });
    }
    found
}
