//! The graph of requirements without a lock: the pins, and what pip says that comes with them.

use std::collections::{BTreeMap, BTreeSet};

use domain::RepoPath;
use pep508_rs::{ExtraName, MarkerEnvironment, Requirement, VerbatimUrl, VersionOrUrl};
use serde::Deserialize;

use super::parts::Part;
use super::requirements::{self, Ask, Unread};
use super::{condition, discover, pyproject, refusal, version};
use crate::dependencies::{
    self, Graph, Package, PackageId, Project, ReadError, Source, Unresolved,
};
use crate::files::FileSet;

/// The requirements of one manifest.
#[derive(Debug, Clone)]
pub(super) struct Manifest {
    pub(super) path: RepoPath,
    pub(super) asks: Vec<Ask>,
    /// What of it is installed together; a requirements file is one whole.
    pub(super) parts: Vec<Part>,
    /// Whether building something of the checkout is part of installing it.
    pub(super) has_local: bool,
    /// The files that it includes.
    pub(super) includes: Vec<RepoPath>,
    /// What is not the host's own index and may serve any of the project's packages.
    pub(super) foreign: Option<Source>,
    /// Lines that are no requirements.
    pub(super) unread: Vec<Unread>,
}

/// Reads the manifests of a project; `own` is the index that the host's pip asks.
pub(super) fn manifests(
    project: &Project,
    files: &FileSet,
    own: Option<&str>,
) -> Result<Vec<Manifest>, ReadError> {
    let mut found: Vec<Manifest> = Vec::new();
    for path in &project.manifests {
        if path.file_name() == discover::PYPROJECT {
            let manifest = pyproject::read(files, path)?;
            // What a lock says it took from an index is truer than what the manifest says it may take.
            let serving = manifest.indexes.iter().filter(|i| !i.explicit && project.lock.is_none());
            found.push(Manifest {
                path: path.clone(),
                foreign: serving.filter_map(|index| index.place.foreign(own)).next(),
                asks: manifest.asks,
                parts: manifest.parts,
                has_local: false,
                includes: Vec::new(),
                unread: Vec::new(),
            });
            continue;
        }
        let file = requirements::read(files, path)?;
        let includes =
            file.includes.iter().filter_map(|i| discover::target(files, path, i).ok()).collect();
        found.push(Manifest {
            path: path.clone(),
            foreign: file.indexes.iter().find_map(|index| index.foreign(own)),
            unread: file.unread,
            asks: file.asks,
            parts: Vec::new(),
            has_local: file.has_local,
            includes,
        });
    }
    // pip asks an index that one file names for the requirements of all.
    if let Some(index) = found.iter().find_map(|manifest| manifest.foreign.clone()) {
        let asks = found.iter_mut().flat_map(|manifest| &mut manifest.asks);
        for ask in asks.filter(|ask| ask.source == Source::Registry) {
            ask.source = index.clone();
        }
    }
    Ok(found)
}

impl Ask {
    /// The same in the words that every ecosystem shares.
    pub(super) fn requirement(&self, manifest: &RepoPath) -> dependencies::Requirement {
        dependencies::Requirement {
            package: self.package.clone(),
            alias: None,
            range: self.range.clone(),
            manifest: manifest.clone(),
            line: Some(self.line),
            development: self.development,
            source: self.source.clone(),
            elsewhere: None,
        }
    }
}

/// What `resolve.py` prints.
#[derive(Debug, Deserialize)]
struct Resolved {
    reports: Vec<Report>,
    #[serde(default)]
    unresolved: Vec<Refused>,
}

/// A part that pip finds no versions for.
#[derive(Debug, Deserialize)]
struct Refused {
    part: String,
    said: String,
}

/// What pip would install for one file.
#[derive(Debug, Deserialize)]
struct Report {
    #[serde(default)]
    environment: serde_json::Value,
    install: Vec<Installed>,
}

#[derive(Debug, Deserialize)]
struct Installed {
    name: String,
    version: String,
    #[serde(default)]
    requires: Vec<String>,
    #[serde(default)]
    extras: Vec<String>,
    elsewhere: Option<String>,
}

/// The graph of a project without a lock.
pub(super) fn graph(
    project: &Project,
    files: &FileSet,
    own: Option<&str>,
    resolved: Option<&[u8]>,
) -> Result<Graph, ReadError> {
    let manifests = manifests(project, files, own)?;
    let mut graph = Graph { whole: resolved.is_some(), ..Graph::default() };
    let place = project.manifests.first().cloned().unwrap_or_default();
    let resolved = resolved.map(|bytes| read(bytes, &place)).transpose()?;
    let environment = resolved.as_ref().and_then(|resolved| resolved.reports.first());
    let environment = environment.map(|report| &report.environment);
    for manifest in &manifests {
        for ask in &manifest.asks {
            let condition = ask.marker.as_deref().zip(environment);
            let elsewhere = condition.and_then(|(marker, here)| condition::elsewhere(marker, here));
            graph
                .direct
                .push(dependencies::Requirement { elsewhere, ..ask.requirement(&manifest.path) });
            let Some(pin) = version::pinned(&ask.range) else { continue };
            let known =
                graph.packages.iter_mut().find(|p| p.name == ask.package && p.version == pin);
            match known {
                Some(package) => package.development_only &= ask.development,
                None => graph.packages.push(Package {
                    name: ask.package.clone(),
                    version: pin,
                    source: ask.source.clone(),
                    development_only: ask.development,
                    direct: true,
                    dependencies: Vec::new(),
                    locked_in: manifest.path.clone(),
                }),
            }
        }
    }
    if let Some(resolved) = resolved {
        for report in &resolved.reports {
            add(&mut graph, report, &place);
        }
        label(&mut graph);
        let unresolved = resolved.unresolved.into_iter();
        graph.unresolved = unresolved
            .map(|one| Unresolved { refusal: refusal::of_pip(&one.said), part: one.part })
            .collect();
    }
    Ok(graph)
}

fn read(bytes: &[u8], place: &RepoPath) -> Result<Resolved, ReadError> {
    serde_json::from_slice(bytes).map_err(|error| ReadError::Malformed {
        path: place.clone(),
        line: None,
        reason: format!("pip's report about it is not understood: {error}"),
    })
}

/// Adds what pip would install, with who asks for whom.
fn add(graph: &mut Graph, report: &Report, place: &RepoPath) {
    let ids = add_packages(graph, report, place);
    add_dependencies(graph, report, &ids);
}

/// Adds the packages; their places by name.
fn add_packages(graph: &mut Graph, report: &Report, place: &RepoPath) -> BTreeMap<String, usize> {
    let mut ids: BTreeMap<String, usize> = BTreeMap::new();
    for item in &report.install {
        let Some(name) = version::normalised(&item.name) else { continue };
        let same = |p: &Package| {
            p.name == name && version::compare(&p.version, &item.version).is_some_and(|o| o.is_eq())
        };
        let at = graph.packages.iter().position(same).unwrap_or_else(|| {
            let asked: Vec<_> = graph.direct.iter().filter(|r| r.package == name).collect();
            let place = asked.first().map_or(place, |asked| &asked.manifest).clone();
            let source = match &item.elsewhere {
                Some(url) => Source::Other(requirements::without_credentials(url)),
                None => Source::Registry,
            };
            let package = Package {
                version: item.version.clone(),
                source,
                development_only: !asked.is_empty() && asked.iter().all(|r| r.development),
                direct: !asked.is_empty(),
                dependencies: Vec::new(),
                locked_in: place,
                name: name.clone(),
            };
            graph.packages.push(package);
            graph.packages.len() - 1
        });
        ids.insert(name, at);
    }
    ids
}

/// Adds who asks for whom, as far as markers and extras apply.
fn add_dependencies(graph: &mut Graph, report: &Report, ids: &BTreeMap<String, usize>) {
    let environment: Option<MarkerEnvironment> =
        serde_json::from_value(report.environment.clone()).ok();
    let requires: BTreeMap<&str, Vec<Requirement<VerbatimUrl>>> = report
        .install
        .iter()
        .map(|item| {
            (
                item.name.as_str(),
                item.requires
                    .iter()
                    .filter_map(|text| super::requirement::parse(text).ok())
                    .collect(),
            )
        })
        .collect();
    // An extra of a package counts where anybody asks for it.
    let mut extras: BTreeMap<String, BTreeSet<ExtraName>> = BTreeMap::new();
    for one in requires.values().flatten() {
        extras.entry(one.name.to_string()).or_default().extend(one.extras.iter().cloned());
    }
    for item in &report.install {
        let Some(name) = version::normalised(&item.name) else { continue };
        let mut asked = extras.get(&name).cloned().unwrap_or_default();
        asked.extend(item.extras.iter().filter_map(|extra| ExtraName::new(extra.clone()).ok()));
        let asked: Vec<ExtraName> = asked.into_iter().collect();
        let Some(&parent) = ids.get(&name) else { continue };
        for one in requires.get(item.name.as_str()).into_iter().flatten() {
            let applies = environment.as_ref().is_none_or(|env| one.evaluate_markers(env, &asked));
            let Some(&child) = ids.get(one.name.as_ref()).filter(|_| applies) else { continue };
            let fits = match (
                &one.version_or_url,
                graph.packages.get(child).and_then(|p| version::parse(&p.version)),
            ) {
                (Some(VersionOrUrl::VersionSpecifier(range)), Some(version)) => {
                    range.contains(&version)
                }
                _ => true,
            };
            if let Some(package) =
                graph.packages.get_mut(parent).filter(|_| fits && child != parent)
                && !package.dependencies.contains(&PackageId(child))
            {
                package.dependencies.push(PackageId(child));
            }
        }
    }
}

/// What only development requirements lead to is for development only.
fn label(graph: &mut Graph) {
    let mut needed: BTreeSet<usize> = BTreeSet::new();
    let starts = graph.packages.iter().enumerate().filter(|(_, p)| p.direct && !p.development_only);
    let mut open: Vec<usize> = starts.map(|(at, _)| at).collect();
    while let Some(at) = open.pop() {
        if needed.insert(at) {
            let below = graph.packages.get(at).into_iter().flat_map(|p| &p.dependencies);
            open.extend(below.map(|id| id.0));
        }
    }
    // Without a known way from a direct requirement, a package counts as needed.
    let mut reached: BTreeSet<usize> = BTreeSet::new();
    let mut open: Vec<usize> = (0..graph.packages.len())
        .filter(|&at| graph.packages.get(at).is_some_and(|p| p.direct))
        .collect();
    while let Some(at) = open.pop() {
        if reached.insert(at) {
            open.extend(
                graph.packages.get(at).into_iter().flat_map(|p| &p.dependencies).map(|id| id.0),
            );
        }
    }
    for (at, package) in graph.packages.iter_mut().enumerate() {
        package.development_only = reached.contains(&at) && !needed.contains(&at);
    }
}
