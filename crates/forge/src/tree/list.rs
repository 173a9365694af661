//! All paths of a commit, and those that cannot be said.

use std::collections::HashMap;

use domain::change::FileMode;
use domain::limit::REPOSITORY_FILES_MAX;
use domain::{CommitId, RepoPath};

use gix::ObjectId;

use super::{PATH_MAX_BYTES, TREES_MAX, TreeError, Trees, folded};

/// What a commit holds.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Listing {
    /// Every path, sorted by its bytes.
    pub entries: Vec<Entry>,
    /// What was left out, and why.
    pub skipped: Vec<Skipped>,
    /// Paths that are one on a file system that ignores case; each list has two or more.
    pub case_clashes: Vec<Vec<RepoPath>>,
}

/// One path of a commit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// The path.
    pub path: RepoPath,
    /// What it is.
    pub mode: FileMode,
    pub(super) id: ObjectId,
}

/// A path that was left out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Skipped {
    /// The path, made printable.
    pub path: String,
    /// Why.
    pub why: String,
    /// The nearest path that can be said, to tell what kind of file it would be; nothing where that is not known:
    /// a folder that was not entered.
    pub like: Option<RepoPath>,
}

impl Trees {
    /// Lists all files of a commit. Blocks; about a second for 200,000 files.
    pub fn list(&self, commit: &CommitId) -> Result<Listing, TreeError> {
        let mut listing = Listing::default();
        let mut pending = vec![(Vec::new(), self.root(commit)?)];
        let mut visited = 0_usize;
        while let Some((folder, tree)) = pending.pop() {
            visited += 1;
            if visited > TREES_MAX {
                return Err(TreeError::Limit { limit: format!("{TREES_MAX} folders in a commit") });
            }
            let entries = self.entries(&tree)?;
            let mut names: HashMap<String, Vec<RepoPath>> = HashMap::new();
            for entry in entries {
                let path = join(&folder, &entry.name);
                let sayable = match sayable(&path) {
                    Ok(path) => path,
                    // Its files are listed all the same: they may be what somebody looks for.
                    Err(_) if entry.is_tree() && path.len() <= PATH_MAX_BYTES => {
                        pending.push((path, entry.id));
                        continue;
                    }
                    Err(why) => {
                        let like = if entry.is_tree() { None } else { nearest(&path) };
                        listing.skipped.push(Skipped { path: printable(&path), why, like });
                        continue;
                    }
                };
                names.entry(folded(sayable.file_name())).or_default().push(sayable.clone());
                if entry.is_tree() {
                    pending.push((path, entry.id));
                } else {
                    let mode = entry.file_mode();
                    listing.entries.push(Entry { path: sayable, mode, id: entry.id });
                }
                if listing.entries.len() + listing.skipped.len() > REPOSITORY_FILES_MAX {
                    let limit = format!("{REPOSITORY_FILES_MAX} files in a commit");
                    return Err(TreeError::Limit { limit });
                }
            }
            listing.case_clashes.extend(names.into_values().filter(|clash| clash.len() > 1));
        }
        listing.entries.sort_unstable_by(|a, b| a.path.cmp(&b.path));
        listing.case_clashes.sort_unstable();
        Ok(listing)
    }
}

pub(super) fn join(folder: &[u8], name: &[u8]) -> Vec<u8> {
    let mut path = Vec::with_capacity(folder.len() + 1 + name.len());
    if !folder.is_empty() {
        path.extend_from_slice(folder);
        path.push(b'/');
    }
    path.extend_from_slice(name);
    path
}

/// The path, where it is one that can be shown, logged and compared without being taken for another.
pub(super) fn sayable(path: &[u8]) -> Result<RepoPath, String> {
    if path.len() > PATH_MAX_BYTES {
        return Err(format!("longer than {PATH_MAX_BYTES} bytes"));
    }
    let text = std::str::from_utf8(path).map_err(|_| "its name is not UTF-8".to_owned())?;
    if text.chars().any(char::is_control) {
        return Err("its name holds a line break or another control character".into());
    }
    RepoPath::new(text).map_err(|error| error.reason.to_owned())
}

/// The path with what cannot be said replaced; only its last part where that is none either.
fn nearest(path: &[u8]) -> Option<RepoPath> {
    let text: String = String::from_utf8_lossy(path)
        .chars()
        .map(|c| if c.is_control() { char::REPLACEMENT_CHARACTER } else { c })
        .collect();
    let name = text.rsplit('/').next().unwrap_or_default();
    RepoPath::new(&text).or_else(|_| RepoPath::new(name)).ok()
}

/// Any bytes, in a form that a person can read and no terminal acts upon.
pub(crate) fn printable(path: &[u8]) -> String {
    let text = path.escape_ascii().to_string();
    domain::limit::head_chars(&text, 300)
}
