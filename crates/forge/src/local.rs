//! The local forge: a plain git repository of this host. A proposal is a branch in it, and nothing else of it moves.
//!
//! Where the repository itself is elsewhere, its mirror stands for it: the proposal's branch is made there, and what
//! moves the branches elsewhere is a command for the person who may.

mod deliver;
mod merge;
mod propose;
mod withdraw;
mod work_tree;

use domain::{CommitId, Fence, RunId};

use crate::mirror::{self, Mirror};
use crate::place::{LocalRepository, Source};
use crate::view::{self, View};
use crate::{careful, fence, git};
pub use merge::{Behind, MergeRequest, Merged, Plan};
pub use withdraw::{Standing, Withdrawn};

/// Why the repository was not changed.
#[derive(Debug, thiserror::Error)]
pub enum LocalError {
    /// An older action came back.
    #[error(transparent)]
    Fence(#[from] fence::FenceError),
    /// The mirror failed.
    #[error(transparent)]
    Mirror(#[from] mirror::MirrorError),
    /// The repository cannot be shown to git.
    #[error(transparent)]
    View(#[from] view::ViewError),
    /// The program failed.
    #[error(transparent)]
    Git(#[from] git::GitError),
    /// It is elsewhere, and hob has nothing to push there with.
    #[error("`{place}` is elsewhere and hob has no credential to push there; nothing was changed")]
    Elsewhere {
        /// Where it is.
        place: String,
        /// The command that moves its target branch.
        merge: String,
        /// The command that makes the proposal a branch there.
        publish: String,
    },
    /// The repository's state does not allow it.
    #[error("{reason}")]
    Refused {
        /// Why.
        reason: String,
        /// What to do.
        hint: String,
    },
    /// The repository could not be written.
    #[error("`{place}` could not be written: {reason}")]
    Unwritable {
        /// Where.
        place: String,
        /// What git or the kernel says.
        reason: String,
        /// What to do.
        hint: String,
    },
}

impl LocalError {
    /// What to do about it.
    pub fn hint(&self) -> String {
        match self {
            Self::Refused { hint, .. } | Self::Unwritable { hint, .. } => hint.clone(),
            Self::Mirror(error) => error.hint(),
            Self::Fence(_) => "nothing: the run is over, or a newer action of it is at work".into(),
            Self::Elsewhere { merge, publish, .. } => format!(
                "publish it yourself, and ask again so that hob sees it:\n  {merge}\nor make it a branch there, for a review there:\n  {publish}"
            ),
            Self::View(view::ViewError::Unsupported { hint, .. }) => hint.clone(),
            Self::View(view::ViewError::Place(error)) => error.hint(),
            Self::View(view::ViewError::Git(git::GitError::NotTheOwner { .. }))
            | Self::Git(git::GitError::NotTheOwner { .. }) => {
                "run hob as the user who owns the repository".into()
            }
            Self::View(_) | Self::Git(_) => {
                "run it again; if it stays, run `git fsck` in the repository".into()
            }
        }
    }
}

/// Proposes to, merges in and withdraws from one repository of this host.
#[derive(Debug, Clone)]
pub struct LocalForge {
    mirror: Mirror,
    repository: LocalRepository,
}

/// A proposal in a local repository: which branch holds which commit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Branch {
    /// The run that it belongs to.
    pub run: RunId,
    /// Its short name: `hob/run_…-update-regex`.
    pub name: String,
    /// The commit that was proposed.
    pub head: CommitId,
    /// The commit it starts from.
    pub base: CommitId,
}

impl Branch {
    /// The branch of a run, named after the title of what it proposes.
    pub fn of(run: RunId, title: &str, base: CommitId, head: CommitId) -> Self {
        const SLUG_MAX_CHARS: usize = 40;
        let name = format!("hob/{run}-{}", crate::slug::slug(title, SLUG_MAX_CHARS));
        Self { run, name, head, base }
    }

    pub(crate) fn ref_name(&self) -> String {
        format!("refs/heads/{}", self.name)
    }
}

impl LocalForge {
    /// The forge of a mirrored repository; of one elsewhere the mirror itself, which `refresh` has made.
    pub fn new(mirror: Mirror) -> Self {
        let repository = match mirror.source() {
            Source::Local(repository) => repository.clone(),
            Source::Remote(_) => {
                let git_dir = careful::real(mirror.git_dir());
                LocalRepository { common_dir: git_dir.clone(), git_dir, work_tree: None }
            }
        };
        Self { mirror, repository }
    }

    /// The ref that says, in the repository that is looked at, where a branch is that hob did not make.
    fn target_ref(&self, branch: &str) -> String {
        self.mirror.ref_of(branch)
    }

    fn place(&self) -> String {
        self.repository.top().display().to_string()
    }

    fn raise(&self, run: RunId, fence: Fence) -> Result<(), LocalError> {
        Ok(fence::raise(&self.mirror, run, fence)?)
    }

    async fn view(&self) -> Result<View, LocalError> {
        Ok(View::open(&self.mirror.git, &self.repository, &self.mirror.scratch()).await?)
    }

    /// A call of git on the repository.
    fn on<'a>(&'a self, shown: &View, subcommand: &str) -> git::Call<'a> {
        shown.call(&self.mirror.git, subcommand)
    }

    /// What a ref of the repository names now.
    async fn ref_value(&self, shown: &View, name: &str) -> Result<Option<CommitId>, LocalError> {
        let call = self.on(shown, "rev-parse");
        let told = call.args(["--verify", "--quiet", "--end-of-options", name]).run().await?;
        Ok(told.text().parse().ok())
    }

    fn unwritable(&self, error: git::GitError) -> LocalError {
        let git::GitError::Failed { stderr, .. } = &error else { return error.into() };
        let says = |needle: &str| stderr.contains(needle);
        let hint = if says("No space left") || says("Disk quota") {
            "make space on the repository's disk"
        } else if says("Read-only file system") {
            "the repository's file system is read-only: name a copy of it"
        } else if says("Permission denied") || says("insufficient permission") {
            "give its owner leave to write all of its git folder, or this user where that is not root"
        } else if says(".lock") && says("File exists") {
            "another git program is at work there, or died: wait, or remove the lock file that is named"
        } else if says("cannot lock ref") && says("exists; cannot create") {
            "a branch is in the way: rename it"
        } else {
            "run `git fsck` there"
        };
        LocalError::Unwritable {
            place: self.place(),
            reason: git::last_lines(stderr),
            hint: hint.into(),
        }
    }
}
