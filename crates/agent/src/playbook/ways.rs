//! The ways out of a finding: which versions of which packages have to move, cheapest way first.
//!
//! For every version of the package that is out of the advisories' reach, the parents that exclude it are raised
//! to their nearest version that admits it, and their parents likewise; so is what stands beside a raised package
//! and is excluded by it ([`siblings`]). Ways that leave every manifest as it is
//! come first, then smaller steps of what is raised, then fewer packages, then lower versions. What breaks the project's
//! promise of a runtime comes after all that keeps it, what its publisher advises against or holds back after that, a
//! step back after everything, and a version that leaves some of the advisories open after that.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use domain::dependency::{Ecosystem as Kind, UpdateKind, Why};
use toolbox::dependencies::choose::{self, Bar, Fixes, Misgiving, Rules};
use toolbox::dependencies::{Bump, Graph, PackageId, Published, Source};

use super::Work;
use super::vulnerable::{Finding, Policy};

mod siblings;

/// The most versions of the vulnerable package that are looked at.
const CANDIDATES_MAX: usize = 200;

/// The most packages that one way may raise.
const RAISED_MAX: usize = 24;

/// How many versions of a parent are asked about at once where the registry tells apart what they require.
const DESCRIBED_AT_ONCE: usize = 16;

/// One way out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Way {
    /// Parents first, the vulnerable package last.
    pub(super) bumps: Vec<Bump>,
    /// Advisories that stay open.
    partial: usize,
    downgrade: bool,
    /// What speaks against the version of the vulnerable package, or of what is raised for it.
    misgiving: Misgiving,
    /// Does not run on what the project's manifests promise.
    beyond: bool,
    /// A manifest has to change.
    edits: bool,
    /// The largest step of a package that the project asks for itself, or that is raised for another's sake.
    step: UpdateKind,
}

impl Way {
    fn rank(&self) -> impl Ord + use<> {
        let doubts = (self.partial, self.downgrade, self.misgiving, self.beyond);
        (doubts, self.edits, self.step, self.bumps.len())
    }

    /// The same with parents that go before.
    pub(super) fn with_parents(&self, mut parents: Vec<Bump>) -> Self {
        parents.extend(self.bumps.iter().cloned());
        Self { bumps: parents, ..self.clone() }
    }

    /// Whether it closes everything.
    pub(super) const fn is_whole(&self) -> bool {
        self.partial == 0
    }

    /// Whether the package's own range stays as it is, in every manifest.
    pub(super) const fn is_lock_only(&self) -> bool {
        !self.edits
    }
}

/// Why there is no way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct NoWay {
    pub(super) why: Why,
    pub(super) detail: String,
}

/// Every way out of a finding, the best first.
pub(super) async fn ways(
    work: &mut Work<'_>,
    policy: &Policy,
    at: usize,
    finding: &Finding,
) -> Result<Vec<Way>, NoWay> {
    let places = work.checkout.places();
    let place = &places[at];
    let kind = place.project.ecosystem;
    let published = work
        .catalog
        .of(kind, &finding.package)
        .await
        .map_err(|error| NoWay { why: Why::Unreadable, detail: error.to_string() })?;
    let runtimes = work.runtimes_of(at, &published, (&finding.package, &finding.version));
    let rules = Rules { ecosystem: place.ecosystem, runtimes: &runtimes };
    let advisories = work.context.advisories;
    let open = |version: &str| policy.open(advisories, place, &finding.package, version);
    let fixes = rules.fixes(&finding.version, &published, &open);
    let graph = work.checkout.graph(at);
    let mut search = Search { work, policy, at, graph: &graph, rules };
    let mut ways = Vec::new();
    let mut held = None;
    for fix in fixes.clean.iter().chain(&fixes.partial).take(CANDIDATES_MAX) {
        match search.way(finding, Some(&fix.version)).await {
            Ok(way) => ways.push(Way { partial: fix.open.len(), ..way }),
            Err(by) => held = held.or(Some(by)),
        }
    }
    if !graph.get(finding.id).direct {
        ways.extend(search.way(finding, None).await);
    }
    ways.sort_by_key(Way::rank);
    match held {
        _ if !ways.is_empty() => Ok(ways),
        Some(detail) => Err(NoWay { why: Why::HeldByParent, detail }),
        None => Err(no_version(work, at, finding, &fixes, &published)),
    }
}

/// Why no version closes anything.
fn no_version(
    work: &Work<'_>,
    at: usize,
    finding: &Finding,
    fixes: &Fixes,
    published: &[Published],
) -> NoWay {
    let place = &work.checkout.places()[at];
    let kind = place.project.ecosystem;
    let matching = work.context.advisories.matching(kind, &finding.package, &finding.version);
    let mut named: Vec<String> = Vec::new();
    for version in matching.iter().flat_map(|m| &m.fixed) {
        let is = |p: &&Published| {
            p.version == *version
                || place.ecosystem.compare(&p.version, version) == Some(std::cmp::Ordering::Equal)
        };
        if !published.iter().any(|p| is(&p)) {
            named.push(format!("{version}, which an advisory names as fixed, was never published"));
        }
    }
    named.dedup();
    let barred: Vec<String> =
        fixes.barred.iter().take(5).map(|(version, bar)| format!("{version}: {bar}")).collect();
    let is_here = |(_, bar): &(String, Bar)| matches!(bar, Bar::NotInstallable(_));
    let (why, mut detail) = match fixes.barred.iter().find(|b| is_here(b)) {
        Some(_) => (
            Why::NotInstallable,
            format!("no version without an advisory can be used here: {}", barred.join("; ")),
        ),
        None if barred.is_empty() => (
            Why::NoFixedVersion,
            format!(
                "every usable one of the {} published versions has an advisory",
                published.len()
            ),
        ),
        None => (
            Why::NoFixedVersion,
            format!("the only versions without an advisory are out of use: {}", barred.join("; ")),
        ),
    };
    for note in named {
        detail.push_str("; ");
        detail.push_str(&note);
    }
    NoWay { why, detail }
}

/// The version that each package moves to; `None` where nobody is to ask for it any more.
type Moved = BTreeMap<PackageId, Option<String>>;

struct Search<'s, 'a> {
    work: &'s mut Work<'a>,
    policy: &'s Policy,
    at: usize,
    graph: &'s Graph,
    rules: Rules<'s>,
}

impl Search<'_, '_> {
    /// What has to move for the finding's package to become `to`, or for nobody to ask for it any more; the
    /// error says who holds it.
    async fn way(&mut self, finding: &Finding, to: Option<&str>) -> Result<Way, String> {
        let mut moved = Moved::from([(finding.id, to.map(str::to_owned))]);
        let mut order = vec![finding.id];
        let mut todo = VecDeque::from([finding.id]);
        let mut raise = |moved: &mut Moved, todo: &mut VecDeque<PackageId>, one, to| {
            if moved.insert(one, Some(to)).is_none() {
                order.push(one);
            }
            todo.push_back(one);
            match order.len() > RAISED_MAX {
                true => Err(format!("more than {RAISED_MAX} packages would have to move")),
                false => Ok(()),
            }
        };
        while let Some(child) = todo.pop_front() {
            for parent in self.parents(child) {
                let Some(to) = self.raised(parent, child, &moved).await? else { continue };
                raise(&mut moved, &mut todo, parent, to)?;
            }
            for (sibling, to) in self.siblings(child, finding.id, &moved).await {
                raise(&mut moved, &mut todo, sibling, to)?;
            }
        }
        order.reverse();
        let bump = |id: &PackageId| {
            let package = self.graph.get(*id);
            let to = moved.get(id)?.clone()?;
            Some(Bump { package: package.name.clone(), from: package.version.clone(), to })
        };
        let bumps: Vec<Bump> = order.iter().filter_map(bump).collect();
        if bumps.is_empty() {
            return Err("it is not known who asks for it".to_owned());
        }
        let back = to.and_then(|to| self.rules.ecosystem.compare(to, &finding.version));
        let steps = order.iter().zip(&bumps).filter_map(|(id, bump)| {
            let counts = *id != finding.id || self.graph.get(*id).direct;
            counts.then(|| self.rules.kind(&bump.from, &bump.to))
        });
        Ok(Way {
            step: steps.max().unwrap_or(UpdateKind::Patch),
            edits: bumps.iter().any(|bump| self.edits(bump)),
            misgiving: self.misgiving(&bumps).await,
            beyond: self.is_beyond(&bumps).await,
            downgrade: back == Some(std::cmp::Ordering::Less),
            partial: 0,
            bumps,
        })
    }

    /// The worst that speaks against what is moved.
    async fn misgiving(&mut self, bumps: &[Bump]) -> Misgiving {
        let kind = self.work.checkout.places()[self.at].project.ecosystem;
        let mut worst = Misgiving::None;
        for bump in bumps {
            let Ok(published) = self.work.catalog.of(kind, &bump.package).await else { continue };
            let to = published.iter().find(|p| p.version == bump.to);
            let of = |to| choose::misgiving(&bump.from, to, &published);
            worst = worst.max(to.map_or(Misgiving::None, of));
        }
        worst
    }

    /// Whether a bump goes beyond what the project's manifests promise to run on.
    async fn is_beyond(&mut self, bumps: &[Bump]) -> bool {
        let kind = self.work.checkout.places()[self.at].project.ecosystem;
        for bump in bumps {
            let Ok(published) = self.work.catalog.of(kind, &bump.package).await else { continue };
            let broken = self.work.breaks_promise(self.at, &published, &bump.from, &bump.to);
            if broken.is_some() {
                return true;
            }
        }
        false
    }

    /// The packages of the registry that depend on one; where the lock does not say, those whose published
    /// requirements name it are found when they are asked for.
    fn parents(&self, child: PackageId) -> BTreeSet<PackageId> {
        let of_registry = |id: &PackageId| self.graph.get(*id).source == Source::Registry;
        let told = self.graph.parents(child).map(|(id, _)| id);
        let all = (0..self.graph.packages.len()).map(PackageId).filter(|id| *id != child);
        let any = all.filter(|_| !self.graph.whole);
        told.chain(any).filter(of_registry).collect()
    }

    /// The version that a parent has to be raised to, where it has to be raised.
    async fn raised(
        &mut self,
        parent: PackageId,
        child: PackageId,
        moved: &Moved,
    ) -> Result<Option<String>, String> {
        let (above, below) = (self.graph.get(parent), self.graph.get(child));
        let kind = self.kind();
        // A registry that does not answer for a parent leaves the question to the package manager.
        if self.work.catalog.of(kind, &above.name).await.is_err() {
            return Ok(None);
        }
        let raised = moved.get(&parent).and_then(Option::as_ref);
        let at = raised.unwrap_or(&above.version);
        let to = moved.get(&child).and_then(Option::as_deref);
        self.work.catalog.describe(kind, &above.name, std::slice::from_ref(at)).await;
        let Ok(published) = self.work.catalog.of(kind, &above.name).await else { return Ok(None) };
        let Some(now) = published.iter().find(|p| p.version == *at) else { return Ok(None) };
        let excluded = self.excludes(now, &below.name, Some(&below.version), to);
        let Some(range) = excluded else { return Ok(None) };
        let clean = self.clean_above(parent, at, &published);
        let line = match to {
            Some(to) => self.line(&below.name, to).await,
            None => None,
        };
        let (mut is_unknown, mut second) = (false, None);
        for nearest in clean.chunks(DESCRIBED_AT_ONCE) {
            self.work.catalog.describe(kind, &above.name, nearest).await;
            let Ok(published) = self.work.catalog.of(kind, &above.name).await else {
                return Ok(None);
            };
            let unknown = |version: &str| self.work.catalog.is_unknown(kind, &above.name, version);
            is_unknown |= nearest.iter().any(|version| unknown(version));
            let known = nearest.iter().filter(|version| !unknown(version));
            let known = known.filter_map(|v| published.iter().find(|p| p.version == *v));
            let admit = known.filter(|p| self.excludes(p, &below.name, None, to).is_none());
            for next in admit.collect::<Vec<_>>() {
                let whole = self.admits_wholly(next, &below.name, to, line.as_deref());
                if whole && !self.clashes(parent, next, moved).await {
                    return Ok(Some(next.version.clone()));
                }
                second.get_or_insert_with(|| next.version.clone());
            }
        }
        // Which of several ranges are in use is not known: where none will do in all of them, one has to.
        if second.is_some() {
            return Ok(second);
        }
        match is_unknown {
            // One of those that do not say may do: the package manager knows once it looks inside.
            true => Ok(None),
            false => Err(format!(
                "{} {at} requires {} {range}, and no newer version of {} that can be used {}",
                above.name,
                below.name,
                above.name,
                to.map_or("does without it".to_owned(), |to| format!("admits {to}"))
            )),
        }
    }

    /// The usable versions of a package above `at` that no new advisory matches, nearest first.
    fn clean_above(&self, id: PackageId, at: &str, published: &[Published]) -> Vec<String> {
        let package = self.graph.get(id);
        let place = &self.work.checkout.places()[self.at];
        let advisories = self.work.context.advisories;
        let open = |version: &str| self.policy.open(advisories, place, &package.name, version);
        let before = open(&package.version);
        let mut clean = self.rules.usable_above(at, published);
        clean.retain(|p| open(&p.version).is_subset(&before));
        clean.sort_by_key(|p| choose::misgiving(&package.version, p, published));
        clean.into_iter().map(|p| p.version.clone()).collect()
    }

    fn kind(&self) -> Kind {
        self.work.checkout.places()[self.at].project.ecosystem
    }

    /// The versions that cannot stand beside this one of the same package; `None` where no two can.
    async fn line(&mut self, package: &str, version: &str) -> Option<Vec<String>> {
        if self.kind() != Kind::Cargo {
            return None;
        }
        let published = self.work.catalog.of(Kind::Cargo, package).await.ok()?;
        let is_near = |p: &&Published| {
            let step = |from, to| self.rules.ecosystem.step(from, to);
            let steps = [step(&p.version, version), step(version, &p.version)];
            steps.iter().flatten().any(|step| *step < UpdateKind::Major)
        };
        Some(published.iter().filter(is_near).map(|p| p.version.clone()).collect())
    }

    /// Whether every range that a version of a parent has for a child admits it, those of other lines aside.
    fn admits_wholly(
        &self,
        parent: &Published,
        child: &str,
        to: Option<&str>,
        line: Option<&[String]>,
    ) -> bool {
        let admits = |range: &str, version: &str| self.rules.ecosystem.admits(range, version);
        let counts = |range: &str| line.is_none_or(|line| line.iter().any(|v| admits(range, v)));
        let ranges = parent.requires.iter().filter(|(name, _)| name == child);
        let mut ranges = ranges.filter(|(_, range)| counts(range));
        ranges.all(|(_, range)| to.is_some_and(|to| admits(range, to)))
    }

    /// The range by which a version of a parent excludes a version of a child.
    fn excludes(
        &self,
        parent: &Published,
        child: &str,
        now: Option<&str>,
        to: Option<&str>,
    ) -> Option<String> {
        let admits = |range: &str, version: &str| self.rules.ecosystem.admits(range, version);
        let mut ranges = parent
            .requires
            .iter()
            .filter(|(name, _)| name == child)
            .map(|(_, range)| range)
            // One package may require another twice, in two ranges: only the one in use counts.
            .filter(|range| now.is_none_or(|now| admits(range, now)))
            .peekable();
        ranges.peek()?;
        let ranges: Vec<&String> = ranges.collect();
        let out = |range: &&&String| !to.is_some_and(|to| admits(range, to));
        match now {
            Some(_) => ranges.iter().find(out).map(ToString::to_string),
            None if ranges.iter().all(|range| out(&range)) => {
                ranges.first().map(ToString::to_string)
            }
            None => None,
        }
    }

    /// Whether a manifest has to change for a bump.
    fn edits(&self, bump: &Bump) -> bool {
        let admits = |range: &str, version: &str| self.rules.ecosystem.admits(range, version);
        self.graph.direct.iter().any(|requirement| {
            requirement.package == bump.package
                && requirement.source == Source::Registry
                && admits(&requirement.range, &bump.from)
                && !admits(&requirement.range, &bump.to)
        })
    }
}
