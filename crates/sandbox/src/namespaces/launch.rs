//! Makes one machine, step by step; whatever fails, what was made before is taken away again.

use std::io::{self, Write as _};
use std::os::fd::{AsFd as _, OwnedFd};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use guest::layout;
use guest::message::Setup;
use tokio::io::AsyncReadExt as _;
use tokio::net::unix::pipe;
use tokio::task::JoinSet;

use super::Settings;
use super::bubblewrap::{self, Sources};
use super::toolchains::{self, Toolchains};
use super::view::{self, FOLDERS, Shared};
use super::{complaint, seccomp};
use crate::channel::{Greeted, Link};
use crate::egress::Door;
use crate::env;
use crate::host::cgroup::{self, Cgroup, Controller};
use crate::host::demotion;
use crate::host::machine::{HostMachine, Ready};
use crate::host::presence::{Presence, Present};
use crate::host::release::{self, Remains};
use crate::host::scratch::{self, Folder};
use crate::host::spawn::{self, Demotion, Start};
use crate::host::staging::Staging;
use crate::host::usage::{self, Usage};
use crate::host::watch::Watched;
use crate::port::{MachineSpec, SandboxError};
use crate::session::Fate;

/// How long a machine may take to become ready; a busy host is slow.
const READY_MAX: Duration = Duration::from_secs(60);

/// The least memory that a machine can be made with, in bytes.
const MEMORY_MIN: u64 = 16 * 1024 * 1024;

/// The only image of this backend.
const IMAGE: &str = "default";

/// What all machines of a process have in common.
#[derive(Debug)]
pub(crate) struct Launcher {
    settings: Settings,
    program: PathBuf,
    version: String,
    toolchains: Toolchains,
    shared: Shared,
    parents: Vec<cgroup::Parent>,
    filters: [Vec<u8>; 2],
    is_root: bool,
    presence: Arc<Presence>,
}

/// A machine's things on the host, before it is started.
struct Prepared {
    remains: Remains,
    cgroup: Option<Arc<Cgroup>>,
    start: Start,
    stream: std::os::unix::net::UnixStream,
    told: OwnedFd,
    setup: Setup,
}

fn io_error(action: impl Into<String>) -> impl FnOnce(io::Error) -> SandboxError {
    let action = action.into();
    move |source| SandboxError::Io { action, source }
}

impl Launcher {
    pub(crate) fn new(settings: Settings) -> Result<Self, SandboxError> {
        let search = settings.variables.get("PATH").map(std::env::split_paths);
        let search: Vec<PathBuf> = search.into_iter().flatten().collect();
        let program = bubblewrap::find(&search)?;
        let version = bubblewrap::version(&program)?;
        let state_dir = &settings.state_dir;
        if toolchains::is_shared(state_dir) {
            return Err(SandboxError::Unusable {
                reason: format!("machines see the folder {} whole", state_dir.display()),
                hint: "choose a data folder that is not a folder of the system".to_owned(),
            });
        }
        let toolchains = find_toolchains(&settings);
        for path in &toolchains.refused {
            tracing::warn!(path = %path.display(), "not shown to machines: it would uncover what is private");
        }
        let shared = scratch::make_private(&scratch::machines(state_dir))
            .and_then(|()| state_dir.canonicalize())
            .and_then(|state_dir| Shared::prepare(&state_dir, crate::GUEST_PROGRAM))
            .map_err(io_error(format!("preparing {}", state_dir.display())))?;
        let filters = seccomp::filters().map_err(|e| SandboxError::Unusable {
            reason: e.to_string(),
            hint: "this processor is not supported".to_owned(),
        })?;
        let is_root = demotion::may_demote()?;
        let parents = cgroup::parents();
        let presence = Presence::new();
        Ok(Self {
            settings,
            program,
            version,
            toolchains,
            shared,
            parents,
            filters,
            is_root,
            presence,
        })
    }

    pub(crate) fn state_dir(&self) -> &Path {
        &self.settings.state_dir
    }

    pub(crate) fn toolchains_now(&self) -> Toolchains {
        find_toolchains(&self.settings)
    }

    pub(crate) const fn toolchains(&self) -> &Toolchains {
        &self.toolchains
    }

    pub(crate) fn version(&self) -> &str {
        &self.version
    }

    pub(crate) fn program(&self) -> &Path {
        &self.program
    }

    pub(crate) const fn presence(&self) -> &Arc<Presence> {
        &self.presence
    }

    pub(crate) fn parents(&self) -> &[cgroup::Parent] {
        &self.parents
    }

    /// Makes a machine, ready for its first command; without a `door` it has no way out at all.
    pub(crate) async fn launch(
        self: &Arc<Self>,
        spec: &MachineSpec,
        door: Option<Arc<Door>>,
    ) -> Result<HostMachine, SandboxError> {
        check(spec)?;
        let (launcher, its_spec) = (Arc::clone(self), spec.clone());
        let certificate = door.as_ref().map_or("", |door| door.ca_certificate_pem()).to_owned();
        // Counted from here on: whoever stops waiting for the launch does not stop what it makes.
        let present = self.presence.enter();
        let prepare = move || launcher.prepare(&its_spec, &certificate, present);
        let prepared = tokio::task::spawn_blocking(prepare).await;
        let prepared =
            prepared.map_err(|e| SandboxError::Launch(format!("preparing it: {e}")))??;
        let Prepared { mut remains, cgroup, start, stream, told, setup } = prepared;
        let fate = Fate::default();
        let started = start_it(&mut remains, Starting { start, stream, told, setup });
        let (init, watched, greeted) = match started.await {
            Ok((init, kill, greeted)) => {
                let folder = remains.folder().path().to_owned();
                (init, Watched { folder, process: kill, fate: fate.clone() }, greeted)
            }
            Err(error) => {
                let taken = tokio::task::spawn_blocking(move || remains.take_away()).await;
                if let Ok(Err(left)) = taken {
                    tracing::warn!(%left, "a machine that did not start was not taken away");
                }
                return Err(error);
            }
        };
        let folder = watched.folder.clone();
        let measure = move |most| measure(&folder, init, most);
        let reserve = self.settings.disk_reserve_bytes;
        let ready = Ready {
            greeted,
            watched,
            remains,
            cgroup,
            ending: None,
            console: None,
            listening: JoinSet::new(),
        };
        Ok(HostMachine::serve(spec, door, ready, reserve, measure))
    }

    /// Makes folder, groups and the arguments. Blocks.
    fn prepare(
        &self,
        spec: &MachineSpec,
        certificate: &str,
        present: Present,
    ) -> Result<Prepared, SandboxError> {
        let user = self.is_root.then(|| demotion::user(spec.id));
        let state_dir = self.settings.state_dir.canonicalize();
        let state_dir = state_dir.map_err(io_error("finding the state folder"))?;
        let names = cgroup::Names::of(&state_dir);
        let cgroups = names.paths(&self.parents, spec.id);
        let folder = Folder::create(&state_dir, spec.id, cgroups, &FOLDERS, user)
            .map_err(io_error("making the machine's folder"))?;
        let mut remains = Remains::new(folder, present);
        let folder = remains.folder();
        std::fs::write(view::certificate(folder), certificate)
            .map_err(io_error("writing the machine's certificate"))?;
        write_home(folder, &spec.home_files, user)?;
        // Looked for again: toolchains come and go, and so do credentials beside them.
        let toolchains = self.toolchains_now();
        let view = self.shared.of_machine(folder, spec.memory_bytes, &toolchains);
        let mut staging = Staging::new(self.is_root, state_dir);
        let arguments = bubblewrap::arguments(&view, &mut staging)?;
        let cgroup = cgroup::of_machine(&self.parents, spec, &names, spec.memory_bytes)?;
        if let Some(cgroup) = &cgroup {
            remains.set_cgroup(Arc::clone(cgroup));
        }
        let entrances = cgroup.as_ref().map_or(Ok(Vec::new()), |cgroup| cgroup.entrances());
        let entrances = entrances.map_err(io_error("opening the machine's control groups"))?;
        let (ours, theirs) = std::os::unix::net::UnixStream::pair()
            .and_then(|(ours, theirs)| ours.set_nonblocking(true).map(|()| (ours, theirs)))
            .map_err(io_error("making the machine's stream"))?;
        let piped = rustix::pipe::pipe_with(rustix::pipe::PipeFlags::CLOEXEC);
        let (told, tells) = piped.map_err(|e| io_error("making a pipe")(e.into()))?;
        let hand = |bytes: &[u8]| memory_file(bytes).map_err(io_error("handing over settings"));
        let [known, refused] = &self.filters;
        let handed = vec![hand(&arguments)?, hand(known)?, hand(refused)?, tells];
        let options = ["--args", "--add-seccomp-fd", "--add-seccomp-fd", "--info-fd"];
        let mut words = Vec::new();
        for (option, fd) in options.into_iter().zip(&handed) {
            words.extend([option.to_owned(), spawn::number(fd.as_fd())]);
        }
        words.extend(["--".to_owned(), bubblewrap::guest_path().to_owned()]);
        let demotion = user.map(|id| Demotion { id, staged: staging.staged(), groups: Vec::new() });
        let start = Start {
            program: self.program.clone(),
            arguments: words,
            stream: theirs.into(),
            handed,
            cgroups: entrances,
            folder: PathBuf::from("/"),
            dies_with_us: false,
            demotion,
        };
        let setup = self.setup(spec, &toolchains);
        Ok(Prepared { remains, cgroup, start, stream: ours, told, setup })
    }

    fn setup(&self, spec: &MachineSpec, toolchains: &Toolchains) -> Setup {
        let writable = [layout::CHECKOUT, layout::HOME, layout::TMP, layout::TRANSFER];
        let counts_memory =
            self.parents.iter().any(|parent| parent.controllers.contains(&Controller::Memory));
        Setup {
            user: None,
            env: env::variables(toolchains, spec),
            writable: writable.map(str::to_owned).to_vec(),
            proxy_port: Some(layout::PROXY_PORT),
            processes_max: counts_processes_by_namespace().then_some(spec.processes_max.into()),
            file_max_bytes: spec.disk_bytes,
            process_memory_max_bytes: (!counts_memory).then_some(spec.memory_bytes),
            vm: None,
        }
    }
}

fn find_toolchains(settings: &Settings) -> Toolchains {
    toolchains::find(&settings.variables, &settings.read_only, &settings.state_dir)
}

/// What a machine uses of the host's disk; `init` is its PID 1 as the host sees it.
fn measure(folder: &Path, init: i32, most: u64) -> Usage {
    let folders = FOLDERS.map(|name| folder.join(name));
    let mut usage = usage::measure(folders.iter().map(PathBuf::as_path), most);
    if let Ok(metadata) = std::fs::metadata(folder) {
        let nameless = usage::nameless(&usage::processes_with(init), metadata.dev());
        usage.bytes = usage.bytes.saturating_add(nameless);
    }
    usage
}

struct Starting {
    start: Start,
    stream: std::os::unix::net::UnixStream,
    told: OwnedFd,
    setup: Setup,
}

/// Starts it and waits until it is ready.
async fn start_it(
    remains: &mut Remains,
    starting: Starting,
) -> Result<(i32, Arc<OwnedFd>, Greeted), SandboxError> {
    let Starting { start, stream, told, setup } = starting;
    let mut child = spawn::spawn(start)
        .await
        .map_err(|e| SandboxError::Launch(format!("starting bubblewrap: {e}")))?;
    let complaints = child.stderr.take().map(OwnedFd::from);
    remains.set_program(child);
    let ready = async {
        let init = read_init(told).await?;
        let (init, kill) = release::hold(init).ok_or("the guest ended at once")?;
        remains.set_init(Arc::clone(&kill));
        let marked = remains.folder().set_init(init);
        marked.map_err(|e| format!("writing the machine's mark: {e}"))?;
        let stream = tokio::net::UnixStream::from_std(stream).map_err(|e| e.to_string())?;
        let greeted = Link::greet(stream, setup).await.map_err(|e| e.to_string())?;
        Ok::<_, String>((init.pid, kill, greeted))
    };
    let ready = tokio::time::timeout(READY_MAX, ready).await;
    match ready.unwrap_or_else(|_| Err("it was not ready in time".to_owned())) {
        Ok(ready) => Ok(ready),
        Err(reason) => {
            let complaint = spawn::complaint(complaints).await;
            Err(complaint::explain(&reason, &complaint))
        }
    }
}

impl Sources for Staging {
    fn source(&mut self, path: &Path) -> PathBuf {
        self.place(path)
    }
}

fn check(spec: &MachineSpec) -> Result<(), SandboxError> {
    let refuse = |reason: String| Err(SandboxError::Refused(reason));
    if spec.image != IMAGE {
        let image = spec.image.escape_debug();
        return refuse(format!("there is no image `{image}` for namespaces, only `{IMAGE}`"));
    }
    if spec.memory_bytes < MEMORY_MIN {
        return refuse(format!("{} bytes of memory are too few", spec.memory_bytes));
    }
    if spec.cpus == 0 || spec.processes_max == 0 || spec.disk_bytes == 0 || spec.time_ms == 0 {
        return refuse("a machine needs processors, processes, disk and time".to_owned());
    }
    Ok(())
}

/// Whether the kernel counts a user's processes for each user namespace apart (Linux 5.14).
fn counts_processes_by_namespace() -> bool {
    let uname = rustix::system::uname();
    let release = uname.release().to_string_lossy();
    let mut numbers = release.split(['.', '-']).map_while(|n| n.parse::<u32>().ok());
    (numbers.next(), numbers.next()) >= (Some(5), Some(14))
}

/// Writes the files of the machine's home folder, which is still empty and ours.
fn write_home(
    folder: &Folder,
    files: &[(String, String)],
    user: Option<u32>,
) -> Result<(), SandboxError> {
    let home = folder.path().join("home");
    for (name, text) in files {
        let plain = Path::new(name).components().all(|part| matches!(part, Component::Normal(_)));
        if name.is_empty() || !plain {
            let name = name.escape_debug();
            return Err(SandboxError::Refused(format!("`{name}` does not lie in a home folder")));
        }
        let write = || {
            let mut above = home.clone();
            let parts: Vec<_> = Path::new(name).iter().collect();
            let (last, folders) = parts.split_last().ok_or(io::ErrorKind::InvalidInput)?;
            for part in folders {
                above.push(part);
                if !above.is_dir() {
                    std::fs::create_dir(&above)?;
                    folder.give(&above, user)?;
                }
            }
            std::fs::write(above.join(last), text)?;
            folder.give(&above.join(last), user)
        };
        write().map_err(io_error(format!("writing `{name}` of the home folder")))?;
    }
    Ok(())
}

/// A file in memory, read from its start by whom it is handed to.
fn memory_file(bytes: &[u8]) -> io::Result<OwnedFd> {
    let fd = rustix::fs::memfd_create(c"hob", rustix::fs::MemfdFlags::CLOEXEC)?;
    let mut file = std::fs::File::from(fd);
    file.write_all(bytes)?;
    io::Seek::rewind(&mut file)?;
    Ok(file.into())
}

/// What bubblewrap tells on `--info-fd`; there is more, which does not concern us.
#[derive(serde::Deserialize)]
struct Told {
    #[serde(rename = "child-pid")]
    child_pid: i32,
}

/// Waits for bubblewrap to tell the number of PID 1 on the host.
async fn read_init(told: OwnedFd) -> Result<i32, String> {
    let failed = |e: io::Error| format!("listening to bubblewrap: {e}");
    let receiver = pipe::Receiver::from_owned_fd(told).map_err(failed)?;
    let mut text = String::new();
    receiver.take(4096).read_to_string(&mut text).await.map_err(failed)?;
    let told: Result<Told, _> = serde_json::from_str(&text);
    told.map(|told| told.child_pid).map_err(|_| "bubblewrap ended before the machine began".into())
}
