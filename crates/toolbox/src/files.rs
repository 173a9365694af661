//! The files of a tree that the toolbox is shown.

use std::collections::{BTreeMap, BTreeSet};

use domain::RepoPath;

/// Files of one tree: every path, and the content of those that somebody asked for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FileSet {
    paths: BTreeSet<RepoPath>,
    contents: BTreeMap<RepoPath, Content>,
    left_out: Vec<Unnamed>,
}

/// A path of the tree that hob cannot name, and therefore neither reads nor changes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unnamed {
    /// The path, made printable.
    pub shown: String,
    /// Why it cannot be named.
    pub why: String,
    /// The nearest path that can be named; nothing for a folder that may hold anything.
    pub like: Option<RepoPath>,
}

/// What is known of a file's content.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Content {
    /// All of it.
    Bytes(Vec<u8>),
    /// Larger than the host reads; this many bytes.
    TooLarge(u64),
    /// A symbolic link to this target; never followed.
    Symlink(Vec<u8>),
    /// A submodule.
    Submodule,
}

/// Why a file's text cannot be had. The message names the place; the caller adds what it wanted it for.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TextError {
    /// There is no such file.
    #[error("`{0}` does not exist")]
    Missing(RepoPath),
    /// Larger than the host reads.
    #[error("`{path}` has {bytes} bytes, more than hob reads")]
    TooLarge {
        /// The file.
        path: RepoPath,
        /// Its size.
        bytes: u64,
    },
    /// Not a regular file.
    #[error("`{0}` is a symbolic link or a submodule; hob does not follow those")]
    NotRegular(RepoPath),
    /// Not UTF-8.
    #[error("`{0}` is not UTF-8 text")]
    NotText(RepoPath),
}

impl FileSet {
    /// No files.
    pub fn new() -> Self {
        Self::default()
    }

    /// Notes that a path exists, content unread.
    pub fn note(&mut self, path: RepoPath) {
        self.paths.insert(path);
    }

    /// Notes that there is a path that cannot be named.
    pub fn leave_out(&mut self, unnamed: Unnamed) {
        self.left_out.push(unnamed);
    }

    /// The paths that cannot be named.
    pub fn left_out(&self) -> &[Unnamed] {
        &self.left_out
    }

    /// Sets a file's content.
    pub fn set(&mut self, path: RepoPath, content: Content) {
        self.paths.insert(path.clone());
        self.contents.insert(path, content);
    }

    /// Takes a file away.
    pub fn remove(&mut self, path: &RepoPath) {
        self.paths.remove(path);
        self.contents.remove(path);
    }

    /// Every path, sorted.
    pub fn paths(&self) -> impl Iterator<Item = &RepoPath> {
        self.paths.iter()
    }

    /// Whether a path exists, read or not.
    pub fn exists(&self, path: &RepoPath) -> bool {
        self.paths.contains(path)
    }

    /// The content of a path, where it was read.
    pub fn content(&self, path: &RepoPath) -> Option<&Content> {
        self.contents.get(path)
    }

    /// A regular file's bytes.
    pub fn bytes(&self, path: &RepoPath) -> Result<&[u8], TextError> {
        match self.contents.get(path) {
            Some(Content::Bytes(bytes)) => Ok(bytes),
            Some(Content::TooLarge(bytes)) => {
                Err(TextError::TooLarge { path: path.clone(), bytes: *bytes })
            }
            Some(Content::Symlink(_) | Content::Submodule) => {
                Err(TextError::NotRegular(path.clone()))
            }
            None => Err(TextError::Missing(path.clone())),
        }
    }

    /// A regular file's text.
    pub fn text(&self, path: &RepoPath) -> Result<&str, TextError> {
        std::str::from_utf8(self.bytes(path)?).map_err(|_| TextError::NotText(path.clone()))
    }
}
