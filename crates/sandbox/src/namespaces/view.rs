//! What a machine sees: the host's system folders and toolchains read-only, its own folders, and nothing else.

use std::io;
use std::path::{Path, PathBuf};

use guest::layout;

use super::toolchains::{SYSTEM, Toolchains};
use crate::env::CERTIFICATE_FILE as CERTIFICATE;
use crate::host::scratch::{self, Folder};

/// The machine's own folders, as they are called on the host.
pub(crate) const FOLDERS: [&str; 4] = ["checkout", "home", "tmp", "transfer"];

/// What tools need of the host's `/etc`; nothing that names users, services or credentials.
const ETC: [&str; 26] = [
    "alternatives",
    "bash.bashrc",
    "crypto-policies",
    "debian_version",
    "fonts",
    "inputrc",
    "java-11-openjdk",
    "java-17-openjdk",
    "java-21-openjdk",
    "ld.so.cache",
    "ld.so.conf",
    "ld.so.conf.d",
    "locale.alias",
    "localtime",
    "magic",
    "mime.types",
    "os-release",
    "perl",
    "protocols",
    "python3",
    "python3.11",
    "services",
    "shells",
    "ssl/openssl.cnf",
    "terminfo",
    "timezone",
];

/// Where programs look for certificates, besides [`CERTIFICATE`], to which these lead.
const CERTIFICATE_LINKS: [&str; 3] =
    ["ssl/cert.pem", "ssl/ca-bundle.pem", "pki/tls/certs/ca-bundle.crt"];

/// The most that is copied of the host's `/etc`, in bytes and in files: it is settings, not data.
const ETC_MAX_BYTES: u64 = 4 * 1024 * 1024;
const ETC_MAX_FILES: usize = 10_000;

/// Files and folders of the kernel that say something of the host and nothing that a build needs: its command line, which may
/// hold secrets, its configuration, its disks and devices, this boot. Each is one more mount.
const HIDDEN_PROC: [&str; 24] = [
    "/proc/acpi",
    "/proc/bus",
    "/proc/cmdline",
    "/proc/config.gz",
    "/proc/diskstats",
    "/proc/driver",
    "/proc/fs",
    "/proc/interrupts",
    "/proc/iomem",
    "/proc/ioports",
    "/proc/irq",
    "/proc/kallsyms",
    "/proc/kcore",
    "/proc/key-users",
    "/proc/keys",
    "/proc/kmsg",
    "/proc/modules",
    "/proc/partitions",
    "/proc/sched_debug",
    "/proc/scsi",
    "/proc/swaps",
    "/proc/sys/kernel/random/boot_id",
    "/proc/sysrq-trigger",
    "/proc/timer_list",
];

/// Folders of system folders where administrators keep settings, tokens among them.
const HIDDEN_FOLDERS: [&str; 3] = ["/usr/etc", "/usr/local/etc", "/usr/local/src"];

/// The files of a machine's `/etc` that are the same for all.
const MADE: [(&str, &str); 8] = [
    (
        "passwd",
        "root:x:0:0:root:/:/usr/sbin/nologin\nhob:x:1000:1000:hob:/home/hob:/bin/sh\nnobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin\n",
    ),
    ("group", "root:x:0:\nhob:x:1000:\nnogroup:x:65534:\n"),
    ("hosts", "127.0.0.1 localhost hob\n::1 localhost\n"),
    ("resolv.conf", "# a machine has no resolver: its proxy looks names up\n"),
    ("nsswitch.conf", "passwd: files\ngroup: files\nhosts: files\n"),
    ("hostname", "hob\n"),
    ("machine-id", "00000000000000000000000000000000\n"),
    ("host.conf", "multi on\n"),
];

/// One thing a machine sees, in order: later ones lie over earlier ones.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Entry {
    /// An empty folder.
    Folder {
        /// Where.
        at: PathBuf,
    },
    /// An empty folder over one of the host; what is shown below it comes later.
    Covered {
        /// Where.
        at: PathBuf,
    },
    /// An empty folder in memory that can be written to.
    Memory {
        /// Where.
        at: PathBuf,
        /// The most bytes.
        bytes: u64,
    },
    /// A symbolic link.
    Link {
        /// What it says.
        target: PathBuf,
        /// Where.
        at: PathBuf,
    },
    /// Something of the host, read-only.
    ReadOnly {
        /// On the host.
        from: PathBuf,
        /// In the machine.
        at: PathBuf,
    },
    /// The machine's own folder.
    Writable {
        /// On the host.
        from: PathBuf,
        /// In the machine.
        at: PathBuf,
    },
}

/// What one machine sees.
#[derive(Debug, Clone)]
pub(crate) struct View {
    /// In order.
    pub(crate) entries: Vec<Entry>,
    /// The guest program on the host.
    pub(crate) guest: PathBuf,
}

/// What all machines of a process see; made once.
#[derive(Debug, Clone)]
pub(crate) struct Shared {
    entries: Vec<Entry>,
    empty: PathBuf,
    nothing: PathBuf,
    guest: PathBuf,
}

fn read_only(path: impl Into<PathBuf>) -> Entry {
    let at: PathBuf = path.into();
    Entry::ReadOnly { from: at.clone(), at }
}

/// A system folder as it is: a link stays a link.
fn system(path: &str) -> Option<Entry> {
    let path = Path::new(path);
    if let Ok(target) = std::fs::read_link(path) {
        return Some(Entry::Link { target, at: path.to_owned() });
    }
    path.is_dir().then(|| read_only(path))
}

/// Something of the host that may itself be a link: what it leads to is shown in its place.
fn resolved(path: &Path) -> Option<Entry> {
    let from = path.canonicalize().ok()?;
    Some(Entry::ReadOnly { from, at: path.to_owned() })
}

/// Writes a file that is the same at every start, unless it is there already.
fn keep(path: &Path, bytes: &[u8], mode: u32) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt as _;
    if std::fs::read(path).is_ok_and(|old| old == bytes) {
        return Ok(());
    }
    let folder = path.parent().unwrap_or(path);
    let mut new = tempfile::NamedTempFile::new_in(folder)?;
    io::Write::write_all(&mut new, bytes)?;
    new.as_file().set_permissions(std::fs::Permissions::from_mode(mode))?;
    new.persist(path).map_err(|e| e.error)?;
    Ok(())
}

/// An empty file or folder, as what it hides.
fn hide(at: PathBuf, empty: &Path, nothing: &Path) -> Entry {
    let from = if at.is_dir() { nothing } else { empty };
    Entry::ReadOnly { from: from.to_owned(), at }
}

/// Whether a folder can be read and is not empty.
fn holds_something(folder: &Path) -> bool {
    std::fs::read_dir(folder).is_ok_and(|mut entries| entries.next().is_some())
}

/// Whether a file is there that every user can read; the others the kernel hides by itself.
fn all_can_read(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::metadata(path).is_ok_and(|metadata| metadata.permissions().mode() & 0o004 != 0)
}

/// What is copied into a machine's `/etc`.
#[derive(Debug, Default)]
struct Copied {
    files: usize,
    bytes: u64,
}

impl Copied {
    /// Copies a file, a link or a folder with all that everybody can read in it.
    fn copy(&mut self, from: &Path, to: &Path) -> io::Result<()> {
        self.files += 1;
        if self.files > ETC_MAX_FILES || self.bytes > ETC_MAX_BYTES {
            return Ok(());
        }
        let metadata = std::fs::symlink_metadata(from)?;
        if metadata.is_symlink() {
            return std::os::unix::fs::symlink(std::fs::read_link(from)?, to);
        }
        if !all_can_read(from) {
            return Ok(());
        }
        if metadata.is_file() && metadata.len() <= ETC_MAX_BYTES {
            self.bytes += std::fs::copy(from, to)?;
        } else if metadata.is_dir() {
            std::fs::create_dir(to)?;
            for entry in std::fs::read_dir(from)? {
                let entry = entry?;
                self.copy(&entry.path(), &to.join(entry.file_name()))?;
            }
        }
        Ok(())
    }
}

/// Makes the `/etc` of all machines of this process, anew at every start, because the host's changes. One
/// folder is one mount, where its files would be dozens, and each costs every machine a millisecond.
fn make_etc(made: &Path) -> io::Result<PathBuf> {
    let etc = tempfile::Builder::new().prefix("etc-").tempdir_in(made)?;
    let mut copied = Copied::default();
    for name in ETC {
        let (from, to) = (Path::new("/etc").join(name), etc.path().join(name));
        if let Some(folder) = to.parent() {
            std::fs::create_dir_all(folder)?;
        }
        if from.symlink_metadata().is_ok() {
            copied.copy(&from, &to)?;
        }
    }
    for (name, text) in MADE {
        std::fs::write(etc.path().join(name), text)?;
    }
    for name in CERTIFICATE_LINKS {
        let link = etc.path().join(name);
        if let Some(folder) = link.parent() {
            std::fs::create_dir_all(folder)?;
        }
        std::os::unix::fs::symlink(CERTIFICATE, link)?;
    }
    let below = CERTIFICATE.strip_prefix("/etc/").unwrap_or(CERTIFICATE);
    let place = etc.path().join(below);
    std::fs::create_dir_all(place.parent().unwrap_or(&place))?;
    std::fs::write(place, "")?;
    open_to_all(etc.path())?;
    settle(made, etc)
}

fn open_to_all(folder: &Path) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::set_permissions(folder, std::fs::Permissions::from_mode(0o755))
}

/// Gives the folder the name of what it holds, so that processes that see the same share one.
fn settle(made: &Path, etc: tempfile::TempDir) -> io::Result<PathBuf> {
    let name = made.join(format!("etc-{}", digest(etc.path())?));
    match std::fs::rename(etc.path(), &name) {
        // It is there already, with the same in it; ours goes with its guard.
        Err(e) if matches!(e.raw_os_error(), Some(libc::ENOTEMPTY | libc::EEXIST)) => Ok(name),
        Err(e) => Err(e),
        Ok(()) => {
            // Renamed away: there is nothing left to remove.
            let _path = etc.keep();
            Ok(name)
        }
    }
}

/// A digest of the names, links and bytes in a folder.
fn digest(folder: &Path) -> io::Result<String> {
    use sha2::Digest as _;
    use std::os::unix::ffi::OsStrExt as _;
    let mut hash = sha2::Sha256::new();
    let mut left = vec![folder.to_owned()];
    while let Some(folder) = left.pop() {
        let entries = std::fs::read_dir(&folder)?.collect::<io::Result<Vec<_>>>()?;
        let mut paths: Vec<PathBuf> = entries.into_iter().map(|entry| entry.path()).collect();
        paths.sort();
        for path in paths {
            let kind = path.symlink_metadata()?.file_type();
            let name = path.file_name().unwrap_or_default().as_bytes();
            let bytes = if kind.is_symlink() {
                std::fs::read_link(&path)?.as_os_str().as_bytes().to_vec()
            } else if kind.is_file() {
                std::fs::read(&path)?
            } else {
                left.push(path.clone());
                Vec::new()
            };
            hash.update(format!("{} {} {kind:?}", name.len(), bytes.len()));
            hash.update(name);
            hash.update(bytes);
        }
    }
    Ok(hash.finalize().iter().take(16).map(|byte| format!("{byte:02x}")).collect())
}

impl Shared {
    /// Prepares what machines see, keeping the few files that are made up below `state_dir`.
    pub(crate) fn prepare(state_dir: &Path, guest: &[u8]) -> io::Result<Self> {
        let made = state_dir.join("view");
        scratch::make_private(&made)?;
        let program = made.join("hob-guest");
        keep(&program, guest, 0o755)?;
        let empty = made.join("empty");
        let nothing = made.join("nothing");
        keep(&empty, b"", 0o644)?;
        std::fs::create_dir_all(&nothing)?;
        let mut entries: Vec<Entry> = SYSTEM.into_iter().filter_map(system).collect();
        for folder in HIDDEN_FOLDERS.map(Path::new).into_iter().filter(|path| holds_something(path))
        {
            entries.push(Entry::ReadOnly { from: nothing.clone(), at: folder.to_owned() });
        }
        entries.push(Entry::ReadOnly { from: make_etc(&made)?, at: "/etc".into() });
        for path in HIDDEN_PROC.map(Path::new).into_iter().filter(|path| all_can_read(path)) {
            entries.push(hide(path.to_owned(), &empty, &nothing));
        }
        entries.push(Entry::Folder { at: "/run".into() });
        Ok(Self { entries, empty, nothing, guest: program })
    }

    /// What the machine of this folder sees; `certificate` is the file with its own authority.
    pub(crate) fn of_machine(
        &self,
        folder: &Folder,
        memory_bytes: u64,
        toolchains: &Toolchains,
    ) -> View {
        let mut entries = self.entries.clone();
        let covered = toolchains.covered.iter().cloned();
        entries.extend(covered.map(|at| Entry::Covered { at }));
        entries.push(Entry::Memory { at: "/dev/shm".into(), bytes: memory_bytes / 2 });
        let places = [layout::CHECKOUT, layout::HOME, layout::TMP, layout::TRANSFER];
        for (name, at) in FOLDERS.into_iter().zip(places) {
            entries.push(Entry::Writable { from: folder.path().join(name), at: at.into() });
        }
        // Not a link: toolchains may lie below, and bubblewrap follows no link to its own root.
        entries.push(Entry::Writable { from: folder.path().join("tmp"), at: "/var/tmp".into() });
        // After the home folder: toolchains may lie below a home folder of the same name.
        entries.extend(toolchains.shown.iter().filter_map(|path| resolved(path)));
        let hidden = toolchains.hidden.iter().cloned();
        entries.extend(hidden.map(|at| hide(at, &self.empty, &self.nothing)));
        entries.push(Entry::ReadOnly { from: certificate(folder), at: CERTIFICATE.into() });
        View { entries, guest: self.guest.clone() }
    }
}

/// The file with the machine's own certificate authority, on the host.
pub(crate) fn certificate(folder: &Folder) -> PathBuf {
    folder.path().join("certificate.pem")
}
