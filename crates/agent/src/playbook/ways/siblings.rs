//! What stands beside a raised package and cannot stay where it is.
//!
//! A package manager that finds a locked package in the way moves it by itself, unless a manifest or another package
//! holds it. So a sibling is raised here where something holds it, and where a peer is asked for, which is the
//! project's own copy or none. What may stand in two versions at once is never in the way.

use std::collections::BTreeMap;

use domain::dependency::Ecosystem as Kind;
use toolbox::dependencies::{Bump, PackageId, Published, Source};

use super::{DESCRIBED_AT_ONCE, Moved, Search};

/// The ranges that a package has for one beside it.
type Ranges = Vec<String>;

impl Search<'_, '_> {
    /// What has to be raised beside a package that moves, and what to; the package of the finding stays where it is.
    pub(super) async fn siblings(
        &mut self,
        by: PackageId,
        finding: PackageId,
        moved: &Moved,
    ) -> Vec<(PackageId, String)> {
        let Some(to) = moved.get(&by).and_then(Option::as_ref) else { return Vec::new() };
        // Every fix of a finding comes by here: none is asked about apart.
        if by != finding {
            self.work
                .catalog
                .describe(self.kind(), &self.graph.get(by).name, std::slice::from_ref(to))
                .await;
        }
        let name = &self.graph.get(by).name;
        let Ok(published) = self.work.catalog.of(self.kind(), name).await else {
            return Vec::new();
        };
        let Some(published) = published.iter().find(|p| p.version == *to).cloned() else {
            return Vec::new();
        };
        let mut raised = Vec::new();
        for (sibling, ranges) in self.excluded(by, &published, moved).await {
            if sibling == finding {
                continue;
            }
            let Some(to) = self.beside(sibling, &ranges, moved).await else { continue };
            let is_peer = published.peers.contains(&self.graph.get(sibling).name);
            if is_peer || self.is_held(sibling, &to, (by, moved)).await {
                raised.push((sibling, to));
            }
        }
        raised
    }

    /// Whether a version of a package excludes what has been moved beside it.
    pub(super) async fn clashes(
        &mut self,
        by: PackageId,
        published: &Published,
        moved: &Moved,
    ) -> bool {
        let excluded = self.excluded(by, published, moved).await;
        excluded.keys().any(|sibling| moved.contains_key(sibling))
    }

    /// What a version of a package excludes of what stands beside it.
    async fn excluded(
        &mut self,
        by: PackageId,
        published: &Published,
        moved: &Moved,
    ) -> BTreeMap<PackageId, Ranges> {
        let mut asked: BTreeMap<&str, Ranges> = BTreeMap::new();
        for (name, range) in &published.requires {
            asked.entry(name).or_default().push(range.clone());
        }
        let mut excluded = BTreeMap::new();
        for (name, ranges) in asked {
            let is_peer = published.peers.contains(name);
            if self.kind() == Kind::Npm && !is_peer {
                continue;
            }
            for sibling in self.standing_beside(by, name, is_peer) {
                let at = moved.get(&sibling).and_then(Option::as_ref);
                let at = at.unwrap_or(&self.graph.get(sibling).version).clone();
                let admits = |range: &String, v: &str| self.rules.ecosystem.admits(range, v);
                if ranges.iter().all(|range| admits(range, &at)) {
                    continue;
                }
                let line = if is_peer { None } else { self.line(name, &at).await };
                let admits = |range: &String, v: &str| self.rules.ecosystem.admits(range, v);
                let is_out = match &line {
                    Some(line) => {
                        let counts = |range: &&String| line.iter().any(|v| admits(range, v));
                        ranges.iter().filter(counts).any(|range| !admits(range, &at))
                    }
                    // Which of several ranges counts here is for the package manager to say.
                    None => !ranges.iter().any(|range| admits(range, &at)),
                };
                if is_out {
                    excluded.insert(sibling, ranges.clone());
                }
            }
        }
        excluded
    }

    /// The packages of a name that a package shares with the project: those that it has been using, else, where
    /// there can be only one, the project's own.
    fn standing_beside(&self, by: PackageId, name: &str, is_peer: bool) -> Vec<PackageId> {
        let of_registry = self.graph.named(name).filter(|(_, p)| p.source == Source::Registry);
        let named: Vec<PackageId> = of_registry.map(|(id, _)| id).filter(|id| *id != by).collect();
        let used = |id: &PackageId| self.graph.get(by).dependencies.contains(id);
        let (used, rest): (Vec<_>, Vec<_>) = named.into_iter().partition(used);
        match used.is_empty() && (is_peer || self.kind() == Kind::Python) {
            true => rest.into_iter().filter(|id| self.graph.get(*id).direct).collect(),
            false => used,
        }
    }

    /// The nearest version of a sibling that the ranges admit and that goes with what has been moved.
    async fn beside(
        &mut self,
        sibling: PackageId,
        ranges: &[String],
        moved: &Moved,
    ) -> Option<String> {
        let package = self.graph.get(sibling);
        let at = moved.get(&sibling).and_then(Option::as_ref).unwrap_or(&package.version);
        let published = self.work.catalog.of(self.kind(), &package.name).await.ok()?;
        let mut clean = self.clean_above(sibling, at, &published);
        let line = self.line(&package.name, at).await;
        clean.retain(|version| {
            let admits = |range: &String| self.rules.ecosystem.admits(range, version);
            let is_near = line.as_ref().is_none_or(|line| line.contains(version));
            match line.is_some() && is_near {
                true => ranges.iter().all(admits),
                false => ranges.iter().any(admits),
            }
        });
        for version in clean.into_iter().take(DESCRIBED_AT_ONCE) {
            let published = self.described(sibling, &version).await?;
            if !self.clashes(sibling, &published, moved).await {
                return Some(version);
            }
        }
        None
    }

    /// Whether something keeps a package manager from moving a sibling by itself.
    async fn is_held(
        &mut self,
        sibling: PackageId,
        to: &str,
        (by, moved): (PackageId, &Moved),
    ) -> bool {
        let package = self.graph.get(sibling);
        let (name, from) = (package.name.clone(), package.version.clone());
        if moved.contains_key(&sibling)
            || self.edits(&Bump { package: name, from, to: to.to_owned() })
        {
            return true;
        }
        let mut with = moved.clone();
        with.insert(sibling, Some(to.to_owned()));
        for parent in self.parents(sibling).into_iter().filter(|parent| *parent != by) {
            if matches!(self.raised(parent, sibling, &with).await, Ok(Some(_))) {
                return true;
            }
        }
        false
    }

    /// A version of a package, with what it requires.
    async fn described(&mut self, id: PackageId, version: &str) -> Option<Published> {
        let (kind, name) = (self.kind(), &self.graph.get(id).name);
        self.work.catalog.of(kind, name).await.ok()?;
        self.work.catalog.describe(kind, name, &[version.to_owned()]).await;
        let published = self.work.catalog.of(kind, name).await.ok()?;
        published.iter().find(|p| p.version == version).cloned()
    }
}
