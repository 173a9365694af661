//! Which manifests and locks the checks test: a change of another one is shown by nothing.

use domain::RepoPath;

/// Names of manifests and locks; requirements files have names of many kinds.
const NAMES: [&str; 16] = [
    "Cargo.toml",
    "Cargo.lock",
    "package.json",
    "package-lock.json",
    "npm-shrinkwrap.json",
    "yarn.lock",
    "pnpm-lock.yaml",
    "pyproject.toml",
    "setup.py",
    "setup.cfg",
    "uv.lock",
    "poetry.lock",
    "pdm.lock",
    "pylock.toml",
    "Pipfile",
    "Pipfile.lock",
];

/// Whether dependencies stand in this file.
pub(super) fn holds_dependencies(path: &RepoPath) -> bool {
    NAMES.contains(&path.file_name()) || domain::dependency::is_requirements(path)
}
