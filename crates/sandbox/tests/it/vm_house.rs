//! A house with virtual machines: a small image, Debian's kernel, and QEMU as it is installed. Image and kernel are made
//! once, in the build's own folder for tests, and shared by all tests.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use domain::MachineId;
use domain::clock::SystemClock;
use rustix::fs::FlockOperation;
use sandbox::egress::{self, Gateway};
use sandbox::image::{self, Images, KernelSource, Watcher};
use sandbox::microvm::Parts;
use sandbox::namespaces::Toolchains;
use sandbox::port::{EgressAudit, Machine, MachineSpec, NetworkPolicy, Sandbox as _, SandboxError};
use sandbox::qemu::{Acceleration, Qemu, Settings};

use crate::machine_house::{Audit, MIB, variables};

/// The folder of what all tests share.
fn shared() -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join("virtual-machines")
}

/// Whoever comes first makes something there, the others wait.
fn alone() -> std::fs::File {
    std::fs::create_dir_all(shared()).unwrap();
    let lock = std::fs::File::create(shared().join("making")).unwrap();
    rustix::fs::flock(&lock, FlockOperation::LockExclusive).unwrap();
    lock
}

/// The kernel and the image.
fn images() -> Images {
    let _alone = alone();
    let images = Images::open(&shared()).unwrap();
    let nobody = Watcher::nobody();
    images
        .make_kernel(KernelSource::DebianCloud, &nobody)
        .unwrap_or_else(|error| panic!("a kernel for virtual machines: {error}; {}", error.hint()));
    if images.find(image::DEFAULT).is_err() {
        let tar = shared().join("busybox.tar");
        make_tar(&tar);
        let image = images.import(&tar, image::DEFAULT, &nobody);
        image.unwrap_or_else(|error| panic!("an image: {error}; {}", error.hint()));
    }
    images
}

/// A root file system of busybox alone: small, and everything that these tests do is a command of it.
fn make_tar(tar: &Path) {
    let script = "set -e; cd $(mktemp -d); mkdir bin etc usr home var; cp /bin/busybox bin/; \
        for name in $(bin/busybox --list); do [ $name = busybox ] || ln -s busybox bin/$name; done; \
        tar --owner=0 --group=0 -cf \"$0\" .; rm -rf \"$PWD\"";
    #[expect(clippy::disallowed_methods, reason = "makes what is tested with")]
    let output = Command::new("sh").args(["-c", script]).arg(tar).output().unwrap();
    assert!(output.status.success(), "{output:?}; get it by `apt-get install busybox-static tar`");
}

/// What machines are made of in tests.
pub(crate) fn parts() -> Parts {
    let images = images();
    Parts {
        kernel: images.kernel().unwrap(),
        roots: images.list().unwrap().roots,
        layers: Vec::new(),
        toolchains: Toolchains::default(),
    }
}

pub(crate) fn settings(state: &Path) -> Settings {
    let mut settings = Settings::new(state.to_owned(), variables(), parts());
    settings.accelerations = vec![Acceleration::Tcg];
    settings
}

pub(crate) fn spec() -> MachineSpec {
    MachineSpec {
        id: MachineId::fresh(&SystemClock),
        image: "default".to_owned(),
        cpus: 1,
        memory_bytes: 256 * MIB,
        disk_bytes: 256 * MIB,
        processes_max: 64,
        time_ms: 600_000,
        network: NetworkPolicy::default(),
        env: Vec::new(),
        home_files: Vec::new(),
    }
}

pub(crate) struct VmHouse {
    pub(crate) state: tempfile::TempDir,
    pub(crate) sandbox: Qemu,
    pub(crate) audit: Arc<Audit>,
}

impl VmHouse {
    pub(crate) async fn new() -> Self {
        let state = tempfile::tempdir().unwrap();
        let sandbox = sandbox(state.path()).await;
        Self { state, sandbox, audit: Arc::default() }
    }

    pub(crate) async fn launch(&self, spec: &MachineSpec) -> Box<dyn Machine> {
        self.try_launch(spec).await.unwrap_or_else(|error| panic!("{error}"))
    }

    pub(crate) async fn try_launch(
        &self,
        spec: &MachineSpec,
    ) -> Result<Box<dyn Machine>, SandboxError> {
        self.sandbox.launch(spec, Arc::clone(&self.audit) as Arc<dyn EgressAudit>).await
    }

    pub(crate) fn machines(&self) -> Vec<PathBuf> {
        crate::machine_house::machines(self.state.path())
    }
}

/// One probe guest boots for all tests; what it has shown is known in every state folder of this host.
pub(crate) async fn sandbox(state: &Path) -> Qemu {
    const PROBES: &str = "probes.json";
    if !state.join(PROBES).exists() {
        let settings = settings(&shared());
        let _alone = alone();
        drop(made(settings).await);
        std::fs::copy(shared().join(PROBES), state.join(PROBES)).unwrap();
    }
    made(settings(state)).await
}

async fn made(settings: Settings) -> Qemu {
    let cache = egress::Settings::new(settings.state_dir.join("cache"), MIB);
    let gateway = Gateway::new(cache).unwrap();
    match Qemu::new(settings, Arc::new(gateway)).await {
        Ok(qemu) => qemu,
        Err(SandboxError::Unusable { reason, hint }) => panic!("{reason}; {hint}"),
        Err(error) => panic!("{error}"),
    }
}

/// The mark of a machine's folder.
pub(crate) fn mark_of(machine: &Path) -> serde_json::Value {
    serde_json::from_slice(&std::fs::read(machine.join("owner")).unwrap()).unwrap()
}

/// The number of a machine's VMM.
pub(crate) fn init_of(machine: &Path) -> i32 {
    mark_of(machine)["init"]["pid"].as_i64().unwrap().try_into().unwrap()
}
