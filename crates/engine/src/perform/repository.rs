//! What a step sees of the repository: its mirror, its base, the files of the base.

use std::collections::BTreeMap;
use std::sync::Arc;

use domain::change::{Change, FileMode};
use domain::{CommitId, RepoPath};
use forge::tree::{Blob, Trees};
use forge::{LocalForge, Mirror, Source};
use toolbox::dependencies::Ecosystem;
use toolbox::files::{Content, FileSet, Unnamed};

use super::{Stage, StepError};

/// The most bytes of manifests, lock files and check configuration that are read from one commit.
const FILES_MAX_BYTES: u64 = 512 * 1024 * 1024;

impl From<forge::mirror::MirrorError> for StepError {
    fn from(error: forge::mirror::MirrorError) -> Self {
        let reason = format!("{}; {}", crate::chain(&error), error.hint());
        match error {
            forge::mirror::MirrorError::TooLarge { .. } => Self::budget(reason),
            // The repository may come back; if it does not, people are told. Nothing of it is a verdict.
            forge::mirror::MirrorError::Place(_)
            | forge::mirror::MirrorError::View(_)
            | forge::mirror::MirrorError::NoCommit { .. }
            | forge::mirror::MirrorError::Fetch { .. }
            | forge::mirror::MirrorError::Busy { .. }
            | forge::mirror::MirrorError::Io { .. }
            | forge::mirror::MirrorError::Git(_) => Self::infrastructure(reason),
        }
    }
}

impl From<forge::tree::TreeError> for StepError {
    fn from(error: forge::tree::TreeError) -> Self {
        let reason = crate::chain(&error);
        match error {
            forge::tree::TreeError::Open { .. } | forge::tree::TreeError::Object { .. } => {
                Self::infrastructure(reason)
            }
            forge::tree::TreeError::Limit { .. } => Self::budget(reason),
            forge::tree::TreeError::Path { .. } => Self::agent(reason),
        }
    }
}

impl Stage<'_> {
    /// Where the repository is.
    pub(super) fn source(&self) -> Result<Source, StepError> {
        Source::find(&self.facts.request.source, std::path::Path::new("/")).map_err(|error| {
            StepError::infrastructure(format!("{}; {}", crate::chain(&error), error.hint()))
        })
    }

    /// The repository in canonical text.
    pub(crate) fn repository(&self) -> Result<String, StepError> {
        Ok(self.source()?.identity())
    }

    /// The mirror's git folder, where the repository is elsewhere: it holds the proposal's branch then.
    pub(super) fn holder(&self) -> Result<Option<String>, StepError> {
        Ok(match self.source()? {
            Source::Local(_) => None,
            Source::Remote(_) => Some(self.mirror()?.git_dir().display().to_string()),
        })
    }

    /// The repository's mirror.
    pub(super) fn mirror(&self) -> Result<Mirror, StepError> {
        Ok(self.house.mirrors.mirror(&self.source()?)?)
    }

    /// What proposes to the repository.
    pub(super) fn local(&self) -> Result<LocalForge, StepError> {
        Ok(LocalForge::new(self.mirror()?))
    }

    /// The commit that the work starts from.
    pub(crate) fn base(&self) -> Result<CommitId, StepError> {
        let base = self.facts.base.clone();
        base.ok_or_else(|| StepError::infrastructure("the base was not fixed by `prepare`"))
    }

    /// The commit that the change leads to.
    pub(super) fn head(&self) -> Result<CommitId, StepError> {
        let change = self.facts.change.as_ref().map(|change| change.head.clone());
        change.ok_or_else(|| StepError::infrastructure("no change was exported"))
    }

    /// Reads the mirror on a thread for that.
    pub(super) async fn with_trees<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Trees) -> Result<T, forge::tree::TreeError> + Send + 'static,
    ) -> Result<T, StepError> {
        let mirror = self.mirror()?;
        let read = crate::supervise::blocking("read mirror", move || work(&mirror.trees()?)).await;
        Ok(read.map_err(crate::HouseError::from)??)
    }

    /// Every path of the base, and the content of what the toolbox wants to read. Read once: the steps of a run ask for the
    /// same.
    pub(super) async fn base_files(&self, base: &CommitId) -> Result<Arc<FileSet>, StepError> {
        let place = (self.repository()?, base.clone());
        if let Some(files) = self.house.base_files_of(&place) {
            return Ok(files);
        }
        let files = Arc::new(self.read_base_files(base).await?);
        self.house.keep_base_files(place, &files);
        Ok(files)
    }

    async fn read_base_files(&self, base: &CommitId) -> Result<FileSet, StepError> {
        let base = base.clone();
        let ecosystems = toolbox::dependencies::all();
        self.with_trees(move |trees| {
            let mut files = FileSet::new();
            let mut read_bytes = 0;
            let listing = trees.list(&base)?;
            for skipped in listing.skipped {
                files.leave_out(Unnamed {
                    shown: skipped.path,
                    why: skipped.why,
                    like: skipped.like,
                });
            }
            let (mut open, mut unread) = (Vec::new(), BTreeMap::new());
            for entry in listing.entries {
                if entry.mode == FileMode::Submodule {
                    files.set(entry.path, Content::Submodule);
                } else if wanted(&ecosystems, &entry.path) {
                    open.push(entry);
                } else {
                    files.note(entry.path.clone());
                    unread.insert(entry.path.clone(), entry);
                }
            }
            // Noted before any is read: whether what a file includes is there is known then.
            open.iter().for_each(|entry| files.note(entry.path.clone()));
            open.reverse();
            loop {
                let Some(entry) = open.pop() else {
                    let included = ecosystems.iter().flat_map(|one| one.included(&files));
                    open.extend(included.filter_map(|path| unread.remove(&path)));
                    if open.is_empty() {
                        break;
                    }
                    continue;
                };
                let content = content(trees.read_listed(&entry)?);
                if let Content::Bytes(bytes) = &content {
                    read_bytes += bytes.len() as u64;
                }
                if read_bytes > FILES_MAX_BYTES {
                    let limit = format!("{FILES_MAX_BYTES} bytes of manifests in one commit");
                    return Err(forge::tree::TreeError::Limit { limit });
                }
                files.set(entry.path, content);
            }
            Ok(files)
        })
        .await
    }

    /// The change between two commits of the mirror, whole.
    pub(super) async fn change(
        &self,
        base: &CommitId,
        head: &CommitId,
    ) -> Result<Change, StepError> {
        let (base, head) = (base.clone(), head.clone());
        self.with_trees(move |trees| {
            let commit = trees.commit(&head)?;
            Ok(Change {
                digest: Trees::digest(&base, &commit.tree, &commit.message),
                files: trees.diff(&base, &head)?,
                tree: commit.tree,
                base,
                head,
            })
        })
        .await
    }
}

fn wanted(ecosystems: &[Box<dyn Ecosystem>], path: &RepoPath) -> bool {
    ecosystems.iter().any(|ecosystem| ecosystem.wants(path)) || toolbox::checks::wants(path)
}

fn content(blob: Blob) -> Content {
    match blob {
        Blob::File { bytes, .. } => Content::Bytes(bytes),
        Blob::TooLarge { size } | Blob::LfsPointer { size } => Content::TooLarge(size),
        Blob::Symlink { target } => Content::Symlink(target),
        Blob::Submodule { .. } | Blob::Folder => Content::Submodule,
    }
}

#[cfg(test)]
mod tests {
    use forge::local::LocalError;
    use forge::mirror::MirrorError;
    use forge::tree::TreeError;
    use runs::FailureClass;

    use super::*;

    #[test]
    fn what_a_repository_cannot_give_is_never_called_a_refusal_of_governance() {
        let word = || "x".to_owned();
        let place = Source::find("/no/such/folder", std::path::Path::new("/")).unwrap_err();
        let errors: [StepError; 7] = [
            MirrorError::Place(place).into(),
            MirrorError::NoCommit { place: word(), reason: word(), hint: word() }.into(),
            MirrorError::TooLarge { place: word(), bytes: 1 }.into(),
            TreeError::Limit { limit: word() }.into(),
            TreeError::Path { path: word(), reason: word() }.into(),
            LocalError::Refused { reason: word(), hint: word() }.into(),
            LocalError::Elsewhere { place: word(), merge: word(), publish: word() }.into(),
        ];
        for error in errors {
            assert_ne!(error.class, FailureClass::Policy, "{}", error.reason);
        }
    }
}
