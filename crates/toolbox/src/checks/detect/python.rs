//! Checks of Python projects, in a fresh environment.
//!
//! The environment lies outside the checkout, so that nothing of it is ever taken for a change.

use std::collections::{BTreeMap, BTreeSet};

use domain::RepoPath;
use domain::check::{Check, ResultFormat};
use domain::dependency::Ecosystem;
use domain::exec::Exec;

use super::requirements::{self, Layout};
use super::runner::{Runner, Tests};
use super::{Detected, NOT_OURS, Project, in_foreign_folder, shell, test_env};
use crate::files::FileSet;

/// Where a project's environment is made; machines do not share it.
const ENVIRONMENT: &str = "/tmp/hob-venv";
/// Files whose folder is a project.
const MARKS: [&str; 8] = [
    "pyproject.toml",
    "setup.py",
    "setup.cfg",
    "tox.ini",
    "tox.toml",
    "pytest.ini",
    "requirements.txt",
    "uv.lock",
];

/// Files that tell how a project is tested, and make no folder one.
const DESCRIBE: [&str; 3] = ["hatch.toml", "noxfile.py", "manage.py"];

/// Whether the detection reads this file.
pub(super) fn wants(path: &RepoPath) -> bool {
    MARKS.contains(&path.file_name())
        || DESCRIBE.contains(&path.file_name())
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
    // Members of a workspace share its environment, projects apart do not.
    let mut environments: BTreeMap<RepoPath, String> = BTreeMap::new();
    for folder in &roots {
        let inner: Vec<&RepoPath> =
            roots.iter().filter(|other| *other != folder && other.is_within(folder)).collect();
        let tests: Vec<&RepoPath> = files
            .paths()
            .filter(|path| path.is_within(folder) && is_test_file(path))
            .filter(|path| !inner.iter().any(|other| path.is_within(other)))
            .collect();
        let layout = Layout::read(files, folder);
        let environment =
            environments.get(layout.root()).cloned().unwrap_or_else(|| match environments.len() {
                0 => ENVIRONMENT.to_owned(),
                others => format!("{ENVIRONMENT}-{}", others + 1),
            });
        match project(files, &layout, &tests, &environment) {
            Some(project) => {
                environments.insert(layout.root().clone(), environment);
                projects.push(project);
            }
            None if layout.is_python() => {
                detected.notes.push(format!("{} has no Python tests", called(folder)));
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
    paths: &[&RepoPath],
    environment: &str,
) -> Option<Project> {
    let folder = &layout.folder;
    if !paths.iter().any(|path| path.file_name() != "conftest.py") {
        return None;
    }
    let place = test_folder(folder, paths);
    let tests = Tests { files, folder, paths, place: place.as_deref() };
    let runner = tests.runner(layout.knows_pytest);
    let setup = layout.setup(environment, runner == Runner::Pytest);
    let activate = format!(". {environment}/bin/activate");
    let line = tests.line(runner, layout.names_test_paths);
    let format = match runner {
        Runner::Pytest => ResultFormat::Pytest,
        Runner::Unittest | Runner::Django => ResultFormat::Unittest,
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
        origin: format!("the tests of {}", called(folder)),
    };
    Some(Project {
        ecosystem: Ecosystem::Python,
        setup,
        is_locked: layout.is_locked(),
        activate: Some(activate),
        checks: vec![check],
        reads: layout.reads().clone(),
    })
}

/// How a project's folder is called in a sentence.
fn called(folder: &RepoPath) -> &str {
    if folder.is_root() { "the repository" } else { folder.as_str() }
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
