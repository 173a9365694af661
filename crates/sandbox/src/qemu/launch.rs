//! Makes one machine of QEMU, step by step; whatever fails, what was made before is taken away again.

use std::io;
use std::os::fd::{AsFd as _, OwnedFd};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::os::unix::net::UnixStream as Pair;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use domain::clock::{Clock as _, SystemClock};
use guest::layout;
use guest::message::{self, Setup, VmSetup};
use tokio::net::UnixStream;
use tokio::task::JoinSet;

use super::arguments::{self, Plan};
use super::qmp::Qmp;
use super::{Acceleration, Settings, version};
use crate::channel::Link;
use crate::egress::Door;
use crate::env;
use crate::host::cgroup::{self, Cgroup};
use crate::host::demotion;
use crate::host::machine::{HostMachine, Ready};
use crate::host::presence::{Presence, Present};
use crate::host::release::{self, Remains};
use crate::host::scratch::{self, Folder};
use crate::host::spawn::{self, Demotion, Start};
use crate::host::staging::Staging;
use crate::host::watch::Watched;
use crate::image::Root;
use crate::microvm::console::Console;
use crate::microvm::disks::{self, Disk};
use crate::microvm::{Parts, files, initramfs, programs};
use crate::port::{MachineSpec, SandboxError};
use crate::session::Fate;

/// The folder of a machine's folder that QEMU runs in and may write to.
const FOLDER: &str = "vm";

/// The scratch disk in it.
const SCRATCH: &str = "scratch";

/// The least memory that a kernel with its image comes up in, in bytes.
const MEMORY_MIN: u64 = 128 * 1024 * 1024;

/// What QEMU itself may use besides the guest's memory, translated code included, in bytes.
const MEMORY_OF_QEMU: u64 = 512 * 1024 * 1024;

/// How long a guest may take to end by itself once its stream is closed.
const ENDING_MAX: Duration = Duration::from_secs(5);

/// The most processors of a machine.
const CPUS_MAX: u32 = 64;

/// What all machines of a process have in common.
#[derive(Debug)]
pub(crate) struct Launcher {
    settings: Settings,
    state_dir: PathBuf,
    program: PathBuf,
    version: String,
    mke2fs: PathBuf,
    kernel: PathBuf,
    initramfs: PathBuf,
    parents: Vec<cgroup::Parent>,
    is_root: bool,
    presence: Arc<Presence>,
}

/// A machine's things on the host, before it is started.
struct Prepared {
    remains: Remains,
    cgroup: Option<Arc<Cgroup>>,
    start: Start,
    stream: Pair,
    console: Pair,
    qmp: Pair,
}

/// A machine at rest: its guest has booted and waits for its host.
#[derive(Debug)]
pub(crate) struct Resting {
    stream: UnixStream,
    console: Console,
    process: Arc<OwnedFd>,
    listening: JoinSet<()>,
}

fn io_error(action: impl Into<String>) -> impl FnOnce(io::Error) -> SandboxError {
    let action = action.into();
    move |source| SandboxError::Io { action, source }
}

impl Launcher {
    /// Looks at the host.
    pub(crate) async fn new(settings: Settings) -> Result<Arc<Self>, SandboxError> {
        let looked = tokio::task::spawn_blocking(move || Self::look(settings)).await;
        looked.unwrap_or_else(|e| Err(SandboxError::Launch(format!("looking at the host: {e}"))))
    }

    fn look(settings: Settings) -> Result<Arc<Self>, SandboxError> {
        let search = super::search(&settings.variables);
        let program = version::find(&search)?;
        let version = version::version(&program)?;
        let mke2fs = programs::find("mke2fs", &search).ok_or_else(|| SandboxError::Unusable {
            reason: "mke2fs is not installed".to_owned(),
            hint: "apt-get install e2fsprogs".to_owned(),
        })?;
        let kernel =
            settings.parts.kernel.bzimage.clone().ok_or_else(|| SandboxError::Unusable {
                reason: "the kernel has no form that QEMU boots".to_owned(),
                hint: "make it again: `hob image build`".to_owned(),
            })?;
        let modules = &settings.parts.kernel.modules;
        let archive = initramfs::archive(crate::GUEST_PROGRAM, modules);
        let archive = archive.map_err(io_error("reading the kernel's modules"))?;
        let state_dir = scratch::make_private(&scratch::machines(&settings.state_dir))
            .and_then(|()| settings.state_dir.canonicalize())
            .map_err(io_error(format!("preparing {}", settings.state_dir.display())))?;
        let initramfs = initramfs::keep(&state_dir, &archive);
        let initramfs = initramfs.map_err(io_error("writing the initramfs"))?;
        let is_root = demotion::may_demote()?;
        Ok(Arc::new(Self {
            settings,
            state_dir,
            program,
            version,
            mke2fs,
            kernel,
            initramfs,
            parents: cgroup::parents(),
            is_root,
            presence: Presence::new(),
        }))
    }

    pub(crate) fn state_dir(&self) -> &Path {
        &self.state_dir
    }

    pub(crate) const fn settings(&self) -> &Settings {
        &self.settings
    }

    pub(crate) const fn parts(&self) -> &Parts {
        &self.settings.parts
    }

    pub(crate) fn version(&self) -> &str {
        &self.version
    }

    pub(crate) fn program(&self) -> &Path {
        &self.program
    }

    pub(crate) fn initramfs(&self) -> &Path {
        &self.initramfs
    }

    pub(crate) const fn presence(&self) -> &Arc<Presence> {
        &self.presence
    }

    pub(crate) fn parents(&self) -> &[cgroup::Parent] {
        &self.parents
    }

    /// Makes a machine, ready for its first command.
    pub(crate) async fn launch(
        self: &Arc<Self>,
        spec: &MachineSpec,
        acceleration: Acceleration,
        door: Arc<Door>,
    ) -> Result<HostMachine, SandboxError> {
        let root = self.check(spec)?.clone();
        let certificate = door.ca_certificate_pem().to_owned();
        let setup = self.setup(spec, &root, &certificate)?;
        let (mut remains, cgroup, resting) = self.rest(spec, Some(&root), acceleration).await?;
        let folder = remains.folder().path().to_owned();
        let Resting { stream, console, process, listening } = resting;
        let greeted = tokio::time::timeout(acceleration.ready_max(), Link::greet(stream, setup));
        let greeted = match greeted.await {
            Ok(Ok(greeted)) => greeted,
            Ok(Err(broken)) => return Err(failed(remains, &broken.0, "", &console).await),
            Err(_) => return Err(failed(remains, "it was not ready in time", "", &console).await),
        };
        let watched = Watched {
            folder: folder.clone(),
            process: Arc::clone(&process),
            fate: Fate::default(),
        };
        let disk = folder.join(FOLDER).join(SCRATCH);
        let reserve = self.settings.disk_reserve_bytes;
        let (ending, console) = (Some((process, ENDING_MAX)), Some(console));
        let ready = Ready { greeted, watched, remains, cgroup, ending, console, listening };
        Ok(HostMachine::serve(spec, Some(door), ready, reserve, move |_| disks::usage(&disk)))
    }

    /// Starts a machine and waits until its guest has booted; without a `root` it has no disks.
    pub(crate) async fn rest(
        self: &Arc<Self>,
        spec: &MachineSpec,
        root: Option<&Root>,
        acceleration: Acceleration,
    ) -> Result<(Remains, Option<Arc<Cgroup>>, Resting), SandboxError> {
        let (launcher, its_spec, root) = (Arc::clone(self), spec.clone(), root.cloned());
        // Counted from here on: whoever stops waiting for the launch does not stop what it makes.
        let present = self.presence.enter();
        let prepare = move || launcher.prepare(&its_spec, root.as_ref(), acceleration, present);
        let prepared = tokio::task::spawn_blocking(prepare).await;
        let prepared =
            prepared.map_err(|e| SandboxError::Launch(format!("preparing it: {e}")))??;
        let Prepared { mut remains, cgroup, start, stream, console, qmp } = prepared;
        let mut child = spawn::spawn(start)
            .await
            .map_err(|e| SandboxError::Launch(format!("starting QEMU: {e}")))?;
        let complaints = child.stderr.take().map(OwnedFd::from);
        let pid = i32::try_from(child.id()).unwrap_or(0);
        remains.set_program(child);
        let heard = Console::new();
        let mut listening = JoinSet::new();
        if let Ok(console) = UnixStream::from_std(console) {
            listening.spawn(heard.clone().listen(console));
        }
        let booted = async {
            let (init, process) = release::hold(pid).ok_or("QEMU ended at once")?;
            remains.set_init(Arc::clone(&process));
            let marked = remains.folder().set_init(init);
            marked.map_err(|e| format!("writing the machine's mark: {e}"))?;
            as_asked(qmp, acceleration).await?;
            let mut stream = UnixStream::from_std(stream).map_err(|e| e.to_string())?;
            Link::ready(&mut stream).await.map_err(|e| e.to_string())?;
            Ok::<_, String>((stream, process))
        };
        let booted = tokio::time::timeout(acceleration.ready_max(), booted).await;
        match booted.unwrap_or_else(|_| Err("it was not ready in time".to_owned())) {
            Ok((stream, process)) => {
                Ok((remains, cgroup, Resting { stream, console: heard, process, listening }))
            }
            Err(reason) => {
                let complaint = spawn::complaint(complaints).await;
                Err(failed(remains, &reason, &complaint, &heard).await)
            }
        }
    }

    fn check(&self, spec: &MachineSpec) -> Result<&Root, SandboxError> {
        let refuse = |reason: String| Err(SandboxError::Refused(reason));
        if spec.memory_bytes < MEMORY_MIN {
            let least = MEMORY_MIN >> 20;
            return refuse(format!("a virtual machine needs {least} MiB of memory"));
        }
        if !(1..=CPUS_MAX).contains(&spec.cpus) {
            return refuse(format!("a virtual machine has 1 to {CPUS_MAX} processors"));
        }
        if spec.processes_max == 0 || spec.disk_bytes == 0 || spec.time_ms == 0 {
            return refuse("a machine needs processors, processes, disk and time".to_owned());
        }
        let image = spec.image.escape_debug();
        let refused = SandboxError::Refused(format!("there is no image `{image}`"));
        self.parts().root(&spec.image).ok_or(refused)
    }

    /// Makes folder, groups, disks and the arguments. Blocks.
    fn prepare(
        &self,
        spec: &MachineSpec,
        root: Option<&Root>,
        acceleration: Acceleration,
        present: Present,
    ) -> Result<Prepared, SandboxError> {
        let user = self.is_root.then(|| demotion::user(spec.id));
        let names = cgroup::Names::of(&self.state_dir);
        let cgroups = names.paths(&self.parents, spec.id);
        let folder = Folder::create(&self.state_dir, spec.id, cgroups, &[FOLDER], user)
            .map_err(io_error("making the machine's folder"))?;
        let mut remains = Remains::new(folder, present);
        let own = remains.folder().path().join(FOLDER);
        let mut staging = Staging::new(self.is_root, self.state_dir.clone());
        let place = staging.place(&own);
        let disks = match root {
            Some(root) => self.disks(root, spec, &own, &mut staging)?,
            None => Vec::new(),
        };
        if root.is_some() {
            let given = remains.folder().give(&own.join(SCRATCH), user);
            given.map_err(io_error("giving the scratch disk away"))?;
        }
        let memory_bytes = spec.memory_bytes.saturating_add(MEMORY_OF_QEMU);
        let cgroup = cgroup::of_machine(&self.parents, spec, &names, memory_bytes)?;
        if let Some(cgroup) = &cgroup {
            remains.set_cgroup(Arc::clone(cgroup));
        }
        let entrances = cgroup.as_ref().map_or(Ok(Vec::new()), |cgroup| cgroup.entrances());
        let entrances = entrances.map_err(io_error("opening the machine's control groups"))?;
        let (stream, their_stream) = pair()?;
        let (console, their_console) = pair()?;
        let (qmp, their_qmp) = pair()?;
        let plan = Plan {
            kernel: staging.place(&self.kernel),
            initramfs: staging.place(&self.initramfs),
            disks,
            memory_bytes: spec.memory_bytes,
            cpus: spec.cpus,
            acceleration,
            console: spawn::number(their_console.as_fd()),
            qmp: spawn::number(their_qmp.as_fd()),
        };
        let groups = if acceleration == Acceleration::Kvm { kvm_groups() } else { Vec::new() };
        let start = Start {
            program: self.program.clone(),
            arguments: arguments::arguments(&plan),
            stream: their_stream,
            handed: vec![their_console, their_qmp],
            cgroups: entrances,
            folder: place,
            dies_with_us: true,
            demotion: user.map(|id| Demotion { id, staged: staging.staged(), groups }),
        };
        Ok(Prepared { remains, cgroup, start, stream, console, qmp })
    }

    fn disks(
        &self,
        root: &Root,
        spec: &MachineSpec,
        own: &Path,
        staging: &mut Staging,
    ) -> Result<Vec<Disk>, SandboxError> {
        disks::make_scratch(&self.mke2fs, &own.join(SCRATCH), spec.disk_bytes)?;
        let scratch =
            Disk { serial: disks::SCRATCH.to_owned(), file: SCRATCH.into(), read_only: false };
        let mut shared = |serial: String, file: &Path| Disk {
            serial,
            file: staging.place(file),
            read_only: true,
        };
        let root = shared(disks::ROOT.to_owned(), &root.file);
        let layers = self.parts().layers.iter().enumerate();
        let layers = layers.map(|(position, layer)| shared(disks::layer(position), &layer.file));
        Ok([root, scratch].into_iter().chain(layers.collect::<Vec<_>>()).collect())
    }

    fn setup(
        &self,
        spec: &MachineSpec,
        root: &Root,
        certificate: &str,
    ) -> Result<Setup, SandboxError> {
        let mut entropy = [0; 64];
        SystemClock.fill_random(&mut entropy);
        let mut machine_id = [0; 16];
        SystemClock.fill_random(&mut machine_id);
        let hostname = hostname(spec);
        let files = files::of(spec, &hostname, &hex(&machine_id), certificate)?;
        let layers = self.parts().layers.iter().enumerate().map(|(position, layer)| {
            message::Layer { serial: disks::layer(position), folders: layer.mounts.clone() }
        });
        let writable = [layout::CHECKOUT, layout::HOME, layout::TMP, layout::TRANSFER];
        Ok(Setup {
            user: Some((layout::USER_ID, layout::USER_ID)),
            env: env::of_image(&self.parts().toolchains, &root.env, spec),
            writable: writable.map(str::to_owned).to_vec(),
            proxy_port: Some(layout::PROXY_PORT),
            processes_max: Some(spec.processes_max.into()),
            file_max_bytes: spec.disk_bytes,
            process_memory_max_bytes: None,
            vm: Some(VmSetup {
                hostname,
                entropy: hex(&entropy),
                time_ms: SystemClock.now().as_millis(),
                root: disks::ROOT.to_owned(),
                scratch: disks::SCRATCH.to_owned(),
                layers: layers.collect(),
                files,
                shared_memory_bytes: spec.memory_bytes / 2,
            }),
        })
    }
}

/// The name of a machine for itself: no two have the same.
fn hostname(spec: &MachineSpec) -> String {
    let id = spec.id.to_string();
    let last = id.rsplit('_').next().unwrap_or(&id);
    format!("{}-{last}", layout::USER)
}

/// Makes sure that QEMU runs the guest in the way that was asked for.
async fn as_asked(qmp: Pair, acceleration: Acceleration) -> Result<(), String> {
    let stream = UnixStream::from_std(qmp).map_err(|e| e.to_string())?;
    let mut qmp = Qmp::greet(stream).await.map_err(|e| e.to_string())?;
    let kvm = qmp.execute("query-kvm", &serde_json::json!({})).await;
    let kvm = kvm.map_err(|e| e.to_string())?;
    let enabled = kvm.get("enabled").and_then(serde_json::Value::as_bool);
    if enabled == Some(acceleration == Acceleration::Kvm) {
        return Ok(());
    }
    Err(format!("QEMU does not run it with {}", acceleration.name()))
}

/// Takes away what there is of a machine that did not become ready, and says why it did not.
async fn failed(
    remains: Remains,
    reason: &str,
    complaint: &str,
    console: &Console,
) -> SandboxError {
    let taken = tokio::task::spawn_blocking(move || remains.take_away()).await;
    if let Ok(Err(left)) = taken {
        tracing::warn!(%left, "a machine that did not start was not taken away");
    }
    let mut text = reason.to_owned();
    if !complaint.is_empty() {
        text = format!("{text} ({complaint})");
    }
    SandboxError::Launch(console.explain(&text))
}

/// Two ends of a connection: ours, which never blocks, and the one to hand over.
fn pair() -> Result<(Pair, OwnedFd), SandboxError> {
    Pair::pair()
        .and_then(|(ours, theirs)| ours.set_nonblocking(true).map(|()| (ours, theirs.into())))
        .map_err(io_error("making a connection to QEMU"))
}

/// The group that may use KVM, where there is one: udev gives it to `kvm`.
fn kvm_groups() -> Vec<u32> {
    let device = std::fs::metadata("/dev/kvm");
    let device = device.ok().filter(|device| device.permissions().mode() & 0o060 == 0o060);
    device.map(|device| device.gid()).into_iter().collect()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
