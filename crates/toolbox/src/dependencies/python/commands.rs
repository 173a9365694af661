//! The commands that a Python project needs run in the machine. None of them changes the checkout but `uv lock`.

use domain::RepoPath;
use domain::exec::Exec;
use serde_json::json;

use super::discover::PYPROJECT;
use super::tree::Manifest;
use crate::dependencies::{Bump, Project};

const RESOLVE: &str = include_str!("resolve.py");
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

/// Has pip say what it would install.
pub(super) fn resolve(project: &Project, manifests: &[Manifest]) -> Exec {
    program(project, manifests, "resolve versions")
}

/// Asks pip whether the requirements can be installed together.
pub(super) fn installable(project: &Project, manifests: &[Manifest]) -> Vec<Exec> {
    const PURPOSE: &str = "check that it resolves";
    if manifests.iter().any(|manifest| manifest.has_local) {
        return vec![program(project, manifests, PURPOSE)];
    }
    let pip = [
        "python3",
        "-m",
        "pip",
        "install",
        "--dry-run",
        "--ignore-installed",
        "--quiet",
        "--disable-pip-version-check",
    ];
    roots(project, manifests)
        .into_iter()
        .map(|root| {
            Exec::new(pip.into_iter().map(str::to_owned).chain(root), PURPOSE)
                .in_folder(folder(project))
        })
        .collect()
}

fn program(project: &Project, manifests: &[Manifest], purpose: &str) -> Exec {
    let local = manifests.iter().any(|manifest| manifest.has_local);
    let order = json!({ "roots": roots(project, manifests), "local": local }).to_string();
    let run = format!("import os; exec(os.environ['{PROGRAM}'])");
    Exec::new(["python3".to_owned(), "-c".to_owned(), run, order], purpose)
        .with_env(PROGRAM, RESOLVE)
        .in_folder(folder(project))
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
