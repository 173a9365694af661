//! What works on runs: machines, presets, registries; and what `hob doctor` says of them.

use std::sync::Arc;

use domain::dependency::Ecosystem;
use engine::Workshop;
use sandbox::egress::Gateway;
use sandbox::namespaces::{Capability, Namespaces};
use sandbox::port::Sandbox;
use sandbox::preset::{Preset, Surroundings};
use sandbox::qemu::Acceleration;
use toolbox::registry::client::Client;

use crate::exit::Failure;
use crate::mouth;
use crate::settings::Settings;
use crate::usage::SandboxChoice;
use crate::wire_up::microvm;

/// How much of what never changes is kept for machines, in bytes.
const EGRESS_CACHE_MAX_BYTES: u64 = 8 * 1024 * 1024 * 1024;

/// How long a registry's answer counts without being asked for again.
const REGISTRY_FRESH_MS: u64 = 5 * 60 * 1000;

/// The presets of this host, and the ecosystems without one.
#[derive(Debug)]
pub(crate) struct Found {
    /// What is there.
    pub(crate) found: Vec<Preset>,
    /// What is not, and why.
    pub(crate) missing: Vec<(Ecosystem, String)>,
}

/// Opens a workshop with the machines that were chosen. There is never a silent downgrade.
pub(crate) async fn open(settings: &Settings, choice: SandboxChoice) -> Result<Workshop, Failure> {
    let gateway = gateway(settings)?;
    let sandbox = match choice {
        SandboxChoice::Auto => strongest(settings, gateway).await?,
        SandboxChoice::Namespaces => of_namespaces(settings, gateway)?,
        SandboxChoice::Qemu => {
            let qemu = microvm::qemu(settings, gateway, &Acceleration::ALL).await?;
            if qemu.acceleration() == Acceleration::Tcg {
                mouth::say("note: machines run without hardware virtualisation, which is slow");
            }
            Arc::new(qemu)
        }
        SandboxChoice::Firecracker => {
            return Err(Failure::fixable(
                "this version of hob has no Firecracker backend",
                "say --sandbox qemu, --sandbox namespaces, or leave it out",
            ));
        }
    };
    let presets = presets(settings).await;
    Ok(Workshop {
        sandbox,
        presets: presets.found,
        without_registry: presets.missing,
        registries: registries(settings)?,
    })
}

/// The strongest machines that come up here, and which they are: those of QEMU where the processor runs them, else those of
/// namespaces.
async fn strongest(
    settings: &Settings,
    gateway: Arc<Gateway>,
) -> Result<Arc<dyn Sandbox>, Failure> {
    match microvm::qemu(settings, Arc::clone(&gateway), &[Acceleration::Kvm]).await {
        Ok(qemu) => {
            mouth::say("note: each machine is a microVM, by qemu with kvm");
            Ok(Arc::new(qemu))
        }
        Err(why) => {
            let sandbox = of_namespaces(settings, gateway)?;
            let problem = &why.problem;
            mouth::say(&format!("note: machines are made of namespaces, not microVMs: {problem}"));
            Ok(sandbox)
        }
    }
}

fn of_namespaces(settings: &Settings, gateway: Arc<Gateway>) -> Result<Arc<dyn Sandbox>, Failure> {
    let sandbox = Namespaces::new(namespaces(settings), gateway)
        .map_err(|error| unusable(settings, &error))?;
    Ok(Arc::new(sandbox))
}

/// What can be said of machines on this host.
pub(crate) async fn probe(settings: &Settings) -> Vec<Capability> {
    sandbox::namespaces::probe(&namespaces(settings)).await
}

/// How many machines of processes that are gone have left something.
pub(crate) fn abandoned(settings: &Settings) -> std::io::Result<usize> {
    sandbox::host::abandoned(&namespaces(settings).state_dir)
}

/// The registries of this host's package managers.
pub(crate) async fn presets(settings: &Settings) -> Found {
    let discovered = sandbox::preset::discover(&Surroundings {
        home: settings.home.clone(),
        path: settings.path.to_string_lossy().into_owned(),
        env: settings.environment.clone(),
        extra_roots_pem: Vec::new(),
        registry_timeout: std::time::Duration::from_millis(settings.registry_timeout_ms),
    })
    .await;
    let mut found = Vec::new();
    let mut missing = Vec::new();
    for (ecosystem, preset) in discovered.iter() {
        match preset {
            Ok(preset) => found.push(preset.clone()),
            Err(error) => missing.push((ecosystem, format!("{error}; {}", error.fix()))),
        }
    }
    Found { found, missing }
}

fn gateway(settings: &Settings) -> Result<Arc<Gateway>, Failure> {
    let gateway = Gateway::new(sandbox::egress::Settings::new(
        settings.data.join("cache/egress"),
        EGRESS_CACHE_MAX_BYTES,
    ));
    gateway.map(Arc::new).map_err(|error| unusable(settings, &error))
}

fn namespaces(settings: &Settings) -> sandbox::namespaces::Settings {
    sandbox::namespaces::Settings::new(settings.data.clone(), settings.environment.clone())
}

fn registries(settings: &Settings) -> Result<Client, Failure> {
    Client::new(toolbox::registry::Settings {
        cache_dir: settings.data.join("cache/registry"),
        fresh_ms: REGISTRY_FRESH_MS,
        concurrency_max: 16,
        timeout_ms: settings.registry_timeout_ms,
        response_max_bytes: 256 * 1024 * 1024,
    })
    .map_err(|error| {
        Failure::fixable(
            engine::chain(&error),
            format!("look at the space and the permissions of `{}`", settings.data.display()),
        )
    })
}

pub(crate) fn unusable(settings: &Settings, error: &sandbox::port::SandboxError) -> Failure {
    let hint = match error {
        sandbox::port::SandboxError::Unusable { hint, .. } => hint.clone(),
        sandbox::port::SandboxError::Io { source, .. } => {
            engine::data_hint(source.kind(), &settings.data)
        }
        _ => "`hob doctor` says what is missing".to_owned(),
    };
    Failure::fixable(engine::chain(error), hint)
}
