//! The commands that a Python project needs run in the machine. None of them changes the checkout but `uv lock`
//! and what writes hashes.

use std::collections::BTreeMap;
use std::str::FromStr as _;

use domain::RepoPath;
use domain::exec::Exec;
use pep440_rs::VersionSpecifiers;
use serde::Serialize;
use serde_json::json;

use super::discover::PYPROJECT;
use super::tree::Manifest;
use super::version;
use crate::dependencies::{Bump, Project};

const RESOLVE: &str = include_str!("resolve.py");
const REHASH: &str = include_str!("rehash.py");
/// The variable that carries a program for Python; its arguments stay readable in the ledger.
const PROGRAM: &str = "HOB_PIP_PROGRAM";

/// The folder that people run pip in: local paths in requirements files start there.
fn folder(project: &Project) -> RepoPath {
    match project.root.file_name() {
        "requirements" | "reqs" => project.root.parent(),
        _ => project.root.clone(),
    }
}

/// A path as seen from a folder that may lie beside it.
fn seen_from(folder: &RepoPath, path: &RepoPath) -> String {
    let up = folder.as_str().split('/').filter(|part| !part.is_empty());
    let parts: Vec<&str> = path.as_str().split('/').collect();
    let shared = up.clone().zip(&parts).take_while(|(a, b)| a == *b).count();
    let above = up.count() - shared;
    let below = parts.get(shared..).unwrap_or_default().join("/");
    // A path never looks like an option.
    let here = if above == 0 && below.starts_with('-') { "./" } else { "" };
    format!("{here}{}{below}", "../".repeat(above))
}

/// The arguments for each set that is installed together: files that nobody includes.
fn roots(project: &Project, manifests: &[Manifest]) -> Vec<Vec<String>> {
    let folder = folder(project);
    let mut roots = Vec::new();
    for manifest in manifests {
        if manifest.path.file_name() == PYPROJECT {
            let asks = manifest
                .asks
                .iter()
                .filter(|ask| ask.source == crate::dependencies::Source::Registry);
            roots.push(
                asks.map(|ask| {
                    let extras = if ask.extras.is_empty() {
                        String::new()
                    } else {
                        format!("[{}]", ask.extras.join(","))
                    };
                    format!("{}{extras}{}", ask.package, ask.range)
                })
                .collect(),
            );
            continue;
        }
        let included = manifests
            .iter()
            .any(|other| other.path != manifest.path && other.includes.contains(&manifest.path));
        // What pip-tools compiles from is installed by what it compiles to.
        let compiled = manifest.path.as_str().strip_suffix(".in").is_some_and(|stem| {
            manifests.iter().any(|other| other.path.as_str().strip_suffix(".txt") == Some(stem))
        });
        if !included && !compiled {
            roots.push(vec!["-r".to_owned(), seen_from(&folder, &manifest.path)]);
        }
    }
    if roots.is_empty() {
        roots.extend(manifests.first().map(|m| vec!["-r".to_owned(), seen_from(&folder, &m.path)]));
    }
    roots.retain(|root| !root.is_empty());
    roots
}

/// Has pip say what it would install; nothing where nothing is asked for.
pub(super) fn resolve(project: &Project, manifests: &[Manifest]) -> Option<Exec> {
    let roots = roots(project, manifests);
    let has_local = manifests.iter().any(|manifest| manifest.has_local);
    let folder = folder(project);
    let omitted: Vec<Omitted> = manifests
        .iter()
        .filter(|manifest| !manifest.unread.is_empty())
        .map(|manifest| Omitted {
            file: seen_from(&folder, &manifest.path),
            lines: manifest.unread.iter().map(|unread| (unread.first, unread.last)).collect(),
        })
        .collect();
    let order = json!({ "roots": roots, "local": has_local, "omitted": omitted });
    (!roots.is_empty()).then(|| program(RESOLVE, &order, "resolve versions").in_folder(folder))
}

/// Lines of a file that pip is not shown.
#[derive(Debug, Serialize)]
struct Omitted {
    file: String,
    /// First and last, from 1.
    lines: Vec<(u64, u64)>,
}

/// A place in a file where the hashes of a version belong.
#[derive(Debug, Serialize)]
pub(super) struct Mark {
    /// What stands there until then.
    pub(super) text: String,
    pub(super) package: String,
    pub(super) version: String,
    /// The option as it was written: `--hash=`.
    pub(super) option: String,
    /// What stands between two hashes.
    pub(super) between: String,
}

/// Has the index say the hashes of what was moved, and writes them.
pub(super) fn rehash(marks: &BTreeMap<RepoPath, Vec<Mark>>) -> Option<Exec> {
    let files: Vec<_> = marks
        .iter()
        .map(|(path, marks)| json!({ "file": seen_from(&RepoPath::root(), path), "marks": marks }))
        .collect();
    (!files.is_empty())
        .then(|| program(REHASH, &json!(files), "write the hashes of what was moved"))
}

fn program(text: &str, order: &serde_json::Value, purpose: &str) -> Exec {
    let run = format!("import os; exec(os.environ['{PROGRAM}'])");
    Exec::new(["python3".to_owned(), "-c".to_owned(), run, order.to_string()], purpose)
        .with_env(PROGRAM, text)
}

/// Has pip fetch uv where the machine has none; `wanted` is the `required-version` of the project.
pub(super) fn fetch_uv(wanted: Option<&str>) -> Exec {
    const FETCH: &str =
        "command -v uv >/dev/null || exec python3 -m pip install --quiet --user \"$1\"";
    let is_version = |text: &&str| version::parse(text).is_some();
    let is_range = |text: &&str| VersionSpecifiers::from_str(text).is_ok();
    let wanted = wanted.map(str::trim);
    // It comes from a file: what is neither a version nor a specifier would be more than a version to pip.
    let uv = match (wanted.filter(is_version), wanted.filter(is_range)) {
        (Some(version), _) => format!("uv=={version}"),
        (None, Some(range)) => format!("uv{range}"),
        (None, None) => "uv".to_owned(),
    };
    Exec::new(["sh", "-c", FETCH, "sh", &uv], "fetch uv where there is none")
        // The machine's Python is nobody else's.
        .with_env("PIP_BREAK_SYSTEM_PACKAGES", "1")
}

/// Has uv move locked packages, and nothing else.
pub(super) fn lock(project: &Project, bumps: &[Bump]) -> Exec {
    let mut argv = vec!["uv".to_owned(), "lock".to_owned()];
    for bump in bumps {
        argv.push("--upgrade-package".to_owned());
        argv.push(format!("{}=={}", bump.package, bump.to));
    }
    Exec::new(argv, "move locked packages").in_folder(project.root.clone())
}
