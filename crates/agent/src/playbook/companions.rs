//! Companions: what depends on a moved package and breaks with it unless it moves along.
//!
//! A resolver takes a pair that no requirement forbids: a dependant without an upper bound admits a version that was
//! published long after it and took away what it uses. Which of its versions knows the new one is told by its own
//! requirement, where the registry says it (it admits the new version and draws a line above it, or below it that the
//! old one does not reach), and else by the time: what was published after it.

use std::collections::BTreeSet;

use domain::dependency::Ecosystem as Kind;
use globset::GlobSet;
use toolbox::dependencies::choose::{self, Bounds, Misgiving, Rules};
use toolbox::dependencies::{Bump, Graph, Package, PackageId, Published, Source};

use super::Work;
use super::moves::Move;

/// How far above the moved package dependants are looked for.
const TIERS_MAX: usize = 2;

/// The most dependants that move along.
const COMPANIONS_MAX: usize = 4;

/// How many versions above the one that should do are looked at where the package manager refuses it.
const ABOVE_MAX: usize = 2;

/// How many versions of a dependant are asked about where the registry tells apart what they require.
const DESCRIBED_MAX: usize = 64;

/// A version that every range without an upper bound admits.
const FAR: &str = "99999.0.0";

/// What the definition lets companions do.
#[derive(Debug, Default)]
pub(super) struct Allowed {
    /// How far they may be raised; nothing where they are raised to close an advisory.
    pub(super) bounds: Option<Bounds>,
    /// Which packages stay as they are.
    pub(super) ignore: GlobSet,
}

/// What moves along in one try.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Rung {
    pub(super) bumps: Vec<Bump>,
    /// Only worth a try where the package manager refused the one before.
    pub(super) after_refusal: bool,
}

/// The packages of the registry that depend on what a move is about, nearest first, those of the manifests before others.
pub(super) fn dependants(graph: &Graph, one: &Move) -> Vec<Vec<PackageId>> {
    let Some(head) = one.head() else { return Vec::new() };
    let here = graph.named(&head.package).filter(|(_, package)| package.version == head.from);
    let mut tier: BTreeSet<PackageId> = here.map(|(id, _)| id).collect();
    let mut known = tier.clone();
    let mut tiers = Vec::new();
    for _ in 0..TIERS_MAX {
        let above = tier.iter().flat_map(|id| graph.parents(*id)).map(|(id, _)| id);
        tier = above.filter(|id| !known.contains(id)).collect();
        known.extend(&tier);
        let is_free = |id: &PackageId| {
            let package = graph.get(*id);
            package.source == Source::Registry
                && !one.bumps().any(|bump| bump.package == package.name)
        };
        let mut free: Vec<PackageId> = tier.iter().copied().filter(is_free).collect();
        free.sort_by_key(|id| (!graph.get(*id).direct, &graph.get(*id).name));
        tiers.push(free);
    }
    tiers
}

/// What to move along with a move that breaks a check alone: the most likely first, the newest last.
pub(super) async fn rungs(work: &mut Work<'_>, one: &Move, allowed: &Allowed) -> Vec<Rung> {
    let graph = work.checkout.graph(one.place);
    let mut ladders: Vec<Vec<Ladder>> = Vec::new();
    for tier in dependants(&graph, one) {
        let mut found = Vec::new();
        for id in tier {
            let left = COMPANIONS_MAX - ladders.iter().map(Vec::len).sum::<usize>() - found.len();
            if left == 0 {
                break;
            }
            found.extend(ladder(work, one, (&graph, id), allowed).await);
        }
        ladders.push(found);
    }
    ladders.retain(|tier| !tier.is_empty());
    let Some(nearest) = ladders.first() else { return Vec::new() };
    let all = || ladders.iter().flatten();
    let mut rungs = Vec::new();
    for above in 0..=ABOVE_MAX {
        let bumps = nearest.iter().map(|ladder| ladder.bump(ladder.likely + above)).collect();
        rungs.push(Rung { bumps, after_refusal: above > 0 });
    }
    let likely = all().map(|ladder| ladder.bump(ladder.likely)).collect();
    let newest = all().map(|ladder| ladder.bump(usize::MAX)).collect();
    rungs.push(Rung { bumps: likely, after_refusal: false });
    rungs.push(Rung { bumps: newest, after_refusal: false });
    let mut seen: Vec<Vec<Bump>> = Vec::new();
    rungs.retain(|rung| {
        let is_new = !seen.contains(&rung.bumps);
        seen.push(rung.bumps.clone());
        is_new
    });
    rungs
}

/// The versions that a dependant can be raised to.
#[derive(Debug)]
struct Ladder {
    package: String,
    from: String,
    /// Lowest first, never empty.
    versions: Vec<String>,
    /// The lowest that knows what was moved.
    likely: usize,
}

impl Ladder {
    /// To the version at this place, or the newest.
    fn bump(&self, at: usize) -> Bump {
        let to = self.versions.get(at).or(self.versions.last()).cloned();
        let (package, from) = (self.package.clone(), self.from.clone());
        Bump { package, from, to: to.unwrap_or_default() }
    }
}

async fn ladder(
    work: &mut Work<'_>,
    one: &Move,
    (graph, id): (&Graph, PackageId),
    allowed: &Allowed,
) -> Option<Ladder> {
    let (head, package) = (one.head()?, graph.get(id));
    if allowed.ignore.is_match(&package.name) {
        return None;
    }
    let place = &work.checkout.places()[one.place];
    let (ecosystem, kind) = (place.ecosystem, place.project.ecosystem);
    describe(work, one.place, package).await;
    let published = work.catalog.of(kind, &package.name).await.ok()?;
    let moved = work.catalog.of(kind, &head.package).await.ok();
    let born = moved.as_ref().and_then(|all| named(all, &head.to)?.published_at);
    let runtimes = work.update_runtimes(one.place, &published, (&package.name, &package.version));
    let rules = Rules { ecosystem, runtimes: &runtimes };
    let open = open(work, kind, &package.name, &package.version);
    let ranges = |p: &Published| {
        let of_moved =
            |(name, range): &(String, String)| (*name == head.package).then(|| range.clone());
        p.requires.iter().filter_map(of_moved).collect::<Vec<String>>()
    };
    let admits = |range: &String, version: &str| ecosystem.admits(range, version);
    let fits = |p: &&Published| {
        let ranges = ranges(p);
        choose::misgiving(&package.version, p, &published) != Misgiving::Deprecated
            && (ranges.is_empty() || ranges.iter().any(|range| admits(range, &head.to)))
            && self::open(work, kind, &package.name, &p.version).is_subset(&open)
    };
    let within: Option<BTreeSet<String>> = allowed.bounds.map(|bounds| {
        rules.newer(&package.version, &published, &bounds).candidates.into_iter().collect()
    });
    let above = rules.usable_above(&package.version, &published).into_iter();
    let above: Vec<&Published> = above
        .filter(|p| within.as_ref().is_none_or(|within| within.contains(&p.version)))
        .filter(fits)
        .collect();
    let knows = |p: &Published| {
        ranges(p).iter().any(|range| {
            admits(range, &head.to) && !(admits(range, FAR) && admits(range, &head.from))
        })
    };
    // Where the locked one draws its lines around the new version already, lines tell nothing.
    let told = !named(&published, &package.version).is_some_and(knows);
    let by_line = above.iter().position(|p| told && knows(p));
    let by_time = || {
        above
            .iter()
            .position(|p| born.is_some() && p.published_at.is_some_and(|at| Some(at) >= born))
    };
    let likely = by_line.or_else(by_time).unwrap_or(above.len().checked_sub(1)?);
    Some(Ladder {
        package: package.name.clone(),
        from: package.version.clone(),
        versions: above.into_iter().map(|p| p.version.clone()).collect(),
        likely,
    })
}

/// Learns what the locked version and the nearest newer ones require.
async fn describe(work: &mut Work<'_>, at: usize, package: &Package) {
    let place = &work.checkout.places()[at];
    let (ecosystem, kind) = (place.ecosystem, place.project.ecosystem);
    let Ok(published) = work.catalog.of(kind, &package.name).await else { return };
    let rules = Rules { ecosystem, runtimes: &work.runtimes };
    let above = rules.usable_above(&package.version, &published).into_iter();
    let above = above.take(DESCRIBED_MAX).map(|p| p.version.clone());
    let wanted: Vec<String> = std::iter::once(package.version.clone()).chain(above).collect();
    work.catalog.describe(kind, &package.name, &wanted).await;
}

fn named<'p>(published: &'p [Published], version: &str) -> Option<&'p Published> {
    published.iter().find(|p| p.version == version)
}

/// The advisories that a version is open to.
fn open(work: &Work<'_>, kind: Kind, package: &str, version: &str) -> BTreeSet<String> {
    let matching = work.context.advisories.matching(kind, package, version);
    matching.into_iter().filter(|m| !m.informational).map(|m| m.id).collect()
}
