//! A project as its manifests and its lock describe it together, and the graph that follows.

use std::collections::{BTreeMap, BTreeSet};

use domain::RepoPath;

use super::json::{self, malformed};
use super::linked;
use super::lock::{Kind, Lock, is_own, name_at};
use super::manifest::{Ask, Manifest, Section, understand};
use super::version;
use crate::dependencies::{Graph, Package, PackageId, Project, ReadError, Source};
use crate::files::FileSet;

/// Manifests and, where there is one, the lock.
#[derive(Debug)]
pub(super) struct Tree {
    /// The root's own first.
    pub(super) manifests: Vec<Manifest>,
    pub(super) lock: Option<Lock>,
    root: RepoPath,
    /// The file that pins: the lock, or the root's manifest.
    locked_in: RepoPath,
}

impl Tree {
    /// Reads a project. `resolved` is a lock that stands in for a missing one.
    pub(super) fn read(
        project: &Project,
        files: &FileSet,
        resolved: Option<&[u8]>,
    ) -> Result<Self, ReadError> {
        let manifests = project
            .manifests
            .iter()
            .map(|path| Manifest::read(files, path))
            .collect::<Result<Vec<_>, _>>()?;
        let own = project.manifests.first().cloned().unwrap_or_else(|| project.root.clone());
        let (lock, locked_in) = match (&project.lock, resolved) {
            (Some(path), _) => (Some(Lock::parse(path, json::text(files, path)?)?), path.clone()),
            (None, Some(bytes)) => {
                let text = std::str::from_utf8(bytes).map_err(|_| {
                    malformed(&own, None, "what npm resolved for it is not UTF-8 text")
                })?;
                let lock = Lock::parse(&own, text).map_err(|error| {
                    malformed(
                        &own,
                        None,
                        format!("what npm resolved for it is not a lock: {error}"),
                    )
                })?;
                (Some(lock), own)
            }
            (None, None) => (None, own),
        };
        Ok(Self { manifests, lock, root: project.root.clone(), locked_in })
    }

    /// The location that a manifest's folder has in the lock.
    pub(super) fn location(&self, manifest: &Manifest) -> String {
        linked::seen_from(&self.root, &manifest.folder())
    }

    /// Where a manifest's requirement leads.
    pub(super) fn found(&self, manifest: &Manifest, ask: &Ask) -> Option<&str> {
        self.lock.as_ref()?.resolve(&self.location(manifest), &ask.key)
    }

    /// Whether some override concerns this package: then its requirements do not say what npm takes.
    pub(super) fn is_overridden(&self, package: &str) -> bool {
        self.manifests
            .first()
            .is_some_and(|root| root.overrides.iter().any(|rule| rule.package == package))
    }

    /// Says where manifests and lock contradict each other, by the rule of `npm ci`.
    fn check_agreement(&self, lock: &Lock) -> Result<(), ReadError> {
        for manifest in &self.manifests {
            for ask in manifest.asks.iter().filter(|ask| ask.source == Source::Registry) {
                let disagree = |holds: &str| {
                    let reason = format!(
                        "asks for {}@{}, but `{}` holds {holds}; `npm install` makes them agree",
                        ask.package, ask.range, self.locked_in
                    );
                    Err(malformed(&manifest.path, Some(ask.line), reason))
                };
                let optional = manifest.asks.iter().any(|other| {
                    other.key == ask.key
                        && matches!(other.section, Section::Optional | Section::Peer)
                });
                let Some(location) = self.found(manifest, ask) else {
                    if optional {
                        continue;
                    }
                    return disagree("none");
                };
                let entry = lock.entry(location);
                let version = entry.and_then(|entry| entry.version.as_deref()).unwrap_or_default();
                let peer = ask.section == Section::Peer;
                let ours = is_own(location) || peer || self.is_overridden(&ask.package);
                if !ours && !version::admits(&ask.range, version) {
                    return disagree(if version.is_empty() { "no version of it" } else { version });
                }
            }
        }
        Ok(())
    }

    /// The graph.
    pub(super) fn graph(&self) -> Result<Graph, ReadError> {
        let direct = self.manifests.iter().flat_map(Manifest::requirements).collect();
        match &self.lock {
            Some(lock) => {
                self.check_agreement(lock)?;
                Ok(Graph {
                    packages: self.locked(lock),
                    direct,
                    whole: true,
                    unresolved: Vec::new(),
                })
            }
            None => {
                Ok(Graph { packages: self.pinned(), direct, whole: false, unresolved: Vec::new() })
            }
        }
    }

    /// Without a lock only exact pins say a version.
    fn pinned(&self) -> Vec<Package> {
        let mut packages: BTreeMap<(String, String), Package> = BTreeMap::new();
        for manifest in &self.manifests {
            for ask in manifest.asks.iter().filter(|ask| ask.source == Source::Registry) {
                let Some(pin) = version::parse(ask.range.trim_start_matches('=')) else { continue };
                let development = ask.section == Section::Dev;
                packages
                    .entry((ask.package.clone(), pin.to_string()))
                    .and_modify(|known| known.development_only &= development)
                    .or_insert_with(|| Package {
                        name: ask.package.clone(),
                        version: pin.to_string(),
                        source: Source::Registry,
                        development_only: development,
                        direct: true,
                        dependencies: Vec::new(),
                        locked_in: manifest.path.clone(),
                    });
            }
        }
        packages.into_values().collect()
    }

    fn locked(&self, lock: &Lock) -> Vec<Package> {
        let edges = Edges::of(self, lock);
        let production = edges.reached(false);
        let all = edges.reached(true);
        let mut ids: BTreeMap<(&str, &str, String), PackageId> = BTreeMap::new();
        let mut id_at: BTreeMap<&str, PackageId> = BTreeMap::new();
        let mut packages: Vec<Package> = Vec::new();
        for (location, entry) in lock.packages() {
            let source = edges.source(lock, location);
            let name = name_at(location, entry);
            let version = entry.version.as_deref().unwrap_or_default();
            let development_only = all.contains(location) && !production.contains(location);
            let direct = edges.direct.contains(location);
            let key = (name, version, format!("{source:?}"));
            let id = *ids.entry(key).or_insert(PackageId(packages.len()));
            id_at.insert(location, id);
            match packages.get_mut(id.0) {
                Some(known) => {
                    known.development_only &= development_only;
                    known.direct |= direct;
                }
                None => packages.push(Package {
                    name: name.to_owned(),
                    version: version.to_owned(),
                    source,
                    development_only,
                    direct,
                    dependencies: Vec::new(),
                    locked_in: self.locked_in.clone(),
                }),
            }
        }
        for (from, to) in edges.between() {
            if let (Some(from), Some(to)) = (id_at.get(from), id_at.get(to))
                && let Some(package) = packages.get_mut(from.0)
            {
                package.dependencies.push(*to);
            }
        }
        for package in &mut packages {
            package.dependencies.sort_unstable();
            package.dependencies.dedup();
        }
        packages
    }
}

/// Who asks for whom, by location.
#[derive(Default)]
struct Edges<'a> {
    /// (from, to, range, development)
    all: Vec<(String, &'a str, String, bool)>,
    /// What the project's own manifests lead to.
    direct: BTreeSet<&'a str>,
    /// The project's own locations, the root's being empty.
    roots: BTreeSet<String>,
    /// What is asked for by an address instead of a range.
    elsewhere: BTreeMap<&'a str, String>,
}

impl<'a> Edges<'a> {
    fn of(tree: &'a Tree, lock: &'a Lock) -> Self {
        let mut edges = Self::default();
        for manifest in &tree.manifests {
            let from = tree.location(manifest);
            for ask in &manifest.asks {
                let Some(to) = lock.resolve(&from, &ask.key) else { continue };
                edges.direct.insert(to);
                let spec = match &ask.source {
                    Source::Other(spec) => spec.clone(),
                    Source::Registry | Source::Workspace => ask.range.clone(),
                };
                edges.all.push((from.clone(), to, spec, ask.section == Section::Dev));
            }
            edges.roots.insert(from);
        }
        for (location, entry) in lock.packages().filter(|(at, _)| !edges.roots.contains(*at)) {
            let development = is_own(location).then(|| entry.development()).into_iter().flatten();
            let development = development.map(|(key, range)| (key, range, true));
            let asks = entry.asks().map(|(_, key, range)| (key, range, false));
            for (key, range, is_development) in asks.chain(development) {
                if let Some(to) = lock.resolve(location, key) {
                    edges.all.push((location.to_owned(), to, range.to_owned(), is_development));
                }
            }
        }
        for (_, to, spec, _) in &edges.all {
            if let (_, _, Source::Other(address)) = understand("", spec) {
                edges.elsewhere.insert(to, address);
            }
        }
        edges
    }

    fn between(&self) -> impl Iterator<Item = (&str, &str)> {
        self.all.iter().map(|(from, to, _, _)| (from.as_str(), *to))
    }

    /// The locations that the project needs.
    fn reached(&self, with_development: bool) -> BTreeSet<&str> {
        let mut next: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
        for (from, to, _, development) in &self.all {
            if with_development || !development {
                next.entry(from).or_default().push(to);
            }
        }
        let mut open: Vec<&str> = self.roots.iter().map(String::as_str).collect();
        let mut reached: BTreeSet<&str> = open.iter().copied().collect();
        while let Some(from) = open.pop() {
            for to in next.get(from).into_iter().flatten() {
                if reached.insert(to) {
                    open.push(to);
                }
            }
        }
        reached
    }

    /// Where the package at a location comes from: its requirements say it, and `resolved` where it is not the registry.
    fn source(&self, lock: &Lock, location: &str) -> Source {
        if is_own(location) {
            return Source::Workspace;
        }
        let resolved = lock.entry(location).and_then(|entry| entry.resolved.as_deref());
        if let Some(elsewhere) = resolved.filter(|r| r.starts_with("git") || r.starts_with("file:"))
        {
            return Source::Other(elsewhere.to_owned());
        }
        if let Some(elsewhere) = self.elsewhere.get(location) {
            return Source::Other(resolved.unwrap_or(elsewhere).to_owned());
        }
        Source::Registry
    }
}

/// Whether npm holds a requirement of this kind to its range when it places packages.
pub(super) const fn is_held(kind: Kind) -> bool {
    matches!(kind, Kind::Normal | Kind::Optional)
}
