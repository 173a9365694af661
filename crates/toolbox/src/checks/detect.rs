//! Which checks a tree has, from its own files.
//!
//! Every check carries the set-up that it needs in front of it, a member of a workspace that of its root; the steps of
//! two checks of one project are equal, and whoever runs them in one machine runs each step once. Set-up is what needs
//! the network.

mod cargo;
mod installed;
mod npm;
mod python;
mod requirements;
mod runner;

use std::collections::BTreeSet;

use domain::RepoPath;
use domain::check::{Check, ResultFormat};
use domain::dependency::Ecosystem;
use domain::exec::Exec;

use crate::files::FileSet;

/// How long one check may take, in milliseconds.
const CHECK_MAX_MILLIS: u64 = 1_800_000;
/// The most projects whose checks are run.
const PROJECTS_MAX: usize = 20;
/// The most projects that a sentence names.
const NAMED_MAX: usize = 10;
/// Folders whose projects are material for tests or other people's work, not projects of this repository.
const NOT_OURS: [&str; 14] = [
    "node_modules",
    "vendor",
    "third_party",
    "target",
    "fixtures",
    "__fixtures__",
    "testdata",
    "test-data",
    "test_data",
    "fuzz",
    "templates",
    "site-packages",
    "tests",
    "test",
];

/// The checks of a tree.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Detected {
    /// What shows that the tree works. Empty: nothing does, which must be said plainly.
    pub checks: Vec<Check>,
    /// What a person should know of it; sentences.
    pub notes: Vec<String>,
    /// The manifests and locks that the checks' set-up reads.
    pub installed: BTreeSet<RepoPath>,
    /// What could not be read, or is not checked, and why; sentences. Makes a result incomplete.
    pub left_out: Vec<String>,
}

impl Detected {
    /// Of the files that a change touches the manifests and locks that no check installs: what they name is tested by
    /// nothing.
    pub fn not_installed<'a>(
        &self,
        changed: impl IntoIterator<Item = &'a RepoPath>,
    ) -> Vec<&'a RepoPath> {
        let changed = changed.into_iter();
        let of_interest = |path: &&RepoPath| {
            installed::holds_dependencies(path) && !self.installed.contains(*path)
        };
        changed.filter(of_interest).collect()
    }

    fn in_one_line_each(&mut self) {
        for line in self.notes.iter_mut().chain(&mut self.left_out) {
            *line = line.split_whitespace().collect::<Vec<_>>().join(" ");
        }
    }
}

/// Whether [`detect()`] wants to read this file.
pub fn wants(path: &RepoPath) -> bool {
    if in_foreign_folder(path, &["node_modules", "vendor", "target", "site-packages"]) {
        return false;
    }
    matches!(path.file_name(), "Cargo.toml" | "package.json" | "package-lock.json")
        || python::wants(path)
        || npm::is_test_file(path)
}

/// The checks of the projects that these files are.
pub fn detect(files: &FileSet) -> Detected {
    let mut detected = Detected::default();
    for project in projects(files, &mut detected) {
        if !project.checks.is_empty() {
            detected.installed.extend(project.reads);
        }
        detected.checks.extend(project.checks);
    }
    detected.in_one_line_each();
    if detected.checks.is_empty() {
        detected.notes.push(
            "no checks found: there is no Cargo.toml, no test script of npm, and no Python test"
                .to_owned(),
        );
    }
    detected
}

/// The checks that a definition names, with the set-up of the projects that they need in front.
///
/// A command of plain words is run as it stands, any other by `sh -c`. Commands run in the repository's root.
pub fn from_commands(files: &FileSet, commands: &[String]) -> Detected {
    let mut detected = Detected::default();
    let projects = projects(files, &mut detected);
    for command in commands {
        let (check, reads) = named(command, &projects);
        detected.checks.push(check);
        detected.installed.extend(reads);
    }
    // What is checked is the definition's word; what could not be read may be missing in the set-up.
    detected.notes = std::mem::take(&mut detected.left_out);
    detected.in_one_line_each();
    detected
}

/// One project with what it needs and what checks it.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Project {
    ecosystem: Ecosystem,
    setup: Vec<Exec>,
    /// Whether the set-up installs the same on any day.
    is_locked: bool,
    /// A shell line that makes the set-up's programs the ones that are found, where that is needed.
    activate: Option<String>,
    checks: Vec<Check>,
    /// The manifests and locks that the set-up reads.
    reads: BTreeSet<RepoPath>,
}

fn projects(files: &FileSet, detected: &mut Detected) -> Vec<Project> {
    let mut projects = cargo::projects(files, detected);
    projects.extend(npm::projects(files, detected));
    projects.extend(python::projects(files, detected));
    let mut checked = 0;
    let mut over: Vec<String> = Vec::new();
    projects.retain(|project| {
        let Some(check) = project.checks.first() else { return true };
        checked += 1;
        if checked > PROJECTS_MAX {
            over.push(check.origin.clone());
        }
        checked <= PROJECTS_MAX
    });
    if !over.is_empty() {
        let named = over.iter().take(NAMED_MAX).cloned().collect::<Vec<_>>().join(", ");
        let more = match over.len().saturating_sub(NAMED_MAX) {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        detected.left_out.push(format!(
            "of {checked} projects the checks of the first {PROJECTS_MAX} are run, not those of {named}{more}"
        ));
    }
    projects
}

/// The check of a command, with what its set-up reads.
fn named(command: &str, projects: &[Project]) -> (Check, BTreeSet<RepoPath>) {
    let words: Vec<&str> = command.split_whitespace().collect();
    let program = words
        .iter()
        .find(|word| !word.contains('='))
        .map_or("", |word| word.rsplit('/').next().unwrap_or(word));
    let needed = match program {
        "cargo" => Some(Ecosystem::Cargo),
        "npm" | "npx" | "node" | "yarn" | "pnpm" => Some(Ecosystem::Npm),
        "python" | "python3" | "pytest" | "py.test" | "tox" | "uv" | "nox" => {
            Some(Ecosystem::Python)
        }
        _ => None,
    };
    let concerned: Vec<&Project> =
        projects.iter().filter(|p| needed.is_none_or(|e| e == p.ecosystem)).collect();
    let format = format_of(&words);
    let activate = concerned.iter().find_map(|p| p.activate.clone());
    let plain = command.chars().all(|c| c.is_alphanumeric() || " _./:@%+,^~-=".contains(c))
        && words.first().is_some_and(|word| !word.contains('='));
    let argv = match (activate, plain) {
        (Some(activate), _) => shell(&format!("{activate} && {}", command.trim())),
        (None, true) => words.iter().map(|&word| word.to_owned()).collect(),
        (None, false) => shell(command.trim()),
    };
    let mut setup: Vec<Exec> = Vec::new();
    for step in concerned.iter().flat_map(|p| &p.setup) {
        if !setup.contains(step) {
            setup.push(step.clone());
        }
    }
    let command = test_env(Exec::new(argv, "run the check"), format);
    let check = Check {
        setup,
        command,
        format,
        narrower: None,
        is_locked: concerned.iter().all(|project| project.is_locked),
        origin: "the definition".to_owned(),
    };
    (check, concerned.iter().flat_map(|project| project.reads.iter().cloned()).collect())
}

fn format_of(words: &[&str]) -> ResultFormat {
    let has = |wanted: &str| words.iter().any(|w| w.rsplit('/').next() == Some(wanted));
    if has("nextest") {
        ResultFormat::Nextest
    } else if has("cargo") && (has("test") || has("t")) {
        ResultFormat::CargoTest
    } else if has("pytest") || has("py.test") {
        ResultFormat::Pytest
    } else if has("unittest") {
        ResultFormat::Unittest
    } else if ["npm", "npx", "node", "yarn", "pnpm", "mocha", "jest", "vitest", "tap", "tape"]
        .iter()
        .any(|program| has(program))
    {
        ResultFormat::JavaScript
    } else {
        ResultFormat::ExitStatus
    }
}

fn shell(line: &str) -> Vec<String> {
    vec!["sh".to_owned(), "-c".to_owned(), line.to_owned()]
}

/// The time a check may take, and the variables that make its output name every test.
fn test_env(mut command: Exec, format: ResultFormat) -> Exec {
    command.timeout_ms = CHECK_MAX_MILLIS;
    match format {
        // `-r` with `p` names passed tests without what they printed. One file that cannot be imported
        // must not hide the tests of all others.
        ResultFormat::Pytest => command
            .with_env("PYTEST_ADDOPTS", "-rfEsxXp --color=no --continue-on-collection-errors")
            .with_env("PYTHONDONTWRITEBYTECODE", "1"),
        ResultFormat::Unittest => command.with_env("PYTHONDONTWRITEBYTECODE", "1"),
        // No watching, no snapshots written, no questions.
        ResultFormat::JavaScript | ResultFormat::Tap => {
            command.with_env("CI", "true").with_env("FORCE_COLOR", "0")
        }
        ResultFormat::CargoTest | ResultFormat::Nextest => {
            command.with_env("CARGO_TERM_COLOR", "never")
        }
        ResultFormat::ExitStatus => command,
    }
}

/// Folders that hold a file of this name, without those of other people's projects below another.
fn folders_with(files: &FileSet, name: &str) -> BTreeSet<RepoPath> {
    let all: BTreeSet<RepoPath> =
        files.paths().filter(|path| path.file_name() == name).map(RepoPath::parent).collect();
    let outermost = |folder: &RepoPath| !all.iter().any(|o| o != folder && folder.is_within(o));
    all.iter()
        .filter(|folder| outermost(folder) || !in_foreign_folder(folder, &NOT_OURS))
        .filter(|folder| !in_foreign_folder(folder, &["node_modules", "vendor", "site-packages"]))
        .cloned()
        .collect()
}

fn in_foreign_folder(path: &RepoPath, names: &[&str]) -> bool {
    path.as_str().split('/').any(|part| names.contains(&part))
}

/// How a folder is called in a sentence.
fn shown(folder: &RepoPath, file: &str) -> String {
    if folder.is_root() { file.to_owned() } else { format!("{folder}/{file}") }
}

#[cfg(test)]
mod tests;
