//! Where a repository is: a URL, or a folder of this host whose git folder has to be found.
//!
//! The folder is looked for by hand, not by `git rev-parse`: that would read the repository's own configuration.

use std::fmt;
use std::fs;
use std::io::Read as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use crate::careful;

/// The largest of git's small files (`HEAD`, `commondir`, a `.git` file) that is read, in bytes.
const POINTER_MAX_BYTES: u64 = 64 * 1024;

/// Why a text or a folder names no repository.
#[derive(Debug, thiserror::Error)]
pub enum PlaceError {
    /// There is no such folder.
    #[error("`{place}` does not exist")]
    Missing {
        /// What was given.
        place: String,
    },
    /// It is there, and is no repository.
    #[error("`{place}` is not a git repository: {reason}")]
    NotARepository {
        /// What was given.
        place: String,
        /// What was found instead.
        reason: String,
        /// What to do.
        hint: String,
    },
    /// It cannot be looked into.
    #[error("`{place}` cannot be read")]
    Unreadable {
        /// What was tried.
        place: String,
        /// What the kernel said.
        #[source]
        source: std::io::Error,
    },
    /// A URL that hob does not speak.
    #[error("`{url}` cannot be used: {reason}")]
    Url {
        /// What was given, without any password.
        url: String,
        /// Why.
        reason: &'static str,
        /// What to do.
        hint: &'static str,
    },
}

impl PlaceError {
    /// What to do about it.
    pub fn hint(&self) -> String {
        match self {
            Self::Missing { .. } => "name a folder with a git repository, or its URL".into(),
            Self::NotARepository { hint, .. } => hint.clone(),
            Self::Unreadable { place, .. } => format!("give this user leave to read `{place}`"),
            Self::Url { hint, .. } => (*hint).to_owned(),
        }
    }
}

/// Whether a person means a repository elsewhere: a URL or its short form, and nothing of that name is at `cwd`.
pub fn is_url(text: &str, cwd: &Path) -> bool {
    (text.contains("://") || looks_like_scp(text))
        && !text.starts_with("file://")
        && !cwd.join(text).exists()
}

/// A place that a repository is read from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// On this host.
    Local(LocalRepository),
    /// Elsewhere.
    Remote(RemoteUrl),
}

impl Source {
    /// Finds out what a person meant: a path as seen from `cwd`, or a URL.
    pub fn find(text: &str, cwd: &Path) -> Result<Self, PlaceError> {
        if let Some(path) = text.strip_prefix("file://") {
            return LocalRepository::find(Path::new(path)).map(Self::Local);
        }
        if is_url(text, cwd) {
            return RemoteUrl::new(text).map(Self::Remote);
        }
        LocalRepository::find(&cwd.join(text)).map(Self::Local)
    }

    /// What two names of the same repository have in common.
    pub fn identity(&self) -> String {
        match self {
            Self::Local(local) => local.common_dir.display().to_string(),
            Self::Remote(url) => url.0.trim_end_matches('/').to_owned(),
        }
    }

    /// The repository's name for people: its main folder's, without `.git`.
    pub fn name(&self) -> String {
        let path = self.identity();
        let path = path.strip_suffix("/.git").unwrap_or(&path).trim_end_matches('/');
        let name = path.rsplit(['/', ':']).next().unwrap_or(path);
        name.strip_suffix(".git").unwrap_or(name).to_owned()
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Local(local) => write!(f, "{}", local.top().display()),
            Self::Remote(url) => f.write_str(&url.0),
        }
    }
}

/// A URL that `git` may be given: `https`, `git`, `ssh` or the short form of the latter; never with a password in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RemoteUrl(String);

impl RemoteUrl {
    /// Checks a URL.
    pub fn new(text: &str) -> Result<Self, PlaceError> {
        let refuse =
            |reason, hint| Err(PlaceError::Url { url: without_password(text), reason, hint });
        if text.starts_with('-') || text.chars().any(|c| c.is_control() || c.is_whitespace()) {
            return refuse(
                "it begins with `-` or holds blanks",
                "check the URL for stray characters",
            );
        }
        let Some((scheme, rest)) = text.split_once("://") else {
            return Ok(Self(text.to_owned()));
        };
        if !matches!(scheme, "https" | "ssh" | "git" | "http") {
            return refuse(
                "only https, ssh and git are spoken",
                "use the repository's https or ssh URL",
            );
        }
        let authority = rest.split('/').next().unwrap_or(rest);
        if authority.is_empty() || authority.starts_with('-') {
            return refuse("it names no host", "write it as https://HOST/PATH");
        }
        let user = authority.rsplit_once('@').map(|(user, _)| user);
        if user.is_some_and(|user| user.contains(':') || scheme != "ssh") {
            return refuse(
                "it carries a credential, which every process of this host could read",
                "leave the credential out of the URL",
            );
        }
        Ok(Self(text.to_owned()))
    }

    /// The URL.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether nobody on the way can read or change what is fetched.
    pub fn is_protected(&self) -> bool {
        !self.0.starts_with("git://") && !self.0.starts_with("http://")
    }

    /// Whether `ssh` is what reaches it.
    pub(crate) fn is_ssh(&self) -> bool {
        self.0.starts_with("ssh://") || !self.0.contains("://")
    }
}

fn without_password(url: &str) -> String {
    match (url.find("://"), url.rfind('@')) {
        (Some(_), Some(_)) => {
            let (scheme, rest) = url.split_once("://").unwrap_or(("", url));
            format!("{scheme}://[secret]@{}", rest.rsplit_once('@').map_or(rest, |(_, host)| host))
        }
        _ => url.to_owned(),
    }
}

/// `host:path` or `user@host:path`, as `scp` takes it.
fn looks_like_scp(text: &str) -> bool {
    text.split_once(':').is_some_and(|(host, path)| {
        !host.is_empty() && !host.contains('/') && !path.is_empty() && host.len() > 1
    })
}

/// A repository of this host, found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LocalRepository {
    /// The git folder of this work tree: holds `HEAD` and `index`.
    pub git_dir: PathBuf,
    /// The git folder that all its work trees share: holds objects and branches.
    pub common_dir: PathBuf,
    /// The work tree, unless the repository is bare.
    pub work_tree: Option<PathBuf>,
}

impl LocalRepository {
    /// Looks for the repository that `path` is, or lies in.
    pub fn find(path: &Path) -> Result<Self, PlaceError> {
        let given = path.display().to_string();
        let start = fs::canonicalize(path).map_err(|source| match source.kind() {
            std::io::ErrorKind::NotFound => PlaceError::Missing { place: given.clone() },
            _ => PlaceError::Unreadable { place: given.clone(), source },
        })?;
        if start.is_file() {
            return Err(not_a_folder(&start, given));
        }
        if let Err(source) = fs::read_dir(&start) {
            return Err(PlaceError::Unreadable { place: given, source });
        }
        for folder in start.ancestors() {
            if let Some(found) = Self::at(folder)? {
                return Ok(found);
            }
        }
        Err(PlaceError::NotARepository {
            hint: format!(
                "run `git init` and commit something in `{given}`, or name another folder"
            ),
            reason: "neither it nor a folder above it holds a `.git`".into(),
            place: given,
        })
    }

    /// Where people look at it: the work tree, else the git folder.
    pub fn top(&self) -> &Path {
        self.work_tree.as_deref().unwrap_or(&self.git_dir)
    }

    fn at(folder: &Path) -> Result<Option<Self>, PlaceError> {
        let dot_git = folder.join(".git");
        if dot_git.is_file() {
            let pointer = read_pointer(&dot_git)?;
            let target = pointer.strip_prefix("gitdir:").map(str::trim).unwrap_or_default();
            let git_dir = fs::canonicalize(folder.join(target)).ok().filter(|dir| is_git_dir(dir));
            let Some(git_dir) = git_dir else {
                return Err(PlaceError::NotARepository {
                    place: folder.display().to_string(),
                    reason: format!(
                        "its `.git` file points to `{}`, which is none",
                        target.escape_debug()
                    ),
                    hint: "run `git worktree repair` in the main work tree".into(),
                });
            };
            may_lead(&dot_git, &git_dir)?;
            return Self::with(git_dir, Some(folder.to_owned())).map(Some);
        }
        if is_git_dir(&dot_git) {
            let git_dir = fs::canonicalize(&dot_git).map_err(|source| PlaceError::Unreadable {
                place: dot_git.display().to_string(),
                source,
            })?;
            may_lead(&dot_git, &git_dir)?;
            return Self::with(git_dir, Some(folder.to_owned())).map(Some);
        }
        if is_git_dir(folder) {
            let main = folder.file_name().is_some_and(|name| name == ".git");
            let work_tree = if main { folder.parent().map(Path::to_owned) } else { None };
            return Self::with(folder.to_owned(), work_tree).map(Some);
        }
        Ok(None)
    }

    fn with(git_dir: PathBuf, work_tree: Option<PathBuf>) -> Result<Self, PlaceError> {
        let pointer = git_dir.join("commondir");
        let common_dir = if pointer.is_file() {
            let target = git_dir.join(read_pointer(&pointer)?.trim_end_matches('\n'));
            let common_dir = fs::canonicalize(&target).map_err(|source| {
                PlaceError::Unreadable { place: target.display().to_string(), source }
            })?;
            may_lead(&pointer, &common_dir)?;
            common_dir
        } else {
            git_dir.clone()
        };
        Ok(Self { git_dir, common_dir, work_tree })
    }
}

/// What git itself asks of a git folder: `HEAD`, and here or in the shared folder `objects` and `refs`.
fn is_git_dir(folder: &Path) -> bool {
    let has_head = fs::symlink_metadata(folder.join("HEAD")).is_ok();
    let complete = folder.join("objects").is_dir() && folder.join("refs").is_dir();
    has_head && (complete || folder.join("commondir").is_file())
}

/// Refuses a pointer by which somebody would lead hob into the repository of somebody else. Git asks for the same
/// by its `safe.directory`.
fn may_lead(pointer: &Path, to: &Path) -> Result<(), PlaceError> {
    let owner = |found: std::io::Result<fs::Metadata>, path: &Path| {
        let place = path.display().to_string();
        found.map(|found| found.uid()).map_err(|source| PlaceError::Unreadable { place, source })
    };
    let whose = owner(fs::symlink_metadata(pointer), pointer)?;
    if whose == 0 || whose == rustix::process::geteuid().as_raw() {
        return Ok(());
    }
    if whose == owner(fs::metadata(to), to)? {
        return Ok(());
    }
    Err(PlaceError::NotARepository {
        place: pointer.display().to_string(),
        reason: format!(
            "it points to `{}`, which belongs to somebody else than the pointer",
            to.display()
        ),
        hint: "name that repository itself, if you mean it".into(),
    })
}

pub(crate) fn read_pointer(path: &Path) -> Result<String, PlaceError> {
    let bytes = careful::read(path, POINTER_MAX_BYTES)
        .map_err(|source| PlaceError::Unreadable { place: path.display().to_string(), source })?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

fn not_a_folder(file: &Path, place: String) -> PlaceError {
    let mut head = [0_u8; 16];
    let is_bundle =
        fs::File::open(file).and_then(|mut open| open.read_exact(&mut head)).is_ok_and(|()| {
            head.starts_with(b"# v2 git bundle") || head.starts_with(b"# v3 git bundle")
        });
    let (reason, hint) = if is_bundle {
        (
            "it is a bundle file",
            format!("unpack it with `git clone {place} FOLDER` and name FOLDER"),
        )
    } else {
        ("it is a file", "name the folder of a repository".into())
    };
    PlaceError::NotARepository { place, reason: reason.into(), hint }
}
