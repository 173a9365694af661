//! Starts what runs a machine, bubblewrap or a VMM, from one thread that never ends.
//!
//! The kernel ties "die with your parent" to the *thread* that started a process: started from a
//! runtime's worker, a machine would die with the worker. So one thread of the process does nothing else.
//!
//! As root, the child leaves root behind before the program begins: it makes a mount namespace of its own,
//! collects in a staging folder what lies in root-only places, and becomes an unprivileged user that no
//! other machine has.

use std::ffi::CString;
use std::io;
use std::os::fd::{AsFd as _, AsRawFd as _, BorrowedFd, OwnedFd, RawFd};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{OnceLock, mpsc};
use std::time::Duration;

use rustix::fs::{CWD, Mode, OFlags};
use rustix::mount::{MountFlags, MountPropagationFlags, MoveMountFlags, OpenTreeFlags};
use rustix::process::{Gid, Signal, Uid};
use rustix::thread::UnshareFlags;
use tokio::io::AsyncReadExt as _;
use tokio::net::unix::pipe;

/// Where the staging folder is mounted, in the child's own mount namespace; every Linux has it. It hides
/// what was there only from what is started, and only after all sources were opened.
pub(crate) const STAGING: &str = "/tmp";

/// How much of a program's complaints is kept, in bytes.
const COMPLAINT_MAX: u64 = 8 * 1024;

/// What is needed to become an unprivileged user with a view of root-only folders.
#[derive(Debug)]
pub(crate) struct Demotion {
    /// The user and group to become.
    pub(crate) id: u32,
    /// What to show, each at `/tmp/<position>`.
    pub(crate) staged: Vec<PathBuf>,
    /// Further groups to belong to.
    pub(crate) groups: Vec<u32>,
}

/// A program to start.
#[derive(Debug)]
pub(crate) struct Start {
    /// The program.
    pub(crate) program: PathBuf,
    /// Its arguments.
    pub(crate) arguments: Vec<String>,
    /// Its standard input: the machine's stream.
    pub(crate) stream: OwnedFd,
    /// Descriptors to hand over; the arguments name them by these numbers.
    pub(crate) handed: Vec<OwnedFd>,
    /// `cgroup.procs` files to join.
    pub(crate) cgroups: Vec<OwnedFd>,
    /// The folder it runs in, as it sees it.
    pub(crate) folder: PathBuf,
    /// Whether the kernel is to kill it when this process ends; bubblewrap asks for that itself.
    pub(crate) dies_with_us: bool,
    /// As root: whom to become.
    pub(crate) demotion: Option<Demotion>,
}

type Request = (Start, tokio::sync::oneshot::Sender<io::Result<Child>>);

/// Starts it and gives the running child, its standard error piped.
pub(crate) async fn spawn(start: Start) -> io::Result<Child> {
    static SPAWNER: OnceLock<mpsc::Sender<Request>> = OnceLock::new();
    let spawner = SPAWNER.get_or_init(|| {
        let (sender, requests) = mpsc::channel::<Request>();
        let serve = move || {
            for (start, answer) in requests {
                // Whoever asked may have gone: then the child is ended by the drop of its stream.
                let _gone = answer.send(run(start));
            }
        };
        let thread = std::thread::Builder::new().name("machine-spawner".to_owned()).spawn(serve);
        drop(thread);
        sender
    });
    let (answer, answered) = tokio::sync::oneshot::channel();
    let no_thread = || io::Error::other("the thread that starts machines is gone");
    spawner.send((start, answer)).map_err(|_| no_thread())?;
    answered.await.map_err(|_| no_thread())?
}

fn run(start: Start) -> io::Result<Child> {
    #[expect(clippy::disallowed_methods, reason = "machines are started here and nowhere else")]
    let mut command = Command::new(&start.program);
    command
        .args(&start.arguments)
        .env_clear()
        .current_dir("/")
        .stdin(Stdio::from(start.stream))
        .stdout(Stdio::null())
        .stderr(Stdio::piped());
    let mut becoming = Becoming {
        handed: start.handed,
        cgroups: start.cgroups,
        folder: c_path(&start.folder)?,
        dies_with_us: start.dies_with_us,
        demotion: start.demotion.map(Prepared::new).transpose()?,
    };
    #[expect(unsafe_code, reason = "namespaces and the user are set between fork and exec")]
    // SAFETY: `become_it` only makes system calls on what was prepared before; it does not allocate.
    unsafe {
        command.pre_exec(move || becoming.become_it());
    }
    command.spawn()
}

/// Everything the child needs, prepared so that it need not allocate.
#[derive(Debug)]
struct Becoming {
    handed: Vec<OwnedFd>,
    cgroups: Vec<OwnedFd>,
    folder: CString,
    dies_with_us: bool,
    demotion: Option<Prepared>,
}

#[derive(Debug)]
struct Prepared {
    id: u32,
    staged: Vec<Staged>,
    groups: Vec<Gid>,
}

#[derive(Debug)]
struct Staged {
    from: CString,
    at: CString,
    is_folder: bool,
    tree: Option<OwnedFd>,
}

fn c_path(path: &Path) -> io::Result<CString> {
    use std::os::unix::ffi::OsStrExt as _;
    Ok(CString::new(path.as_os_str().as_bytes())?)
}

impl Becoming {
    fn become_it(&mut self) -> io::Result<()> {
        hand_over_only(&self.handed)?;
        for cgroup in &self.cgroups {
            rustix::io::write(cgroup, b"0")?;
        }
        rustix::process::umask(Mode::from_raw_mode(0o022));
        if let Some(demotion) = &mut self.demotion {
            demotion.stage()?;
            demotion.demote()?;
        }
        rustix::process::chdir(self.folder.as_c_str())?;
        if self.dies_with_us {
            // After the change of the user, which forgets it.
            rustix::process::set_parent_process_death_signal(Some(Signal::KILL))?;
        }
        Ok(())
    }
}

impl Prepared {
    fn new(demotion: Demotion) -> io::Result<Self> {
        let staged = demotion.staged.iter().enumerate().map(|(position, from)| {
            Ok(Staged {
                from: c_path(from)?,
                at: c_path(&Path::new(STAGING).join(position.to_string()))?,
                is_folder: from.is_dir(),
                tree: None,
            })
        });
        let staged = staged.collect::<io::Result<Vec<_>>>()?;
        let groups = demotion.groups.iter().map(|group| Gid::from_raw(*group)).collect();
        Ok(Self { id: demotion.id, staged, groups })
    }

    fn stage(&mut self) -> io::Result<()> {
        #[expect(unsafe_code, reason = "rustix marks unshare as unsafe for other flags than this")]
        // SAFETY: a mount namespace of its own shares neither memory nor descriptors.
        unsafe {
            rustix::thread::unshare_unsafe(UnshareFlags::NEWNS)?;
        }
        let private = MountPropagationFlags::PRIVATE | MountPropagationFlags::REC;
        rustix::mount::mount_change(c"/", private)?;
        let flags = OpenTreeFlags::OPEN_TREE_CLONE
            | OpenTreeFlags::OPEN_TREE_CLOEXEC
            | OpenTreeFlags::AT_RECURSIVE;
        for staged in &mut self.staged {
            staged.tree = Some(rustix::mount::open_tree(CWD, staged.from.as_c_str(), flags)?);
        }
        let flags = MountFlags::NOSUID | MountFlags::NODEV;
        rustix::mount::mount(c"tmpfs", c"/tmp", c"tmpfs", flags, Some(c"mode=0755,size=1m"))?;
        for staged in &self.staged {
            let Some(tree) = &staged.tree else { continue };
            if staged.is_folder {
                rustix::fs::mkdir(staged.at.as_c_str(), Mode::from_raw_mode(0o755))?;
            } else {
                let flags = OFlags::CREATE | OFlags::WRONLY | OFlags::CLOEXEC;
                let mode = Mode::from_raw_mode(0o644);
                drop(rustix::fs::open(staged.at.as_c_str(), flags, mode)?);
            }
            let flags = MoveMountFlags::MOVE_MOUNT_F_EMPTY_PATH;
            rustix::mount::move_mount(tree, c"", CWD, staged.at.as_c_str(), flags)?;
        }
        Ok(())
    }

    fn demote(&self) -> io::Result<()> {
        let (uid, gid) = (Uid::from_raw(self.id), Gid::from_raw(self.id));
        rustix::thread::set_thread_groups(&self.groups)?;
        rustix::thread::set_thread_res_gid(gid, gid, gid)?;
        Ok(rustix::thread::set_thread_res_uid(uid, uid, uid)?)
    }
}

/// Marks every descriptor but the standard three as closed by exec, except those to hand over.
fn hand_over_only(handed: &[OwnedFd]) -> io::Result<()> {
    close_on_exec_above(3);
    for fd in handed {
        rustix::io::fcntl_setfd(fd.as_fd(), rustix::io::FdFlags::empty())?;
    }
    Ok(())
}

#[expect(unsafe_code, reason = "rustix has no close_range")]
fn close_on_exec_above(first: RawFd) {
    const FLAG: libc::c_int = 4; // CLOSE_RANGE_CLOEXEC of linux/close_range.h
    // SAFETY: no memory is passed, and the flag only marks descriptors, it closes none. An older kernel
    // refuses: then what the standard library and others opened close-on-exec stays so.
    unsafe { libc::close_range(first.cast_unsigned(), libc::c_uint::MAX, FLAG) };
}

/// What a program has said on its standard error.
pub(crate) async fn complaint(from: Option<OwnedFd>) -> String {
    let Some(Ok(receiver)) = from.map(pipe::Receiver::from_owned_fd) else {
        return String::new();
    };
    let mut bytes = Vec::new();
    // A program that still runs keeps the pipe open; what it has said so far is enough.
    let wait = Duration::from_millis(500);
    let _more =
        tokio::time::timeout(wait, receiver.take(COMPLAINT_MAX).read_to_end(&mut bytes)).await;
    String::from_utf8_lossy(&bytes).trim().to_owned()
}

/// The number by which an argument names a descriptor.
pub(crate) fn number(fd: BorrowedFd<'_>) -> String {
    fd.as_raw_fd().to_string()
}
