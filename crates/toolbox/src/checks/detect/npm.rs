//! Checks of JavaScript projects: the `test` script of `package.json`, else the runner that is installed.
//!
//! Install scripts run: packages with native parts do not work without, and the machine is one that may be
//! broken. A linter in front of the tests (`pretest: eslint`, `eslint . && mocha`) would hide them where it
//! is red already: linters are checks of their own, run after the tests.

use std::collections::{BTreeMap, BTreeSet};

use domain::RepoPath;
use domain::check::{Check, ResultFormat};
use domain::dependency::Ecosystem;
use domain::exec::Exec;
use serde_json::{Map, Value};

use super::{Detected, Project, folders_with, shown, test_env};
use crate::dependencies::npm::{linked_members, workspace_globs};
use crate::files::FileSet;

/// Programs that read code and do not run it.
const LINTERS: [&str; 16] = [
    "eslint",
    "standard",
    "xo",
    "prettier",
    "jshint",
    "jscs",
    "tslint",
    "semistandard",
    "dependency-check",
    "npmPkgJsonLint",
    "biome",
    "oxlint",
    "dtslint",
    "markdownlint",
    "commitlint",
    "evalmd",
];

/// Programs that run the one behind them.
const WRAPPERS: [&str; 12] = [
    "nyc",
    "c8",
    "cross-env",
    "cross-env-shell",
    "env",
    "env-cmd",
    "dotenv",
    "dotenvx",
    "node",
    "yarn",
    "pnpm",
    "npx",
];
/// Programs that run tests and take a flag to name each.
const RUNNERS: [&str; 4] = ["jest", "vitest", "mocha", "_mocha"];

/// The projects; a member of a workspace is set up with its root.
pub(super) fn projects(files: &FileSet, detected: &mut Detected) -> Vec<Project> {
    let manifests = manifests(files, detected);
    let mut members = members(&manifests, detected);
    // `npm ci` of a lock installs what the folders that it links to ask for.
    for (folder, root) in linked_members(files) {
        let known = manifests.contains_key(&folder) && manifests.contains_key(&root);
        let is_root = members.values().any(|root| *root == folder);
        if known && !is_root && !members.contains_key(&folder) && !members.contains_key(&root) {
            members.insert(folder, root);
        }
    }
    let mut projects = Vec::new();
    for (folder, manifest) in &manifests {
        let root = members.get(folder).and_then(|root| manifests.get_key_value(root));
        let own_members: Vec<&RepoPath> = members
            .iter()
            .filter(|(_, of)| *of == root.map_or(folder, |(root, _)| root))
            .map(|(member, _)| member)
            .collect();
        let package = Package { files, folder, manifest, root, members: &own_members };
        for (lock, tool) in [("yarn.lock", "yarn"), ("pnpm-lock.yaml", "pnpm")] {
            if package.has(lock) && !package.has("package-lock.json") {
                detected.notes.push(format!(
                    "{} is installed by {tool}; hob installs it by npm",
                    shown(folder, "package.json")
                ));
            }
        }
        let project = package.project();
        let is_root = members.values().any(|root| root == folder);
        if !project.checks.is_empty() {
            projects.push(project);
            continue;
        }
        if root.is_none() && !is_root {
            detected.notes.push(format!("{} names no tests", shown(folder, "package.json")));
        }
        // What it installs may be what a definition's own commands need.
        if is_root || folder.is_root() {
            projects.push(project);
        }
    }
    projects
}

fn manifests(files: &FileSet, detected: &mut Detected) -> BTreeMap<RepoPath, Map<String, Value>> {
    let mut manifests = BTreeMap::new();
    for folder in folders_with(files, "package.json") {
        let Ok(path) = folder.join("package.json") else { continue };
        match files.text(&path).map(serde_json::from_str) {
            Ok(Ok(manifest)) => {
                manifests.insert(folder, manifest);
            }
            Ok(Err(error)) => detected.left_out.push(format!("`{path}` is not read: {error}")),
            Err(error) => detected.left_out.push(format!("{error}: not checked")),
        }
    }
    manifests
}

/// The folder of each workspace's member with that of its root.
fn members(
    manifests: &BTreeMap<RepoPath, Map<String, Value>>,
    detected: &mut Detected,
) -> BTreeMap<RepoPath, RepoPath> {
    let mut members = BTreeMap::new();
    for (root, manifest) in manifests {
        let Some(workspaces) = manifest.get("workspaces") else { continue };
        // npm knows no workspaces inside workspaces. Folders come sorted: outer ones first.
        if members.contains_key(root) {
            continue;
        }
        let list = workspaces.get("packages").unwrap_or(workspaces).as_array();
        let patterns: Vec<String> =
            list.into_iter().flatten().filter_map(|p| p.as_str().map(str::to_owned)).collect();
        let (yes, no) = match workspace_globs(&patterns) {
            Ok(globs) => globs,
            Err(error) => {
                let place = shown(root, "package.json");
                detected.left_out.push(format!("`workspaces` of {place} is not read: {error}"));
                continue;
            }
        };
        for folder in manifests.keys().filter(|folder| folder.is_within(root) && *folder != root) {
            let below = folder.as_str().strip_prefix(root.as_str()).unwrap_or_default();
            let below = below.trim_start_matches('/');
            if yes.is_match(below) && !no.is_match(below) {
                members.entry(folder.clone()).or_insert_with(|| root.clone());
            }
        }
    }
    members
}

/// Whether node's own runner takes this file for a test.
/// Source: node's documentation, "Running tests from the command line".
pub(super) fn is_test_file(path: &RepoPath) -> bool {
    let name = path.file_name();
    let Some((stem, ending)) = name.rsplit_once('.') else { return false };
    matches!(ending, "js" | "mjs" | "cjs")
        && (stem == "test"
            || stem.starts_with("test-")
            || [".test", "-test", "_test"].iter().any(|end| stem.ends_with(end))
            || path.parent().as_str().split('/').any(|part| part == "test"))
}

#[derive(Clone, Copy)]
struct Package<'a> {
    files: &'a FileSet,
    folder: &'a RepoPath,
    manifest: &'a Map<String, Value>,
    /// The workspace that it is a member of.
    root: Option<(&'a RepoPath, &'a Map<String, Value>)>,
    /// The members of the workspace that it is in, or is the root of.
    members: &'a [&'a RepoPath],
}

/// A shell line with the name of its origin.
struct Line {
    argv: Vec<String>,
    format: ResultFormat,
    origin: String,
}

impl Package<'_> {
    fn project(&self) -> Project {
        // A workspace is installed whole, by its root.
        let whole = self.root.map_or(*self, |(folder, manifest)| Self {
            files: self.files,
            folder,
            manifest,
            root: None,
            members: self.members,
        });
        let (setup, is_locked) = whole.setup();
        let checks = self.lines().into_iter().map(|line| Check {
            setup: setup.clone(),
            command: test_env(
                Exec::new(line.argv, "run the tests").in_folder(self.folder.clone()),
                line.format,
            ),
            format: line.format,
            narrower: None,
            is_locked,
            origin: line.origin,
        });
        let checks = checks.collect();
        let reads = whole.reads();
        Project { ecosystem: Ecosystem::Npm, setup, is_locked, activate: None, checks, reads }
    }

    /// What installs it, and whether that is the same on any day.
    fn setup(&self) -> (Vec<Exec>, bool) {
        let quiet = ["--no-audit", "--no-fund"];
        let step = |words: &[&str]| {
            let argv = ["npm"].iter().chain(words).chain(&quiet).copied();
            vec![Exec::new(argv, "install dependencies").in_folder(self.folder.clone())]
        };
        if self.has("package-lock.json") || self.has("npm-shrinkwrap.json") {
            (step(&["ci"]), true)
        } else if self.needs_anything() {
            (step(&["install", "--no-package-lock"]), false)
        } else {
            (Vec::new(), true)
        }
    }

    /// The lock that is installed from and the manifests that it is made of.
    fn reads(&self) -> BTreeSet<RepoPath> {
        let locks = ["npm-shrinkwrap.json", "package-lock.json"];
        let lock = locks.into_iter().find(|name| self.has(name));
        let own = lock.into_iter().chain(["package.json"]).map(|name| self.folder.join(name));
        let members = self.members.iter().map(|member| member.join("package.json"));
        own.chain(members).filter_map(Result::ok).collect()
    }

    fn lines(&self) -> Vec<Line> {
        let origin =
            |name: &str| format!("scripts.{name} of {}", shown(self.folder, "package.json"));
        let npm = |words: &[&str]| words.iter().map(|&w| w.to_owned()).collect::<Vec<_>>();
        let Some(test) = self.script("test").filter(|s| !s.contains("no test specified")) else {
            return self.runner().into_iter().collect();
        };
        let mut lines = Vec::new();
        let mut linters = Vec::new();
        let (lint, tests): (Vec<&str>, Vec<&str>) =
            chain(test).into_iter().partition(|s| is_lint(s, self));
        let (lint_before, before): (Vec<&str>, Vec<&str>) = self
            .script("pretest")
            .map_or_else(Vec::new, chain)
            .into_iter()
            .partition(|s| is_lint(s, self));
        let pretest_lints = !lint_before.is_empty() && before.is_empty();
        let is_mixed = !lint_before.is_empty() && !before.is_empty();
        if (lint.is_empty() && !is_mixed) || tests.is_empty() {
            let mut argv = npm(&["npm", "test"]);
            if pretest_lints {
                // npm then runs the script itself, without `pretest` and `posttest`.
                argv.push("--ignore-scripts".to_owned());
            }
            let flags = flags(test);
            if !flags.is_empty() {
                argv.push("--".to_owned());
                argv.extend(npm(flags));
            }
            lines.push(Line { argv, format: ResultFormat::JavaScript, origin: origin("test") });
        } else {
            // Whatever `pretest` does but read code the tests need.
            let mut line = match (before.is_empty(), is_mixed) {
                (true, _) => tests.join(" && "),
                (false, true) => [before.as_slice(), tests.as_slice()].concat().join(" && "),
                (false, false) => format!("npm run pretest && {}", tests.join(" && ")),
            };
            for flag in flags(&line) {
                line = format!("{line} {flag}");
            }
            lines.push(self.exec(&line, ResultFormat::JavaScript, origin("test")));
            linters.extend(
                lint.iter().map(|s| self.exec(s, ResultFormat::ExitStatus, origin("test"))),
            );
        }
        if is_mixed {
            let exec = |s: &&str| self.exec(s, ResultFormat::ExitStatus, origin("pretest"));
            linters.extend(lint_before.iter().map(exec));
        }
        if pretest_lints {
            let argv = npm(&["npm", "run", "pretest"]);
            linters.push(Line {
                argv,
                format: ResultFormat::ExitStatus,
                origin: origin("pretest"),
            });
        }
        lines.extend(linters);
        lines
    }

    /// A line as npm would run it in a script: with the installed programs on the path.
    fn exec(&self, line: &str, format: ResultFormat, origin: String) -> Line {
        let argv = ["npm", "exec", "--offline", "-c", line].map(str::to_owned).to_vec();
        Line { argv, format, origin }
    }

    /// The runner that is installed, or node's own, where no script says.
    fn runner(&self) -> Option<Line> {
        let origin = |what: &str| format!("{what} of {}", shown(self.folder, "package.json"));
        for (runner, line) in [
            ("mocha", "mocha --reporter spec"),
            ("jest", "jest --verbose"),
            ("vitest", "vitest run --reporter=verbose"),
        ] {
            if self.needs(runner) {
                return Some(self.exec(line, ResultFormat::JavaScript, origin(runner)));
            }
        }
        let uses_node = self.files.paths().any(|path| {
            path.is_within(self.folder)
                && is_test_file(path)
                && self.files.text(path).is_ok_and(|text| text.contains("node:test"))
        });
        uses_node.then(|| Line {
            argv: ["node", "--test", "--test-reporter=tap"].map(str::to_owned).to_vec(),
            format: ResultFormat::Tap,
            origin: format!("the tests of {}", shown(self.folder, "package.json")),
        })
    }

    fn script(&self, name: &str) -> Option<&str> {
        self.manifest.get("scripts")?.get(name)?.as_str().map(str::trim).filter(|s| !s.is_empty())
    }

    fn needs(&self, package: &str) -> bool {
        ["devDependencies", "dependencies"].iter().any(|table| {
            self.manifest
                .get(*table)
                .and_then(Value::as_object)
                .is_some_and(|t| t.contains_key(package))
        })
    }

    fn needs_anything(&self) -> bool {
        let tables =
            ["devDependencies", "dependencies", "peerDependencies", "optionalDependencies"];
        self.manifest.contains_key("workspaces")
            || tables.iter().any(|table| {
                self.manifest.get(*table).and_then(Value::as_object).is_some_and(|t| !t.is_empty())
            })
    }

    fn has(&self, name: &str) -> bool {
        self.folder.join(name).is_ok_and(|path| self.files.exists(&path))
    }
}

/// The parts of `a && b && c`; one part where the line holds anything cleverer.
fn chain(script: &str) -> Vec<&str> {
    if script.replace("&&", "").contains(['&', '|', ';', '(', '`', '"', '\'', '\n', '$']) {
        return vec![script];
    }
    script.split("&&").map(str::trim).collect()
}

fn is_lint(part: &str, package: &Package<'_>) -> bool {
    let words: Vec<&str> = part.split_whitespace().collect();
    match words.as_slice() {
        ["npm", "run", rest @ ..] => {
            rest.iter().find(|w| !w.starts_with('-')).is_some_and(|name| {
                name.starts_with("lint")
                    || package.script(name).is_some_and(|script| is_program(script, &LINTERS))
            })
        }
        ["npx", program, ..] => LINTERS.contains(program),
        [program, ..] => LINTERS.contains(program),
        [] => false,
    }
}

fn is_program(script: &str, programs: &[&str]) -> bool {
    script.split_whitespace().next().is_some_and(|word| programs.contains(&word))
}

/// Flags that make the last runner of a script name every test.
fn flags(script: &str) -> &'static [&'static str] {
    let Some(last) = chain(script).last().copied() else { return &[] };
    if chain(script).len() == 1 && script.contains(['|', ';', '&', '(', '`', '\n', '>']) {
        return &[];
    }
    let words: Vec<&str> = without_wrappers(last);
    let says = |flag: &str| words.iter().any(|w| w.starts_with(flag));
    match words.first().map(|word| runner_of(word)) {
        Some("jest" | "react-scripts")
            if !says("--verbose") && !says("--reporters") && !says("--silent") =>
        {
            &["--verbose"]
        }
        Some("vitest") if !says("--reporter") => &["--reporter=verbose"],
        Some("mocha" | "_mocha") if !says("--reporter") && !says("-R") => &["--reporter", "spec"],
        _ => &[],
    }
}

/// The words from the runner on, without what stands in front of it to measure it or to set its variables.
fn without_wrappers(command: &str) -> Vec<&str> {
    let words: Vec<&str> =
        command.split_whitespace().skip_while(|w| *w == "npx" || w.contains('=')).collect();
    let is_wrapper = words.first().is_some_and(|word| WRAPPERS.contains(&runner_of(word)));
    let runs = |at: usize| match runner_of(words[at]) {
        "react-scripts" => words.get(at + 1) == Some(&"test"),
        // A script of the project's own may be called after a runner.
        runner => {
            let is_own = words[at].contains('/') && !words[at].contains("node_modules/");
            RUNNERS.contains(&runner) && !is_own
        }
    };
    let start = if is_wrapper { (1..words.len()).find(|at| runs(*at)) } else { Some(0) };
    let start = start.filter(|at| words.get(*at) != Some(&"react-scripts") || runs(*at));
    start.map_or_else(Vec::new, |at| words[at..].to_vec())
}

/// `node_modules/.bin/mocha` and `node_modules/jest/bin/jest.js` are what their last part says.
fn runner_of(word: &str) -> &str {
    let name = word.rsplit('/').next().unwrap_or(word);
    [".js", ".mjs", ".cjs"].iter().find_map(|end| name.strip_suffix(end)).unwrap_or(name)
}
