//! Each entry of a lock file that changes follows from what was to be updated; sources and checksums stay.

use std::collections::{BTreeMap, BTreeSet};

use domain::agent::Semantic;
use domain::change::FileChange;
use domain::dependency::Ecosystem;
use domain::finding::{Finding, Severity};

use super::Rule;
use crate::case::{Case, finding};
use crate::dependency_file::{DependencyFile, same_name};
use crate::diff;
use crate::tree::Tree;

use self::entry::{Lock, Needle, Objection};
use self::follow::Named;
use self::manifests::Manifests;

mod address;
mod cargo;
mod entry;
mod follow;
mod graph;
mod integrity;
mod keep;
mod left_behind;
mod manifests;
mod npm;
mod python;
#[cfg(test)]
mod tests;
mod version;

pub(super) const RULE: Rule = Rule {
    id: "lock",
    about: "With `dependency-versions-only`, each lock entry that changes follows from a named update or a manifest's new requirement; sources and checksums stay.",
    check,
};

/// How many lines below its first piece the second piece of a needle is looked for.
const NEEDLE_LINES: usize = 3;

/// How many findings of a file are looked up in its text; a verdict carries fewer.
const PLACED_MAX: usize = 200;

fn check(case: &Case<'_>) -> Vec<Finding> {
    match case.scope.semantic {
        Some(Semantic::DependencyVersionsOnly) => {}
        None => return Vec::new(),
    }
    let locks = case.change.files.iter().filter_map(|file| {
        let kind = DependencyFile::of(file.path.as_str())?;
        kind.is_lock().then_some((file, kind))
    });
    let mut findings: Vec<Finding> =
        locks.flat_map(|(file, kind)| of_file(case, file, kind)).collect();
    findings.extend(left_behind::check(case));
    findings
}

fn of_file(case: &Case<'_>, file: &FileChange, kind: DependencyFile) -> Vec<Finding> {
    // A new or deleted lock file is denied by the rule `manifest`.
    let (Some(before), Some(after)) = (&file.before, &file.after) else { return Vec::new() };
    let (Some(before), Some(after)) = (before.text(), after.text()) else {
        let reason = "cannot be read as text, so it cannot be judged";
        return vec![finding(RULE.id, Severity::Deny, Some(&file.path), None, reason)];
    };
    if before == after {
        return Vec::new();
    }
    let manifests = Manifests::of(case, kind.ecosystem());
    let mut objections = Vec::new();
    let named = named(case, kind.ecosystem(), &manifests);
    if named.0.is_empty() {
        let reason = "changes, and neither an update nor a manifest's requirement asks for it";
        objections.push(Objection::deny(&Needle::default(), reason));
    }
    let configured = configured(case, kind.ecosystem());
    objections.extend(
        judged(kind, (before, after), (file, &manifests, &named, &configured)).unwrap_or_else(
            |reason| vec![Objection::deny(&Needle::default(), format!("cannot be read: {reason}"))],
        ),
    );
    objections.sort_by_key(|objection| std::cmp::Reverse(objection.severity));
    let places = Places::of(before, after);
    let put = |(at, objection): (usize, Objection)| {
        let line = if at < PLACED_MAX { places.line(&objection.needle) } else { places.first() };
        finding(RULE.id, objection.severity, Some(&file.path), line, objection.reason)
    };
    objections.into_iter().enumerate().map(put).collect()
}

/// What the rule knows of the file's surroundings: the file, manifests, what is to be updated, registries.
type Around<'a> = (&'a FileChange, &'a Manifests, &'a Named, &'a BTreeSet<String>);

fn judged(
    kind: DependencyFile,
    (before, after): (&str, &str),
    (file, manifests, named, configured): Around<'_>,
) -> Result<Vec<Objection>, String> {
    let parse: fn(&str) -> Result<Tree, String> =
        if kind == DependencyFile::NpmLock { Tree::from_json } else { Tree::from_toml };
    let old = parse(before).map_err(|error| format!("the base's: {error}"))?;
    let new = parse(after)?;
    let read = |tree: &Tree| -> Result<Lock, String> {
        match kind {
            DependencyFile::CargoLock => cargo::read(tree),
            DependencyFile::NpmLock => npm::read(tree),
            _ => python::read(tree),
        }
    };
    let sides = (&read(&old).map_err(|error| format!("the base's: {error}"))?, &read(&new)?);
    let mut found = match kind {
        DependencyFile::CargoLock => cargo::head(&old, &new),
        DependencyFile::NpmLock => npm::agree::head(&file.path, (&old, &new), manifests),
        _ => python::head(&old, &new, manifests),
    };
    found.extend(follow::check(kind.ecosystem(), sides, named));
    found.extend(keep::check(kind.ecosystem(), sides, configured));
    Ok(found)
}

/// What everything else has to follow from: what the brain asked package managers for, or, where it says
/// nothing of that, its updates; and the requirements that manifests raise, which the rule `manifest` holds
/// against the updates.
fn named(case: &Case<'_>, ecosystem: Ecosystem, manifests: &Manifests) -> Named {
    let mut named: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    let asked = case.background.asked.iter().filter(|asked| asked.ecosystem == ecosystem);
    for asked in asked {
        let name = same_name(ecosystem, &asked.package);
        named.entry(name).or_default().insert(asked.to.clone());
    }
    if named.is_empty() {
        for update in case.updates.iter().filter(|update| update.ecosystem == ecosystem) {
            let name = same_name(ecosystem, &update.package);
            named.entry(name).or_default().insert(update.to.clone());
        }
    }
    for package in manifests.packages() {
        named.entry(package.clone()).or_default();
    }
    Named(named)
}

fn configured(case: &Case<'_>, ecosystem: Ecosystem) -> BTreeSet<String> {
    let registries = case.background.registries.iter();
    registries
        .filter(|registry| registry.ecosystem == ecosystem)
        .map(|registry| address::base(&registry.base))
        .collect()
}

/// Where to point in both texts.
struct Places<'t> {
    before: Vec<&'t str>,
    after: Vec<&'t str>,
    /// The first line that differs, from 0.
    first: Option<usize>,
}

impl<'t> Places<'t> {
    fn of(before: &'t str, after: &'t str) -> Self {
        let changed = diff::lines(before, after);
        Self {
            before: before.lines().collect(),
            after: after.lines().collect(),
            first: changed.added.first().or(changed.removed.first()).copied(),
        }
    }

    /// The line (from 1) that the needle is in, else the first one that changed.
    fn line(&self, needle: &Needle) -> Option<u64> {
        let lines = if needle.before { &self.before } else { &self.after };
        let holds = |at: &usize| {
            lines[*at].contains(&needle.first)
                && lines[*at..].iter().take(NEEDLE_LINES).any(|line| line.contains(&needle.second))
        };
        let found = (!needle.first.is_empty()).then(|| (0..lines.len()).find(holds)).flatten();
        found.map(|at| at as u64 + 1).or_else(|| self.first())
    }

    /// The first line that differs.
    fn first(&self) -> Option<u64> {
        self.first.map(|at| at as u64 + 1)
    }
}
