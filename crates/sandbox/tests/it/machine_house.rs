//! A house with real machines: a state folder, a gateway, and machines that are closed when a test ends.

use std::collections::BTreeMap;
use std::mem::MaybeUninit;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use domain::MachineId;
use domain::clock::SystemClock;
use domain::exec::{Exec, ExecResult};
use domain::machine::EgressRecord;
use rustix::fs::inotify;
use sandbox::egress::{self, Gateway};
use sandbox::namespaces::{Namespaces, Settings};
use sandbox::port::{
    EgressAudit, Machine, MachinePath, MachineSpec, NetworkPolicy, OutputSink, Sandbox as _,
    SandboxError,
};

/// How long what was dropped may take to be gone.
pub(crate) const GONE_MAX: Duration = Duration::from_secs(20);

/// A mebibyte, in bytes.
pub(crate) const MIB: u64 = 1024 * 1024;

#[derive(Debug, Default)]
pub(crate) struct Audit(pub(crate) Mutex<Vec<EgressRecord>>);

impl EgressAudit for Audit {
    fn record(&self, record: EgressRecord) {
        self.0.lock().unwrap().push(record);
    }
}

/// Hears a command's output and counts it.
#[derive(Debug, Default)]
pub(crate) struct Heard {
    pub(crate) stdout: u64,
    pub(crate) stderr: u64,
    pub(crate) first: Option<tokio::sync::oneshot::Sender<()>>,
}

impl OutputSink for Heard {
    fn output(&mut self, stderr: bool, bytes: &[u8]) {
        let count = if stderr { &mut self.stderr } else { &mut self.stdout };
        *count += bytes.len() as u64;
        if let Some(first) = self.first.take() {
            let _ = first.send(());
        }
    }
}

pub(crate) struct House {
    pub(crate) state: tempfile::TempDir,
    pub(crate) sandbox: Namespaces,
    pub(crate) audit: Arc<Audit>,
}

/// The variables by which toolchains are found, as the binary would hand them over.
pub(crate) fn variables() -> BTreeMap<String, String> {
    #[expect(clippy::disallowed_methods, reason = "a test stands in for the binary's settings")]
    let read = |name: &str| Some((name.to_owned(), std::env::var(name).ok()?));
    ["PATH", "HOME", "RUSTUP_HOME", "CARGO_HOME", "PYENV_ROOT"]
        .into_iter()
        .filter_map(read)
        .collect()
}

pub(crate) fn sandbox(state: &Path, settings: impl FnOnce(&mut Settings)) -> Namespaces {
    let gateway = Gateway::new(egress::Settings::new(state.join("cache"), MIB)).unwrap();
    let mut made = Settings::new(state.to_owned(), variables());
    settings(&mut made);
    Namespaces::new(made, Arc::new(gateway)).unwrap()
}

pub(crate) fn spec() -> MachineSpec {
    MachineSpec {
        id: MachineId::fresh(&SystemClock),
        image: "default".to_owned(),
        cpus: 2,
        memory_bytes: 512 * MIB,
        disk_bytes: 512 * MIB,
        processes_max: 128,
        time_ms: 120_000,
        network: NetworkPolicy::default(),
        env: Vec::new(),
        home_files: Vec::new(),
    }
}

impl House {
    pub(crate) fn new() -> Self {
        Self::with(|_| {})
    }

    pub(crate) fn with(settings: impl FnOnce(&mut Settings)) -> Self {
        let state = tempfile::tempdir().unwrap();
        let sandbox = sandbox(state.path(), settings);
        Self { state, sandbox, audit: Arc::default() }
    }

    pub(crate) async fn launch(&self, spec: &MachineSpec) -> Box<dyn Machine> {
        self.try_launch(spec).await.unwrap()
    }

    pub(crate) async fn try_launch(
        &self,
        spec: &MachineSpec,
    ) -> Result<Box<dyn Machine>, SandboxError> {
        self.sandbox.launch(spec, Arc::clone(&self.audit) as Arc<dyn EgressAudit>).await
    }

    /// Waits until what was dropped has been taken away in the background: the kernel tells when a folder goes.
    pub(crate) async fn gone(&self) {
        let state = self.state.path().to_owned();
        let wait = move || {
            let watch = inotify::init(inotify::CreateFlags::CLOEXEC).unwrap();
            let folder = state.join("machines");
            let goes = inotify::WatchFlags::DELETE | inotify::WatchFlags::MOVED_FROM;
            inotify::add_watch(&watch, &folder, goes).unwrap();
            let mut buffer = [const { MaybeUninit::uninit() }; 4096];
            let mut told = inotify::Reader::new(&watch, &mut buffer);
            while !machines(&state).is_empty() {
                let _one = told.next().unwrap();
            }
        };
        let gone = tokio::time::timeout(GONE_MAX, tokio::task::spawn_blocking(wait)).await;
        gone.unwrap_or_else(|_| panic!("left: {:?}", self.machines())).unwrap();
    }

    pub(crate) async fn machine(&self) -> Box<dyn Machine> {
        self.launch(&spec()).await
    }

    /// The folders of machines that are on the host now.
    pub(crate) fn machines(&self) -> Vec<PathBuf> {
        machines(self.state.path())
    }
}

pub(crate) fn machines(state: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(state.join("machines")).unwrap();
    let paths = entries.map(|entry| entry.unwrap().path());
    paths.filter(|path| !path.ends_with(".lock")).collect()
}

pub(crate) async fn try_sh(
    machine: &dyn Machine,
    script: &str,
) -> Result<ExecResult, SandboxError> {
    let command = Exec::new(["sh", "-c", script], "try it");
    machine.exec(&command, &mut Heard::default()).await
}

/// Runs a script and gives what it came to.
pub(crate) async fn sh(machine: &dyn Machine, script: &str) -> ExecResult {
    try_sh(machine, script).await.unwrap()
}

/// Runs a script that has to succeed; its output without the last newline.
pub(crate) async fn says(machine: &dyn Machine, script: &str) -> String {
    let result = sh(machine, script).await;
    assert!(result.success(), "{script}: {:?} {}", result.exit, result.stderr_text());
    result.stdout_text().trim_end().to_owned()
}

pub(crate) fn checkout(path: &str) -> MachinePath {
    MachinePath::Checkout(domain::RepoPath::new(path).unwrap())
}
