//! Words about dependencies: ecosystems, updates, and what was left.

use crate::RepoPath;

/// A package ecosystem that hob knows whole.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize, serde::Deserialize,
)]
#[serde(rename_all = "snake_case")]
pub enum Ecosystem {
    /// Rust: `Cargo.toml`, `Cargo.lock`.
    Cargo,
    /// JavaScript: `package.json`, `package-lock.json`.
    Npm,
    /// Python: requirements files, `pyproject.toml`, `uv.lock`.
    Python,
}

impl Ecosystem {
    /// Every ecosystem.
    pub const ALL: [Self; 3] = [Self::Cargo, Self::Npm, Self::Python];

    /// The name in reports and definitions.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Cargo => "cargo",
            Self::Npm => "npm",
            Self::Python => "python",
        }
    }
}

impl std::fmt::Display for Ecosystem {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}

/// Whether pip's requirements or constraints are in a file of this path. What is named otherwise is not edited,
/// judged or within the scope of the agents that come with hob: `requirements-dev.txt`, `Requirements.txt`,
/// `dev-requirements.in`, `requirement.pip`, `constraints.txt`, and `.txt`, `.in` or `.pip` within a folder
/// `requirements` or `reqs`. On other letters: file names are compared exactly but for the first.
pub fn is_requirements(path: &RepoPath) -> bool {
    let (folder, name) = path.as_str().rsplit_once('/').unwrap_or(("", path.as_str()));
    let Some((stem, "txt" | "in" | "pip")) = name.rsplit_once('.') else { return false };
    let words = ["requirement", "Requirement", "constraint", "Constraint"];
    words.into_iter().any(|word| stem.contains(word))
        || folder.split('/').any(|part| matches!(part, "requirements" | "reqs"))
}

/// How large a step an update is, by the ecosystem's own reading.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, serde::Deserialize,
)]
#[serde(rename_all = "snake_case")]
pub enum UpdateKind {
    /// Bug fixes only.
    Patch,
    /// Compatible additions.
    Minor,
    /// May break its users.
    Major,
    /// To an older version: the only way out of an advisory without a newer fix.
    Downgrade,
}

/// One package that moved.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Update {
    /// Whose package.
    pub ecosystem: Ecosystem,
    /// Its name, as its registry writes it.
    pub package: String,
    /// The version before.
    pub from: String,
    /// The version after.
    pub to: String,
    /// How large a step.
    pub kind: UpdateKind,
    /// The advisories that this update closes.
    pub advisories: Vec<String>,
    /// Reached through development dependencies alone, before as after.
    #[serde(default)]
    pub development_only: bool,
    /// The files that say so.
    pub files: Vec<RepoPath>,
}

/// One package that a brain told a package manager to move. What else moves has to follow from these.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
pub struct Asked {
    /// Whose package.
    pub ecosystem: Ecosystem,
    /// Its name, as its registry writes it.
    pub package: String,
    /// The version that it was to move to.
    pub to: String,
}

/// Something that was seen and not done, with its true reason.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Left {
    /// The ecosystem concerned, where there is one.
    pub ecosystem: Option<Ecosystem>,
    /// The advisory concerned, where there is one.
    pub advisory: Option<String>,
    /// The package concerned; a path where a file could not be read.
    pub package: String,
    /// The version that stays.
    pub version: String,
    /// Why, in words from a closed list.
    pub why: Why,
    /// Why, in full: the tool's own words, the constraint that refuses, what to do.
    pub detail: String,
}

/// Why something was left.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, serde::Deserialize,
)]
pub enum Why {
    /// No version without a matching advisory exists.
    #[serde(rename = "no fixed version is published")]
    NoFixedVersion,
    /// The update breaks a check; people or a model have to change code.
    #[serde(rename = "fix needs a code change")]
    NeedsCodeChange,
    /// The version exists and cannot be used with the runtime or platform at hand.
    #[serde(rename = "not installable here")]
    NotInstallable,
    /// Only development dependencies are concerned and the definition leaves those.
    #[serde(rename = "development only")]
    DevelopmentOnly,
    /// The package manager's resolver found no solution; the detail names the constraint.
    #[serde(rename = "refused by the resolver")]
    RefusedByResolver,
    /// A requirement of somebody else's (a parent that has no newer version) excludes it.
    #[serde(rename = "held back by a parent")]
    HeldByParent,
    /// The definition or its settings say so.
    #[serde(rename = "ignored by the definition")]
    Ignored,
    /// People have rejected exactly this, and nothing has changed since.
    #[serde(rename = "rejected by people")]
    Rejected,
    /// Newer than the definition's level allows.
    #[serde(rename = "outside the update level")]
    OutsideLevel,
    /// Published too recently.
    #[serde(rename = "younger than the minimum release age")]
    TooYoung,
    /// From git, a path, `[patch]` or a source that hob does not change.
    #[serde(rename = "not from a registry")]
    NotFromRegistry,
    /// An ecosystem or a file format that hob does not know.
    #[serde(rename = "unsupported")]
    Unsupported,
    /// A file, a registry, an advisory source or a package could not be read. Makes the result incomplete.
    #[serde(rename = "could not be read")]
    Unreadable,
    /// Beyond what one run may do.
    #[serde(rename = "over a limit")]
    OverLimit,
    /// An informational advisory (unmaintained, notice): told, not acted upon.
    #[serde(rename = "informational")]
    Informational,
}

impl Why {
    /// Whether the result is incomplete when something is left for this reason.
    pub const fn makes_incomplete(self) -> bool {
        matches!(self, Self::Unreadable | Self::Unsupported)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requirements_are_known_by_their_names_and_folders() {
        for (path, expected) in [
            ("requirements.txt", true),
            ("Requirements.txt", true),
            ("requirement.txt", true),
            ("a/requirements-dev.pip", true),
            ("dev_requirements.in", true),
            ("constraints.txt", true),
            ("reqs/base.txt", true),
            ("requirements/py3/base.txt", true),
            ("base.txt", false),
            ("equirements.txt", false),
            ("requirements.md", false),
            ("requirements", false),
            ("myreqs/base.txt", false),
        ] {
            assert_eq!(is_requirements(&RepoPath::new(path).unwrap()), expected, "{path}");
        }
    }
}
