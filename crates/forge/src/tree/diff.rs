//! What two trees differ in. Renames are a removal and an addition: nothing is guessed.

use std::collections::BTreeMap;

use domain::CommitId;
use domain::change::{FileChange, FileMode, FileVersion};
use domain::limit::FILE_READ_MAX_BYTES;
use gix::ObjectId;

use super::list::{join, printable, sayable};
use super::{
    CHANGE_CONTENT_MAX_BYTES, CHANGED_FILES_MAX, CHANGED_FOLDERS_MAX, PATH_MAX_BYTES, RawEntry,
    TreeError, Trees,
};

/// One changed path, as the trees hold it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Changed {
    /// The path, any bytes.
    pub(crate) path: Vec<u8>,
    /// What was there.
    pub(crate) before: Option<RawEntry>,
    /// What is there.
    pub(crate) after: Option<RawEntry>,
}

/// A folder that differs between two trees.
#[derive(Debug)]
pub(crate) struct ChangedFolder {
    /// Its path, any bytes.
    pub(crate) path: Vec<u8>,
    /// Each name with its entry before and after.
    pub(crate) names: BTreeMap<Vec<u8>, (Option<RawEntry>, Option<RawEntry>)>,
}

impl Trees {
    /// The files that differ between two commits, sorted by path, with their contents. Blocks.
    pub fn diff(&self, base: &CommitId, head: &CommitId) -> Result<Vec<FileChange>, TreeError> {
        let changed = self.changed(Some(&self.root(base)?), &self.root(head)?, &mut |_| Ok(()))?;
        self.contents(changed)
    }

    /// The paths that differ between two trees, sorted. `look` sees each folder that differs.
    pub(crate) fn changed<E: From<TreeError>>(
        &self,
        before: Option<&ObjectId>,
        after: &ObjectId,
        look: &mut dyn FnMut(&ChangedFolder) -> Result<(), E>,
    ) -> Result<Vec<Changed>, E> {
        let mut found = Vec::new();
        let mut pending = vec![(Vec::new(), before.copied(), Some(*after))];
        let mut visited = 0_usize;
        while let Some((path, before, after)) = pending.pop() {
            visited += 1;
            if visited > CHANGED_FOLDERS_MAX || path.len() > PATH_MAX_BYTES {
                let limit =
                    format!("{CHANGED_FOLDERS_MAX} folders, {PATH_MAX_BYTES} bytes of path");
                return Err(TreeError::Limit { limit }.into());
            }
            let folder = self.folder(path, before.as_ref(), after.as_ref())?;
            look(&folder)?;
            let ChangedFolder { path, names } = folder;
            for (name, (before, after)) in names {
                if same(before.as_ref(), after.as_ref()) {
                    continue;
                }
                let path = join(&path, &name);
                let tree_of =
                    |entry: &Option<RawEntry>| entry.as_ref().filter(|e| e.is_tree()).map(|e| e.id);
                let trees = (tree_of(&before), tree_of(&after));
                let before = before.filter(|entry| !entry.is_tree());
                let after = after.filter(|entry| !entry.is_tree());
                if before.is_some() || after.is_some() {
                    found.push(Changed { path: path.clone(), before, after });
                }
                if trees.0.is_some() || trees.1.is_some() {
                    pending.push((path, trees.0, trees.1));
                }
                if found.len() > CHANGED_FILES_MAX {
                    let limit = format!("{CHANGED_FILES_MAX} changed files");
                    return Err(TreeError::Limit { limit }.into());
                }
            }
        }
        found.sort_unstable_by(|a, b| a.path.cmp(&b.path));
        Ok(found)
    }

    fn folder(
        &self,
        path: Vec<u8>,
        before: Option<&ObjectId>,
        after: Option<&ObjectId>,
    ) -> Result<ChangedFolder, TreeError> {
        let mut names: BTreeMap<Vec<u8>, (Option<RawEntry>, Option<RawEntry>)> = BTreeMap::new();
        for entry in before.map(|id| self.entries(id)).transpose()?.unwrap_or_default() {
            let name = entry.name.clone();
            names.entry(name).or_default().0 = Some(entry);
        }
        for entry in after.map(|id| self.entries(id)).transpose()?.unwrap_or_default() {
            let place = &mut names.entry(entry.name.clone()).or_default().1;
            if place.is_some() {
                let reason = "its folder holds it twice".to_owned();
                return Err(TreeError::Path { path: printable(&join(&path, &entry.name)), reason });
            }
            *place = Some(entry);
        }
        Ok(ChangedFolder { path, names })
    }

    /// Turns changed paths into changed files.
    pub(crate) fn contents(&self, changed: Vec<Changed>) -> Result<Vec<FileChange>, TreeError> {
        let mut left = CHANGE_CONTENT_MAX_BYTES;
        changed
            .into_iter()
            .map(|Changed { path, before, after }| {
                let said = sayable(&path)
                    .map_err(|reason| TreeError::Path { path: printable(&path), reason })?;
                Ok(FileChange {
                    path: said,
                    before: before.map(|entry| self.version(&entry, &mut left)).transpose()?,
                    after: after.map(|entry| self.version(&entry, &mut left)).transpose()?,
                })
            })
            .collect()
    }

    fn version(&self, entry: &RawEntry, left: &mut u64) -> Result<FileVersion, TreeError> {
        let mode = entry.file_mode();
        if mode == FileMode::Submodule {
            return Ok(FileVersion { mode, size: 0, content: None });
        }
        let size = self.blob_size(&entry.id)?;
        let content = if size > FILE_READ_MAX_BYTES || size > *left {
            None
        } else {
            *left -= size;
            Some(self.blob(&entry.id)?)
        };
        Ok(FileVersion { mode, size, content })
    }
}

/// Whether an entry says the same before and after. Two spellings of one mode are the same.
fn same(before: Option<&RawEntry>, after: Option<&RawEntry>) -> bool {
    match (before, after) {
        (Some(before), Some(after)) => {
            before.id == after.id
                && before.is_tree() == after.is_tree()
                && (before.is_tree() || before.file_mode() == after.file_mode())
        }
        (before, after) => before.is_none() && after.is_none(),
    }
}
