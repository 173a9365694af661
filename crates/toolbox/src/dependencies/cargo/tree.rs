//! Which manifests of a repository belong together, by cargo's own rules.
//!
//! <https://doc.rust-lang.org/cargo/reference/workspaces.html>: a package belongs to the workspace that it
//! points to or that stands above it; members are named by globs, and path dependencies below the root
//! are members without being named.

use std::collections::{BTreeMap, BTreeSet};

use domain::RepoPath;
use domain::dependency::{Ecosystem as Kind, Left, Why};
use globset::GlobBuilder;

use super::manifest::{Manifest, Origin, Stated, Table};
use super::{LOCK, MANIFEST, TOOL};
use crate::dependencies::{Discovery, Project};
use crate::files::FileSet;

/// Every manifest of a repository, by folder.
#[derive(Debug, Clone, Default)]
pub(super) struct Tree {
    manifests: BTreeMap<RepoPath, Manifest>,
    left: Vec<Left>,
}

/// Whom a folder's manifest belongs to.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Home {
    /// It is a root itself.
    Own,
    /// The root in this folder.
    Of(RepoPath),
}

impl Tree {
    /// Reads every manifest. Vendored copies of registry crates are no manifests of the repository's own.
    pub(super) fn read(files: &FileSet) -> Self {
        let mut tree = Self::default();
        let mut vendored = BTreeSet::new();
        for path in files.paths().filter(|path| path.file_name() == MANIFEST) {
            let folder = path.parent();
            if folder.join(VENDORED_MARK).is_ok_and(|mark| files.exists(&mark)) {
                vendored.insert(folder.parent());
                continue;
            }
            match Manifest::read(files, path) {
                Ok(manifest) => {
                    tree.manifests.insert(folder, manifest);
                }
                Err(error) => tree.left.push(left(path, Why::Unreadable, error.to_string())),
            }
        }
        for path in files.paths().filter(|path| path.file_name() == LOCK) {
            let manifest = path.parent().join(MANIFEST);
            if !manifest.is_ok_and(|manifest| files.exists(&manifest)) {
                let detail =
                    format!("there is no {MANIFEST} beside it; restore it, or delete this file");
                tree.left.push(left(path, Why::Unreadable, detail));
            }
        }
        for folder in vendored {
            let detail = "the crates that were vendored here are left as they are; \
                          after an update, `cargo vendor` has to be run";
            tree.left.push(left(&folder, Why::Unsupported, detail.to_owned()));
        }
        tree
    }

    /// The projects, and what belongs to none.
    pub(super) fn discover(mut self, files: &FileSet) -> Discovery {
        let mut roots: BTreeMap<RepoPath, BTreeSet<RepoPath>> = BTreeMap::new();
        let mut claimed: BTreeSet<RepoPath> = BTreeSet::new();
        for folder in self.manifests.keys() {
            if self.home(folder) == Home::Own {
                let members = self.members(folder);
                let reached = self.reached(&members);
                claimed.extend(reached.difference(&members).cloned());
                roots.insert(folder.clone(), reached);
            }
        }
        let mut discovery = Discovery::default();
        let mut homeless = Vec::new();
        for folder in self.manifests.keys() {
            if let Home::Of(root) = self.home(folder)
                && !roots.get(&root).is_some_and(|reached| reached.contains(folder))
                && !claimed.contains(folder)
                && !self.is_patch(&root, folder)
            {
                homeless.push((folder.clone(), root));
            }
        }
        for (folder, root) in homeless {
            let detail = format!(
                "cargo takes it for a part of the workspace in `{}`, which neither names nor excludes it",
                manifest_of(&root)
            );
            self.left.push(left(&manifest_of(&folder), Why::Unsupported, detail));
        }
        for (root, reached) in roots {
            let lock = root.join(LOCK).ok().filter(|lock| files.exists(lock));
            let alone = self.manifests.get(&root).is_some_and(|m| m.workspace.is_none());
            // A package that somebody else's project reaches by its path, and that locks nothing itself,
            // is part of that project.
            if lock.is_none() && alone && claimed.contains(&root) {
                continue;
            }
            let others = reached.iter().filter(|folder| **folder != root);
            discovery.projects.push(Project {
                ecosystem: Kind::Cargo,
                manifests: std::iter::once(&root).chain(others).map(manifest_of).collect(),
                lock,
                tool: TOOL,
                root,
            });
        }
        discovery.left = self.left;
        discovery
    }

    pub(super) fn at(&self, folder: &RepoPath) -> Option<&Manifest> {
        self.manifests.get(folder)
    }

    /// What a folder's manifest inherits under this key, with the folder of the root that says it.
    pub(super) fn inherited(&self, folder: &RepoPath, key: &str) -> Option<(RepoPath, &Stated)> {
        let root = match self.home(folder) {
            Home::Own => folder.clone(),
            Home::Of(root) => root,
        };
        let stated = &self.manifests.get(&root)?.stated;
        let found = stated.iter().find(|s| s.table == Table::Workspace && s.key == key)?;
        Some((root, found))
    }

    /// Whose project a folder belongs to.
    fn home(&self, folder: &RepoPath) -> Home {
        let Some(manifest) = self.manifests.get(folder).filter(|m| m.workspace.is_none()) else {
            return Home::Own;
        };
        let root_at = |root: &RepoPath| self.manifests.get(root)?.workspace.as_ref();
        if let Some(pointed) = &manifest.points_to {
            let pointed = folder.join(pointed).ok().filter(|root| root_at(root).is_some());
            return pointed.map_or(Home::Own, Home::Of);
        }
        let mut above = folder.clone();
        while !above.is_root() {
            above = above.parent();
            if let Some(workspace) = root_at(&above) {
                let within = |listed: &String| {
                    above.join(listed.trim_end_matches('/')).is_ok_and(|l| folder.is_within(&l))
                };
                let excluded = workspace.exclude.iter().any(within);
                let named = workspace.members.iter().any(within);
                return if excluded && !named { Home::Own } else { Home::Of(above) };
            }
        }
        Home::Own
    }

    /// The members of the project whose root is here, itself included.
    fn members(&self, root: &RepoPath) -> BTreeSet<RepoPath> {
        let mut members = BTreeSet::from([root.clone()]);
        let Some(workspace) = self.manifests.get(root).and_then(|m| m.workspace.as_ref()) else {
            return members;
        };
        let home = Home::Of(root.clone());
        for member in &workspace.members {
            members.extend(self.named(root, member).filter(|folder| self.home(folder) == home));
        }
        let mut open: Vec<RepoPath> = members.iter().cloned().collect();
        while let Some(folder) = open.pop() {
            for target in self.path_targets(&folder, true) {
                if self.home(&target) == home && members.insert(target.clone()) {
                    open.push(target);
                }
            }
        }
        members
    }

    /// The folders that one entry of `members` names.
    fn named(&self, root: &RepoPath, member: &str) -> impl Iterator<Item = RepoPath> {
        let pattern = root.join(member).ok();
        let glob = pattern.and_then(|pattern| {
            let glob = GlobBuilder::new(pattern.as_str()).literal_separator(true).build();
            glob.ok().map(|glob| glob.compile_matcher())
        });
        let matches = move |folder: &&RepoPath| {
            glob.as_ref().is_some_and(|glob| glob.is_match(folder.as_str()))
        };
        self.manifests.keys().filter(matches).cloned()
    }

    /// `members` and every package of the repository that they reach by path, themselves included.
    fn reached(&self, members: &BTreeSet<RepoPath>) -> BTreeSet<RepoPath> {
        let mut reached = members.clone();
        let mut open: Vec<RepoPath> = members.iter().cloned().collect();
        while let Some(folder) = open.pop() {
            for target in self.path_targets(&folder, members.contains(&folder)) {
                if reached.insert(target.clone()) {
                    open.push(target);
                }
            }
        }
        reached
    }

    /// The folders that a package depends on by path, those of its tests only where they count.
    fn path_targets(&self, folder: &RepoPath, with_development: bool) -> Vec<RepoPath> {
        let Some(manifest) = self.manifests.get(folder) else { return Vec::new() };
        let counts = |stated: &&Stated| {
            stated.table != Table::Workspace
                && (with_development || stated.table != Table::Development)
        };
        let target = |stated: &Stated| match &stated.origin {
            Origin::Path(path) => folder.join(path).ok(),
            Origin::Inherited => match self.inherited(folder, &stated.key)? {
                (root, Stated { origin: Origin::Path(path), .. }) => root.join(path).ok(),
                _ => None,
            },
            Origin::Registry | Origin::Other(_) => None,
        };
        let targets = manifest.stated.iter().filter(counts).filter_map(target);
        targets.filter(|target| self.manifests.contains_key(target)).collect()
    }

    fn is_patch(&self, root: &RepoPath, folder: &RepoPath) -> bool {
        let paths = self.manifests.get(root).map(|manifest| &manifest.patch_paths);
        paths.into_iter().flatten().any(|path| root.join(path).is_ok_and(|path| path == *folder))
    }
}

/// Stands beside each manifest that `cargo vendor` wrote.
const VENDORED_MARK: &str = ".cargo-checksum.json";

/// The manifest in a folder.
pub(super) fn manifest_of(folder: &RepoPath) -> RepoPath {
    folder.join(MANIFEST).expect("a plain name leads nowhere else")
}

fn left(path: &RepoPath, why: Why, detail: String) -> Left {
    Left {
        ecosystem: Some(Kind::Cargo),
        advisory: None,
        package: path.to_string(),
        version: String::new(),
        why,
        detail,
    }
}
