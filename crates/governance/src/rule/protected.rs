//! Files that decide how changes are judged and run: never an agent's to change, whatever a scope says.

use domain::finding::{Finding, Severity};

use super::Rule;
use crate::case::{Case, finding};

pub(super) const RULE: Rule = Rule {
    id: "protected",
    about: "CI definitions, owners, git attributes and hooks, and hob's own definitions never change.",
    check,
};

/// Folders (with everything below) that are protected at any depth.
const FOLDERS: [&str; 11] = [
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
];

/// File names that are protected at any depth, in lower case.
const FILES: [&str; 20] = [
    "codeowners",
    "owners",
    ".gitattributes",
    ".gitmodules",
    ".gitignore",
    ".gitlab-ci.yml",
    ".travis.yml",
    "azure-pipelines.yml",
    "bitbucket-pipelines.yml",
    "jenkinsfile",
    ".pre-commit-config.yaml",
    "lefthook.yml",
    ".npmrc",
    ".yarnrc",
    ".yarnrc.yml",
    "pip.conf",
    ".pypirc",
    ".netrc",
    "agents.md",
    "claude.md",
];

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
        if !last && FOLDERS.contains(&part) {
            return Some(format!("everything in `{part}`"));
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
        ] {
            assert!(protected(path).is_some(), "{path}");
        }
    }

    #[test]
    fn ordinary_files_are_not() {
        for path in ["Cargo.toml", "src/github/mod.rs", "owners/readme.txt", "cargo/config.toml"] {
            assert_eq!(protected(path), None, "{path}");
        }
    }
}
