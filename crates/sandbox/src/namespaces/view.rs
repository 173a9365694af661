//! What a machine sees: the host's system folders and toolchains read-only, its own folders, and nothing else.

use std::io;
use std::path::{Path, PathBuf};

use guest::layout;

use super::scratch::{FOLDERS, Folder};
use super::toolchains::Toolchains;

/// System folders of the host that machines see as they are.
const SYSTEM: [&str; 7] = ["/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32"];

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

/// Where programs look for certificates; a machine finds its own authority in each place.
const CERTIFICATES: [&str; 4] = [
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/ssl/cert.pem",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
];

/// Files of the kernel that say something of the host and nothing that a build needs.
const HIDDEN_PROC: [&str; 8] = [
    "/proc/kallsyms",
    "/proc/kcore",
    "/proc/keys",
    "/proc/key-users",
    "/proc/kmsg",
    "/proc/sched_debug",
    "/proc/timer_list",
    "/proc/sysrq-trigger",
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
    toolchains: Vec<Entry>,
    empty: PathBuf,
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

impl Shared {
    /// Prepares what machines see, keeping the few files that are made up below `state_dir`.
    pub(crate) fn prepare(
        state_dir: &Path,
        guest: &[u8],
        toolchains: &Toolchains,
    ) -> io::Result<Self> {
        let made = state_dir.join("view");
        super::scratch::make_private(&made)?;
        let program = made.join("hob-guest");
        keep(&program, guest, 0o755)?;
        let empty = made.join("empty");
        let nothing = made.join("nothing");
        keep(&empty, b"", 0o644)?;
        std::fs::create_dir_all(&nothing)?;
        let mut entries: Vec<Entry> = SYSTEM.into_iter().filter_map(system).collect();
        for folder in HIDDEN_FOLDERS.map(Path::new).into_iter().filter(|path| path.is_dir()) {
            entries.push(Entry::ReadOnly { from: nothing.clone(), at: folder.to_owned() });
        }
        entries.extend(ETC.into_iter().filter_map(|name| resolved(&Path::new("/etc").join(name))));
        for (name, text) in MADE {
            let from = made.join(name);
            keep(&from, text.as_bytes(), 0o644)?;
            entries.push(Entry::ReadOnly { from, at: Path::new("/etc").join(name) });
        }
        for path in HIDDEN_PROC.map(Path::new).into_iter().filter(|path| path.exists()) {
            entries.push(Entry::ReadOnly { from: empty.clone(), at: path.to_owned() });
        }
        entries.push(Entry::Folder { at: "/run".into() });
        let shown = toolchains.shown.iter().filter_map(|path| resolved(path));
        let hidden = toolchains.hidden.iter();
        let hidden = hidden.map(|at| Entry::ReadOnly { from: empty.clone(), at: at.clone() });
        let toolchains = shown.chain(hidden).collect();
        Ok(Self { entries, toolchains, empty, guest: program })
    }

    /// What the machine of this folder sees; `certificate` is the file with its own authority.
    pub(crate) fn of_machine(&self, folder: &Folder, memory_bytes: u64) -> View {
        let mut entries = self.entries.clone();
        entries.push(Entry::Memory { at: "/dev/shm".into(), bytes: memory_bytes / 2 });
        let places = [layout::CHECKOUT, layout::HOME, layout::TMP, layout::TRANSFER];
        for (name, at) in FOLDERS.into_iter().zip(places) {
            entries.push(Entry::Writable { from: folder.path().join(name), at: at.into() });
        }
        // Not a link: toolchains may lie below, and bubblewrap follows no link to its own root.
        entries.push(Entry::Writable { from: folder.path().join("tmp"), at: "/var/tmp".into() });
        // After the home folder: toolchains may lie below a home folder of the same name.
        entries.extend(self.toolchains.iter().cloned());
        for at in CERTIFICATES {
            entries.push(Entry::ReadOnly { from: certificate(folder), at: at.into() });
        }
        debug_assert!(self.empty.is_absolute(), "masks are given by absolute path");
        View { entries, guest: self.guest.clone() }
    }
}

/// The file with the machine's own certificate authority, on the host.
pub(crate) fn certificate(folder: &Folder) -> PathBuf {
    folder.path().join("certificate.pem")
}

/// Where the machine finds its own certificate authority.
pub(crate) const fn certificate_inside() -> &'static str {
    CERTIFICATES[0]
}
