//! Which packages of a graph advisories match, and which of those matches ask for a change.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use domain::agent::RemediationSettings;
use domain::dependency::{Left, Why};
use globset::GlobSet;
use toolbox::dependencies::{Graph, Package, PackageId, Source};

use super::Work;
use super::checkout::Place;
use crate::context::{Advisories, Match};
use crate::outcome::BrainError;

/// What the definition says of matches.
#[derive(Debug)]
pub(super) struct Policy {
    ignored_packages: GlobSet,
    ignored_ids: BTreeSet<String>,
    development: bool,
}

/// A locked version that advisories match and that asks for a change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Finding {
    pub(super) id: PackageId,
    pub(super) package: String,
    pub(super) version: String,
    /// What matches it.
    pub(super) advisories: BTreeSet<String>,
    pub(super) development_only: bool,
}

/// How often an advisory is open in a graph, by package and advisory.
pub(super) type Open = BTreeMap<(String, String), usize>;

impl Policy {
    pub(super) fn new(settings: &RemediationSettings) -> Result<Self, BrainError> {
        Ok(Self {
            ignored_packages: super::globs(&settings.ignore)?,
            ignored_ids: settings.ignore_advisories.iter().cloned().collect(),
            development: settings.development,
        })
    }

    /// Why a match asks for no change, if it asks for none.
    fn aside(&self, package: &Package, matched: &Match) -> Option<(Why, &'static str)> {
        if self.ignored_packages.is_match(&package.name) {
            return Some((Why::Ignored, "the definition ignores this package"));
        }
        if self.accepts(matched) {
            return Some((Why::Ignored, "the definition accepts this advisory"));
        }
        if matched.informational {
            return Some((Why::Informational, ""));
        }
        if package.development_only && !self.development {
            return Some((Why::DevelopmentOnly, "reached through development dependencies alone"));
        }
        None
    }

    fn accepts(&self, matched: &Match) -> bool {
        std::iter::once(&matched.id).chain(&matched.aliases).any(|id| self.ignored_ids.contains(id))
    }

    /// The advisories that would ask for a change at this version of a package.
    pub(super) fn open(
        &self,
        advisories: &dyn Advisories,
        place: &Place<'_>,
        package: &str,
        version: &str,
    ) -> BTreeSet<String> {
        advisories
            .matching(place.project.ecosystem, package, version)
            .into_iter()
            .filter(|m| !m.informational && !self.accepts(m))
            .map(|m| m.id)
            .collect()
    }

    /// What asks for a change, nearest to the project's own manifests first.
    pub(super) fn findings(&self, work: &Work<'_>, at: usize) -> Vec<Finding> {
        self.findings_of(
            work.context.advisories,
            &work.checkout.places()[at],
            &work.checkout.graph(at),
        )
    }

    /// The same of any graph of a project.
    pub(super) fn findings_of(
        &self,
        advisories: &dyn Advisories,
        place: &Place<'_>,
        graph: &Graph,
    ) -> Vec<Finding> {
        let depth = depths(graph);
        let mut found = Vec::new();
        for (id, package) in registry_packages(graph) {
            let matching =
                advisories.matching(place.project.ecosystem, &package.name, &package.version);
            let asks = matching.into_iter().filter(|m| self.aside(package, m).is_none());
            let advisories: BTreeSet<String> = asks.map(|m| m.id).collect();
            if !advisories.is_empty() {
                found.push(Finding {
                    id,
                    package: package.name.clone(),
                    version: package.version.clone(),
                    advisories,
                    development_only: package.development_only,
                });
            }
        }
        found.sort_by(|a, b| {
            (depth[a.id.0], &a.package, &a.version).cmp(&(depth[b.id.0], &b.package, &b.version))
        });
        found
    }

    /// What cannot be told of the versions that are locked now: it may match.
    pub(super) fn undecided(work: &mut Work<'_>, at: usize) {
        let kind = work.checkout.places()[at].project.ecosystem;
        let graph = work.checkout.graph(at);
        let advisories = work.context.advisories;
        for package in graph.packages.iter().filter(|p| p.source != Source::Workspace) {
            for (id, reason) in advisories.undecided(kind, &package.name, &package.version) {
                work.left.push(Left {
                    ecosystem: Some(kind),
                    advisory: Some(id),
                    package: package.name.clone(),
                    version: package.version.clone(),
                    why: Why::Unreadable,
                    detail: format!("it cannot be told whether it matches: {reason}"),
                });
            }
        }
    }

    /// Keeps what the advisories that match now are about.
    pub(super) fn note(work: &mut Work<'_>, at: usize) {
        let kind = work.checkout.places()[at].project.ecosystem;
        let graph = work.checkout.graph(at);
        for package in graph.packages.iter().filter(|p| p.source != Source::Workspace) {
            let advisories = work.context.advisories;
            for matched in advisories.matching(kind, &package.name, &package.version) {
                work.notes.insert(matched.id, matched.summary);
            }
        }
    }

    /// What matches and asks for no change, or cannot be changed because it is from no registry.
    pub(super) fn set_aside(&self, work: &mut Work<'_>, at: usize) {
        let place = &work.checkout.places()[at];
        let kind = place.project.ecosystem;
        let graph = work.checkout.graph(at);
        for package in &graph.packages {
            if package.source == Source::Workspace {
                continue;
            }
            for matched in work.context.advisories.matching(kind, &package.name, &package.version) {
                let (why, detail) = match (&package.source, self.aside(package, &matched)) {
                    (_, Some((why, ""))) => (why, matched.summary.clone()),
                    (_, Some((why, detail))) => (why, detail.to_owned()),
                    (Source::Other(source), None) => {
                        (Why::NotFromRegistry, format!("taken from {source}: {}", matched.summary))
                    }
                    (Source::Registry | Source::Workspace, None) => continue,
                };
                work.left.push(Left {
                    ecosystem: Some(kind),
                    advisory: Some(matched.id),
                    package: package.name.clone(),
                    version: package.version.clone(),
                    why,
                    detail,
                });
            }
        }
    }
}

/// Counts what is open.
pub(super) fn count(findings: &[Finding]) -> Open {
    let mut open = Open::new();
    for finding in findings {
        for id in &finding.advisories {
            *open.entry((finding.package.clone(), id.clone())).or_default() += 1;
        }
    }
    open
}

/// Whether something was closed and nothing opened.
pub(super) fn is_better(before: &Open, after: &Open) -> bool {
    let none_opened = after.iter().all(|(key, n)| before.get(key).is_some_and(|was| n <= was));
    none_opened && after.values().sum::<usize>() < before.values().sum::<usize>()
}

/// Whether nothing was opened.
pub(super) fn is_no_worse(before: &Open, after: &Open) -> bool {
    after.iter().all(|(key, n)| before.get(key).is_some_and(|was| n <= was))
}

fn registry_packages(graph: &Graph) -> impl Iterator<Item = (PackageId, &Package)> {
    let all = graph.packages.iter().enumerate();
    all.filter(|(_, p)| p.source == Source::Registry).map(|(at, p)| (PackageId(at), p))
}

/// How far each package is from the project's own manifests.
fn depths(graph: &Graph) -> Vec<usize> {
    let mut depth = vec![usize::MAX; graph.packages.len()];
    let is_root = |p: &Package| p.direct || p.source == Source::Workspace;
    let mut todo: VecDeque<usize> =
        (0..graph.packages.len()).filter(|at| is_root(&graph.packages[*at])).collect();
    for at in &todo {
        depth[*at] = 0;
    }
    while let Some(at) = todo.pop_front() {
        for child in &graph.packages[at].dependencies {
            if depth[child.0] == usize::MAX {
                depth[child.0] = depth[at] + 1;
                todo.push_back(child.0);
            }
        }
    }
    depth
}
