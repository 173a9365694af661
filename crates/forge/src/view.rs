//! How `git` is shown somebody else's repository: its objects and refs, and a configuration that is ours.
//!
//! A repository's own configuration can make `git` run programs in many ways (`core.fsmonitor`, `core.sshCommand`,
//! filters, text conversions, external diffs, merge drivers, hooks, promisor remotes, includes of further files).
//! Listing and overriding them is a race that is lost with the next version of git. So `git` never reads it: a
//! view is a git folder of ours whose `objects`, `refs`, `packed-refs`, `logs` and `reftable` are symbolic links
//! into the repository, with a copy of `HEAD` and `shallow`, no hooks, and a `config` of ours that carries over three
//! values that say how bytes are stored.

use std::fs;
use std::io::Read as _;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use crate::git::{self, Call, Git};
use crate::ownership::Owner;
use crate::place::{self, LocalRepository};
use crate::{careful, traps};

/// The largest `shallow` or `index` file that is copied, in bytes.
const COPIED_MAX_BYTES: u64 = 512 * 1024 * 1024;

/// The largest `config` that is read, in bytes.
const CONFIG_MAX_BYTES: u64 = 16 * 1024 * 1024;

/// Why a repository could not be shown.
#[derive(Debug, thiserror::Error)]
pub enum ViewError {
    /// Its place.
    #[error(transparent)]
    Place(#[from] place::PlaceError),
    /// Its configuration is broken, or asks for a storage that is not known.
    #[error("the repository `{place}` cannot be read: {reason}")]
    Unsupported {
        /// Where.
        place: String,
        /// Why.
        reason: String,
        /// What to do.
        hint: String,
    },
    /// The data folder or the repository failed.
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

/// What of a repository's configuration says how its bytes are stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Format {
    /// `sha1` or `sha256`.
    pub(crate) objects: String,
    /// `files` or `reftable`.
    pub(crate) refs: String,
    /// `core.sharedRepository`, where it is set.
    pub(crate) shared: Option<String>,
    /// Whether some objects may have to be fetched from elsewhere.
    pub(crate) partial: bool,
    /// Whether `core.bare` says that there is no main work tree.
    pub(crate) bare: bool,
}

impl Format {
    /// Git's usual storage, for objects of this format.
    pub(crate) fn plain(objects: &str) -> Self {
        let (objects, refs) = (objects.to_owned(), "files".to_owned());
        Self { objects, refs, shared: None, partial: false, bare: false }
    }
}

/// A view; it is gone when dropped.
#[derive(Debug)]
pub(crate) struct View {
    folder: TempDir,
    pub(crate) format: Format,
    pub(crate) shallow: bool,
    /// Whose repository it is, where git has to become them.
    pub(crate) owner: Option<Owner>,
}

impl View {
    /// Makes a view of `repository` in the folder `scratch`.
    pub(crate) async fn open(
        git: &Git,
        repository: &LocalRepository,
        scratch: &Path,
    ) -> Result<Self, ViewError> {
        no_traps(repository).await?;
        let format = read_format(git, repository).await?;
        let io = |action: &str| {
            let action = format!("{action} `{}`", repository.common_dir.display());
            move |source| ViewError::Io { action, source }
        };
        let owner = Owner::of(&repository.common_dir).map_err(io("look at"))?;
        // Somebody else has no way into the data folder, and needs one to the view.
        let folder = match owner {
            None => TempDir::with_prefix_in("view-", scratch),
            Some(_) => TempDir::with_prefix("hob-view-"),
        };
        let folder = folder.map_err(io("make a view of"))?;
        let at = |name: &str| folder.path().join(name);
        for name in ["objects", "refs", "packed-refs", "logs", "reftable"] {
            let target = repository.common_dir.join(name);
            if name == "reftable" && !target.exists() {
                continue;
            }
            symlink(target, at(name)).map_err(io("make a view of"))?;
        }
        fs::write(at("HEAD"), head_text(repository)?).map_err(io("make a view of"))?;
        fs::write(at("config"), config_text(&format)).map_err(io("make a view of"))?;
        let shallow = repository.common_dir.join("shallow");
        let shallow = copy_if_there(&shallow, &at("shallow")).map_err(io("read `shallow` of"))?;
        if let Some(owner) = owner {
            let named = ["HEAD", "config"].into_iter().chain(shallow.then_some("shallow"));
            let files: Vec<PathBuf> = named.map(at).collect();
            owner.may_look(folder.path(), &files).map_err(io("make a view of"))?;
        }
        Ok(Self { folder, format, shallow, owner })
    }

    /// A call of git on the repository that is shown.
    pub(crate) fn call<'a>(&self, git: &'a Git, subcommand: &str) -> Call<'a> {
        git.on(self.git_dir(), subcommand).with_rights_of(self.owner)
    }

    /// The folder to give to `git`.
    pub(crate) fn git_dir(&self) -> &Path {
        self.folder.path()
    }

    /// A copy of the index of one of the repository's work trees; `None` where there is none.
    pub(crate) fn copy_index(
        &self,
        work_tree_git_dir: &Path,
    ) -> Result<Option<PathBuf>, ViewError> {
        let copy = self.folder.path().join("index-copy");
        let io = |source| ViewError::Io {
            action: format!("read the index in `{}`", work_tree_git_dir.display()),
            source,
        };
        let there = copy_if_there(&work_tree_git_dir.join("index"), &copy).map_err(io)?;
        if let Some(owner) = self.owner.filter(|_| there) {
            owner.may_keep(&copy).map_err(io)?;
        }
        Ok(there.then_some(copy))
    }
}

fn copy_if_there(from: &Path, to: &Path) -> std::io::Result<bool> {
    let file = match careful::open(from, COPIED_MAX_BYTES) {
        Ok(file) => file,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(false),
        Err(error) => return Err(error),
    };
    let modified = file.metadata()?.modified()?;
    let mut copy = fs::File::create(to)?;
    std::io::copy(&mut file.take(COPIED_MAX_BYTES), &mut copy)?;
    // By its own time the index tells which files may have changed since in the same instant.
    copy.set_times(fs::FileTimes::new().set_modified(modified)).map(|()| true)
}

/// `HEAD` of this work tree, as text: a symbolic ref or a commit, nothing else.
pub(crate) fn head_text(repository: &LocalRepository) -> Result<String, ViewError> {
    let path = repository.git_dir.join("HEAD");
    let text = match fs::read_link(&path) {
        Ok(target) => format!("ref: {}", target.display()),
        Err(_) => place::read_pointer(&path)?.trim_end().to_owned(),
    };
    let name = text.strip_prefix("ref:").map(str::trim);
    let sound = match name {
        Some(name) => name.starts_with("refs/") && !name.chars().any(char::is_control),
        None => text.parse::<domain::CommitId>().is_ok(),
    };
    if !sound {
        return Err(ViewError::Unsupported {
            place: repository.top().display().to_string(),
            reason: format!("`{}` names neither a branch nor a commit", path.display()),
            hint: "run `git fsck` there, or check out a branch".into(),
        });
    }
    Ok(name.map_or_else(|| format!("{text}\n"), |name| format!("ref: {name}\n")))
}

async fn read_format(git: &Git, repository: &LocalRepository) -> Result<Format, ViewError> {
    let place = || repository.top().display().to_string();
    let config = repository.common_dir.join("config");
    let mut format = Format::plain("sha1");
    let text = match careful::read(&config, CONFIG_MAX_BYTES) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(format),
        Err(source) => {
            let action = format!("read `{}`", config.display());
            return Err(ViewError::Io { action, source });
        }
    };
    let told = git
        .call("config")
        .args(["--no-includes", "--null", "--file", "-"])
        .input(text)
        .args([
            "--get-regexp",
            "^(extensions\\.|core\\.(sharedrepository|bare)$|remote\\..*\\.promisor$)",
        ])
        .run()
        .await?;
    match told.code {
        Some(0 | 1) => {}
        _ => {
            let reason = git::last_lines(&told.stderr);
            let hint = format!("mend `{}`", config.display());
            return Err(ViewError::Unsupported { place: place(), reason, hint });
        }
    }
    for entry in String::from_utf8_lossy(&told.stdout).split('\0').filter(|e| !e.is_empty()) {
        let (key, value) = entry.split_once('\n').unwrap_or((entry, "true"));
        let plain = value.len() <= 16 && value.bytes().all(|b| b.is_ascii_alphanumeric());
        match key {
            "extensions.objectformat" if matches!(value, "sha1" | "sha256") => {
                format.objects = value.to_owned();
            }
            "extensions.refstorage" if matches!(value, "files" | "reftable") => {
                format.refs = value.to_owned();
            }
            "core.sharedrepository" if plain => format.shared = Some(value.to_owned()),
            "core.bare" => format.bare = matches!(value, "true" | "yes" | "on" | "1"),
            "extensions.partialclone" => format.partial = true,
            key if key.ends_with(".promisor") => format.partial |= value != "false",
            "extensions.objectformat" | "extensions.refstorage" => {
                return Err(ViewError::Unsupported {
                    place: place(),
                    reason: format!("its `{key}` is `{}`", value.escape_debug()),
                    hint: "clone it into a repository with git's usual storage".into(),
                });
            }
            _ => {}
        }
    }
    if format.refs == "reftable" && repository.git_dir != repository.common_dir {
        return Err(ViewError::Unsupported {
            place: place(),
            reason: "it is a linked work tree of a repository that keeps refs as a reftable".into(),
            hint: "name the main work tree instead".into(),
        });
    }
    Ok(format)
}

/// Refuses a repository that would lead git elsewhere or make it wait.
async fn no_traps(repository: &LocalRepository) -> Result<(), ViewError> {
    let git_dir = repository.common_dir.clone();
    let looked = tokio::task::spawn_blocking(move || traps::find(&git_dir)).await;
    let trap = looked.map_err(std::io::Error::other).flatten().map_err(|source| ViewError::Io {
        action: format!("look through `{}`", repository.common_dir.display()),
        source,
    })?;
    trap.map_or(Ok(()), |trap| {
        let place = repository.top().display().to_string();
        let reason = format!("`{}` {}", trap.path.display(), trap.what);
        Err(ViewError::Unsupported { place, reason, hint: trap.hint })
    })
}

/// What every git folder of ours is configured with.
pub(crate) fn config_text(format: &Format) -> String {
    let shared = match &format.shared {
        Some(value) => format!("\tsharedRepository = {value}\n"),
        None => String::new(),
    };
    let refs = if format.refs == "files" { "" } else { "\trefStorage = reftable\n" };
    format!(
        "[core]\n\trepositoryformatversion = 1\n\tbare = true\n\thooksPath = /dev/null\n\tfsmonitor = false\n\
         \tlogAllRefUpdates = false\n{shared}[extensions]\n\tobjectFormat = {}\n{refs}[gc]\n\tauto = 0\n\
         [maintenance]\n\tauto = false\n",
        format.objects
    )
}
