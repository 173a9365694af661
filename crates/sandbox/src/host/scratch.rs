//! A machine's folder on the host, and the mark by which it is known for ours.
//!
//! `machines/<id>/owner` is locked by the process that owns the machine for as long as it lives; the
//! kernel takes the lock away with the process. Folders appear with their mark inside, by a rename under
//! the lock of `machines/.lock`, so a folder without a mark is never one of ours.

use std::fs::{File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, chown};
use std::path::{Path, PathBuf};

use domain::MachineId;
use rustix::fs::FlockOperation;
use serde::{Deserialize, Serialize};

/// What folders under way are called before they are renamed.
const NEW: &str = ".new-";

/// The longest mark that is read, in bytes.
const MARK_MAX: u64 = 64 * 1024;

/// Says whose machine this is and what else belongs to it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Mark {
    /// The version of this record.
    pub(crate) hob: u32,
    /// The machine.
    pub(crate) machine: MachineId,
    /// The boot that this happened in; process numbers of another boot mean nothing.
    pub(crate) boot: String,
    /// The owner.
    pub(crate) owner: Process,
    /// PID 1 of the machine as the host sees it, once there is one.
    pub(crate) init: Option<Process>,
    /// Its control groups.
    pub(crate) cgroups: Vec<PathBuf>,
}

/// A process that is not mixed up with a later one of the same number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Process {
    /// Its number.
    pub(crate) pid: i32,
    /// When it was started, in clock ticks since boot.
    pub(crate) start: u64,
}

impl Process {
    /// The process that has this number now.
    pub(crate) fn of(pid: i32) -> Option<Self> {
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        let (_, rest) = stat.rsplit_once(") ")?;
        Some(Self { pid, start: rest.split(' ').nth(19)?.parse().ok()? })
    }

    /// Whether it still lives.
    pub(crate) fn lives(self) -> bool {
        Self::of(self.pid) == Some(self)
    }
}

/// Names this boot of the host.
pub(crate) fn boot_id() -> String {
    let id = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default();
    id.trim().to_owned()
}

/// A machine's folder, owned.
#[derive(Debug)]
pub(crate) struct Folder {
    path: PathBuf,
    mark: Mark,
    lock: File,
}

/// What a folder under `machines` turned out to be.
#[derive(Debug)]
pub(crate) enum Claim {
    /// Ours, and nobody's any more: it may be taken away.
    Abandoned(Folder),
    /// Its owner lives.
    Owned,
    /// Not ours, and why we think so.
    Foreign(String),
}

/// The folder of all machines below a state folder.
pub(crate) fn machines(state_dir: &Path) -> PathBuf {
    state_dir.join("machines")
}

/// Makes a folder and those above it, for the owner alone.
pub(crate) fn make_private(path: &Path) -> io::Result<()> {
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(path)
}

/// Holds the lock under which folders appear and are judged.
pub(crate) fn lock_all(state_dir: &Path) -> io::Result<File> {
    let machines = machines(state_dir);
    make_private(&machines)?;
    let mut options = OpenOptions::new();
    options.create(true).truncate(false).write(true).mode(0o600);
    options.custom_flags(libc::O_NOFOLLOW);
    let file = options.open(machines.join(".lock"))?;
    rustix::fs::flock(&file, FlockOperation::LockExclusive)?;
    Ok(file)
}

impl Folder {
    /// Makes the folder of a new machine, owned by this process; the `folders` in it belong to `user`.
    pub(crate) fn create(
        state_dir: &Path,
        machine: MachineId,
        cgroups: Vec<PathBuf>,
        folders: &[&str],
        user: Option<u32>,
    ) -> io::Result<Self> {
        let pid = i32::try_from(std::process::id()).map_err(io::Error::other)?;
        let owner = Process::of(pid).ok_or_else(|| io::Error::other("/proc is not readable"))?;
        let mark = Mark { hob: 1, machine, boot: boot_id(), owner, init: None, cgroups };
        let guard = lock_all(state_dir)?;
        let path = machines(state_dir).join(machine.to_string());
        let new = machines(state_dir).join(format!("{NEW}{machine}"));
        std::fs::DirBuilder::new().mode(0o700).create(&new)?;
        let lock = write_mark(&new, &mark)?;
        rustix::fs::flock(&lock, FlockOperation::NonBlockingLockExclusive)?;
        std::fs::rename(&new, &path)?;
        drop(guard);
        let folder = Self { path, mark, lock };
        for name in folders {
            let own = folder.path.join(name);
            std::fs::DirBuilder::new().mode(0o755).create(&own)?;
            folder.give(&own, user)?;
        }
        Ok(folder)
    }

    /// Where it is.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Its mark.
    pub(crate) const fn mark(&self) -> &Mark {
        &self.mark
    }

    /// Makes `path` belong to the machine's user.
    pub(crate) fn give(&self, path: &Path, user: Option<u32>) -> io::Result<()> {
        debug_assert!(path.starts_with(&self.path), "only what is the machine's is given away");
        if user.is_some() { chown(path, user, user) } else { Ok(()) }
    }

    /// Adds PID 1 of the machine to the mark.
    pub(crate) fn set_init(&mut self, init: Process) -> io::Result<()> {
        self.mark.init = Some(init);
        let text = encode(&self.mark);
        // One write of one short record to the locked file: a reader sees the old or the new one.
        rustix::io::pwrite(&self.lock, &text, 0)?;
        rustix::fs::ftruncate(&self.lock, text.len() as u64)?;
        Ok(())
    }

    /// Takes the folder away, the mark last, so that whatever interrupts this can be repeated.
    pub(crate) fn remove(self) -> Result<(), super::removal::NotRemoved> {
        super::removal::remove_machine(&self.path, "owner")
    }
}

fn encode(mark: &Mark) -> Vec<u8> {
    serde_json::to_vec(mark).expect("a mark has only string keys")
}

fn write_mark(folder: &Path, mark: &Mark) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.create_new(true).read(true).write(true).mode(0o600);
    let mut file = options.open(folder.join("owner"))?;
    file.write_all(&encode(mark))?;
    Ok(file)
}

/// Judges a folder under `machines`. Must be called under [`lock_all`].
pub(crate) fn claim(path: &Path) -> Claim {
    let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    let Ok(machine) = name.strip_prefix(NEW).unwrap_or(name).parse::<MachineId>() else {
        return Claim::Foreign("its name is not a machine's".to_owned());
    };
    let mut options = OpenOptions::new();
    options.read(true).write(true).custom_flags(libc::O_NOFOLLOW | libc::O_NONBLOCK);
    let lock = match options.open(path.join("owner")) {
        Ok(file) => file,
        // Interrupted between the folder and its mark: only such folders carry this name.
        Err(e) if e.kind() == io::ErrorKind::NotFound && name.starts_with(NEW) => {
            return match write_mark(path, &unknown(machine)) {
                Ok(lock) => abandoned(path, unknown(machine), lock),
                Err(e) => Claim::Foreign(format!("its mark cannot be written: {e}")),
            };
        }
        Err(e) => return Claim::Foreign(format!("it has no mark of ours: {e}")),
    };
    if !lock.metadata().is_ok_and(|metadata| metadata.is_file()) {
        return Claim::Foreign("its mark is not a file".to_owned());
    }
    if rustix::fs::flock(&lock, FlockOperation::NonBlockingLockExclusive).is_err() {
        return Claim::Owned;
    }
    let mut text = Vec::new();
    let read = (&lock).take(MARK_MAX).read_to_end(&mut text);
    match read.map(|_| serde_json::from_slice::<Mark>(&text)) {
        Ok(Ok(mark)) if mark.machine == machine && mark.hob == 1 => abandoned(path, mark, lock),
        // The owner died while it wrote the very first mark.
        Ok(Err(_)) if name.starts_with(NEW) => abandoned(path, unknown(machine), lock),
        Ok(Ok(_)) => Claim::Foreign("its mark names another machine".to_owned()),
        Ok(Err(e)) => Claim::Foreign(format!("its mark cannot be understood: {e}")),
        Err(e) => Claim::Foreign(format!("its mark cannot be read: {e}")),
    }
}

fn abandoned(path: &Path, mark: Mark, lock: File) -> Claim {
    Claim::Abandoned(Folder { path: path.to_owned(), mark, lock })
}

fn unknown(machine: MachineId) -> Mark {
    let owner = Process { pid: 0, start: 0 };
    Mark { hob: 1, machine, boot: String::new(), owner, init: None, cgroups: Vec::new() }
}
