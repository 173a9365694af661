//! Machines of Linux namespaces, made by bubblewrap: the host's kernel, and nothing else of the host but
//! its system folders and toolchains, read-only.
//!
//! ```text
//!   hob -- socket pair ----------------------------------------------+
//!    '- spawner thread: fork, join control groups, (as root: stage what
//!        only root can see, become an unprivileged user), exec        |
//!         '- bwrap: namespaces, view, seccomp                         |
//!             '- hob-guest, PID 1 of the machine, fd 0 --------------+
//!                 '- commands: Landlock, rlimits, sessions
//! ```

mod bubblewrap;
mod complaint;
mod launch;
mod probe;
mod seccomp;
pub mod toolchains;
mod view;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use domain::machine::Backend;

pub use probe::{Capability, probe};
pub use toolchains::Toolchains;

use crate::egress::Gateway;
use crate::host::reclaim;
use crate::port::{EgressAudit, Machine, MachineSpec, Reclaimed, Sandbox, SandboxError};

/// What this backend needs to know of the host.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Where machines keep what they write, and what is marked as ours; on a disk with room for them.
    pub state_dir: PathBuf,
    /// The variables of the process: `PATH`, `HOME` and those that name toolchain folders (`RUSTUP_HOME`,
    /// `CARGO_HOME`, `PYENV_ROOT`, `NVM_DIR`, `FNM_DIR`, `VOLTA_HOME`, `UV_PYTHON_INSTALL_DIR`) are used to find
    /// toolchains. No machine gets to see any of them.
    pub variables: BTreeMap<String, String>,
    /// Other folders to show to machines, read-only.
    pub read_only: Vec<PathBuf>,
    /// How much of the disk below `state_dir` has to stay free, in bytes.
    pub disk_reserve_bytes: u64,
}

impl Settings {
    /// Settings with nothing else to show and half a gibibyte to stay free.
    pub const fn new(state_dir: PathBuf, variables: BTreeMap<String, String>) -> Self {
        Self { state_dir, variables, read_only: Vec::new(), disk_reserve_bytes: 512 * 1024 * 1024 }
    }
}

/// Makes machines of namespaces.
#[derive(Debug)]
pub struct Namespaces {
    launcher: Arc<launch::Launcher>,
    gateway: Arc<Gateway>,
}

impl Namespaces {
    /// Looks at the host: bubblewrap, toolchains, control groups. Fails where no machine can be made.
    pub fn new(settings: Settings, gateway: Arc<Gateway>) -> Result<Self, SandboxError> {
        Ok(Self { launcher: Arc::new(launch::Launcher::new(settings)?), gateway })
    }

    /// The toolchains that machines are shown.
    pub fn toolchains(&self) -> &Toolchains {
        self.launcher.toolchains()
    }
}

#[async_trait::async_trait]
impl Sandbox for Namespaces {
    fn backend(&self) -> Backend {
        Backend::Namespaces
    }

    fn state(&self, image: &str) -> domain::Digest {
        // Looked for again: toolchains come and go.
        let now = self.launcher.toolchains_now().state();
        domain::Digest::of_parts([image.as_bytes(), now.as_bytes().as_slice()])
    }

    async fn launch(
        &self,
        spec: &MachineSpec,
        audit: Arc<dyn EgressAudit>,
    ) -> Result<Box<dyn Machine>, SandboxError> {
        let door = Arc::new(self.gateway.open(&spec.network, audit)?);
        let machine = self.launcher.launch(spec, Some(door)).await?;
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
