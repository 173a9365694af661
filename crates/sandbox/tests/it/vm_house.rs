//! A house with virtual machines: a small image, Debian's kernel, and QEMU as it is installed. Image and kernel are made
//! once, in the build's own folder for tests, and shared by all tests.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use domain::Digest;
use domain::MachineId;
use domain::clock::SystemClock;
use rustix::fs::FlockOperation;
use sandbox::egress::{self, Gateway};
use sandbox::image::{Kernel, KernelSource, Root};
use sandbox::microvm::Parts;
use sandbox::namespaces::Toolchains;
use sandbox::port::{EgressAudit, Machine, MachineSpec, NetworkPolicy, Sandbox as _, SandboxError};
use sandbox::qemu::{Acceleration, Qemu, Settings};

use crate::machine_house::{Audit, MIB, variables};

/// The modules that the guest needs, what they need first.
const MODULES: [&str; 11] = [
    "drivers/virtio/virtio_ring.ko",
    "drivers/virtio/virtio.ko",
    "drivers/virtio/virtio_pci_modern_dev.ko",
    "drivers/virtio/virtio_pci_legacy_dev.ko",
    "drivers/virtio/virtio_pci.ko",
    "drivers/block/virtio_blk.ko",
    "drivers/char/virtio_console.ko",
    "drivers/char/hw_random/rng-core.ko",
    "drivers/char/hw_random/virtio-rng.ko",
    "fs/overlayfs/overlay.ko",
    "fs/squashfs/squashfs.ko",
];

/// Folder of what all tests share; whoever comes first makes it, the others wait.
fn shared() -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("virtual-machines");
    std::fs::create_dir_all(&folder).unwrap();
    let lock = std::fs::File::create(folder.join(".lock")).unwrap();
    rustix::fs::flock(&lock, FlockOperation::LockExclusive).unwrap();
    if !folder.join("root.squashfs").exists() {
        make(&folder);
    }
    folder
}

#[track_caller]
fn run(folder: &Path, program: &str, arguments: &[&str]) -> String {
    #[expect(clippy::disallowed_methods, reason = "makes what is tested with")]
    let output = Command::new(program).args(arguments).current_dir(folder).output();
    let output = output.unwrap_or_else(|e| panic!("{program}: {e}"));
    assert!(output.status.success(), "{program} {arguments:?}: {output:?}");
    String::from_utf8(output.stdout).unwrap()
}

/// Debian's kernel for clouds, and an image of busybox alone.
fn make(folder: &Path) {
    let depends = run(folder, "apt-cache", &["depends", "linux-image-cloud-amd64"]);
    let package = depends.lines().find_map(|line| line.trim().strip_prefix("Depends: ")).unwrap();
    run(folder, "apt-get", &["download", "-q", package]);
    run(folder, "sh", &["-c", &format!("rm -rf kernel && dpkg-deb -x {package}_*.deb kernel")]);
    let make_root = "rm -rf root && mkdir -p root/bin root/etc root/usr root/home root/var && cp /bin/busybox root/bin/ && \
        for name in $(/bin/busybox --list); do [ $name = busybox ] || ln -s busybox root/bin/$name; done && \
        mksquashfs root new.squashfs -all-root -noappend -quiet -no-progress >/dev/null && mv new.squashfs root.squashfs";
    run(folder, "sh", &["-c", make_root]);
}

/// What machines are made of in tests.
pub(crate) fn parts() -> Parts {
    let folder = shared();
    let boot = folder.join("kernel/boot");
    let entries = std::fs::read_dir(&boot).unwrap().map(|entry| entry.unwrap().path());
    let bzimage = entries
        .into_iter()
        .find(|path| path.file_name().unwrap().to_string_lossy().starts_with("vmlinuz-"));
    let bzimage = bzimage.unwrap();
    let name = bzimage.file_name().unwrap().to_str().unwrap();
    let version = name.strip_prefix("vmlinuz-").unwrap().to_owned();
    let modules = folder.join("kernel/lib/modules").join(&version).join("kernel");
    let modules = MODULES.map(|module| modules.join(module));
    let kernel = Kernel {
        digest: Digest::of(version.as_bytes()),
        version,
        bzimage: Some(bzimage),
        vmlinux: None,
        // Some are part of the kernel itself in one version and a module in another.
        modules: modules.into_iter().filter(|path| path.exists()).collect(),
        source: KernelSource::DebianCloud,
    };
    let file = folder.join("root.squashfs");
    let bytes = file.metadata().unwrap().len();
    let digest = Digest::of(b"busybox");
    let root = Root {
        name: "busybox".to_owned(),
        digest,
        file,
        bytes,
        made_from: "busybox-static".to_owned(),
        env: Vec::new(),
    };
    Parts { kernel, roots: vec![root], layers: Vec::new(), toolchains: Toolchains::default() }
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

pub(crate) async fn sandbox(state: &Path) -> Qemu {
    let gateway = Gateway::new(egress::Settings::new(state.join("cache"), MIB)).unwrap();
    let made = Qemu::new(settings(state), Arc::new(gateway)).await;
    made.unwrap_or_else(|error| panic!("{error}"))
}

/// The mark of a machine's folder.
pub(crate) fn mark_of(machine: &Path) -> serde_json::Value {
    serde_json::from_slice(&std::fs::read(machine.join("owner")).unwrap()).unwrap()
}

/// The number of a machine's VMM.
pub(crate) fn init_of(machine: &Path) -> i32 {
    mark_of(machine)["init"]["pid"].as_i64().unwrap().try_into().unwrap()
}
