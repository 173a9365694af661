//! uv's workspaces: whose lock a project is installed from, and the commands that do it.

use std::collections::BTreeSet;

use domain::RepoPath;

use super::text::{closest, name};
use crate::files::FileSet;

/// The workspace, or the project alone, that a `uv.lock` locks.
#[derive(Debug, Clone, Default)]
pub(super) struct Workspace {
    /// Where the lock lies.
    pub(super) root: RepoPath,
    /// Groups that are installed; nothing: all of them.
    groups: Option<Vec<String>>,
    /// Extras of any member that tests or development need.
    extras: Vec<String>,
    /// What the lock holds, by name.
    packages: BTreeSet<String>,
    /// The lock and the manifests that it is made of.
    pub(super) files: BTreeSet<RepoPath>,
}

impl Workspace {
    /// The workspace that holds this folder.
    pub(super) fn of(files: &FileSet, folder: &RepoPath) -> Option<Self> {
        let mut root = folder.clone();
        loop {
            let lock = root.join("uv.lock").ok()?;
            if files.exists(&lock) {
                let workspace = Self::read(files, &root, lock);
                let own = folder.join("pyproject.toml").ok()?;
                if root == *folder || workspace.files.contains(&own) {
                    return Some(workspace);
                }
            }
            if root.is_root() {
                return None;
            }
            root = root.parent();
        }
    }

    fn read(files: &FileSet, root: &RepoPath, lock: RepoPath) -> Self {
        let mut workspace = Self { root: root.clone(), ..Self::default() };
        let table = files.text(&lock).ok().and_then(|text| text.parse::<toml::Table>().ok());
        let mut folders = BTreeSet::from([root.clone()]);
        let entries = table.as_ref().and_then(|t| t.get("package")?.as_array());
        for entry in entries.into_iter().flatten() {
            workspace.packages.extend(entry.get("name").and_then(|n| n.as_str()).map(name));
            let source = entry.get("source");
            let place = ["editable", "virtual", "directory"]
                .iter()
                .find_map(|kind| source?.get(kind)?.as_str())
                .and_then(|place| root.join(place).ok());
            folders.extend(place);
        }
        let manifests: BTreeSet<RepoPath> = folders
            .iter()
            .filter_map(|folder| folder.join("pyproject.toml").ok())
            .filter(|path| files.exists(path))
            .collect();
        let mut extras = BTreeSet::new();
        let mut groups = BTreeSet::new();
        let mut conflicts = false;
        for path in &manifests {
            let manifest = files.text(path).ok().and_then(|text| text.parse::<toml::Table>().ok());
            let Some(manifest) = manifest else { continue };
            let optional = manifest.get("project").and_then(|p| p.get("optional-dependencies"));
            extras.extend(closest(keys(optional)));
            groups.extend(closest(keys(manifest.get("dependency-groups"))));
            conflicts |= manifest
                .get("tool")
                .is_some_and(|tool| tool.get("uv").is_some_and(|uv| uv.get("conflicts").is_some()));
        }
        workspace.extras = extras.into_iter().collect();
        // Groups that exclude each other cannot be installed all.
        workspace.groups = conflicts.then(|| groups.into_iter().collect());
        workspace.files = manifests;
        workspace.files.insert(lock);
        workspace
    }

    /// Whether the lock holds this package.
    pub(super) fn locks(&self, package: &str) -> bool {
        self.packages.contains(package)
    }

    /// The words behind `uv` that install what is locked into the environment that is active.
    pub(super) fn sync(&self) -> Vec<String> {
        let mut words: Vec<String> =
            ["sync", "--frozen", "--active", "--inexact", "--all-packages"]
                .map(str::to_owned)
                .to_vec();
        match &self.groups {
            None => words.push("--all-groups".to_owned()),
            Some(groups) => {
                words.extend(groups.iter().flat_map(|g| ["--group".to_owned(), g.clone()]));
            }
        }
        words.extend(self.extras.iter().flat_map(|e| ["--extra".to_owned(), e.clone()]));
        words
    }
}

fn keys(table: Option<&toml::Value>) -> impl Iterator<Item = &str> {
    table
        .and_then(toml::Value::as_table)
        .into_iter()
        .flat_map(toml::Table::keys)
        .map(String::as_str)
}
