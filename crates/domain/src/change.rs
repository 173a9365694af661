//! The diff an attempt produced, as the host read it from hostile bytes.

use crate::{CommitId, Digest, RepoPath, TreeId};

/// A change: what it starts from, what it leads to, and each file between.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// The commit it starts from.
    pub base: CommitId,
    /// The commit it leads to; its only parent is `base`.
    pub head: CommitId,
    /// The tree of `head`.
    pub tree: TreeId,
    /// What approvals bind to: the digest of base, tree and message.
    pub digest: Digest,
    /// Every changed file, sorted by path.
    pub files: Vec<FileChange>,
}

/// One changed file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileChange {
    /// Its path. Git allows bytes that are no UTF-8; such a change is refused before it gets here.
    pub path: RepoPath,
    /// The file before, if there was one.
    pub before: Option<FileVersion>,
    /// The file after, if there is one.
    pub after: Option<FileVersion>,
}

/// A file at one commit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileVersion {
    /// What git says it is.
    pub mode: FileMode,
    /// Its size in bytes.
    pub size: u64,
    /// Its content, unless it is a submodule or larger than the host reads (then governance denies it).
    pub content: Option<Vec<u8>>,
}

impl FileVersion {
    /// The content as text, where it is UTF-8 and was read.
    pub fn text(&self) -> Option<&str> {
        self.content.as_deref().and_then(|bytes| std::str::from_utf8(bytes).ok())
    }
}

/// Git's file modes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FileMode {
    /// 100644
    Regular,
    /// 100755
    Executable,
    /// 120000
    Symlink,
    /// 160000
    Submodule,
}
