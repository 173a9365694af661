//! What tells a runner which tests to run, and what their failure means: manifests, settings, scripts.

use std::collections::HashSet;
use std::sync::LazyLock;

use domain::finding::{Finding, Severity};
use regex::Regex;

use super::{Changed, fallback};
use crate::diff;
use crate::tree::{Difference, Tree, differences};

/// A command that runs tests.
static RUNNER: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(concat!(
        r"(?i)\b(?:cargo\s+(?:\+\S+\s+)?(?:test|nextest|t)\b|(?:npm|pnpm|yarn|bun)\s+(?:run\s+)?t(?:est)?\b|node\s+--test|jest|vitest|mocha",
        r"|ava|tap|tape|jasmine|karma|playwright|cypress|py\.?test|unittest|tox|nox|go\s+test|make\s+(?:check|test)|ctest|rspec|rake|gradle\w*|mvn\w*|dotnet\s+test)\b",
    ))
    .expect("a constant")
});

/// What makes a failure no failure, or a run no run.
static SILENCES: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(concat!(
        r"\|\|\s*(?:true|:|exit\s+0|echo|/bin/true|cmd|return)|\|\|\s*\(\s*(?:true|exit\s+0)|;\s*(?:true|:|exit\s+0)\s*$|\|\s*(?:cat|tee|true)\b",
        r"|--pass-?with-?no-?tests|--passWithNoTests|--testPathIgnorePatterns|--ignore(?:-glob)?[= ]|--deselect|-k\s*=?\s*\\?[\x22']?\s*not\b|-m\s*\\?[\x22']?\s*not\b",
        r"|--no-run\b|--collect-only|\s--co\b|--listTests|--dry-run|--exit-zero|--suppress-no-test-exit-code|--test-skip-pattern|--no-fail\b|--\s+--skip\b|--skip\b|--exclude\b|--invert\b|^\t-\s*\S|set \+e",
    ))
    .expect("a constant")
});

/// A script that runs nothing.
static IDLE: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"^\s*(?:true|:|exit\s+0|echo\b[^&|;]*(?:(?:&&|;)\s*exit\s+0)?)?\s*$")
        .expect("a constant")
});

/// Settings that hide tests.
static HIDES: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"collect_ignore|testPathIgnorePatterns|modulePathIgnorePatterns|passWithNoTests|--ignore(?:-glob)?[= ]|--deselect|-k\s*[\x22']?\s*not\b|-m\s*[\x22']?\s*not\b|norecursedirs|--collect-only|\binvert\b")
        .expect("a constant")
});

/// Keys of a `package.json` under which runners keep their settings.
const RUNNER_KEYS: [&str; 8] = ["jest", "mocha", "ava", "tap", "vitest", "jasmine", "c8", "nyc"];

/// The most findings about one file of settings.
const FINDINGS_MAX: usize = 100;

/// Looks at one file, if it says something to a runner.
pub(super) fn check(file: &Changed<'_>) -> Vec<Finding> {
    let name = file.path().rsplit('/').next().unwrap_or(file.path()).to_lowercase();
    if file.file.before.is_none() {
        // New settings beside old tests decide what runs, too.
        return if is_settings(&name) { lines(file) } else { Vec::new() };
    }
    match name.as_str() {
        "package.json" => trees(file, Tree::from_json, package),
        "cargo.toml" => trees(file, Tree::from_toml, cargo),
        "pyproject.toml" => trees(file, Tree::from_toml, pyproject),
        "setup.cfg" | "tox.ini" => sections(file),
        _ if is_settings(&name) => lines(file),
        _ if is_script(&name) => scripts(file),
        _ => Vec::new(),
    }
}

/// Files that hold nothing but a runner's settings.
fn is_settings(name: &str) -> bool {
    [
        "pytest.ini",
        ".pytest.ini",
        "pytest.toml",
        "nextest.toml",
        ".taprc",
        ".jestrc",
        "jest.json",
        ".nycrc",
        "jasmine.json",
    ]
    .contains(&name)
        || [
            "jest.config.",
            "vitest.config.",
            ".mocharc",
            "karma.conf",
            "playwright.config.",
            "cypress.config.",
            "ava.config.",
            "vitest.workspace.",
        ]
        .iter()
        .any(|start| name.starts_with(start))
}

/// Files that hold commands.
fn is_script(name: &str) -> bool {
    let end = [".sh", ".bash", ".mk", ".just", ".ps1", ".bat", ".cmd"]
        .iter()
        .any(|end| name.ends_with(end));
    let known = [
        "makefile",
        "gnumakefile",
        "justfile",
        "rakefile",
        "noxfile.py",
        "taskfile.yml",
        "taskfile.yaml",
        "dockerfile",
    ];
    end || known.contains(&name) || !name.contains('.')
}

/// Settings as trees: each difference is asked about. What cannot be read afterwards is for a person.
fn trees(
    file: &Changed<'_>,
    read: fn(&str) -> Result<Tree, String>,
    judge: fn(&Difference<'_>) -> Option<(Severity, String)>,
) -> Vec<Finding> {
    if file.deleted() {
        return Vec::new();
    }
    let (before, after) = match (read(&file.before), read(&file.after)) {
        (Ok(before), Ok(after)) => (before, after),
        (Ok(_), Err(_)) => {
            return vec![file.finding(
                Severity::NeedsApproval,
                None,
                "cannot be read, so what it tells the test runner is not known",
            )];
        }
        (Err(_), _) => return Vec::new(),
    };
    let differences = differences(&before, &after);
    let mut judged: Vec<_> = differences
        .iter()
        .filter_map(|difference| {
            judge(difference).map(|(severity, reason)| (severity, reason, difference))
        })
        .collect();
    judged.sort_by_key(|(severity, ..)| std::cmp::Reverse(*severity));
    judged.truncate(FINDINGS_MAX);
    judged
        .into_iter()
        .map(|(severity, reason, difference)| {
            let key = difference.path.last().map_or("", String::as_str);
            file.finding(severity, diff::place(&file.before, &file.after, key), reason)
        })
        .collect()
}

fn package(difference: &Difference<'_>) -> Option<(Severity, String)> {
    let keys = difference.keys();
    let place = difference.words();
    match *keys.as_slice() {
        ["scripts", name] if is_test_script(name) => {
            let before = difference.before.and_then(Tree::text);
            match (before, difference.after.and_then(Tree::text)) {
                (Some(_), None) => Some((Severity::Deny, format!("`{place}` is gone"))),
                (Some(before), Some(after)) => {
                    let quiet = silenced(before, after);
                    let (severity, how) = if quiet {
                        (Severity::Deny, "hides failures or tests")
                    } else {
                        (Severity::NeedsApproval, "runs something else")
                    };
                    Some((severity, format!("`{place}` {how}")))
                }
                (None, Some(after)) if IDLE.is_match(after) || SILENCES.is_match(after) => Some((
                    Severity::NeedsApproval,
                    format!("`{place}` is new, and hides failures or tests"),
                )),
                (None, _) => None,
            }
        }
        ["scripts"] if !difference.order => {
            Some((Severity::NeedsApproval, "the scripts are replaced".to_owned()))
        }
        [runner, ..] if RUNNER_KEYS.contains(&runner) && !difference.order => {
            let hides = keys.iter().any(|key| {
                [
                    "testPathIgnorePatterns",
                    "modulePathIgnorePatterns",
                    "ignore",
                    "exclude",
                    "grep",
                    "invert",
                    "passWithNoTests",
                ]
                .contains(key)
            });
            let severity = if hides { Severity::Deny } else { Severity::NeedsApproval };
            Some((severity, format!("the test runner's settings change at `{place}`")))
        }
        _ => None,
    }
}

fn is_test_script(name: &str) -> bool {
    let bare = name.strip_prefix("pre").or(name.strip_prefix("post")).unwrap_or(name);
    [name, bare].iter().any(|name| {
        [
            "test",
            "tests",
            "t",
            "check",
            "ci",
            "verify",
            "unit",
            "integration",
            "e2e",
            "jest",
            "mocha",
            "vitest",
        ]
        .contains(name)
            || ["test:", "test-", "unit:", "ci:", "check:"]
                .iter()
                .any(|start| name.starts_with(start))
    })
}

/// Whether a command hides what it did not hide before.
fn silenced(before: &str, after: &str) -> bool {
    let count = |text: &str| SILENCES.find_iter(text).count();
    count(after) > count(before) || IDLE.is_match(after) && !IDLE.is_match(before)
}

fn cargo(difference: &Difference<'_>) -> Option<(Severity, String)> {
    if difference.order {
        return None;
    }
    let keys = difference.keys();
    let place = difference.words();
    let off = difference.after.is_some_and(|after| *after == Tree::Other("false".to_owned()));
    match *keys.as_slice() {
        [.., "test" | "autotests" | "harness" | "doctest"] if off => {
            Some((Severity::Deny, format!("`{place} = false` turns tests off")))
        }
        ["test", ..]
        | ["package", "autotests"]
        | ["workspace", "members" | "exclude" | "default-members", ..] => {
            Some((Severity::NeedsApproval, format!("`{place}` decides which tests run")))
        }
        ["lib" | "bin" | "example", ..] if difference.after.is_some_and(holds_off) => {
            Some((Severity::Deny, format!("`{place}` turns tests off")))
        }
        _ => None,
    }
}

/// Whether a table, or a list of tables, newly says `test = false`.
fn holds_off(tree: &Tree) -> bool {
    let off = |tree: &Tree| {
        ["test", "harness", "doctest"]
            .iter()
            .any(|key| tree.get(key) == Some(&Tree::Other("false".to_owned())))
    };
    off(tree) || tree.list().iter().any(off)
}

fn pyproject(difference: &Difference<'_>) -> Option<(Severity, String)> {
    let keys = difference.keys();
    let place = difference.words();
    let runner = matches!(
        *keys.as_slice(),
        ["tool", "pytest" | "nose" | "tox" | "hatch" | "pdm" | "poe" | "nox", ..]
    ) && keys
        .iter()
        .any(|key| ["pytest", "nose", "tox", "scripts", "tasks", "nox"].contains(key));
    if !runner || difference.order {
        return None;
    }
    let text = difference.after.map(|after| format!("{after:?}")).unwrap_or_default();
    let was = difference.before.map(|before| format!("{before:?}")).unwrap_or_default();
    let hides = HIDES.find_iter(&text).count() > HIDES.find_iter(&was).count()
        || keys.contains(&"norecursedirs");
    let severity = if hides { Severity::Deny } else { Severity::NeedsApproval };
    Some((severity, format!("the test runner's settings change at `{place}`")))
}

/// The lines that are new and not only moved or indented, without comments.
fn new_lines<'f>(file: &'f Changed<'_>) -> Vec<(u64, &'f str)> {
    let known: HashSet<&str> = file.before.lines().map(str::trim).collect();
    diff::added(&file.before, &file.after)
        .into_iter()
        .filter(|(_, text)| {
            !text.trim().is_empty() && !known.contains(text.trim()) && !fallback::is_comment(text)
        })
        .collect()
}

/// The settings of a runner, line by line.
fn lines(file: &Changed<'_>) -> Vec<Finding> {
    let otherwise = Severity::NeedsApproval;
    if file.deleted() {
        return vec![file.finding(otherwise, None, "the test runner's settings are deleted")];
    }
    let new = new_lines(file);
    let hiding = new.iter().find(|(_, text)| HIDES.is_match(text));
    let found = match hiding {
        Some((line, _)) => {
            Some((Severity::Deny, *line, "the test runner is told to leave tests out"))
        }
        None => {
            new.first().map(|(line, _)| (otherwise, *line, "the test runner's settings change"))
        }
    };
    found
        .map(|(severity, line, reason)| file.finding(severity, Some(line), reason))
        .into_iter()
        .collect()
}

/// Files of sections, of which some are a runner's.
fn sections(file: &Changed<'_>) -> Vec<Finding> {
    let mut section = "";
    let sections: Vec<&str> = file
        .after
        .lines()
        .map(|line| {
            section = line.trim().strip_prefix('[').unwrap_or(section);
            section
        })
        .collect();
    let of = |line: u64| {
        usize::try_from(line)
            .ok()
            .and_then(|line| sections.get(line - 1))
            .copied()
            .unwrap_or_default()
    };
    new_lines(file)
        .into_iter()
        .filter(|(line, _)| {
            ["pytest", "testenv", "nose"].iter().any(|name| of(*line).contains(name))
        })
        .map(|(line, text)| {
            let quiet = HIDES.is_match(text) || SILENCES.is_match(text.trim_end());
            let severity = if quiet { Severity::Deny } else { Severity::NeedsApproval };
            file.finding(severity, Some(line), "the test runner's settings change")
        })
        .collect()
}

/// Scripts in which a command that runs tests is newly told not to fail.
fn scripts(file: &Changed<'_>) -> Vec<Finding> {
    let silent = |text: &str| SILENCES.is_match(text.trim_end());
    let mut findings = Vec::new();
    for (line, text) in new_lines(file) {
        if RUNNER.is_match(text) && silent(text) {
            findings.push(file.finding(
                Severity::Deny,
                Some(line),
                "a command that runs tests hides failures or tests",
            ));
        }
    }
    let count = |text: &str| {
        text.lines().filter(|line| !fallback::is_comment(line) && RUNNER.is_match(line)).count()
    };
    let (before, after) = (count(&file.before), count(&file.after));
    if after < before {
        let line = diff::place(&file.before, &file.after, "");
        let reason = format!("{before} commands ran tests here, {after} are left");
        findings.push(file.finding(Severity::NeedsApproval, line, reason));
    }
    findings
}
