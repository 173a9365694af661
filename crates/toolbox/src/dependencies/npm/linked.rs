//! Folders that a lock links to (`file:./folder`): it repeats what their manifests ask for, as it does for workspaces.

use std::collections::{BTreeMap, BTreeSet};

use domain::RepoPath;

use super::discover::{LOCK, is_installed};
use super::json;
use super::lock::Lock;
use crate::files::FileSet;

/// Each folder of the repository that locks link to, with the folders of those locks. A lock that cannot be read
/// links to nothing; its own project tells why.
pub(super) fn folders(files: &FileSet) -> BTreeMap<RepoPath, BTreeSet<RepoPath>> {
    let mut linked: BTreeMap<RepoPath, BTreeSet<RepoPath>> = BTreeMap::new();
    for path in files.paths().filter(|path| path.file_name() == LOCK && !is_installed(path)) {
        let Ok(text) = json::text(files, path) else { continue };
        // Most locks link to nothing, and are long.
        if !text.contains("\"link\"") {
            continue;
        }
        let Ok(lock) = Lock::parse(path, text) else { continue };
        let root = path.parent();
        for target in lock.links().filter_map(|target| root.join(target).ok()) {
            // Of a folder beside the project's own npm locks nothing that it asks for.
            if target != root && target.is_within(&root) && !is_installed(&target) {
                linked.entry(target).or_default().insert(root.clone());
            }
        }
    }
    linked
}

/// Each folder that exactly one lock links to and that has no lock of its own, with the folder of that lock: a member of
/// its project, as workspaces are.
pub(crate) fn members(files: &FileSet) -> BTreeMap<RepoPath, RepoPath> {
    let only = |(folder, roots): (RepoPath, BTreeSet<RepoPath>)| {
        let mut roots = roots.into_iter();
        let (Some(root), None) = (roots.next(), roots.next()) else { return None };
        let has_lock = folder.join(LOCK).is_ok_and(|lock| files.exists(&lock));
        (!has_lock).then_some((folder, root))
    };
    folders(files).into_iter().filter_map(only).collect()
}

/// A path as seen from a folder, which may lie beside it: what npm's locks call it.
pub(super) fn seen_from(folder: &RepoPath, path: &RepoPath) -> String {
    let parts = |path: &RepoPath| -> Vec<String> {
        path.as_str().split('/').filter(|part| !part.is_empty()).map(str::to_owned).collect()
    };
    let (from, to) = (parts(folder), parts(path));
    let shared = from.iter().zip(&to).take_while(|(a, b)| a == b).count();
    let up = std::iter::repeat_n("..", from.len() - shared);
    let down = to.iter().skip(shared).map(String::as_str);
    up.chain(down).collect::<Vec<_>>().join("/")
}
