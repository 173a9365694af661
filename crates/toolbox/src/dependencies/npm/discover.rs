//! Finds npm projects: which `package.json` belongs to which lock, and what another package manager owns.

use std::collections::{BTreeMap, BTreeSet};

use domain::RepoPath;
use domain::dependency::{Ecosystem as Kind, Left, Why};
use globset::{GlobBuilder, GlobSet, GlobSetBuilder};

use super::linked;
use super::manifest::Manifest;
use crate::dependencies::{Discovery, Project};
use crate::files::FileSet;

pub(super) const MANIFEST: &str = "package.json";
pub(super) const LOCK: &str = "package-lock.json";

/// Locks that hob does not write, and whose they are.
const FOREIGN_LOCKS: [(&str, &str); 6] = [
    ("yarn.lock", "Yarn"),
    ("pnpm-lock.yaml", "pnpm"),
    ("pnpm-workspace.yaml", "pnpm"),
    ("bun.lock", "Bun"),
    ("bun.lockb", "Bun"),
    ("npm-shrinkwrap.json", "npm shrinkwrap"),
];

/// Whether a path lies in an installed package.
pub(super) fn is_installed(path: &RepoPath) -> bool {
    path.as_str().split('/').any(|part| part == "node_modules")
}

/// The projects of a tree.
pub(super) fn discover(files: &FileSet) -> Discovery {
    let mut found = Discovery::default();
    let mut manifests: BTreeMap<RepoPath, Manifest> = BTreeMap::new();
    let mut unread: BTreeSet<RepoPath> = BTreeSet::new();
    let named = |name: &'static str| {
        files.paths().filter(move |path| path.file_name() == name && !is_installed(path))
    };
    for path in named(MANIFEST) {
        match Manifest::read(files, path) {
            Ok(manifest) => {
                manifests.insert(path.parent(), manifest);
            }
            Err(error) => {
                unread.insert(path.parent());
                found.left.push(left(path, Why::Unreadable, error.to_string()));
            }
        }
    }
    let foreign = foreign_locks(files, &mut found);
    let mut members = members(&manifests, &mut found);
    add_linked(files, &manifests, &foreign, &mut members);
    for (folder, manifest) in &manifests {
        if members.contains_key(folder) || is_foreign(files, folder, &foreign) {
            continue;
        }
        if let Some(manager) = foreign_manager(manifest) {
            let why = format!("`packageManager` is {manager}; hob updates npm projects only");
            found.left.push(left(&manifest.path, Why::Unsupported, why));
            continue;
        }
        let below = members.iter().filter(|(_, root)| *root == folder);
        let mut all = vec![manifest.path.clone()];
        all.extend(below.filter_map(|(member, _)| manifests.get(member)).map(|m| m.path.clone()));
        let lock = folder.join(LOCK).ok().filter(|lock| files.exists(lock));
        let asks = all
            .iter()
            .any(|path| manifests.get(&path.parent()).is_some_and(|m| !m.asks.is_empty()));
        if lock.is_some() || asks {
            found.projects.push(Project {
                ecosystem: Kind::Npm,
                root: folder.clone(),
                manifests: all,
                lock,
                tool: "npm",
            });
        }
    }
    for path in named(LOCK) {
        let folder = path.parent();
        if !manifests.contains_key(&folder)
            && !unread.contains(&folder)
            && !is_foreign(files, &folder, &foreign)
        {
            let why = format!("there is no {MANIFEST} beside it");
            found.left.push(left(path, Why::Unreadable, why));
        }
    }
    found
}

fn left(path: &RepoPath, why: Why, detail: String) -> Left {
    Left {
        ecosystem: Some(Kind::Npm),
        advisory: None,
        package: path.to_string(),
        version: String::new(),
        why,
        detail,
    }
}

/// The folders that another tool's lock owns; true where it owns all below.
fn foreign_locks(files: &FileSet, found: &mut Discovery) -> BTreeMap<RepoPath, bool> {
    let mut owned: BTreeMap<RepoPath, bool> = BTreeMap::new();
    for path in files.paths().filter(|path| !is_installed(path)) {
        let Some((name, tool)) = FOREIGN_LOCKS.iter().find(|(name, _)| path.file_name() == *name)
        else {
            continue;
        };
        let folder = path.parent();
        let detail = if files.exists(&beside(&folder)) {
            format!(
                "{LOCK} stands beside it, and hob cannot write {name} ({tool}); delete the one that is not used"
            )
        } else {
            format!(
                "{name} belongs to {tool}, which hob does not drive; what it locks was not looked at"
            )
        };
        found.left.push(left(path, Why::Unsupported, detail));
        *owned.entry(folder).or_default() |= *tool == "pnpm";
    }
    owned
}

fn beside(folder: &RepoPath) -> RepoPath {
    folder.join(LOCK).unwrap_or_else(|_| folder.clone())
}

/// Whether a folder belongs to another tool. pnpm's workspaces are named in its own file: all below it
/// without an npm lock is its.
fn is_foreign(files: &FileSet, folder: &RepoPath, foreign: &BTreeMap<RepoPath, bool>) -> bool {
    let owns = |(root, below): (&RepoPath, &bool)| *below && folder.is_within(root);
    foreign.contains_key(folder) || (!files.exists(&beside(folder)) && foreign.iter().any(owns))
}

fn foreign_manager(manifest: &Manifest) -> Option<&str> {
    let manager = manifest.package_manager.as_deref()?;
    let name = manager.split('@').next().unwrap_or_default();
    matches!(name, "yarn" | "pnpm" | "bun").then_some(manager)
}

/// Each workspace's folder with its root's.
fn members(
    manifests: &BTreeMap<RepoPath, Manifest>,
    found: &mut Discovery,
) -> BTreeMap<RepoPath, RepoPath> {
    let mut members = BTreeMap::new();
    for (root, manifest) in manifests.iter().filter(|(_, m)| !m.workspaces.is_empty()) {
        // npm knows no workspaces inside workspaces. Folders come sorted: outer ones first.
        if members.contains_key(root) {
            continue;
        }
        let (yes, no) = match workspace_globs(&manifest.workspaces) {
            Ok(globs) => globs,
            Err(error) => {
                let detail = format!("`workspaces`: {error}");
                found.left.push(left(&manifest.path, Why::Unreadable, detail));
                continue;
            }
        };
        for folder in manifests.keys().filter(|folder| folder.is_within(root) && *folder != root) {
            let below = folder.as_str().strip_prefix(root.as_str()).unwrap_or_default();
            let below = below.trim_start_matches('/');
            if yes.is_match(below) && !no.is_match(below) {
                members.entry(folder.clone()).or_insert_with(|| root.clone());
            }
        }
    }
    members
}

/// A folder that one lock links to, and that has none of its own, is a member of that lock's project: npm holds the lock
/// to its manifest. What several locks cover stays apart, and is not edited (see `plan`).
fn add_linked(
    files: &FileSet,
    manifests: &BTreeMap<RepoPath, Manifest>,
    foreign: &BTreeMap<RepoPath, bool>,
    members: &mut BTreeMap<RepoPath, RepoPath>,
) {
    let is_project = |root: &RepoPath, members: &BTreeMap<RepoPath, RepoPath>| {
        let manifest = manifests.get(root);
        manifest.is_some_and(|manifest| foreign_manager(manifest).is_none())
            && !members.contains_key(root)
            && !foreign.contains_key(root)
    };
    for (folder, root) in linked::members(files) {
        let is_root = members.values().any(|root| *root == folder);
        if manifests.contains_key(&folder)
            && !is_root
            && !foreign.contains_key(&folder)
            && !members.contains_key(&folder)
            && is_project(&root, members)
        {
            members.insert(folder, root);
        }
    }
}

/// The globs that choose workspaces, and those that take some back.
pub(crate) fn workspace_globs(patterns: &[String]) -> Result<(GlobSet, GlobSet), globset::Error> {
    let (mut yes, mut no) = (GlobSetBuilder::new(), GlobSetBuilder::new());
    for pattern in patterns {
        let (set, pattern) = match pattern.strip_prefix('!') {
            Some(rest) => (&mut no, rest),
            None => (&mut yes, pattern.as_str()),
        };
        let pattern =
            pattern.trim_start_matches("./").trim_start_matches('/').trim_end_matches('/');
        set.add(GlobBuilder::new(pattern).literal_separator(true).build()?);
    }
    Ok((yes.build()?, no.build()?))
}
