//! Dependency updates: raise what the project's own manifests ask for, as far as the definition allows.
//!
//! **What is raised.** Direct requirements on packages of a registry, in every project of the repository.
//! Transitive packages move only as the package manager moves them to fit; refreshing a whole lock is not an
//! update of anything that somebody chose.
//!
//! **What one run proposes.** One change. `all` takes every update; `by-ecosystem` takes the first ecosystem
//! (cargo, npm, python), and `each` the first package (by ecosystem, then name) in all projects of its ecosystem,
//! that has an update which no open proposal holds yet, and that people have not rejected as it is. What waits for another
//! run, and what was rejected, is said in `left`.

use std::collections::{BTreeMap, BTreeSet};

use domain::Timestamp;
use domain::agent::{Grouping, UpdateSettings};
use domain::dependency::{Ecosystem as Kind, Left, Update, Why};
use globset::GlobSet;
use toolbox::dependencies::choose::{Bar, Bounds, Rules};
use toolbox::dependencies::{Bump, Source};

use super::Work;
use super::bisect::Broken;
use super::checkout::Refused;
use super::moves::{self, Move};
use crate::context::Answer;
use crate::outcome::BrainError;

/// Chooses and puts in updates; returns the moves that are in the checkout, and those that were refused.
pub(super) async fn run(
    work: &mut Work<'_>,
    settings: &UpdateSettings,
) -> Result<(Vec<Move>, Vec<(Move, Refused)>), BrainError> {
    let ignore = super::globs(&settings.ignore)?;
    let bounds = bounds(settings, work.context.now);
    let asked = direct(work, &ignore);
    work.keep_left_for_code();
    let names = asked.keys().map(|asked| (asked.kind, asked.package.clone()));
    work.checkout.workspace().progress("asking the registries for versions");
    work.catalog.prefetch(names).await;
    let mut chosen = Vec::new();
    for (asked, places) in asked {
        choose(work, &bounds, &asked, &places, &mut chosen).await;
    }
    let taken = take_group(work, settings.group, chosen);
    let settled = moves::settle(&mut work.checkout, taken).await?;
    Ok((settled.held, settled.refused))
}

/// How far the definition lets packages be raised.
pub(super) const fn bounds(settings: &UpdateSettings, now: Timestamp) -> Bounds {
    Bounds { level: settings.level, min_release_age_ms: settings.min_release_age_ms, now }
}

/// A package that manifests ask for.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Asked {
    kind: Kind,
    package: String,
}

/// Every direct package of a registry with the locked versions, by project.
fn direct(work: &mut Work<'_>, ignore: &GlobSet) -> BTreeMap<Asked, BTreeSet<(usize, String)>> {
    let mut asked: BTreeMap<Asked, BTreeSet<(usize, String)>> = BTreeMap::new();
    let mut left: BTreeMap<Asked, Left> = BTreeMap::new();
    for (at, place) in work.checkout.places().iter().enumerate() {
        let graph = work.checkout.graph(at);
        for requirement in &graph.direct {
            let key = Asked { kind: place.project.ecosystem, package: requirement.package.clone() };
            let out = |why, detail: String| Left {
                ecosystem: Some(key.kind),
                advisory: None,
                package: key.package.clone(),
                version: requirement.range.clone(),
                why,
                detail,
            };
            match &requirement.source {
                Source::Workspace => {}
                Source::Other(source) => {
                    let detail = format!("`{}` takes it from {source}", requirement.manifest);
                    left.entry(key.clone()).or_insert(out(Why::NotFromRegistry, detail));
                }
                Source::Registry if ignore.is_match(&requirement.package) => {
                    let detail = "named by the definition's `ignore`".to_owned();
                    left.entry(key.clone()).or_insert(out(Why::Ignored, detail));
                }
                Source::Registry => {
                    let locked = graph.named(&requirement.package).filter(|(_, package)| {
                        package.source == Source::Registry
                            && (package.direct || !graph.whole)
                            && place.ecosystem.admits(&requirement.range, &package.version)
                    });
                    let versions = locked.map(|(_, package)| (at, package.version.clone()));
                    asked.entry(key).or_default().extend(versions);
                }
            }
        }
    }
    work.left.extend(left.into_values());
    asked.retain(|_, places| !places.is_empty());
    asked
}

async fn choose(
    work: &mut Work<'_>,
    bounds: &Bounds,
    asked: &Asked,
    places: &BTreeSet<(usize, String)>,
    chosen: &mut Vec<(Asked, Move)>,
) {
    let left = |version: &str, why, detail: String| Left {
        ecosystem: Some(asked.kind),
        advisory: None,
        package: asked.package.clone(),
        version: version.to_owned(),
        why,
        detail,
    };
    let published = match work.catalog.of(asked.kind, &asked.package).await {
        Ok(published) => published,
        Err(error) => {
            let version = places.first().map_or("", |(_, version)| version);
            work.left.push(left(version, Why::Unreadable, error.to_string()));
            return;
        }
    };
    let mut behind = None;
    for (at, from) in places {
        let ecosystem = work.checkout.places()[*at].ecosystem;
        let runtimes = work.update_runtimes(*at, &published, (&asked.package, from));
        let newer = Rules { ecosystem, runtimes: &runtimes }.newer(from, &published, bounds);
        if let Some((version, bar)) = newer.behind
            && let Some(why) = bar.why()
        {
            let runs_here = published
                .iter()
                .any(|p| p.version == version && ecosystem.runs_on(p, &work.runtimes).is_ok());
            let promise = match (&bar, runs_here) {
                (Bar::NotInstallable(_), true) => ": the manifests promise to run on that",
                _ => "",
            };
            behind.get_or_insert(left(from, why, format!("{version}: {bar}{promise}")));
        }
        let to = untried(work, asked, newer.candidates);
        let single = Move::single(*at, &asked.package, from, &to);
        chosen.extend(single.map(|single| (asked.clone(), single)));
    }
    work.left.extend(behind);
}

/// What the last attempt has not ruled out: nothing above what it settled on, nothing where it gave up.
fn untried(work: &Work<'_>, asked: &Asked, candidates: Vec<String>) -> Vec<String> {
    let Some(previous) = work.context.previous else { return candidates };
    if work.needed_code_before(asked.kind, &asked.package) {
        return Vec::new();
    }
    let of_this = |u: &&Update| u.ecosystem == asked.kind && u.package == asked.package;
    let tried = previous.updates.iter().filter(of_this).map(|update| &update.to);
    let from = tried.filter_map(|to| candidates.iter().position(|c| c == to)).max().unwrap_or(0);
    candidates.into_iter().skip(from).collect()
}

/// The moves of the one change that this run makes.
fn take_group(work: &mut Work<'_>, group: Grouping, chosen: Vec<(Asked, Move)>) -> Vec<Move> {
    let key = |asked: &Asked| match group {
        Grouping::All => None,
        Grouping::ByEcosystem => Some((asked.kind, None)),
        Grouping::Each => Some((asked.kind, Some(asked.package.clone()))),
    };
    let mut groups: BTreeMap<_, Vec<(Asked, Move)>> = BTreeMap::new();
    for (asked, one) in chosen {
        groups.entry(key(&asked)).or_default().push((asked, one));
    }
    let mut taken: Option<Vec<Move>> = None;
    for members in groups.into_values() {
        if let Some(rejected) = rejected(work, &members) {
            leave_rejected(work, &rejected, members);
            continue;
        }
        let is_new = members.iter().any(|(asked, one)| !is_proposed(work, asked, one));
        if taken.is_none() && is_new {
            taken = Some(members.into_iter().map(|(_, one)| one).collect());
            continue;
        }
        for (asked, one) in members {
            let Some(head) = one.head() else { continue };
            let detail = if is_proposed(work, &asked, &one) {
                format!("{} is in an open proposal already", head.to)
            } else {
                format!("{} waits for a run of its own: one run makes one change", head.to)
            };
            work.left.push(Left {
                ecosystem: Some(asked.kind),
                advisory: None,
                package: asked.package,
                version: head.from.clone(),
                why: Why::OverLimit,
                detail,
            });
        }
    }
    taken.unwrap_or_default()
}

fn is_proposed(work: &Work<'_>, asked: &Asked, one: &Move) -> bool {
    holds(work.context.proposed, asked, one)
}

fn holds(updates: &[Update], asked: &Asked, one: &Move) -> bool {
    updates.iter().any(|update| {
        update.ecosystem == asked.kind
            && update.package == asked.package
            && one.head().is_some_and(|head| head.to == update.to)
    })
}

/// Where people have rejected a proposal that held all of this, and nothing has changed since: which, and why.
fn rejected(work: &Work<'_>, members: &[(Asked, Move)]) -> Option<String> {
    work.context.answers.iter().find_map(|answered| {
        let Answer::Rejected { why, binds: true } = &answered.answer else { return None };
        let mut members = members.iter();
        members
            .all(|(asked, one)| holds(&answered.updates, asked, one))
            .then(|| format!("was rejected with {}: {why}", answered.proposal))
    })
}

fn leave_rejected(work: &mut Work<'_>, rejected: &str, members: Vec<(Asked, Move)>) {
    for (asked, one) in members {
        let Some(head) = one.head() else { continue };
        work.left.push(Left {
            ecosystem: Some(asked.kind),
            advisory: None,
            package: asked.package,
            version: head.from.clone(),
            why: Why::Rejected,
            detail: format!("{} {rejected}", head.to),
        });
    }
}

/// What is said of moves that break a check in every version.
pub(super) fn leave_broken(work: &mut Work<'_>, broken: Vec<Broken>) {
    for Broken { one, why, words } in broken {
        let Some(head) = one.head() else { continue };
        work.left.push(Left {
            ecosystem: Some(work.checkout.places()[one.place].project.ecosystem),
            advisory: None,
            package: head.package.clone(),
            version: now(work, one.place, head),
            why,
            detail: format!("to {}: {words}", head.to),
        });
    }
}

/// What is said of versions that break a check where a lower one is kept.
pub(super) fn leave_lowered(work: &mut Work<'_>, lowered: Vec<(Broken, String)>) {
    for (Broken { one, why, words }, kept) in lowered {
        let Some(head) = one.head() else { continue };
        work.left.push(Left {
            ecosystem: Some(work.checkout.places()[one.place].project.ecosystem),
            advisory: None,
            package: head.package.clone(),
            version: kept,
            why,
            detail: format!("to {}: {words}", head.to),
        });
    }
}

/// What is said of moves that the package manager refuses, once the checkout is as it stays.
pub(super) fn leave_refused(work: &mut Work<'_>, refused: Vec<(Move, Refused)>) {
    for (one, words) in refused {
        let Some(head) = one.head() else { continue };
        work.left.push(Left {
            ecosystem: Some(work.checkout.places()[one.place].project.ecosystem),
            advisory: None,
            package: head.package.clone(),
            version: now(work, one.place, head),
            why: words.why(),
            detail: format!("to {}: {}", head.to, words.words()),
        });
    }
}

/// The version that a package has now: it may have moved, only not as far as was wanted.
fn now(work: &Work<'_>, place: usize, head: &Bump) -> String {
    let graph = work.checkout.graph(place);
    let of = |direct: bool| {
        let named = graph.packages.iter().filter(|package| package.name == head.package);
        let versions = named.filter(|package| package.direct || !direct);
        versions.map(|package| package.version.clone()).collect::<BTreeSet<_>>()
    };
    [of(true), of(false)]
        .into_iter()
        .find(|versions| versions.len() == 1)
        .and_then(|versions| versions.into_iter().next())
        .unwrap_or_else(|| head.from.clone())
}
