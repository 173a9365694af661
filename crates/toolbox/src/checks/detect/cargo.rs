//! Checks of Rust projects: `cargo test`, once for each workspace or package that stands alone.

use std::collections::BTreeSet;

use domain::RepoPath;
use domain::check::{Check, ResultFormat};
use domain::dependency::Ecosystem;
use domain::exec::Exec;

use super::{Detected, Project, folders_with, shown, test_env};
use crate::dependencies::npm::workspace_globs;
use crate::files::FileSet;

/// The workspaces and the packages outside of them.
pub(super) fn projects(files: &FileSet, detected: &mut Detected) -> Vec<Project> {
    let mut roots: Vec<Root> = Vec::new();
    for folder in folders_with(files, "Cargo.toml") {
        let Ok(path) = folder.join("Cargo.toml") else { continue };
        let manifest: toml::Table = match files.text(&path).map(str::parse) {
            Ok(Ok(manifest)) => manifest,
            Ok(Err(error)) => {
                let why = error.to_string();
                detected.left_out.push(format!("`{path}` is not read: {}", why.trim()));
                continue;
            }
            Err(error) => {
                detected.left_out.push(format!("{error}: not checked"));
                continue;
            }
        };
        let workspace = manifest.get("workspace").and_then(toml::Value::as_table);
        // A manifest below a workspace is checked with it, unless it is excluded or a workspace itself.
        let covered = workspace.is_none() && roots.iter().any(|root| root.covers(&folder));
        let is_project = workspace.is_some() || manifest.contains_key("package");
        if covered || !is_project {
            continue;
        }
        roots.push(Root {
            has_defaults: workspace.is_some_and(|w| w.contains_key("default-members")),
            is_workspace: workspace.is_some(),
            excluded: list(workspace, "exclude"),
            members: list(workspace, "members"),
            folder,
        });
    }
    roots.iter().map(|root| root.project(files)).collect()
}

/// A workspace, or a package that stands alone.
struct Root {
    folder: RepoPath,
    is_workspace: bool,
    has_defaults: bool,
    excluded: Vec<String>,
    members: Vec<String>,
}

impl Root {
    fn covers(&self, folder: &RepoPath) -> bool {
        let excluded = |path: &String| {
            self.folder.join(path).is_ok_and(|excluded| folder.is_within(&excluded))
        };
        self.is_workspace && folder.is_within(&self.folder) && !self.excluded.iter().any(excluded)
    }

    fn project(&self, files: &FileSet) -> Project {
        let here = |argv: &[&str], purpose: &str| {
            Exec::new(argv.iter().copied(), purpose).in_folder(self.folder.clone())
        };
        let locked = self.folder.join("Cargo.lock").is_ok_and(|lock| files.exists(&lock));
        let mut test = vec!["cargo", "test"];
        let setup = if locked {
            test.push("--locked");
            vec![here(&["cargo", "fetch", "--locked"], "fetch dependencies")]
        } else {
            vec![
                here(&["cargo", "generate-lockfile"], "resolve dependencies"),
                here(&["cargo", "fetch"], "fetch dependencies"),
            ]
        };
        test.push("--offline");
        let command = |more: &[&str]| {
            let argv = [test.as_slice(), more].concat();
            test_env(here(&argv, "run the tests"), ResultFormat::CargoTest)
        };
        // Members beside the default ones are updated too. What cannot be built here, they perhaps.
        let (wide, narrow) =
            (command(&["--workspace", "--no-fail-fast"]), command(&["--no-fail-fast"]));
        let check = Check {
            setup: setup.clone(),
            format: ResultFormat::CargoTest,
            narrower: self.has_defaults.then(|| narrow.clone()),
            command: if self.is_workspace { wide } else { narrow },
            is_locked: locked,
            origin: shown(&self.folder, "Cargo.toml"),
        };
        Project {
            ecosystem: Ecosystem::Cargo,
            setup,
            is_locked: locked,
            activate: None,
            checks: vec![check],
            reads: self.reads(files),
        }
    }

    /// The lock, and the manifests of the members and of what they depend on by path.
    fn reads(&self, files: &FileSet) -> BTreeSet<RepoPath> {
        let manifest_of = |folder: &RepoPath| {
            folder.join("Cargo.toml").ok().filter(|manifest| files.exists(manifest))
        };
        let globs = workspace_globs(&self.members).ok();
        let is_member = |path: &&RepoPath| {
            let folder = path.parent();
            let below = folder.as_str().strip_prefix(self.folder.as_str()).unwrap_or_default();
            path.file_name() == "Cargo.toml"
                && self.covers(&folder)
                && globs
                    .as_ref()
                    .is_some_and(|(yes, _)| yes.is_match(below.trim_start_matches('/')))
        };
        let mut reads: BTreeSet<RepoPath> = BTreeSet::new();
        let mut open: Vec<RepoPath> = files.paths().filter(is_member).cloned().collect();
        open.extend(manifest_of(&self.folder));
        while let Some(path) = open.pop() {
            if !reads.insert(path.clone()) {
                continue;
            }
            let manifest = files.text(&path).ok().and_then(|text| text.parse().ok());
            let mut places = Vec::new();
            paths_in(&manifest.map_or(toml::Value::Integer(0), toml::Value::Table), &mut places);
            let folder = path.parent();
            open.extend(places.iter().filter_map(|p| manifest_of(&folder.join(p).ok()?)));
        }
        reads.extend(self.folder.join("Cargo.lock").ok().filter(|lock| files.exists(lock)));
        reads
    }
}

/// The values of every `path` in a manifest. Those of targets are no folders with manifests.
fn paths_in(value: &toml::Value, found: &mut Vec<String>) {
    match value {
        toml::Value::Table(table) => {
            for (key, inner) in table {
                match inner.as_str() {
                    Some(place) if key == "path" => found.push(place.to_owned()),
                    Some(_) | None => paths_in(inner, found),
                }
            }
        }
        toml::Value::Array(items) => items.iter().for_each(|item| paths_in(item, found)),
        _ => {}
    }
}

fn list(table: Option<&toml::Table>, key: &str) -> Vec<String> {
    table
        .and_then(|table| table.get(key))
        .and_then(toml::Value::as_array)
        .map(|items| items.iter().filter_map(|i| i.as_str().map(str::to_owned)).collect())
        .unwrap_or_default()
}
