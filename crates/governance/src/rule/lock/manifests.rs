//! What the manifests of the same change say, for lock files that repeat it.

use std::collections::{BTreeMap, BTreeSet};

use domain::RepoPath;
use domain::change::{FileChange, FileVersion};
use domain::dependency::Ecosystem;

use crate::case::Case;
use crate::dependency_file::{DependencyFile, same_name};
use crate::rule::manifest;
use crate::tree::{self, Difference, Tree};

/// The changed manifests of one ecosystem.
#[derive(Debug)]
pub(super) struct Manifests {
    /// The manifest after the change, by path, where it is a tree.
    trees: BTreeMap<String, Tree>,
    /// Tables, names and requirements that changed, by the path of an npm manifest.
    changed: BTreeMap<String, Vec<(String, String, String)>>,
    /// Every requirement that changed, by package.
    raised: BTreeMap<String, BTreeSet<String>>,
}

impl Manifests {
    /// Those of a change.
    pub(super) fn of(case: &Case<'_>, ecosystem: Ecosystem) -> Self {
        let mut found =
            Self { trees: BTreeMap::new(), changed: BTreeMap::new(), raised: BTreeMap::new() };
        for file in &case.change.files {
            let Some(kind) = DependencyFile::of(file.path.as_str()) else { continue };
            if kind.ecosystem() != ecosystem || kind.is_lock() {
                continue;
            }
            for (package, requirement) in manifest::raised(file, kind) {
                let name = same_name(ecosystem, &package);
                found.raised.entry(name).or_default().insert(plain(&requirement));
            }
            if kind == DependencyFile::NpmManifest {
                found.add_npm(file);
            }
        }
        found
    }

    fn add_npm(&mut self, file: &FileChange) {
        let tree = |version: &Option<FileVersion>| {
            version.as_ref().and_then(FileVersion::text).and_then(|text| Tree::from_json(text).ok())
        };
        let path = file.path.as_str().to_owned();
        let Some(after) = tree(&file.after) else { return };
        if let Some(before) = tree(&file.before) {
            let found = tree::differences(&before, &after);
            let changed =
                found.iter().filter_map(|one| match (one.keys().as_slice(), one.texts()) {
                    ([table, name], Some((_, new))) => {
                        Some(((*table).to_owned(), (*name).to_owned(), new.to_owned()))
                    }
                    _ => None,
                });
            self.changed.insert(path.clone(), changed.collect());
        }
        self.trees.insert(path, after);
    }

    /// The tables, names and new requirements that change in the npm manifest at a path.
    pub(super) fn raised_at(&self, path: &str) -> &[(String, String, String)] {
        self.changed.get(path).map(Vec::as_slice).unwrap_or_default()
    }

    /// The packages whose requirements changed.
    pub(super) fn packages(&self) -> impl Iterator<Item = &String> {
        self.raised.keys()
    }

    /// The manifest at a path, if it changes and is a tree.
    pub(super) fn at(&self, path: &str) -> Option<&Tree> {
        self.trees.get(path)
    }

    /// Whether a difference in a lock file is what a manifest's new requirement of this Python package says.
    pub(super) fn says_new_of(&self, package: &str, difference: &Difference<'_>) -> bool {
        match (difference.before, difference.after) {
            (Some(Tree::Text(_)), Some(Tree::Text(now))) => {
                let now = plain(now);
                let package = same_name(Ecosystem::Python, package);
                self.raised.get(&package).is_some_and(|raised| raised.contains(&now))
            }
            _ => false,
        }
    }
}

/// A requirement without white space; the order of its parts does not count.
fn plain(requirement: &str) -> String {
    let mut parts: Vec<String> = requirement
        .split(',')
        .map(|part| part.chars().filter(|letter| !letter.is_whitespace()).collect())
        .collect();
    parts.sort();
    parts.join(",")
}

/// The path of a file in the folder of another.
pub(super) fn beside(path: &RepoPath, place: &str, name: &str) -> String {
    let folder = path.as_str().rsplit_once('/').map_or("", |(folder, _)| folder);
    [folder, place, name].into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join("/")
}
