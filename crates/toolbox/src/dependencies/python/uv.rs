//! Reads `uv.lock`: the whole graph of a workspace, for every platform.

use std::collections::{BTreeMap, BTreeSet};

use domain::RepoPath;
use serde::Deserialize;

use super::discover::PYPROJECT;
use super::pyproject::{self, Pyproject};
use super::requirements::{same_address, without_credentials};
use super::version::normalised;
use crate::dependencies::{Graph, Package, PackageId, ReadError, Requirement, Source};
use crate::files::FileSet;

/// The lock's format that is understood; uv counts compatible changes in `revision`.
const FORMAT: u64 = 1;

#[derive(Debug, Deserialize)]
struct Lock {
    version: u64,
    /// What all members admit.
    #[serde(rename = "requires-python")]
    python: Option<String>,
    #[serde(default, rename = "package")]
    packages: Vec<Locked>,
}

#[derive(Debug, Deserialize)]
struct Locked {
    name: String,
    #[serde(default)]
    version: String,
    #[serde(default)]
    source: BTreeMap<String, toml::Value>,
    #[serde(default)]
    dependencies: Vec<Edge>,
    #[serde(default, rename = "optional-dependencies")]
    extras: BTreeMap<String, Vec<Edge>>,
    #[serde(default, rename = "dev-dependencies")]
    groups: BTreeMap<String, Vec<Edge>>,
}

#[derive(Debug, Deserialize)]
struct Edge {
    name: String,
    version: Option<String>,
    source: Option<BTreeMap<String, toml::Value>>,
}

impl Locked {
    /// The folder of a member of this repository.
    fn folder(&self) -> Option<&str> {
        ["editable", "virtual", "directory"].iter().find_map(|key| self.source.get(*key)?.as_str())
    }

    fn source(&self, is_own: &dyn Fn(&str) -> bool) -> Source {
        if self.folder().is_some() {
            return Source::Workspace;
        }
        match self.source.get("registry").and_then(toml::Value::as_str) {
            Some(url) if is_own(url) => Source::Registry,
            Some(url) => Source::Other(format!("the index {}", without_credentials(url))),
            None => {
                let (kind, value) =
                    self.source.iter().next().map_or(("unknown", None), |(k, v)| (k, v.as_str()));
                Source::Other(format!("{kind} {}", without_credentials(value.unwrap_or_default())))
            }
        }
    }
}

fn read(files: &FileSet, path: &RepoPath) -> Result<Lock, ReadError> {
    let malformed =
        |reason: String| ReadError::Malformed { path: path.clone(), line: None, reason };
    let text = files.text(path)?;
    let lock: Lock = toml::from_str(text).map_err(|error| ReadError::Malformed {
        path: path.clone(),
        line: error
            .span()
            .and_then(|s| text.get(..s.start))
            .and_then(|t| u64::try_from(t.matches('\n').count() + 1).ok()),
        reason: format!("{}; `uv lock` writes it anew", error.message()),
    })?;
    if lock.version != FORMAT {
        return Err(malformed(format!(
            "format {} of uv's lock is not known; hob reads {FORMAT}",
            lock.version
        )));
    }
    Ok(lock)
}

/// The Pythons that a lock was made for.
pub(super) fn python(files: &FileSet, path: &RepoPath) -> Result<Option<String>, ReadError> {
    Ok(read(files, path)?.python)
}

/// The manifests of a lock's members, the root's own first.
pub(super) fn members(files: &FileSet, path: &RepoPath) -> Result<Vec<RepoPath>, ReadError> {
    let lock = read(files, path)?;
    let manifest = |folder: &str| path.parent().join(folder).and_then(|f| f.join(PYPROJECT)).ok();
    let mut found: Vec<RepoPath> =
        manifest(".").filter(|path| files.exists(path)).into_iter().collect();
    for folder in lock.packages.iter().filter_map(Locked::folder) {
        if let Some(path) =
            manifest(folder).filter(|path| files.exists(path) && !found.contains(path))
        {
            found.push(path);
        }
    }
    if found.is_empty() {
        let reason = format!("no {PYPROJECT} of its members is in the repository");
        return Err(ReadError::Malformed { path: path.clone(), line: None, reason });
    }
    Ok(found)
}

/// The graph that a lock holds.
pub(super) fn graph(
    files: &FileSet,
    path: &RepoPath,
    manifests: &[RepoPath],
    own: Option<&str>,
) -> Result<Graph, ReadError> {
    let lock = read(files, path)?;
    let mut read: Vec<(&RepoPath, Pyproject)> = Vec::new();
    for manifest in manifests {
        read.push((manifest, pyproject::read(files, manifest)?));
    }
    let named: Vec<String> = read
        .iter()
        .flat_map(|(_, manifest)| manifest.indexes.iter().map(|i| i.place.address.clone()))
        .collect();
    let is_own = |url: &str| match own {
        Some(own) => same_address(own, url),
        None => !named.iter().any(|named| same_address(named, url)),
    };
    let mut places: BTreeMap<String, Vec<usize>> = BTreeMap::new();
    for (at, package) in lock.packages.iter().enumerate() {
        places
            .entry(normalised(&package.name).unwrap_or_else(|| package.name.clone()))
            .or_default()
            .push(at);
    }
    let resolve = |edge: &Edge| {
        let found = places.get(&normalised(&edge.name).unwrap_or_else(|| edge.name.clone()));
        found
            .into_iter()
            .flatten()
            .copied()
            .filter(|&at| {
                lock.packages.get(at).is_some_and(|package| {
                    edge.version.as_ref().is_none_or(|v| *v == package.version)
                        && edge.source.as_ref().is_none_or(|s| *s == package.source)
                })
            })
            .collect::<Vec<usize>>()
    };
    let ids = |edges: &mut dyn Iterator<Item = &Edge>| {
        edges.flat_map(resolve).collect::<BTreeSet<usize>>()
    };
    let runtime: Vec<BTreeSet<usize>> = lock
        .packages
        .iter()
        .map(|p| ids(&mut p.dependencies.iter().chain(p.extras.values().flatten())))
        .collect();
    let needed = reached(&lock, &runtime);
    let mut graph = Graph { whole: true, ..Graph::default() };
    for (manifest, read) in read {
        graph.direct.extend(read.asks.iter().map(|ask| ask.requirement(manifest)));
    }
    for (at, package) in lock.packages.iter().enumerate() {
        let mut dependencies = runtime.get(at).cloned().unwrap_or_default();
        dependencies.extend(ids(&mut package.groups.values().flatten()));
        let name = normalised(&package.name).unwrap_or_else(|| package.name.clone());
        graph.packages.push(Package {
            version: package.version.clone(),
            source: package.source(&is_own),
            development_only: !needed.contains(&at),
            direct: graph.direct.iter().any(|Requirement { package, .. }| *package == name),
            dependencies: dependencies.into_iter().map(PackageId).collect(),
            locked_in: path.clone(),
            name,
        });
    }
    Ok(graph)
}

/// What the members need at run time.
fn reached(lock: &Lock, runtime: &[BTreeSet<usize>]) -> BTreeSet<usize> {
    let mut open: Vec<usize> = (0..lock.packages.len())
        .filter(|&at| lock.packages.get(at).is_some_and(|p| p.folder().is_some()))
        .collect();
    let mut seen: BTreeSet<usize> = BTreeSet::new();
    while let Some(at) = open.pop() {
        if seen.insert(at) {
            open.extend(runtime.get(at).into_iter().flatten());
        }
    }
    seen
}
