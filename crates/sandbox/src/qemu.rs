//! Virtual machines by QEMU: on any Linux, with hardware virtualisation where it works and by emulation where it does not.

mod arguments;
mod launch;
mod probe;
mod qmp;
mod version;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use domain::Digest;
use domain::machine::Backend;

pub use probe::probe;

use crate::egress::Gateway;
use crate::host::reclaim;
use crate::microvm::Parts;
use crate::port::{EgressAudit, Machine, MachineSpec, Reclaimed, Sandbox, SandboxError};

/// What runs the guest's instructions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Acceleration {
    /// The processor.
    Kvm,
    /// QEMU itself, an order of magnitude slower.
    Tcg,
}

impl Acceleration {
    /// All, the faster first.
    pub const ALL: [Self; 2] = [Self::Kvm, Self::Tcg];

    /// As QEMU calls it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Kvm => "kvm",
            Self::Tcg => "tcg",
        }
    }

    /// How long a guest may take to boot; a busy host is slow.
    const fn ready_max(self) -> Duration {
        match self {
            Self::Kvm => Duration::from_secs(20),
            Self::Tcg => Duration::from_secs(180),
        }
    }
}

/// What this backend needs to know of the host.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Where machines keep what they write, and what is marked as ours; on a disk with room for them.
    pub state_dir: PathBuf,
    /// The variables of the process; `PATH` is used to find programs.
    pub variables: BTreeMap<String, String>,
    /// What machines are made of.
    pub parts: Parts,
    /// What may run the guest's instructions, in the order of preference.
    pub accelerations: Vec<Acceleration>,
    /// How much of the disk below `state_dir` has to stay free, in bytes.
    pub disk_reserve_bytes: u64,
}

impl Settings {
    /// Settings with every acceleration, and half a gibibyte to stay free.
    pub fn new(state_dir: PathBuf, variables: BTreeMap<String, String>, parts: Parts) -> Self {
        let accelerations = Acceleration::ALL.to_vec();
        Self { state_dir, variables, parts, accelerations, disk_reserve_bytes: 512 * 1024 * 1024 }
    }
}

/// Whether QEMU is installed in a version that is of use; by `PATH` of these variables. Blocks.
pub fn installed(variables: &BTreeMap<String, String>) -> Result<(), SandboxError> {
    let program = version::find(&search(variables))?;
    version::version(&program).map(drop)
}

/// The folders in which programs are looked for.
fn search(variables: &BTreeMap<String, String>) -> Vec<PathBuf> {
    variables.get("PATH").map(std::env::split_paths).into_iter().flatten().collect()
}

/// Makes machines of QEMU.
#[derive(Debug)]
pub struct Qemu {
    launcher: Arc<launch::Launcher>,
    acceleration: Acceleration,
    gateway: Arc<Gateway>,
}

impl Qemu {
    /// Looks at the host, and boots a probe guest unless one has booted here before. Fails where none does.
    pub async fn new(settings: Settings, gateway: Arc<Gateway>) -> Result<Self, SandboxError> {
        let launcher = launch::Launcher::new(settings).await?;
        let acceleration = probe::choose(&launcher).await?;
        Ok(Self { launcher, acceleration, gateway })
    }

    /// What runs the guests' instructions.
    pub const fn acceleration(&self) -> Acceleration {
        self.acceleration
    }
}

#[async_trait::async_trait]
impl Sandbox for Qemu {
    fn backend(&self) -> Backend {
        Backend::Qemu
    }

    fn state(&self, image: &str) -> Digest {
        let parts = self.launcher.parts();
        let root = parts.root(image).map(|root| root.digest);
        let layers = parts.layers.iter().map(|layer| layer.digest);
        let digests: Vec<Digest> =
            [parts.kernel.digest].into_iter().chain(root).chain(layers).collect();
        let digests = digests.iter().map(|digest| digest.as_bytes().as_slice());
        Digest::of_parts([image.as_bytes()].into_iter().chain(digests))
    }

    async fn launch(
        &self,
        spec: &MachineSpec,
        audit: Arc<dyn EgressAudit>,
    ) -> Result<Box<dyn Machine>, SandboxError> {
        let door = Arc::new(self.gateway.open(&spec.network, audit)?);
        let machine = self.launcher.launch(spec, self.acceleration, door).await?;
        Ok(Box::new(machine))
    }

    async fn reclaim(&self) -> Result<Reclaimed, SandboxError> {
        let launcher = Arc::clone(&self.launcher);
        let reclaim =
            move || reclaim::reclaim(launcher.state_dir(), launcher.parents(), launcher.presence());
        let reclaimed = tokio::task::spawn_blocking(reclaim).await;
        reclaimed.unwrap_or_else(|e| Err(SandboxError::Launch(format!("reclaiming: {e}"))))
    }

    async fn settle(&self, max: Duration) -> usize {
        self.launcher.presence().gone(max).await
    }
}
