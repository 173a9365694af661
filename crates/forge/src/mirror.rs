//! A bare mirror for each repository below the data folder: what hob knows of it, safe from what happens there.
//!
//! ```text
//! <mirrors>/<name>-<digest>/
//!     source      which repository this is
//!     lock        held by whoever changes anything here, and by the git programs it started
//!     git/        the bare repository: all branches and tags as they are at the source, and `refs/hob/...`; of a
//!                 source elsewhere its branches are below `refs/remotes/origin`, so that proposals have
//!                 `refs/heads` to themselves
//!     fences/     the newest fence of each run; `closed` where the run is over
//!     scratch/    views and quarantines, emptied under the lock
//! ```

mod forget;
pub(crate) mod lock;
mod refresh;
mod remote;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use domain::{CommitId, Digest, RunId};
use tempfile::TempDir;

use crate::git::{self, Git};
use crate::place::{self, Source};
use crate::tree::{self, Trees};
use crate::{fence, view};
pub use forget::Kept;
use lock::Lock;

/// Why a repository could not be mirrored.
#[derive(Debug, thiserror::Error)]
pub enum MirrorError {
    /// Its place is no repository, or cannot be read.
    #[error(transparent)]
    Place(#[from] place::PlaceError),
    /// It cannot be shown to git.
    #[error(transparent)]
    View(#[from] view::ViewError),
    /// It has no commit to work from.
    #[error("{place} has no commit: {reason}")]
    NoCommit {
        /// Where.
        place: String,
        /// What was found.
        reason: String,
        /// What to do.
        hint: String,
    },
    /// It is larger than what is fetched.
    #[error("{place} is too large: more than {bytes} bytes in one pack")]
    TooLarge {
        /// Where.
        place: String,
        /// The limit.
        bytes: u64,
    },
    /// It was found, and its commits could not be had.
    #[error("{place} could not be fetched: {reason}")]
    Fetch {
        /// Where.
        place: String,
        /// What git says.
        reason: String,
        /// What to do.
        hint: String,
    },
    /// Another process has it.
    #[error("the mirror `{folder}` is in use by another process of hob, for {seconds} s now")]
    Busy {
        /// Which.
        folder: String,
        /// How long was waited.
        seconds: u64,
    },
    /// The data folder failed.
    #[error("{action}")]
    Io {
        /// What was tried.
        action: String,
        /// What the kernel said.
        #[source]
        source: std::io::Error,
    },
    /// The program failed.
    #[error(transparent)]
    Git(#[from] git::GitError),
}

impl MirrorError {
    /// What to do about it.
    pub fn hint(&self) -> String {
        match self {
            Self::Place(error) | Self::View(view::ViewError::Place(error)) => error.hint(),
            Self::NoCommit { hint, .. }
            | Self::Fetch { hint, .. }
            | Self::View(view::ViewError::Unsupported { hint, .. }) => hint.clone(),
            Self::TooLarge { .. } => {
                "clone what is needed of it (`git clone --depth 1`), and name the clone".into()
            }
            Self::Busy { .. } => "wait for the other run, or stop it".into(),
            Self::View(view::ViewError::Io { source, .. }) | Self::Io { source, .. }
                if source.kind() == std::io::ErrorKind::StorageFull =>
            {
                "free some space for the data folder; nothing is lost".into()
            }
            Self::View(view::ViewError::Io { .. }) | Self::Io { .. } => {
                "look at the space and the permissions of the data folder and of the repository"
                    .into()
            }
            Self::View(view::ViewError::Git(error)) | Self::Git(error) => match error {
                git::GitError::NotTheOwner { .. } => {
                    "run hob as the user who owns the repository".into()
                }
                git::GitError::Start { .. } | git::GitError::TooOld { .. } => "install git".into(),
                _ => "run it again; if it stays, run `git fsck` in the repository".into(),
            },
        }
    }
}

/// All mirrors of a data folder.
#[derive(Debug, Clone)]
pub struct Mirrors {
    git: Git,
    folder: PathBuf,
}

impl Mirrors {
    /// Takes `folder` for mirrors, making it where it is missing.
    pub fn open(git: Git, folder: &Path) -> Result<Self, MirrorError> {
        fs::create_dir_all(folder)
            .and_then(|()| fs::canonicalize(folder))
            .map(|folder| Self { git, folder })
            .map_err(|source| MirrorError::Io {
                action: format!("make the folder `{}`", folder.display()),
                source,
            })
    }

    /// Whether a repository has a commit to start from, before anything is begun on it. Nothing is fetched.
    /// The folder `scratch` is this process's own.
    pub async fn look(
        &self,
        source: &Source,
        branch: Option<&str>,
        scratch: &Path,
    ) -> Result<(), MirrorError> {
        match source {
            Source::Local(repository) => {
                refresh::look(&self.git, repository, branch, scratch).await
            }
            Source::Remote(url) => remote::look(&self.git, url, branch).await,
        }
    }

    /// The mirror of a repository. Nothing is fetched yet.
    pub fn mirror(&self, source: &Source) -> Result<Mirror, MirrorError> {
        let identity = source.identity();
        let digest: String = Digest::of(identity.as_bytes()).hex().chars().take(16).collect();
        let folder =
            self.folder.join(format!("{}-{digest}", crate::slug::slug(&source.name(), 40)));
        let io = |source| MirrorError::Io {
            action: format!("make the mirror folder `{}`", folder.display()),
            source,
        };
        for name in ["fences", "scratch"] {
            fs::create_dir_all(folder.join(name)).map_err(io)?;
        }
        let note = folder.join("source");
        if !note.exists() {
            fence::write_durably(&note, format!("{identity}\n").as_bytes()).map_err(io)?;
        }
        Ok(Mirror { git: self.git.clone(), source: source.clone(), folder })
    }
}

/// What a refresh found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refreshed {
    /// The commit to start from: the wanted branch's, else `HEAD`'s.
    pub head: CommitId,
    /// The branch that `head` is the tip of, and so the target of a proposal; `None` where `HEAD` is detached and
    /// no branch was named.
    pub target: Option<String>,
    /// Every branch, by its short name.
    pub branches: BTreeMap<String, CommitId>,
    /// Whether the history ends early.
    pub shallow: bool,
    /// What a person should know.
    pub notes: Vec<Note>,
}

/// What a person should know of a repository that was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Note {
    /// `HEAD` names a commit, no branch: there is nothing that a proposal could be merged into.
    Detached,
    /// Only commits count: these numbers of tracked and untracked paths are not part of any.
    Uncommitted {
        /// Changed tracked paths.
        changed: usize,
        /// Paths that git does not know.
        untracked: usize,
    },
    /// The history ends early.
    Shallow,
    /// Whoever is on the way can change what is fetched.
    Unprotected,
}

impl std::fmt::Display for Note {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Detached => f.write_str(
                "HEAD is detached: its commit is used, and without `--branch` no branch can be merged into",
            ),
            Self::Uncommitted { changed, untracked } => write!(
                f,
                "only commits count: {changed} changed and {untracked} untracked paths of the work tree are left out"
            ),
            Self::Shallow => f.write_str("the history is shallow: only what is there is used"),
            Self::Unprotected => f.write_str(
                "the URL is not encrypted: whoever is on the way can change what is fetched",
            ),
        }
    }
}

/// The mirror of one repository.
#[derive(Debug, Clone)]
pub struct Mirror {
    pub(crate) git: Git,
    source: Source,
    folder: PathBuf,
}

impl Mirror {
    /// The repository it mirrors.
    pub fn source(&self) -> &Source {
        &self.source
    }

    /// Where it lies.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Brings in all branches and tags of the source. `branch` names the one to work from, else `HEAD` says.
    /// Two processes may do this at once; nothing is ever written to the source.
    pub async fn refresh(&self, branch: Option<&str>) -> Result<Refreshed, MirrorError> {
        let lock = self.lock().await?;
        self.refresh_under(&lock, branch).await
    }

    /// The same for one who has the lock. Views and quarantines of before are gone then.
    pub(crate) async fn refresh_under(
        &self,
        lock: &Lock,
        branch: Option<&str>,
    ) -> Result<Refreshed, MirrorError> {
        refresh::refresh(self, lock, branch).await
    }

    /// Reads trees and files, in process.
    pub fn trees(&self) -> Result<Trees, tree::TreeError> {
        Trees::open(&self.git_dir())
    }

    /// The bare repository.
    pub fn git_dir(&self) -> PathBuf {
        self.folder.join("git")
    }

    /// The ref in the mirror that says where a branch of the source is.
    pub(crate) fn ref_of(&self, branch: &str) -> String {
        format!("{}/{branch}", self.branches_prefix())
    }

    /// Below which refs the mirror keeps the source's branches.
    pub(crate) fn branches_prefix(&self) -> &'static str {
        match self.source {
            Source::Local(_) => "refs/heads",
            Source::Remote(_) => "refs/remotes/origin",
        }
    }

    pub(crate) fn fences(&self) -> PathBuf {
        self.folder.join("fences")
    }

    pub(crate) fn scratch(&self) -> PathBuf {
        self.folder.join("scratch")
    }

    /// A folder for what is not yet trusted; gone when dropped.
    pub(crate) fn quarantine(&self) -> Result<TempDir, std::io::Error> {
        TempDir::with_prefix_in("quarantine-", self.scratch())
    }

    /// A call of git on the mirror itself.
    pub(crate) fn on(&self, subcommand: &str) -> git::Call<'_> {
        self.git.on(&self.git_dir(), subcommand)
    }

    /// Whether another process changes something here at this moment, so that one would have to wait for it.
    pub fn is_busy(&self) -> Result<bool, MirrorError> {
        Lock::is_taken(&self.folder.join("lock"))
    }

    pub(crate) async fn lock(&self) -> Result<Lock, MirrorError> {
        Lock::take(&self.folder.join("lock")).await
    }

    /// Whether the mirror's history ends early.
    pub(crate) fn shallow_file(&self) -> Option<PathBuf> {
        let file = self.git_dir().join("shallow");
        fs::metadata(&file).is_ok_and(|found| found.len() > 0).then_some(file)
    }
}

/// Below this the commits of attempts are kept, by run.
pub(crate) const ATTEMPTS: &str = "refs/hob/attempts";

/// Where the commits of a run's attempts are kept.
pub(crate) fn attempts_prefix(run: RunId) -> String {
    format!("{ATTEMPTS}/{run}")
}
