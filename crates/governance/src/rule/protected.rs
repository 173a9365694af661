//! Files that decide how changes are judged and run: never an agent's to change, whatever a scope says.

use domain::finding::{Finding, Severity};

use super::Rule;
use crate::case::{Case, finding};

pub(super) const RULE: Rule = Rule {
    id: "protected",
    about: "CI definitions, owners, git attributes and hooks, and hob's own definitions never change.",
    check,
};

/// Folders that are protected at any depth, with everything below, and also as the name of a file or a link: what
/// takes a folder's place decides in its stead.
const FOLDERS: [&str; 18] = [
    ".github",
    ".gitlab",
    ".forgejo",
    ".gitea",
    ".circleci",
    ".buildkite",
    ".hob",
    ".githooks",
    ".husky",
    ".ci",
    ".woodpecker",
    ".drone",
    ".semaphore",
    ".teamcity",
    ".azure-pipelines",
    ".azuredevops",
    ".lefthook",
    ".builds",
];

/// File names that are protected at any depth, in lower case.
const FILES: [&str; 45] = [
    "codeowners",
    "owners",
    ".gitattributes",
    ".gitmodules",
    ".gitignore",
    ".gitconfig",
    ".gitlab-ci.yml",
    ".gitlab-ci.yaml",
    ".travis.yml",
    ".travis.yaml",
    "azure-pipelines.yml",
    "azure-pipelines.yaml",
    "bitbucket-pipelines.yml",
    "bitbucket-pipelines.yaml",
    "jenkinsfile",
    ".drone.yml",
    ".drone.yaml",
    ".drone.star",
    ".drone.jsonnet",
    ".woodpecker.yml",
    ".woodpecker.yaml",
    "appveyor.yml",
    "appveyor.yaml",
    ".appveyor.yml",
    ".appveyor.yaml",
    ".cirrus.yml",
    ".cirrus.yaml",
    ".cirrus.star",
    ".build.yml",
    "wercker.yml",
    "codefresh.yml",
    "cloudbuild.yaml",
    "cloudbuild.yml",
    "buildspec.yml",
    "buildspec.yaml",
    ".pre-commit-config.yaml",
    ".pre-commit-config.yml",
    ".npmrc",
    ".yarnrc",
    ".yarnrc.yml",
    "pip.conf",
    ".pypirc",
    ".netrc",
    "agents.md",
    "claude.md",
];

/// Runners of git hooks whose configuration has many endings: `lefthook.yaml`, `.lefthook-local.toml`, `.huskyrc.js`.
const HOOKS: [&str; 4] = ["lefthook", "lefthook-local", "huskyrc", "lintstagedrc"];

/// Whether a file is a tool's configuration: its name, with or without a leading dot and an ending.
fn is_of(name: &str, tool: &str) -> bool {
    let name = name.strip_prefix('.').unwrap_or(name);
    name.strip_prefix(tool).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
}

fn check(case: &Case<'_>) -> Vec<Finding> {
    let mut findings = Vec::new();
    for file in &case.change.files {
        if let Some(what) = protected(file.path.as_str()) {
            let reason = format!("{what} is protected: only people change it");
            findings.push(finding(RULE.id, Severity::Deny, Some(&file.path), None, reason));
        }
    }
    findings
}

/// What makes a path protected. Case does not count: some file systems do not know it.
fn protected(path: &str) -> Option<String> {
    let path = path.to_lowercase();
    let mut parts = path.split('/').peekable();
    while let Some(part) = parts.next() {
        let last = parts.peek().is_none();
        if FOLDERS.contains(&part) {
            let what = if last { "the place of" } else { "everything in" };
            return Some(format!("{what} `{part}`"));
        }
        if last && HOOKS.iter().any(|hooks| is_of(part, hooks)) {
            return Some(format!("`{part}`"));
        }
        if last && FILES.contains(&part) {
            return Some(format!("`{part}`"));
        }
    }
    // Cargo's own configuration can name another registry, linker or runner.
    let cargo = path == ".cargo/config.toml"
        || path == ".cargo/config"
        || path.ends_with("/.cargo/config.toml")
        || path.ends_with("/.cargo/config");
    cargo.then(|| "cargo's configuration".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_decides_how_changes_are_judged_is_protected() {
        for path in [
            ".github/workflows/ci.yml",
            "a/.hob/agents/x.md",
            "docs/CODEOWNERS",
            ".GitAttributes",
            "crates/a/.cargo/config.toml",
            ".NPMRC",
            ".gitlab-ci.yaml",
            "sub/.pre-commit-config.yml",
            "lefthook.yaml",
            ".lefthook-local.toml",
            ".drone.yml",
            "appveyor.yml",
            ".husky",
            "sub/.hob",
            ".github",
            ".huskyrc.js",
        ] {
            assert!(protected(path).is_some(), "{path}");
        }
    }

    #[test]
    fn ordinary_files_are_not() {
        for path in [
            "Cargo.toml",
            "src/github/mod.rs",
            "owners/readme.txt",
            "cargo/config.toml",
            "husky.md",
            "lefthooks.rs",
        ] {
            assert_eq!(protected(path), None, "{path}");
        }
    }
}
