//! What this host can do and what it lacks, shown by making a machine: for `hob doctor`.

use std::sync::Arc;
use std::time::Duration;

use domain::MachineId;
use domain::clock::SystemClock;
use domain::exec::Exec;

use super::Settings;
use super::launch::Launcher;
use crate::host::cgroup::Controller;
use crate::port::{Machine as _, MachineSpec, NetworkPolicy, OutputSink, SandboxError};

/// One thing that machines need or use.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Capability {
    /// Its name: `bubblewrap`.
    pub name: &'static str,
    /// Whether it is there.
    pub ok: bool,
    /// Whether machines cannot be made without it.
    pub required: bool,
    /// What was found.
    pub detail: String,
    /// How to get it, where it is not there.
    pub hint: Option<String>,
}

impl Capability {
    /// One that is not there, and why.
    pub(crate) fn absent(name: &'static str, error: &SandboxError) -> Self {
        let (detail, hint) = match error {
            SandboxError::Unusable { reason, hint } => (reason.clone(), Some(hint.clone())),
            SandboxError::Launch(_)
            | SandboxError::Lost(_)
            | SandboxError::Limit { .. }
            | SandboxError::Refused(_) => (error.to_string(), None),
            SandboxError::Io { action, source } => (format!("{action}: {source}"), None),
        };
        Self { name, ok: false, required: true, detail, hint }
    }
}

struct Nowhere;

impl OutputSink for Nowhere {
    fn output(&mut self, _stderr: bool, _bytes: &[u8]) {}
}

fn present(name: &'static str, detail: impl Into<String>) -> Capability {
    Capability { name, ok: true, required: true, detail: detail.into(), hint: None }
}

/// How long the few files of the probe's machine may take to go.
const REMOVAL_MAX: Duration = Duration::from_secs(20);

/// Makes a machine and says what is missing. Leaves nothing behind.
pub async fn probe(settings: &Settings) -> Vec<Capability> {
    let launcher = match Launcher::new(settings.clone()) {
        Ok(launcher) => Arc::new(launcher),
        Err(error) => return vec![Capability::absent("bubblewrap", &error)],
    };
    let found = format!("{} at {}", launcher.version(), launcher.program().display());
    let mut capabilities = vec![present("bubblewrap", found)];
    capabilities.extend(boot(&launcher).await);
    capabilities.push(control_groups(&launcher));
    let path = &launcher.toolchains().path;
    let path: Vec<_> = path.iter().map(|folder| folder.display().to_string()).collect();
    capabilities.push(present("toolchains", path.join(":")));
    capabilities
}

async fn boot(launcher: &Arc<Launcher>) -> Vec<Capability> {
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
    let began = std::time::Instant::now();
    let machine = match launcher.launch(&spec, None).await {
        Ok(machine) => machine,
        Err(error) => return vec![Capability::absent("machine", &error)],
    };
    let detail = format!("ready after {} ms", began.elapsed().as_millis());
    let mut capabilities = vec![present("machine", detail)];
    let status = Exec::new(["cat", "/proc/self/status"], "look at itself");
    match machine.exec(&status, &mut Nowhere).await {
        Ok(result) => {
            let filtered = result.stdout_text().contains("Seccomp:\t2");
            capabilities.push(Capability {
                name: "seccomp",
                ok: filtered,
                required: true,
                detail: if filtered { "filtering" } else { "the filter is not in force" }
                    .to_owned(),
                hint: (!filtered).then(|| "a kernel with CONFIG_SECCOMP_FILTER".to_owned()),
            });
        }
        Err(error) => capabilities.push(Capability::absent("seccomp", &error)),
    }
    match machine.session.metrics().await {
        Ok(metrics) => capabilities.push(Capability {
            name: "clean end",
            ok: metrics.processes == 0,
            required: true,
            detail: format!("{} processes left of a command", metrics.processes),
            hint: (metrics.processes > 0).then(|| "a kernel with pid namespaces".to_owned()),
        }),
        Err(error) => capabilities.push(Capability::absent("clean end", &error)),
    }
    let landlock = machine.session.landlock();
    let confined = landlock != "not";
    capabilities.push(Capability {
        name: "landlock",
        ok: confined,
        required: false,
        detail: format!("{landlock} enforced"),
        hint: (!confined).then(|| "boot with `lsm=landlock,...` on Linux 5.13 or newer".to_owned()),
    });
    if let Err(error) = Box::new(machine).close().await {
        capabilities.push(Capability::absent("release", &error));
    }
    launcher.presence().gone(REMOVAL_MAX).await;
    capabilities
}

fn control_groups(launcher: &Launcher) -> Capability {
    let parents = launcher.parents();
    let where_is = |controller: Controller| {
        let parent = parents.iter().find(|p| p.controllers.contains(&controller));
        parent.map_or_else(
            || format!("no {}", controller.name()),
            |parent| format!("{} in {}", controller.name(), parent.path.display()),
        )
    };
    let ok = Controller::ALL
        .into_iter()
        .all(|controller| parents.iter().any(|p| p.controllers.contains(&controller)));
    Capability {
        name: "control groups",
        ok,
        required: false,
        detail: Controller::ALL.map(where_is).join(", "),
        hint: (!ok).then(|| {
            "without them memory is not limited; run as root, or in a delegated group: \
             `systemd-run --user --scope -p Delegate=yes hob ...`, or in a container as its only process"
                .to_owned()
        }),
    }
}
