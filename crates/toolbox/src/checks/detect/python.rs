//! Checks of Python projects: pytest where the project knows it, else unittest, in a fresh environment.
//!
//! The environment lies outside the checkout, so that nothing of it is ever taken for a change.

use std::collections::BTreeSet;

use domain::RepoPath;
use domain::check::{Check, ResultFormat};
use domain::dependency::Ecosystem;
use domain::exec::Exec;

use super::requirements::{self, Layout};
use super::{Detected, NOT_OURS, Project, in_foreign_folder, shell, shown, test_env};
use crate::files::FileSet;

/// Where a project's environment is made; machines do not share it.
const ENVIRONMENT: &str = "/tmp/hob-venv";
/// Files whose folder is a project.
const MARKS: [&str; 7] = [
    "pyproject.toml",
    "setup.py",
    "setup.cfg",
    "tox.ini",
    "pytest.ini",
    "requirements.txt",
    "uv.lock",
];

/// Whether the detection reads this file.
pub(super) fn wants(path: &RepoPath) -> bool {
    MARKS.contains(&path.file_name())
        || requirements::is_requirements(path)
        || is_test_file(path)
        || path.file_name() == "__init__.py" && is_test_folder(path.parent().file_name())
}

fn is_test_file(path: &RepoPath) -> bool {
    let Some(stem) = path.file_name().strip_suffix(".py") else { return false };
    stem.starts_with("test_")
        || stem.ends_with("_test")
        || stem == "test"
        || stem == "tests"
        || stem == "conftest"
}

fn is_test_folder(name: &str) -> bool {
    matches!(name, "test" | "tests" | "testing")
}

/// The projects that have tests; one inside another only where it can be installed by itself.
pub(super) fn projects(files: &FileSet, detected: &mut Detected) -> Vec<Project> {
    let mut roots: BTreeSet<RepoPath> = BTreeSet::new();
    for path in files.paths().filter(|path| MARKS.contains(&path.file_name())) {
        let folder = path.parent();
        let inner = roots.iter().any(|root| folder.is_within(root) && folder != *root);
        let whole = matches!(path.file_name(), "pyproject.toml" | "setup.py");
        if in_foreign_folder(&folder, &NOT_OURS) || (inner && !whole) {
            continue;
        }
        roots.insert(folder);
    }
    // Tests without any project around them are one; material for other tests is none.
    let material = NOT_OURS.get(..NOT_OURS.len() - 2).unwrap_or_default();
    let is_loose = |path: &RepoPath| {
        is_test_file(path)
            && path.file_name() != "conftest.py"
            && !in_foreign_folder(path, material)
            && !roots.iter().any(|root| path.is_within(root))
    };
    if files.paths().any(is_loose) {
        roots.insert(RepoPath::root());
    }
    let mut projects = Vec::new();
    for folder in &roots {
        let inner: Vec<&RepoPath> =
            roots.iter().filter(|other| *other != folder && other.is_within(folder)).collect();
        let tests = files
            .paths()
            .filter(|path| path.is_within(folder) && is_test_file(path))
            .filter(|path| !inner.iter().any(|other| path.is_within(other)))
            .collect();
        let layout = Layout::read(files, folder);
        let number = projects.len();
        match project(files, &layout, tests, number) {
            Some(project) => projects.push(project),
            None if layout.is_python() => {
                detected.notes.push(format!("{} has no Python tests", shown(folder, "")));
            }
            None => {}
        }
        detected.notes.extend(layout.notes);
        detected.left_out.extend(layout.unread);
    }
    projects
}

fn project(
    files: &FileSet,
    layout: &Layout,
    tests: Vec<&RepoPath>,
    number: usize,
) -> Option<Project> {
    let folder = &layout.folder;
    if !tests.iter().any(|path| path.file_name() != "conftest.py") {
        return None;
    }
    let imports = |path: &&&RepoPath| {
        files
            .text(path)
            .is_ok_and(|text| text.contains("import pytest") || text.contains("from pytest"))
    };
    let pytest = layout.knows_pytest
        || tests.iter().any(|path| path.file_name() == "conftest.py")
        || tests.iter().any(|path| imports(&path))
        || !tests.iter().any(|path| files.text(path).is_ok_and(|t| t.contains("unittest")));
    let environment =
        if number == 0 { ENVIRONMENT.to_owned() } else { format!("{ENVIRONMENT}-{}", number + 1) };
    let setup = layout.setup(&environment, pytest);
    let activate = format!(". {environment}/bin/activate");
    let place = test_folder(folder, &tests);
    let (line, format) = if pytest {
        let place = place.filter(|_| !layout.names_test_paths);
        let place = place.map_or_else(String::new, |place| format!(" {place}"));
        (format!("python -m pytest{place}"), ResultFormat::Pytest)
    } else {
        (unittest(files, folder, place.as_deref()), ResultFormat::Unittest)
    };
    let mut command = Exec::new(shell(&format!("{activate} && {line}")), "run the tests")
        .in_folder(folder.clone());
    if !layout.is_installable
        && files.paths().any(|p| p.is_within(folder) && starts_with_src(folder, p))
    {
        command = command.with_env("PYTHONPATH", "src");
    }
    let check = Check {
        setup: setup.clone(),
        command: test_env(command, format),
        format,
        narrower: None,
        is_locked: layout.is_locked(),
        origin: format!(
            "the tests of {}",
            if folder.is_root() { "the repository" } else { folder.as_str() }
        ),
    };
    Some(Project {
        ecosystem: Ecosystem::Python,
        setup,
        is_locked: layout.is_locked(),
        activate: Some(activate),
        checks: vec![check],
    })
}

fn relative<'a>(folder: &RepoPath, path: &'a RepoPath) -> &'a str {
    let rest = path.as_str().strip_prefix(folder.as_str()).unwrap_or(path.as_str());
    rest.trim_start_matches('/')
}

fn starts_with_src(folder: &RepoPath, path: &RepoPath) -> bool {
    let rest = relative(folder, path);
    rest.starts_with("src/") && rest.ends_with(".py")
}

/// The folder `tests` or `test`, where all the tests lie in it.
fn test_folder(folder: &RepoPath, tests: &[&RepoPath]) -> Option<String> {
    ["tests", "test"].iter().find_map(|name| {
        let prefix = format!("{name}/");
        let inside = |path: &&&RepoPath| relative(folder, path).starts_with(&prefix);
        let outside = |path: &&RepoPath| !inside(&path) && path.file_name() != "conftest.py";
        (tests.iter().any(|p| inside(&p)) && !tests.iter().any(outside)).then(|| (*name).to_owned())
    })
}

fn unittest(files: &FileSet, folder: &RepoPath, place: Option<&str>) -> String {
    let Some(place) = place else { return "python -m unittest discover -v".to_owned() };
    let is_package =
        folder.join(&format!("{place}/__init__.py")).is_ok_and(|init| files.exists(&init));
    let top = if is_package { " -t ." } else { "" };
    format!("python -m unittest discover -v -s {place}{top}")
}
