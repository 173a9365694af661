//! Making a machine for a step: the row first, so that one that is left behind is known when it is taken away.

use std::sync::Arc;
use std::time::Duration;

use domain::agent::NetworkGrant;
use domain::machine::Backend;
use domain::{CommitId, MachineId};
use sandbox::port::{
    EgressAudit, EgressRule, Machine, MachinePath, MachineSpec, NetworkPolicy, SandboxError,
    TRANSFER_FOLDER,
};
use serde_json::json;
use store::record::MachineState;
use tokio::io::AsyncWriteExt as _;

use super::{Stage, StepError};
use crate::audit::Note;
use crate::progress::Progress;
use crate::recorded::{Recorded, Requests, told};
use crate::space::Patience;

/// Processes and threads that a machine may have.
const PROCESSES_MAX: u32 = 4096;

/// How much longer than the rest of its run a machine may live.
const GRACE: Duration = Duration::from_secs(2);

/// The largest answer of a host that a definition names itself, in bytes.
const HOST_RESPONSE_MAX_BYTES: u64 = 256 * 1024 * 1024;

impl From<SandboxError> for StepError {
    fn from(error: SandboxError) -> Self {
        let reason = told(&error);
        match error {
            SandboxError::Limit { .. } => Self::budget(reason),
            SandboxError::Refused(_) => Self::agent(reason),
            SandboxError::Unusable { hint, .. } => {
                Self::infrastructure(format!("{reason}; {hint}"))
            }
            SandboxError::Launch(_) | SandboxError::Lost(_) | SandboxError::Io { .. } => {
                Self::infrastructure(reason)
            }
        }
    }
}

impl Stage<'_> {
    /// Makes a machine.
    pub(crate) async fn launch(&mut self, id: MachineId) -> Result<Box<dyn Machine>, StepError> {
        let workshop = self.house.workshop()?;
        let backend = workshop.sandbox.backend();
        self.facts.machines.backend = Some(backend);
        let spec = self.spec(id)?;
        self.still_ours().await?;
        self.house.listener.hear(&Progress::Machine { machine: id, backend: backend.name() });
        let note = asked_note(&spec, backend).fact("attempt", self.attempt);
        let mut tx = crate::commit::written(&self.scribe, vec![note]);
        let mut row = store::record::Machine {
            id,
            run: self.run,
            state: MachineState::Launching,
            made_at: self.house.clock.now(),
        };
        tx.machines = vec![row.clone()];
        self.house.commit(tx).await?;
        let asked = &self.house.asked;
        asked.ask(id, self.run);
        let audit: Arc<dyn EgressAudit> =
            Arc::new(Requests { machine: id, notes: self.notes.clone() });
        let machine = match workshop.sandbox.launch(&spec, audit).await {
            Ok(machine) => machine,
            Err(error) => {
                // The port's promise: nothing is left of one that did not come up.
                asked.is_gone(id);
                return Err(error.into());
            }
        };
        self.house.failpoint.hit("machine-launched");
        let machine = Recorded::new(machine, self.notes.clone(), asked.clone());
        let note = Note::new("machine.launched", "it is up")
            .fact("machine", id.to_string())
            .fact("backend", backend.name())
            .fact("attempt", self.attempt);
        let mut tx = crate::commit::written(&self.scribe, vec![note]);
        row.state = MachineState::Running;
        tx.machines = vec![row];
        self.house.commit(tx).await?;
        Ok(Box::new(machine))
    }

    /// For how long a machine of the run may be needed: a little longer than the run has, whose own end says why.
    fn machine_time_ms(&self) -> u64 {
        let time = self.time_left().saturating_add(GRACE);
        u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
    }

    fn spec(&self, id: MachineId) -> Result<MachineSpec, StepError> {
        let workshop = self.house.workshop()?;
        let agent = self.agent()?;
        let limits = &agent.sandbox;
        let mut spec = MachineSpec {
            id,
            image: limits.image.clone(),
            cpus: limits.cpus,
            memory_bytes: limits.memory_bytes,
            disk_bytes: limits.disk_bytes,
            processes_max: PROCESSES_MAX,
            time_ms: limits.time_ms.min(self.machine_time_ms()),
            network: NetworkPolicy::default(),
            env: Vec::new(),
            home_files: Vec::new(),
        };
        for grant in &agent.network {
            match grant {
                NetworkGrant::Preset(ecosystem) => {
                    for preset in workshop.presets.iter().filter(|p| p.ecosystem == *ecosystem) {
                        spec.network.rules.extend(preset.rules.iter().cloned());
                        spec.env.extend(preset.env.iter().cloned());
                        spec.home_files.extend(preset.home_files.iter().cloned());
                    }
                }
                NetworkGrant::Host { host, methods, paths } => {
                    spec.network.rules.push(EgressRule {
                        name: format!("host {host}"),
                        host: host.clone(),
                        port: 443,
                        plain_http: false,
                        methods: methods.clone(),
                        paths: paths.clone(),
                        // Whoever names a host in a definition says what it may be told.
                        queries: true,
                        immutable: Vec::new(),
                        authorization: None,
                        response_max_bytes: HOST_RESPONSE_MAX_BYTES,
                    });
                }
            }
        }
        Ok(spec)
    }

    /// Brings a commit into a machine as a checkout.
    pub(crate) async fn check_out(
        &self,
        machine: &dyn Machine,
        commit: &CommitId,
    ) -> Result<(), StepError> {
        let mirror = self.mirror()?;
        let branch = self.facts.branch.as_deref();
        let folder = self.house.scratch()?;
        let mut patience = Patience::default();
        let checkout = loop {
            let into = folder.path();
            let error =
                match forge::pack::pack(&mirror, commit, branch, into, TRANSFER_FOLDER).await {
                    Ok(checkout) => break checkout,
                    Err(error) => StepError::infrastructure(crate::chain(&error)),
                };
            self.wait_for_space(&mut patience, error).await?;
        };
        for file in &checkout.files {
            let mut from = tokio::fs::File::open(&file.path)
                .await
                .map_err(|error| StepError::infrastructure(format!("reading a pack: {error}")))?;
            let place = MachinePath::Transfer(file.name.clone());
            // What does not go into a fresh machine, for want of space say, is nobody's work.
            machine
                .put(&place, 0o644, file.bytes, &mut from)
                .await
                .map_err(|error| StepError::infrastructure(crate::chain(&error)))?;
        }
        for command in checkout.commands {
            let mut sink = crate::workspace::Lines::new(self.house.listener.clone());
            let result = machine.exec(&command, &mut sink).await?;
            if !result.success() {
                return Err(StepError::infrastructure(format!(
                    "`{}` in the machine failed: {}",
                    command.display(),
                    domain::limit::tail_chars(&result.stderr_text(), 500)
                )));
            }
        }
        Ok(())
    }
}

fn asked_note(spec: &MachineSpec, backend: Backend) -> Note {
    let rules: Vec<_> = spec
        .network
        .rules
        .iter()
        .map(|rule| json!({ "rule": rule.name, "host": rule.host, "methods": rule.methods, "paths": rule.paths }))
        .collect();
    Note::new("machine.asked", "a fresh machine for this step")
        .fact("machine", spec.id.to_string())
        .fact("backend", backend.name())
        .fact("isolation", json!(backend.isolation()))
        .fact("image", spec.image.as_str())
        .fact("cpus", spec.cpus)
        .fact("memory_bytes", spec.memory_bytes)
        .fact("disk_bytes", spec.disk_bytes)
        .fact("processes_max", spec.processes_max)
        .fact("time_ms", spec.time_ms)
        .fact("network", rules)
}

/// Reads a file of the transfer folder into a new file of the host.
pub(crate) async fn get_file(
    machine: &dyn Machine,
    name: &str,
    max_bytes: u64,
    into: &std::path::Path,
) -> Result<bool, StepError> {
    let io =
        |error: std::io::Error| StepError::infrastructure(format!("{}: {error}", into.display()));
    let mut file = tokio::fs::File::create_new(into).await.map_err(io)?;
    let place = MachinePath::Transfer(name.to_owned());
    let got = machine.get(&place, max_bytes, &mut file).await?;
    file.flush().await.map_err(io)?;
    file.sync_all().await.map_err(io)?;
    Ok(got.is_some())
}
