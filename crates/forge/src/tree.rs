//! Reads commits, trees and files of a mirror, in process: nothing is checked out, no filter and no attribute counts.
//!
//! All of this blocks on the disk. Objects may be hostile: every walk has a limit on what it visits, and a file's
//! size is looked up before it is read.

mod diff;
mod list;
mod patch;
mod read;

use std::path::Path;

use domain::change::FileMode;
use domain::{CommitId, Digest, TreeId};
use gix::ObjectId;

pub(crate) use diff::{Changed, ChangedFolder};
pub(crate) use list::printable;
pub use list::{Entry, Listing, Skipped};
pub use patch::{NumStat, numstat, unified};
pub use read::Blob;

/// The most files that a change may touch and still be read.
pub const CHANGED_FILES_MAX: usize = 50_000;

/// The most folders that a change may touch and still be read; an honest one has fewer than files.
const CHANGED_FOLDERS_MAX: usize = 2 * CHANGED_FILES_MAX;

/// The most bytes of file content of a change that are held in memory; files beyond are there without content.
pub const CHANGE_CONTENT_MAX_BYTES: u64 = 512 * 1024 * 1024;

/// The largest tree or commit object that is read, in bytes.
const STRUCTURE_MAX_BYTES: u64 = 64 * 1024 * 1024;

/// The most trees that a walk over a whole commit visits.
const TREES_MAX: usize = 2 * domain::limit::REPOSITORY_FILES_MAX;

/// The longest path, in bytes.
const PATH_MAX_BYTES: usize = 4096;

/// Why a commit could not be read.
#[derive(Debug, thiserror::Error)]
pub enum TreeError {
    /// The object store could not be opened.
    #[error("the mirror `{folder}` cannot be opened: {reason}")]
    Open {
        /// Where.
        folder: String,
        /// What gix says.
        reason: String,
    },
    /// An object is missing or broken.
    #[error("object {id} cannot be read: {reason}")]
    Object {
        /// Which.
        id: String,
        /// Why.
        reason: String,
    },
    /// A limit was reached.
    #[error("over the limit of {limit}")]
    Limit {
        /// Which limit, with its value.
        limit: String,
    },
    /// A changed path that cannot be said.
    #[error("the path `{path}` cannot be used: {reason}")]
    Path {
        /// The path, made printable.
        path: String,
        /// Why.
        reason: String,
    },
}

/// A commit's own words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Commit {
    /// Its tree.
    pub tree: TreeId,
    /// Its parents.
    pub parents: Vec<CommitId>,
    /// Its message, foreign bytes replaced.
    pub message: String,
}

/// A reader of one mirror.
pub struct Trees {
    repo: gix::Repository,
}

impl std::fmt::Debug for Trees {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Trees").field("git_dir", &self.repo.git_dir()).finish()
    }
}

/// One entry of a tree object, as it stands there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RawEntry {
    /// The mode, as written.
    pub(crate) mode: u16,
    /// One part of a path, any bytes.
    pub(crate) name: Vec<u8>,
    /// What it names.
    pub(crate) id: ObjectId,
}

impl RawEntry {
    pub(crate) fn is_tree(&self) -> bool {
        self.mode & 0o170_000 == 0o040_000
    }

    /// The mode of what is no tree; old repositories wrote group bits that mean nothing.
    pub(crate) fn file_mode(&self) -> FileMode {
        match self.mode & 0o170_000 {
            0o120_000 => FileMode::Symlink,
            0o160_000 => FileMode::Submodule,
            _ if self.mode & 0o100 != 0 => FileMode::Executable,
            _ => FileMode::Regular,
        }
    }
}

impl Trees {
    /// Opens a git folder of ours.
    pub(crate) fn open(git_dir: &Path) -> Result<Self, TreeError> {
        let options = gix::open::Options::isolated().open_path_as_is(true);
        let mut repo = gix::open_opts(git_dir, options).map_err(|error| TreeError::Open {
            folder: git_dir.display().to_string(),
            reason: error.to_string(),
        })?;
        repo.object_cache_size_if_unset(4 * 1024 * 1024);
        Ok(Self { repo })
    }

    /// Reads a commit.
    pub fn commit(&self, id: &CommitId) -> Result<Commit, TreeError> {
        let bytes = self.structure(&object_id(id.as_str())?, gix::objs::Kind::Commit)?;
        let broken = |reason: String| TreeError::Object { id: id.to_string(), reason };
        let commit = gix::objs::CommitRef::from_bytes(&bytes, self.repo.object_hash())
            .map_err(|error| broken(error.to_string()))?;
        let parents = commit.parents.iter().map(|hex| hex.to_string().parse::<CommitId>());
        Ok(Commit {
            tree: commit.tree.to_string().parse().map_err(|_| broken("it names no tree".into()))?,
            parents: parents
                .collect::<Result<_, _>>()
                .map_err(|_| broken("it names a parent that is none".into()))?,
            message: String::from_utf8_lossy(commit.message).into_owned(),
        })
    }

    /// What an approval of the change from `base` to `tree` with this message binds to.
    pub fn digest(base: &CommitId, tree: &TreeId, message: &str) -> Digest {
        let parts = [base.as_str(), tree.as_str(), message.trim_end()];
        Digest::of_parts(parts.map(str::as_bytes))
    }

    fn root(&self, commit: &CommitId) -> Result<ObjectId, TreeError> {
        object_id(self.commit(commit)?.tree.as_str())
    }

    /// The entries of a tree object.
    pub(crate) fn entries(&self, tree: &ObjectId) -> Result<Vec<RawEntry>, TreeError> {
        let bytes = self.structure(tree, gix::objs::Kind::Tree)?;
        gix::objs::TreeRefIter::from_bytes(&bytes, self.repo.object_hash())
            .map(|entry| {
                let entry = entry.map_err(|error| TreeError::Object {
                    id: tree.to_string(),
                    reason: error.to_string(),
                })?;
                Ok(RawEntry {
                    mode: entry.mode.value(),
                    name: entry.filename.to_vec(),
                    id: entry.oid.to_owned(),
                })
            })
            .collect()
    }

    /// The size of a file, without reading it.
    pub(crate) fn blob_size(&self, id: &ObjectId) -> Result<u64, TreeError> {
        let header = self.repo.find_header(*id).map_err(|error| broken(id, &error.to_string()))?;
        if header.kind() == gix::objs::Kind::Blob {
            Ok(header.size())
        } else {
            Err(broken(id, "it is no file"))
        }
    }

    /// A file's bytes; its size was looked at before.
    pub(crate) fn blob(&self, id: &ObjectId) -> Result<Vec<u8>, TreeError> {
        let mut object =
            self.repo.find_object(*id).map_err(|error| broken(id, &error.to_string()))?;
        Ok(std::mem::take(&mut object.data))
    }

    fn structure(&self, id: &ObjectId, kind: gix::objs::Kind) -> Result<Vec<u8>, TreeError> {
        let header = self.repo.find_header(*id).map_err(|error| broken(id, &error.to_string()))?;
        if header.kind() != kind {
            return Err(broken(id, &format!("it is a {}, not a {kind}", header.kind())));
        }
        if header.size() > STRUCTURE_MAX_BYTES {
            return Err(TreeError::Limit { limit: "64 MiB for one tree or commit object".into() });
        }
        self.blob(id)
    }
}

fn broken(id: &ObjectId, reason: &str) -> TreeError {
    TreeError::Object { id: id.to_string(), reason: reason.to_owned() }
}

pub(crate) fn object_id(hex: &str) -> Result<ObjectId, TreeError> {
    ObjectId::from_hex(hex.as_bytes())
        .map_err(|error| TreeError::Object { id: hex.to_owned(), reason: error.to_string() })
}

/// Two names that fold to the same are the same file on a file system that ignores case or normalises names.
pub(crate) fn folded(name: &str) -> String {
    use unicode_normalization::UnicodeNormalization as _;
    if name.is_ascii() {
        return name.to_ascii_lowercase();
    }
    name.nfd().flat_map(char::to_lowercase).nfd().collect()
}
