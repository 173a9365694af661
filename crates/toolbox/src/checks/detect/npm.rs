//! Checks of JavaScript projects: the `test` script of `package.json`, else the runner that is installed.
//!
//! Install scripts run: packages with native parts do not work without, and the machine is one that may be
//! broken. A linter in front of the tests (`pretest: eslint`, `eslint . && mocha`) would hide them where it
//! is red already: linters are checks of their own, run after the tests.

use domain::RepoPath;
use domain::check::{Check, ResultFormat};
use domain::dependency::Ecosystem;
use domain::exec::Exec;
use serde_json::{Map, Value};

use super::{Project, folders_with, shown, test_env};
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

/// The projects; members of a workspace are checked with it.
pub(super) fn projects(files: &FileSet, notes: &mut Vec<String>) -> Vec<Project> {
    let mut workspaces: Vec<RepoPath> = Vec::new();
    let mut projects = Vec::new();
    for folder in folders_with(files, "package.json") {
        let Ok(path) = folder.join("package.json") else { continue };
        let manifest: Map<String, Value> = match files.text(&path).map(serde_json::from_str) {
            Ok(Ok(manifest)) => manifest,
            Ok(Err(error)) => {
                notes.push(format!("`{path}` is not read: {error}"));
                continue;
            }
            Err(error) => {
                notes.push(format!("{error}: not checked"));
                continue;
            }
        };
        let member = workspaces.iter().any(|root| folder.is_within(root));
        let package = Package { files, folder: &folder, manifest: &manifest, member };
        if manifest.contains_key("workspaces") {
            workspaces.push(folder.clone());
        }
        for (lock, tool) in [("yarn.lock", "yarn"), ("pnpm-lock.yaml", "pnpm")] {
            if package.has(lock) && !package.has("package-lock.json") {
                notes.push(format!(
                    "{} is installed by {tool}; hob installs it by npm",
                    shown(&folder, "package.json")
                ));
            }
        }
        projects.extend(package.project(notes));
    }
    projects
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

struct Package<'a> {
    files: &'a FileSet,
    folder: &'a RepoPath,
    manifest: &'a Map<String, Value>,
    member: bool,
}

/// A shell line with the name of its origin.
struct Line {
    argv: Vec<String>,
    format: ResultFormat,
    origin: String,
}

impl Package<'_> {
    fn project(&self, notes: &mut Vec<String>) -> Option<Project> {
        let setup = self.setup();
        let lines = self.lines();
        if lines.is_empty() {
            if !self.member {
                notes.push(format!("{} names no tests", shown(self.folder, "package.json")));
            }
            return None;
        }
        let checks = lines.into_iter().map(|line| Check {
            setup: setup.clone(),
            command: test_env(
                Exec::new(line.argv, "run the tests").in_folder(self.folder.clone()),
                line.format,
            ),
            format: line.format,
            origin: line.origin,
        });
        let checks = checks.collect();
        Some(Project { ecosystem: Ecosystem::Npm, setup, activate: None, checks })
    }

    fn setup(&self) -> Vec<Exec> {
        let quiet = ["--no-audit", "--no-fund"];
        let step = |words: &[&str]| {
            let argv = ["npm"].iter().chain(words).chain(&quiet).copied();
            vec![Exec::new(argv, "install dependencies").in_folder(self.folder.clone())]
        };
        if self.has("package-lock.json") || self.has("npm-shrinkwrap.json") {
            step(&["ci"])
        } else if self.member || !self.needs_anything() {
            Vec::new()
        } else {
            step(&["install", "--no-package-lock"])
        }
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
        let pretest = self.script("pretest");
        let pretest_lints =
            pretest.is_some_and(|script| chain(script).iter().all(|s| is_lint(s, self)));
        if lint.is_empty() || tests.is_empty() {
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
            let mut line = tests.join(" && ");
            for flag in flags(&line) {
                line = format!("{line} {flag}");
            }
            lines.push(self.exec(&line, ResultFormat::JavaScript, origin("test")));
            linters.extend(
                lint.iter().map(|s| self.exec(s, ResultFormat::ExitStatus, origin("test"))),
            );
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
    let words: Vec<&str> =
        last.split_whitespace().skip_while(|w| *w == "npx" || w.contains('=')).collect();
    let says = |flag: &str| words.iter().any(|w| w.starts_with(flag));
    match words.first() {
        Some(&"jest") if !says("--verbose") && !says("--reporters") && !says("--silent") => {
            &["--verbose"]
        }
        Some(&"vitest") if !says("--reporter") => &["--reporter=verbose"],
        Some(&"mocha" | &"_mocha") if !says("--reporter") && !says("-R") => &["--reporter", "spec"],
        _ => &[],
    }
}
