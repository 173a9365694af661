//! What no toolchain may uncover: the home folder, hob's own data folder, and the credentials beside tools that were
//! installed among the system's folders, which machines see whole.

use std::path::{Path, PathBuf};

/// The system folders of the host that machines see as they are.
pub(crate) const SYSTEM: [&str; 7] =
    ["/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32"];

/// Folders that the file system hierarchy standard puts below `/usr` and `/usr/local`: shared by everything that is installed.
const STANDARD: [&str; 13] = [
    "bin", "etc", "games", "include", "lib", "lib32", "lib64", "libexec", "libx32", "local",
    "sbin", "share", "src",
];

/// What is shown of something that is installed in a folder of its own (`/opt/node`, linuxbrew): programs and what they load.
/// Its `etc` and `var`, and whatever a service keeps beside them, stay behind.
pub(super) const INSTALLED_PARTS: [&str; 11] = [
    "Cellar",
    "bin",
    "include",
    "lib",
    "lib32",
    "lib64",
    "libexec",
    "opt",
    "pyvenv.cfg",
    "sbin",
    "share",
];

/// What is shown besides of what has a layout of its own, each known by a file or folder: Java, Go.
pub(super) const KNOWN_LAYOUTS: [(&str, &[&str]); 2] = [
    ("lib/modules", &["conf", "jmods", "release"]),
    ("pkg/tool", &["pkg", "src", "go.env", "VERSION"]),
];

/// Folders in which programs keep credentials, wherever they lie.
pub(super) const CREDENTIAL_FOLDERS: [&str; 7] =
    [".aws", ".azure", ".config", ".docker", ".gnupg", ".kube", ".ssh"];

/// The folders that stay the host's own.
#[derive(Debug, Clone, Default)]
pub(super) struct Private {
    home: Vec<PathBuf>,
    data: Vec<PathBuf>,
}

/// A path as it is given and as what it leads to.
fn spellings(path: &Path) -> Vec<PathBuf> {
    let mut spellings = vec![path.to_owned()];
    spellings.extend(path.canonicalize().ok().filter(|real| real != path));
    spellings
}

impl Private {
    pub(super) fn new(home: Option<&Path>, data: &Path) -> Self {
        Self { home: home.map(spellings).unwrap_or_default(), data: spellings(data) }
    }

    /// Whether a folder holds the home folder or the data folder, is one of them, or lies in the data folder.
    pub(super) fn uncovered_by(&self, path: &Path) -> bool {
        spellings(path).iter().any(|path| {
            let holds = |private: &PathBuf| private.starts_with(path);
            self.home.iter().any(holds)
                || self.data.iter().any(|data| holds(data) || path.starts_with(data))
        })
    }

    /// Whether a folder lies in the home folder.
    pub(super) fn is_at_home(&self, path: &Path) -> bool {
        let at_home = |path: &PathBuf| self.home.iter().any(|home| path.starts_with(home));
        spellings(path).iter().any(at_home)
    }
}

/// Where a path lies among the system's folders, where it does.
pub(super) fn in_system(path: &Path) -> Option<PathBuf> {
    let real = path.canonicalize().ok()?;
    let system = |folder: &str| Path::new(folder).canonicalize().unwrap_or_else(|_| folder.into());
    SYSTEM.into_iter().map(system).any(|folder| real.starts_with(folder)).then_some(real)
}

/// Whether a folder is shared by what is installed on the host, or holds such a folder: it can be neither hidden nor given to one
/// program alone.
pub(crate) fn is_shared(folder: &Path) -> bool {
    let folder = folder.canonicalize().unwrap_or_else(|_| folder.to_owned());
    let standard = |prefix: &'static str| {
        let below = STANDARD.into_iter().map(move |name| Path::new(prefix).join(name));
        below.chain([PathBuf::from(prefix)])
    };
    let mut shared = ["/usr", "/usr/local"].into_iter().flat_map(standard);
    shared.any(|shared| shared.starts_with(&folder))
        || SYSTEM.into_iter().any(|system| Path::new(system).starts_with(&folder))
}
