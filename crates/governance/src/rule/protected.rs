//! Files that decide how changes are judged and run: never an agent's to change, whatever a scope says.

use domain::finding::{Finding, Severity};

use super::Rule;
use crate::case::{Case, finding};

pub(super) const RULE: Rule = Rule {
    id: "protected",
    about: "CI definitions, owners, git attributes and hooks, what agents are told, what editors run, the configuration of package managers and hob's own definitions never change.",
    check,
};

/// Folders that are protected at any depth, with everything below, and also as the name of a file or a link: what
/// takes a folder's place decides in its stead.
const FOLDERS: [&str; 78] = [
    // CI systems and forges.
    ".github",
    ".gitlab",
    ".gitlab-ci",
    ".forgejo",
    ".gitea",
    ".gogs",
    ".circleci",
    ".buildkite",
    ".ci",
    ".woodpecker",
    ".drone",
    ".semaphore",
    ".teamcity",
    ".azure-pipelines",
    ".azuredevops",
    ".builds",
    ".tekton",
    ".buildbot",
    ".jenkins",
    ".bitbucket",
    ".codefresh",
    ".harness",
    ".screwdriver",
    "zuul.d",
    ".zuul.d",
    ".prow",
    ".argo",
    ".concourse",
    ".dagger",
    ".travis",
    ".bazelci",
    ".pipelines",
    "ci_scripts",
    // Hooks of git.
    ".githooks",
    ".git-hooks",
    ".hooks",
    ".husky",
    ".lefthook",
    // hob's own definitions, and what agents are told.
    ".hob",
    ".agent",
    ".agents",
    ".aider",
    ".amazonq",
    ".augment",
    ".claude",
    ".cline",
    ".clinerules",
    ".codex",
    ".continue",
    ".cursor",
    ".gemini",
    ".goose",
    ".junie",
    ".kiro",
    ".opencode",
    ".openhands",
    ".roo",
    ".trae",
    ".windsurf",
    // What editors and their containers run when a folder is opened.
    ".vscode",
    ".devcontainer",
    ".idea",
    ".fleet",
    ".gitpod",
    ".codesandbox",
    ".run",
    ".theia",
    ".vs",
    ".zed",
    // The configuration of package managers and of what picks tools.
    ".cargo",
    ".yarn",
    ".pnpm",
    ".bundle",
    ".mvn",
    ".config",
    ".mise",
    ".rtx",
    ".asdf",
];

/// File names that are protected at any depth, in lower case.
const FILES: [&str; 144] = [
    // Owners, and what git reads.
    "codeowners",
    "owners",
    "owners_aliases",
    ".gitattributes",
    ".gitmodules",
    ".gitignore",
    ".gitconfig",
    ".gitreview",
    ".lfsconfig",
    // CI systems and bots that merge.
    ".build.yml",
    ".bors.toml",
    "bors.toml",
    ".bazelci.yml",
    "bitrise.yml",
    "bitrise.yaml",
    "buildspec.yml",
    "buildspec.yaml",
    "cloudbuild.json",
    "cloudbuild.yaml",
    "cloudbuild.yml",
    "codefresh.yml",
    "codemagic.yaml",
    "dagger.json",
    "earthfile",
    ".evergreen.yml",
    ".kodiak.toml",
    ".mergify.yml",
    ".mergify.yaml",
    ".packit.yml",
    ".packit.yaml",
    "screwdriver.yaml",
    ".scrutinizer.yml",
    ".semaphore.yml",
    ".shippable.yml",
    "shippable.yml",
    "wercker.yml",
    ".zuul.yml",
    ".zuul.yaml",
    "zuul.yml",
    "zuul.yaml",
    "netlify.toml",
    "vercel.json",
    // What is reported or let through.
    "codecov.yml",
    ".codecov.yml",
    ".coveralls.yml",
    "sonar-project.properties",
    "deny.toml",
    ".coderabbit.yaml",
    ".snyk",
    // What else raises dependencies.
    "renovate.json",
    "renovate.json5",
    ".renovaterc",
    ".renovaterc.json",
    ".renovaterc.json5",
    "dependabot.yml",
    ".pyup.yml",
    // Hooks of git.
    ".pre-commit-hooks.yaml",
    "prek.toml",
    ".overcommit.yml",
    // Package managers' own configuration.
    ".npmrc",
    ".pnp.cjs",
    ".pnp.loader.mjs",
    "pnpm-workspace.yaml",
    ".bowerrc",
    "bunfig.toml",
    ".bunfig.toml",
    "pip.conf",
    "pip.ini",
    ".pypirc",
    "uv.toml",
    ".pydistutils.cfg",
    "poetry.toml",
    "pdm.toml",
    ".pdm.toml",
    ".pdm-python",
    ".condarc",
    ".netrc",
    "_netrc",
    ".curlrc",
    ".wgetrc",
    ".gemrc",
    "nuget.config",
    ".terraformrc",
    "sitecustomize.py",
    "usercustomize.py",
    // What picks tools, or is run by a shell that enters a folder.
    "rust-toolchain",
    "rust-toolchain.toml",
    ".python-version",
    ".python-versions",
    ".node-version",
    ".nvmrc",
    ".ruby-version",
    ".java-version",
    ".go-version",
    ".terraform-version",
    ".tool-versions",
    ".mise.toml",
    "mise.toml",
    ".mise.local.toml",
    "mise.local.toml",
    ".rtx.toml",
    ".prototools",
    ".sdkmanrc",
    ".envrc",
    ".env",
    ".autoenv",
    ".autoenv.zsh",
    "devbox.json",
    "flake.nix",
    "shell.nix",
    "devenv.nix",
    // What agents are told.
    "agent.md",
    "agents.md",
    "agents.override.md",
    "claude.md",
    "claude.local.md",
    "codex.md",
    "copilot-instructions.md",
    "crush.md",
    "gemini.md",
    "qwen.md",
    "warp.md",
    ".cursorignore",
    ".cursorrules",
    ".clinerules",
    ".windsurfrules",
    ".roomodes",
    ".roorules",
    ".goosehints",
    ".aiderignore",
    ".mcp.json",
    "mcp.json",
    ".rules",
    "opencode.json",
    "opencode.jsonc",
    // Editors.
    ".gitpod.yml",
    ".gitpod.dockerfile",
    ".devcontainer.json",
    ".vimrc",
    ".nvimrc",
    ".nvim.lua",
    ".exrc",
    ".dir-locals.el",
    ".dir-locals-2.el",
];

/// Tools whose files have many names, with or without a leading dot: `lefthook.yaml`, `.lefthook-local.toml`,
/// `.huskyrc.js`, `Jenkinsfile.release`, `azure-pipelines-nightly.yml`.
const TOOLS: [&str; 12] = [
    "appveyor",
    "azure-pipelines",
    "bitbucket-pipelines",
    "gitlab-ci",
    "huskyrc",
    "jenkinsfile",
    "lefthook",
    "lefthook-local",
    "lintstagedrc",
    "pnpmfile",
    "pre-commit-config",
    "yarnrc",
];

/// The same for names that say nothing without their dot.
const DOTTED: [&str; 5] = [".aider.conf", ".cirrus", ".drone", ".travis", ".woodpecker"];

/// How names end that others include: a project's own CI templates, an editor's tasks.
const ENDINGS: [&str; 5] =
    [".code-workspace", ".gitlab-ci.yaml", ".gitlab-ci.yml", ".jenkinsfile", ".sublime-project"];

/// How configuration ends, where the rest of a name is free.
const CONFIGURATION: [&str; 5] = [".groovy", ".json", ".toml", ".yaml", ".yml"];

/// Whether a file is a tool's configuration, by a name in lower case.
fn is_of_tool(name: &str) -> bool {
    let plain = name.strip_prefix('.').unwrap_or(name);
    let is_of = |name: &str, tool: &&str| {
        let Some(rest) = name.strip_prefix(tool) else { return false };
        let free = rest.starts_with(['-', '_']);
        rest.is_empty()
            || rest.starts_with('.')
            || free && CONFIGURATION.iter().any(|ending| rest.ends_with(ending))
    };
    TOOLS.iter().any(|tool| is_of(plain, tool))
        || DOTTED.iter().any(|tool| is_of(name, tool))
        || ENDINGS.iter().any(|ending| name.ends_with(ending))
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

/// A name as the file systems compare it that know the fewest differences: without case, without the dots and blanks at
/// its end and the stream behind a colon that Windows takes away.
fn folded(name: &str) -> String {
    let name = name.split(':').next().unwrap_or(name).trim_end_matches(['.', ' ']);
    name.to_lowercase().replace('\u{17f}', "s")
}

/// What makes a path protected.
fn protected(path: &str) -> Option<String> {
    let parts: Vec<String> = path.split('/').map(folded).collect();
    let mut parts = parts.iter().map(String::as_str).peekable();
    while let Some(part) = parts.next() {
        let last = parts.peek().is_none();
        if FOLDERS.contains(&part) {
            let what = if last { "the place of" } else { "everything in" };
            return Some(format!("{what} `{part}`"));
        }
        if last && (FILES.contains(&part) || is_of_tool(part)) {
            return Some(format!("`{part}`"));
        }
    }
    None
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
            ".gitlab-ci/build.yml",
            ".gitlab-ci-nightly.yml",
            "ci/templates/rust.gitlab-ci.yml",
            ".tekton/pull.yaml",
            "Jenkinsfile",
            "Jenkinsfile.release",
            "deploy.jenkinsfile",
            "azure-pipelines-nightly.yml",
            ".devcontainer/devcontainer.json",
            ".devcontainer.json",
            ".vscode/tasks.json",
            ".vscode/settings.json",
            "app.code-workspace",
            ".idea/workspace.xml",
            ".envrc",
            "sub/.claude/settings.json",
            ".cursor/rules/a.mdc",
            ".github/copilot-instructions.md",
            "docs/AGENTS.md",
            "CLAUDE.local.md",
            "GEMINI.md",
            ".mcp.json",
            ".aider.conf.yml",
            ".yarn/releases/yarn.cjs",
            ".yarnrc.yml",
            ".pnpmfile.cjs",
            "uv.toml",
            "pip.ini",
            "pip.conf",
            "rust-toolchain",
            "rust-toolchain.toml",
            ".cargo/audit.toml",
            ".cargo/config",
            ".mise.toml",
            ".tool-versions",
            ".config/nextest.toml",
            ".nvmrc",
            ".github./workflows/ci.yml",
            ".GitHub /workflows/ci.yml",
            ".hu\u{17f}ky/pre-commit",
            ".\u{212a}iro/steering.md",
            ".npmrc::$DATA",
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
            "lefthook-notes.md",
            "drone.yml",
            "travis.rs",
            "src/cirrus.rs",
            "vscode/tasks.json",
            "src/claude/mod.rs",
            "docs/agents/a.md",
            "build.yml",
            "package.json",
            "pyproject.toml",
            "uv.lock",
            "requirements/ci.txt",
        ] {
            assert_eq!(protected(path), None, "{path}");
        }
    }
}
