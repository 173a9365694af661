//! A change of dependency versions changes version requirements of existing dependencies, and nothing else.

use domain::agent::Semantic;
use domain::change::{FileChange, FileVersion};
use domain::dependency::Update;
use domain::finding::{Finding, Severity};

use super::Rule;
use crate::case::{Case, finding};
use crate::dependency_file::{DependencyFile, same_name};
use crate::diff;
use crate::tree::{self, Difference, Tree};

mod cargo;
pub(super) mod npm;
mod pyproject;
mod requirements;
mod specifier;
#[cfg(test)]
mod tests;

pub(super) const RULE: Rule = Rule {
    id: "manifest",
    about: "With `dependency-versions-only`, manifests change in version requirements of existing dependencies that the update names.",
    check,
};

/// Something that may not be so, with what to look for in the file.
#[derive(Debug)]
struct Objection {
    severity: Severity,
    needle: String,
    reason: String,
}

impl Objection {
    fn deny(needle: impl Into<String>, reason: impl Into<String>) -> Self {
        Self { severity: Severity::Deny, needle: needle.into(), reason: reason.into() }
    }
}

/// A version requirement that changed as it may, if its package was named.
#[derive(Debug)]
struct Raised {
    /// The package, as its registry writes it.
    package: String,
    /// The new requirement.
    requirement: String,
}

/// Reads one difference of a manifest: a version requirement that changed, or why it may not be so.
type Read = fn(&Tree, &Difference<'_>) -> Result<Raised, String>;

fn check(case: &Case<'_>) -> Vec<Finding> {
    match case.scope.semantic {
        Some(Semantic::DependencyVersionsOnly) => {}
        None => return Vec::new(),
    }
    case.change.files.iter().flat_map(|file| of_file(file, case.updates)).collect()
}

fn of_file(file: &FileChange, updates: &[Update]) -> Vec<Finding> {
    let text = |version: &Option<FileVersion>| {
        version.as_ref().and_then(FileVersion::text).unwrap_or("").to_owned()
    };
    let deny = |reason: &str| {
        let line = diff::place(&text(&file.before), &text(&file.after), "");
        vec![finding(RULE.id, Severity::Deny, Some(&file.path), line, reason)]
    };
    let Some(kind) = DependencyFile::of(file.path.as_str()) else {
        return deny("neither a manifest nor a lock file that hob can read for its meaning");
    };
    let (Some(before), Some(after)) = (&file.before, &file.after) else {
        return deny(if file.before.is_none() {
            "a new manifest or lock file"
        } else {
            "a manifest or lock file is deleted"
        });
    };
    if kind.is_lock() {
        return Vec::new();
    }
    let (Some(before), Some(after)) = (before.text(), after.text()) else {
        return deny("cannot be read as text, so it cannot be judged");
    };
    let objections = match kind {
        DependencyFile::CargoManifest => {
            of_trees(Tree::from_toml, cargo::read, (before, after), updates, kind)
        }
        DependencyFile::NpmManifest => {
            of_trees(Tree::from_json, npm::read, (before, after), updates, kind)
        }
        DependencyFile::Pyproject => {
            of_trees(Tree::from_toml, pyproject::read, (before, after), updates, kind)
        }
        _ => requirements::compare(before, after).map(|(raised, mut objections)| {
            objections.extend(raised.iter().filter_map(|raised| unnamed(raised, updates, kind)));
            objections
        }),
    };
    let objections = objections.unwrap_or_else(|reason| vec![Objection::deny("", reason)]);
    if objections.is_empty() && before == after {
        return Vec::new();
    }
    objections
        .into_iter()
        .map(|objection| {
            let line = diff::place(before, after, &objection.needle);
            finding(RULE.id, objection.severity, Some(&file.path), line, objection.reason)
        })
        .collect()
}

/// Compares two manifests as trees.
fn of_trees(
    parse: fn(&str) -> Result<Tree, String>,
    read: Read,
    (before, after): (&str, &str),
    updates: &[Update],
    kind: DependencyFile,
) -> Result<Vec<Objection>, String> {
    let old =
        parse(before).map_err(|error| format!("the base's manifest cannot be read: {error}"))?;
    let new = parse(after).map_err(|error| format!("the manifest cannot be read: {error}"))?;
    let found = tree::differences(&old, &new);
    if found.is_empty() {
        let needle = String::new();
        let reason = "only comments or layout differ".to_owned();
        return Ok(vec![Objection { severity: Severity::Note, needle, reason }]);
    }
    Ok(found
        .iter()
        .filter_map(|difference| of_difference(&new, difference, (read, updates, kind)))
        .collect())
}

fn of_difference(
    after: &Tree,
    difference: &Difference<'_>,
    (read, updates, kind): (Read, &[Update], DependencyFile),
) -> Option<Objection> {
    let needle =
        difference.path.iter().rev().find(|key| *key != "version" && key.parse::<usize>().is_err());
    let needle = needle.cloned().unwrap_or_default();
    let words = difference.words();
    if difference.order {
        return Some(Objection::deny(needle, format!("the order of keys in `{words}` changes")));
    }
    match read(after, difference) {
        Ok(raised) => unnamed(&raised, updates, kind),
        Err(reason) => Some(Objection::deny(needle, format!("`{words}`: {reason}"))),
    }
}

/// What is wrong with a raised requirement: nobody named its package, or it does not admit what was named.
fn unnamed(raised: &Raised, updates: &[Update], kind: DependencyFile) -> Option<Objection> {
    let ecosystem = kind.ecosystem();
    let name = same_name(ecosystem, &raised.package);
    let mut named = updates
        .iter()
        .filter(|update| {
            update.ecosystem == ecosystem && same_name(ecosystem, &update.package) == name
        })
        .peekable();
    if named.peek().is_none() {
        let reason = format!(
            "the requirement of `{}` changes, and no update names that package",
            raised.package
        );
        return Some(Objection::deny(&raised.package, reason));
    }
    let admits = named.any(|update| specifier::admits(ecosystem, &raised.requirement, &update.to));
    if !admits {
        let reason = format!(
            "the requirement `{}` of `{}` does not admit the version that the update names",
            raised.requirement.escape_debug(),
            raised.package
        );
        let needle = raised.package.clone();
        return Some(Objection { severity: Severity::NeedsApproval, needle, reason });
    }
    specifier::is_open(&raised.requirement).then(|| Objection {
        severity: Severity::NeedsApproval,
        needle: raised.package.clone(),
        reason: format!("the requirement of `{}` becomes open to any version", raised.package),
    })
}

/// The requirements that a manifest changes as it may, by package; what may not be so is the rule's to say.
pub(super) fn raised(file: &FileChange, kind: DependencyFile) -> Vec<(String, String)> {
    let text = |version: &Option<FileVersion>| {
        version.as_ref().and_then(FileVersion::text).unwrap_or("").to_owned()
    };
    let (before, after) = (text(&file.before), text(&file.after));
    let of_trees = |parse: fn(&str) -> Result<Tree, String>, read: Read| -> Vec<Raised> {
        let (Ok(old), Ok(new)) = (parse(&before), parse(&after)) else { return Vec::new() };
        let found = tree::differences(&old, &new);
        found.iter().filter(|found| !found.order).filter_map(|one| read(&new, one).ok()).collect()
    };
    let raised = match kind {
        DependencyFile::CargoManifest => of_trees(Tree::from_toml, cargo::read),
        DependencyFile::NpmManifest => of_trees(Tree::from_json, npm::read),
        DependencyFile::Pyproject => of_trees(Tree::from_toml, pyproject::read),
        DependencyFile::Requirements => {
            requirements::compare(&before, &after).map(|(raised, _)| raised).unwrap_or_default()
        }
        DependencyFile::CargoLock | DependencyFile::NpmLock | DependencyFile::UvLock => Vec::new(),
    };
    raised.into_iter().map(|raised| (raised.package, raised.requirement)).collect()
}

/// What to say of a difference that is no version requirement.
fn otherwise(difference: &Difference<'_>) -> String {
    match (difference.before, difference.after) {
        (None, _) => "is new; only version requirements of existing dependencies may change",
        (_, None) => "is removed; only version requirements of existing dependencies may change",
        _ => "changes; only version requirements of existing dependencies may",
    }
    .to_owned()
}
