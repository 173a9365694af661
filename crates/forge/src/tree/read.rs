//! One path of a commit: a file, a link, a submodule or a pointer to large storage, told apart.

use domain::limit::FILE_READ_MAX_BYTES;
use domain::{CommitId, RepoPath};

use super::{TreeError, Trees};
use domain::change::FileMode;

/// The largest pointer of git-lfs, in bytes (<https://github.com/git-lfs/git-lfs/blob/main/docs/spec.md>).
const LFS_POINTER_MAX_BYTES: usize = 1024;

/// What a path of a commit is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Blob {
    /// A file.
    File {
        /// Whether it may be run.
        executable: bool,
        /// Its content.
        bytes: Vec<u8>,
    },
    /// A file larger than `limit::FILE_READ_MAX_BYTES`, not read.
    TooLarge {
        /// Its size in bytes.
        size: u64,
    },
    /// A pointer of git-lfs; the content lies elsewhere.
    LfsPointer {
        /// The size of the content in bytes.
        size: u64,
    },
    /// A symbolic link. It is never followed.
    Symlink {
        /// What it holds, any bytes.
        target: Vec<u8>,
    },
    /// A commit of another repository.
    Submodule {
        /// Which commit.
        commit: CommitId,
    },
    /// A folder.
    Folder,
}

impl Blob {
    /// The content, where this is a file that was read.
    pub fn into_bytes(self) -> Option<Vec<u8>> {
        match self {
            Self::File { bytes, .. } => Some(bytes),
            Self::TooLarge { .. }
            | Self::LfsPointer { .. }
            | Self::Symlink { .. }
            | Self::Submodule { .. }
            | Self::Folder => None,
        }
    }
}

impl Trees {
    /// Reads one path of a commit; `None` where there is none, also behind a symbolic link. Blocks.
    pub fn read(&self, commit: &CommitId, path: &RepoPath) -> Result<Option<Blob>, TreeError> {
        let mut tree = self.root(commit)?;
        if path.is_root() {
            return Ok(Some(Blob::Folder));
        }
        let parts: Vec<&str> = path.as_str().split('/').collect();
        for (at, part) in parts.iter().enumerate() {
            let entries = self.entries(&tree)?;
            let Some(entry) = entries.into_iter().find(|e| e.name == part.as_bytes()) else {
                return Ok(None);
            };
            let last = at + 1 == parts.len();
            match (entry.is_tree(), last) {
                (true, true) => return Ok(Some(Blob::Folder)),
                (true, false) => tree = entry.id,
                (false, false) => return Ok(None),
                (false, true) => return self.blob_of(entry.file_mode(), entry.id).map(Some),
            }
        }
        Ok(None)
    }

    /// Reads a path that was listed, without walking to it again. Blocks.
    pub fn read_listed(&self, entry: &super::Entry) -> Result<Blob, TreeError> {
        self.blob_of(entry.mode, entry.id)
    }

    fn blob_of(&self, mode: FileMode, id: gix::ObjectId) -> Result<Blob, TreeError> {
        if mode == FileMode::Submodule {
            let commit = id.to_string();
            let commit =
                commit.parse().map_err(|_| super::broken(&id, "it is no commit's name"))?;
            return Ok(Blob::Submodule { commit });
        }
        let size = self.blob_size(&id)?;
        if size > FILE_READ_MAX_BYTES {
            return Ok(Blob::TooLarge { size });
        }
        let bytes = self.blob(&id)?;
        if mode == FileMode::Symlink {
            return Ok(Blob::Symlink { target: bytes });
        }
        if let Some(size) = lfs_pointer(&bytes) {
            return Ok(Blob::LfsPointer { size });
        }
        Ok(Blob::File { executable: mode == FileMode::Executable, bytes })
    }
}

/// The size that a pointer of git-lfs tells, where this is one.
fn lfs_pointer(bytes: &[u8]) -> Option<u64> {
    if bytes.len() > LFS_POINTER_MAX_BYTES {
        return None;
    }
    let text = std::str::from_utf8(bytes).ok()?;
    let version = text.lines().next()?.strip_prefix("version ")?;
    let known = version.contains("git-lfs") || version.contains("hawser");
    let has_id = text.lines().any(|line| line.starts_with("oid sha256:"));
    let size = text.lines().find_map(|line| line.strip_prefix("size "))?.trim().parse().ok()?;
    (known && has_id).then_some(size)
}
