//! Where a program finds the host's files: as root's unprivileged user, in the staging folder, except what all can see.

use std::path::{Path, PathBuf};

use super::spawn::STAGING;

/// Folders that every user of a host can see.
const FOR_ALL: [&str; 7] = ["/usr", "/lib", "/lib32", "/lib64", "/bin", "/sbin", "/etc"];

/// Collects what has to be staged.
#[derive(Debug)]
pub(crate) struct Staging {
    as_root: bool,
    /// For its owner alone, wherever it lies.
    state_dir: PathBuf,
    staged: Vec<PathBuf>,
}

impl Staging {
    /// Nothing yet; without root everything is found where it is.
    pub(crate) const fn new(as_root: bool, state_dir: PathBuf) -> Self {
        Self { as_root, state_dir, staged: Vec::new() }
    }

    /// Where the program finds this.
    pub(crate) fn place(&mut self, path: &Path) -> PathBuf {
        let all_can_see = FOR_ALL.iter().any(|folder| path.starts_with(folder))
            && !path.starts_with(&self.state_dir);
        if !self.as_root || all_can_see {
            return path.to_owned();
        }
        let known = self.staged.iter().position(|staged| staged == path);
        let position = known.unwrap_or_else(|| {
            self.staged.push(path.to_owned());
            self.staged.len() - 1
        });
        Path::new(STAGING).join(position.to_string())
    }

    /// What has to be staged, each at its position.
    pub(crate) fn staged(self) -> Vec<PathBuf> {
        self.staged
    }
}
