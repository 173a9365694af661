//! What a Python project says that its tests need, and the commands that install it.
//!
//! Taken in this order: `uv.lock`; requirements files for tests or development beside the main one; extras
//! and dependency groups called after tests or development; the plain `deps` of tox. The project itself
//! is installed in development mode where it can be.

use domain::RepoPath;
use domain::exec::Exec;

use super::shown;
use crate::files::FileSet;

/// Words that name what tests need, the closest first.
const WORDS: [&str; 7] = ["test", "tests", "testing", "dev", "develop", "development", "ci"];

/// Makes an empty environment. Most of the work is to put pip into it, so an untouched one is kept beside it for
/// when the same machine needs it once more, as it does to tell moves apart.
pub(super) const FRESH_ENVIRONMENT: &str = r#"if [ -d "$1.kept" ]; then rm -rf "$1" && cp -a "$1.kept" "$1"; else python3 -m venv --clear "$1" && cp -a "$1" "$1.part" && mv "$1.part" "$1.kept"; fi"#;

/// What is known of a project.
#[derive(Debug, Clone, Default)]
pub(super) struct Layout {
    pub(super) folder: RepoPath,
    pub(super) knows_pytest: bool,
    pub(super) names_test_paths: bool,
    /// Whether pip can install the project itself.
    pub(super) is_installable: bool,
    pub(super) notes: Vec<String>,
    pub(super) unread: Vec<String>,
    has_marks: bool,
    uv_lock: bool,
    uv_extras: Vec<String>,
    files: Vec<String>,
    hashed: bool,
    installs_pytest: bool,
    extras: Vec<String>,
    packages: Vec<String>,
}

/// Whether this is a requirements file of some sort.
pub(super) fn is_requirements(path: &RepoPath) -> bool {
    domain::dependency::is_requirements(path)
}

impl Layout {
    /// Reads a project's files.
    pub(super) fn read(files: &FileSet, folder: &RepoPath) -> Self {
        let mut layout = Self { folder: folder.clone(), ..Self::default() };
        let text = |name: &str| folder.join(name).ok().and_then(|p| files.text(&p).ok());
        let exists = |name: &str| folder.join(name).is_ok_and(|p| files.exists(&p));
        layout.has_marks = exists("setup.py") || exists("pyproject.toml") || exists("setup.cfg");
        layout.is_installable = exists("setup.py");
        layout.knows_pytest = exists("pytest.ini");
        layout.uv_lock = exists("uv.lock");
        if let Some(text) = text("pyproject.toml") {
            match text.parse::<toml::Table>() {
                Ok(table) => layout.pyproject(&table),
                Err(error) => layout
                    .unread
                    .push(format!("`{}` is not read: {error}", shown(folder, "pyproject.toml"))),
            }
        }
        if let Some(text) = text("setup.cfg") {
            layout.is_installable |= text.contains("[metadata]") && exists("setup.cfg");
            layout.ini(text, "[tool:pytest]");
            layout.extras.extend(named_in(text, "[options.extras_require]"));
        }
        if let Some(text) = text("pytest.ini") {
            layout.ini(text, "[pytest]");
        }
        if let Some(text) = text("setup.py") {
            layout.extras.extend(extras_of_setup(text));
        }
        layout.requirement_files(files);
        if let Some(text) = text("tox.ini") {
            layout.ini(text, "[pytest]");
            layout.knows_pytest |= text.contains("pytest") || text.contains("py.test");
            if layout.files.is_empty() && layout.extras.is_empty() && layout.packages.is_empty() {
                layout.tox(text);
            }
        }
        layout.extras.sort();
        layout.extras.dedup();
        for tool in ["poetry.lock", "Pipfile.lock", "pdm.lock"] {
            if exists(tool) {
                layout.notes.push(format!(
                    "{tool} is not read: the tests' dependencies are not those it locks"
                ));
            }
        }
        layout
    }

    /// Whether this is a Python project at all, and not a folder with some requirements file.
    pub(super) fn is_python(&self) -> bool {
        self.has_marks
    }

    /// Whether the commands install the same on any day: with a lock or hashes, and nothing beside them.
    pub(super) fn is_locked(&self) -> bool {
        (self.uv_lock && self.knows_pytest)
            || (self.hashed && self.installs_pytest && self.packages.is_empty())
    }

    /// The commands that make an environment with all that the tests need.
    pub(super) fn setup(&self, environment: &str, pytest: bool) -> Vec<Exec> {
        let step = |argv: Vec<String>, purpose: &str| {
            Exec::new(argv, purpose)
                .in_folder(self.folder.clone())
                .with_env("PIP_DISABLE_PIP_VERSION_CHECK", "1")
                // What the tests import is compiled when they do; the rest never needs to be.
                .with_env("PIP_NO_COMPILE", "1")
        };
        let words = |words: &[&str]| words.iter().map(|&w| w.to_owned()).collect::<Vec<_>>();
        let python = format!("{environment}/bin/python");
        let pip = |more: Vec<String>| {
            let mut argv = words(&[&python, "-m", "pip", "install", "--quiet"]);
            argv.extend(more);
            step(argv, "install dependencies")
        };
        let fresh = words(&["sh", "-c", FRESH_ENVIRONMENT, "sh", environment]);
        let mut steps = vec![step(fresh, "make an environment")];
        if self.uv_lock {
            steps.push(pip(words(&["uv"])));
            let mut argv = words(&[
                &format!("{environment}/bin/uv"),
                "sync",
                "--frozen",
                "--active",
                "--inexact",
                "--all-groups",
            ]);
            for extra in &self.uv_extras {
                argv.extend(words(&["--extra", extra]));
            }
            steps.push(step(argv, "install dependencies").with_env("VIRTUAL_ENV", environment));
            if pytest && !self.knows_pytest {
                steps.push(pip(words(&["pytest"])));
            }
            return steps;
        }
        let mut wanted: Vec<String> =
            self.files.iter().flat_map(|file| ["-r".to_owned(), file.clone()]).collect();
        let mut project = Vec::new();
        if self.is_installable {
            let extras = if self.extras.is_empty() {
                String::new()
            } else {
                format!("[{}]", self.extras.join(","))
            };
            project.extend(["-e".to_owned(), format!(".{extras}")]);
        }
        let mut packages = self.packages.clone();
        let named = |p: &String| requirement_name(p) == "pytest";
        if pytest && !self.installs_pytest && !packages.iter().any(named) {
            packages.push("pytest".to_owned());
        }
        if self.hashed {
            // Where one requirement carries a hash, pip wants one for all in the same command.
            steps.push(pip(wanted));
            project.insert(0, "--no-deps".to_owned());
            if self.is_installable {
                steps.push(pip(project));
            }
            if !packages.is_empty() {
                steps.push(pip(packages));
            }
            return steps;
        }
        wanted.extend(project);
        wanted.extend(packages);
        if !wanted.is_empty() {
            steps.push(pip(wanted));
        }
        steps
    }

    fn pyproject(&mut self, table: &toml::Table) {
        let at = |path: &[&str]| {
            path.iter().try_fold(None, |value: Option<&toml::Value>, key| {
                let table = value.map_or(Some(table), toml::Value::as_table)?;
                table.get(*key).map(Some)
            })
        };
        let at = |path: &[&str]| at(path).flatten();
        let built = at(&["build-system"]).is_some();
        self.is_installable |= built;
        if let Some(options) =
            at(&["tool", "pytest", "ini_options"]).or_else(|| at(&["tool", "pytest"]))
        {
            self.knows_pytest = true;
            self.names_test_paths |= options.get("testpaths").is_some();
        }
        if let Some(extras) =
            at(&["project", "optional-dependencies"]).and_then(toml::Value::as_table)
        {
            self.extras.extend(closest(extras.keys().map(String::as_str)));
            self.uv_extras.clone_from(&self.extras);
        }
        if !self.is_installable {
            // Without a build system the project is no package: only what it names is installed.
            self.packages.extend(strings(at(&["project", "dependencies"])));
            for extra in std::mem::take(&mut self.extras) {
                self.packages.extend(strings(at(&[
                    "project",
                    "optional-dependencies",
                    extra.as_str(),
                ])));
            }
        }
        if let Some(groups) = at(&["dependency-groups"]).and_then(toml::Value::as_table) {
            for name in closest(groups.keys().map(String::as_str)) {
                group(groups, &name, 0, &mut self.packages);
            }
        }
        for path in [&["tool", "poetry", "group", "test"], &["tool", "poetry", "group", "dev"]] {
            let dependencies = at(path).and_then(|g| g.get("dependencies"));
            self.poetry(dependencies.and_then(toml::Value::as_table));
        }
        self.poetry(at(&["tool", "poetry", "dev-dependencies"]).and_then(toml::Value::as_table));
        let text = table.to_string();
        self.knows_pytest |= text.contains("\"pytest") || text.contains("pytest =");
    }

    /// poetry's own ranges are not pip's: its development packages are installed by name.
    fn poetry(&mut self, dependencies: Option<&toml::Table>) {
        let names: Vec<String> =
            dependencies.into_iter().flat_map(toml::Table::keys).cloned().collect();
        if !names.is_empty() {
            self.notes.push(format!(
                "poetry's ranges of development packages are not read; installed by name: {}",
                names.join(", ")
            ));
        }
        self.packages.extend(names);
    }

    fn ini(&mut self, text: &str, section: &str) {
        if let Some(body) = section_of(text, section) {
            self.knows_pytest = true;
            self.names_test_paths |= body.lines().any(|l| l.trim_start().starts_with("testpaths"));
        }
    }

    fn requirement_files(&mut self, files: &FileSet) {
        let near: Vec<(String, RepoPath)> = files
            .paths()
            .filter(|path| path.is_within(&self.folder) && is_requirements(path))
            .filter_map(|path| {
                let rest = path.as_str().strip_prefix(self.folder.as_str())?;
                Some((rest.trim_start_matches('/').to_owned(), path.clone()))
            })
            .filter(|(rest, _)| rest.matches('/').count() <= 1)
            .collect();
        let mut chosen: Vec<&(String, RepoPath)> =
            near.iter().filter(|(r, _)| is_main(r)).collect();
        for words in [&WORDS[..3], &WORDS[3..]] {
            let found: Vec<_> = near.iter().filter(|(r, _)| names(r, words)).collect();
            if !found.is_empty() {
                chosen.extend(found);
                break;
            }
        }
        // What a main file includes by `-r` is not looked into: pip reads it, and asking for pytest twice is harmless.
        for (rest, path) in chosen {
            let text = files.text(path).unwrap_or_default();
            self.hashed |= text.contains("--hash=");
            self.installs_pytest |= text.lines().any(|l| requirement_name(l) == "pytest");
            self.files.push(rest.clone());
        }
        self.knows_pytest |= self.installs_pytest;
    }

    /// The plain `deps` of `[testenv]`: lines with a condition or a variable are left out.
    fn tox(&mut self, text: &str) {
        let Some(body) = section_of(text, "[testenv]") else { return };
        let mut inside = false;
        for line in body.lines() {
            let indented = line.starts_with([' ', '\t']);
            if !indented {
                inside = false;
            }
            let value = match line.split_once('=') {
                Some((key, value)) if !indented && key.trim() == "deps" => {
                    inside = true;
                    value
                }
                _ => line,
            };
            let value = value.trim();
            if !inside || value.is_empty() || value.starts_with('#') || value.contains(['{', ':']) {
                continue;
            }
            match value.strip_prefix("-r") {
                Some(file) => self.files.push(file.trim().to_owned()),
                None if !value.starts_with('-') => self.packages.push(value.to_owned()),
                None => {}
            }
        }
    }
}

/// Those of `names` that are called after tests; else those called after development.
fn closest<'a>(names: impl Iterator<Item = &'a str>) -> Vec<String> {
    let names: Vec<&str> = names.collect();
    for words in [&WORDS[..3], &WORDS[3..]] {
        let found: Vec<String> = names
            .iter()
            .filter(|name| words.contains(&name.to_lowercase().as_str()))
            .map(|&name| name.to_owned())
            .collect();
        if !found.is_empty() {
            return found;
        }
    }
    Vec::new()
}

fn strings(list: Option<&toml::Value>) -> Vec<String> {
    let items = list.and_then(toml::Value::as_array).into_iter().flatten();
    items.filter_map(|item| item.as_str().map(str::to_owned)).collect()
}

/// PEP 735: strings, and groups that are included.
fn group(groups: &toml::Table, name: &str, depth: usize, packages: &mut Vec<String>) {
    let Some(items) = groups.get(name).and_then(toml::Value::as_array) else { return };
    for item in items {
        if let Some(text) = item.as_str() {
            packages.push(text.to_owned());
        } else if let Some(other) = item.get("include-group").and_then(toml::Value::as_str)
            && depth < 8
        {
            group(groups, other, depth + 1, packages);
        }
    }
}

fn is_main(rest: &str) -> bool {
    matches!(
        rest,
        "requirements.txt"
            | "requirements/base.txt"
            | "requirements/requirements.txt"
            | "requirements/main.txt"
    )
}

/// `requirements-dev.txt`, `dev-requirements.txt`, `requirements/dev.txt`, `tests/requirements.txt`.
fn names(rest: &str, words: &[&str]) -> bool {
    let stem = rest.strip_suffix(".txt").unwrap_or(rest).to_lowercase();
    let mut parts = stem.split(['-', '_', '.', '/']).filter(|p| !p.is_empty());
    let all_known = parts.clone().all(|p| p.starts_with("requirement") || words.contains(&p));
    all_known && parts.any(|p| words.contains(&p))
}

fn requirement_name(line: &str) -> String {
    let name: String = line
        .trim()
        .chars()
        .take_while(|c| c.is_alphanumeric() || matches!(c, '-' | '_' | '.'))
        .collect();
    name.to_lowercase()
}

fn section_of<'a>(text: &'a str, section: &str) -> Option<&'a str> {
    let start = text.lines().find(|line| line.trim_end() == section)?;
    let (_, body) = text.split_once(start)?;
    Some(body.split_once("\n[").map_or(body, |(body, _)| body))
}

fn named_in(text: &str, section: &str) -> Vec<String> {
    let keys = section_of(text, section).unwrap_or_default().lines().filter_map(|line| {
        let (key, _) = line.split_once('=')?;
        (!line.starts_with([' ', '\t', '#'])).then(|| key.trim())
    });
    closest(keys)
}

/// The extras in the literal after `extras_require`, as far as they can be seen without running it.
fn extras_of_setup(text: &str) -> Vec<String> {
    let Some((_, rest)) = text.split_once("extras_require") else { return Vec::new() };
    let literal: String = rest.chars().take(4_000).collect();
    let quoted = |word: &&str| {
        ['"', '\''].iter().any(|q| {
            let key = format!("{q}{word}{q}");
            literal.split(key.as_str()).skip(1).any(|after| after.trim_start().starts_with(':'))
        })
    };
    closest(WORDS.iter().filter(|word| quoted(word)).copied())
}
