//! The commands that an npm project needs run in the machine. None of them runs a package's own scripts.

use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};

use domain::RepoPath;
use domain::exec::Exec;
use serde_json::{Value, json};

use super::discover::MANIFEST;
use super::linked;
use super::lock::Lock;
use super::manifest::Manifest;
use super::plan::Move;
use super::version;
use crate::dependencies::{Project, Source};
use crate::files::FileSet;

const MOVE: &str = include_str!("move.js");
const RESOLVE: &str = include_str!("resolve.js");
/// The variable that carries a program for node; its arguments stay readable in the ledger.
const PROGRAM: &str = "HOB_NPM_PROGRAM";
const QUIET: [&str; 3] = ["--ignore-scripts", "--no-audit", "--no-fund"];

/// Has npm write the lock with the moved packages.
pub(super) fn move_locked(project: &Project, lock: &Lock, moves: &[Move<'_>]) -> Exec {
    let mut phases: BTreeMap<usize, Vec<Value>> = BTreeMap::new();
    for one in moves {
        phases.entry(one.phase).or_default().push(move_order(project, one));
    }
    let manifests: Vec<String> =
        project.manifests.iter().map(|path| below(project, path)).collect();
    let order = json!({
        "phases": phases.into_values().collect::<Vec<_>>(),
        "manifests": manifests,
        "lockfileVersion": lock.version,
        "resolved": lock.says_resolved,
    });
    node(MOVE, &order, "move locked packages").in_folder(project.root.clone())
}

fn move_order(project: &Project, one: &Move<'_>) -> Value {
    let to = one.bump.to.as_str();
    let asks = one.asks.iter().map(|(manifest, ask)| {
        json!({
            "manifest": below(project, &manifest.path),
            "path": [ask.section.key(), ask.key],
            "value": ask.spec(to),
        })
    });
    let rules = one.overrides.iter().map(|(manifest, rule)| {
        json!({
            "manifest": below(project, &manifest.path),
            "path": rule.path,
            "value": rule.spec(to),
        })
    });
    json!({
        "name": one.bump.package,
        "from": one.bump.from,
        "to": to,
        "down": version::compare(to, &one.bump.from) == Some(Ordering::Less),
        "pins": asks.chain(rules).collect::<Vec<_>>(),
        "not": one.refusing,
    })
}

/// Asks npm whether manifests and lock agree.
pub(super) fn agree(project: &Project) -> Exec {
    Exec::new(["npm", "ci", "--dry-run"].into_iter().chain(QUIET), "check the lock")
        .in_folder(project.root.clone())
}

/// Asks npm whether the requirements of a project without a lock can be met together.
pub(super) fn installable(project: &Project) -> Exec {
    let argv = ["npm", "install", "--dry-run", "--no-package-lock"];
    Exec::new(argv.into_iter().chain(QUIET), "check that it resolves")
        .in_folder(project.root.clone())
}

/// Has npm resolve a project without a lock in a copy, and print the lock.
pub(super) fn resolve(project: &Project, files: &FileSet) -> Exec {
    let mut copied: BTreeSet<RepoPath> = project.manifests.iter().cloned().collect();
    for path in &project.manifests {
        let Ok(manifest) = Manifest::read(files, path) else { continue };
        // What a folder of the repository is asked for by must be there for npm to read.
        let folders = manifest.asks.iter().filter_map(|ask| match &ask.source {
            Source::Other(spec) => {
                spec.strip_prefix("file:").or_else(|| spec.strip_prefix("link:"))
            }
            Source::Registry | Source::Workspace => None,
        });
        for folder in folders {
            let found = manifest.folder().join(folder).and_then(|folder| folder.join(MANIFEST));
            copied.extend(found.ok().filter(|path| files.exists(path)));
        }
    }
    let settings = project.root.join(".npmrc").ok().filter(|path| files.exists(path));
    copied.extend(settings);
    let order = json!({ "root": project.root.as_str(), "files": copied.iter().map(RepoPath::as_str).collect::<Vec<_>>() });
    node(RESOLVE, &order, "resolve versions")
}

/// A program for node with its order as the one argument.
fn node(program: &str, order: &Value, purpose: &str) -> Exec {
    let run = format!("eval(process.env.{PROGRAM})");
    Exec::new(["node".to_owned(), "-e".to_owned(), run, order.to_string()], purpose)
        .with_env(PROGRAM, program)
}

/// A path as seen from the project's root.
fn below(project: &Project, path: &RepoPath) -> String {
    linked::seen_from(&project.root, path)
}
