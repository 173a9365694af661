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
use super::parts::Part;
use super::requirements::Ask;
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

/// What pip is asked to install in one go.
#[derive(Debug, Serialize)]
struct Root {
    /// Which part of the project, for a person.
    part: String,
    arguments: Vec<String>,
    /// What of it is installed apart, where pip finds no versions for all of it: what everything needs first.
    apart: Vec<Self>,
}

impl Root {
    fn new(part: &str, arguments: Vec<String>, apart: Vec<Self>) -> Self {
        Self { part: part.to_owned(), arguments, apart }
    }

    fn of_file(file: String) -> Self {
        Self::new(&file.clone(), vec!["-r".to_owned(), file], Vec::new())
    }

    /// The requirements of a `pyproject.toml`.
    fn of_project(manifest: &Manifest) -> Self {
        let argument = |ask: &Ask| {
            let extras = match ask.extras.as_slice() {
                [] => String::new(),
                extras => format!("[{}]", extras.join(",")),
            };
            let marker = ask.marker.as_ref().map(|marker| format!("; {marker}"));
            format!("{}{extras}{}{}", ask.package, ask.range, marker.unwrap_or_default())
        };
        let from_index = |ask: &&Ask| ask.source == crate::dependencies::Source::Registry;
        let all = manifest.asks.iter().filter(from_index).map(argument).collect();
        let part = |part: &Part| {
            let asks = part.asks.iter().filter_map(|at| manifest.asks.get(*at));
            Self::new(&part.name, asks.filter(from_index).map(argument).collect(), Vec::new())
        };
        let apart = if manifest.parts.len() > 1 { manifest.parts.as_slice() } else { &[] };
        Self::new(PYPROJECT, all, apart.iter().map(part).collect())
    }
}

/// Each set that is installed together: files that nobody includes.
fn roots(project: &Project, manifests: &[Manifest]) -> Vec<Root> {
    let folder = folder(project);
    let mut roots = Vec::new();
    for manifest in manifests {
        if manifest.path.file_name() == PYPROJECT {
            roots.push(Root::of_project(manifest));
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
            roots.push(Root::of_file(seen_from(&folder, &manifest.path)));
        }
    }
    if roots.is_empty() {
        roots.extend(manifests.first().map(|m| Root::of_file(seen_from(&folder, &m.path))));
    }
    roots.retain(|root| !root.arguments.is_empty());
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

/// Has uv move locked packages, and nothing else, with whichever Python of the machine the project admits: what
/// `.python-version` pins is for running, and may not be here.
pub(super) fn lock(project: &Project, python: Option<&str>, bumps: &[Bump]) -> Exec {
    let is_range = |text: &&str| VersionSpecifiers::from_str(text).is_ok_and(|all| !all.is_empty());
    let python = python.map(str::trim).filter(is_range).unwrap_or("python3");
    let argv = ["uv", "lock", "--python", python];
    let mut argv: Vec<String> = argv.map(str::to_owned).into();
    for bump in bumps {
        argv.push("--upgrade-package".to_owned());
        argv.push(format!("{}=={}", bump.package, bump.to));
    }
    Exec::new(argv, "move locked packages")
        .in_folder(project.root.clone())
        .with_env("UV_PYTHON_DOWNLOADS", "never")
}
