//! From what the files say before and after to what is reported: updates, what is left, and how it ends.

use std::collections::{BTreeMap, BTreeSet};

use domain::RepoPath;
use domain::agent::Playbook as Settings;
use domain::dependency::{Asked, Ecosystem as Kind, Left, Update, UpdateKind, Why};
use toolbox::dependencies::{Bump, Graph, Source};

use super::checkout::Place;
use super::moves::Move;
use super::{Work, text};
use crate::outcome::{Ending, Outcome};

/// Which advisories a version of a package was open to before and is no longer.
pub(super) type Closed = BTreeMap<(usize, String, String), BTreeSet<String>>;

/// The outcome of the work as the files have it now.
pub(super) fn outcome(
    work: Work<'_>,
    (beyond, deprecated): (&[String], &[String]),
    settings: &Settings,
) -> Outcome {
    let updates = updates(&work);
    let asked = asked(&work);
    let (along, heads) = (along(&work), heads(&work));
    let mut updates = updates;
    // What was asked for stands before what came with it.
    let is_head = |update: &Update| heads.contains(&(update.ecosystem, update.package.clone()));
    updates.sort_by_key(|update| !is_head(update));
    let added = added(&work);
    let mut left = work.left;
    left.sort_by(|a, b| {
        (a.why, a.ecosystem, &a.package, &a.version, &a.advisory, &a.detail).cmp(&(
            b.why,
            b.ecosystem,
            &b.package,
            &b.version,
            &b.advisory,
            &b.detail,
        ))
    });
    left.dedup();
    let complete = !left.iter().any(|left| left.why.makes_incomplete());
    let ending = ending(&updates, &left, settings);
    let facts = text::Facts {
        updates: &updates,
        left: &left,
        added: &added,
        along: &along,
        heads: &heads,
        beyond,
        deprecated,
        notes: &work.notes,
        complete,
        ending,
        settings,
    };
    let (title, body) = (facts.title(), facts.body());
    Outcome { updates, asked, left, complete, ending, title, body }
}

/// Something done is a change. Something that people have to look at, and nothing done, is theirs. Entries
/// that say no more than what the definition or time itself says do not make work for anybody.
fn ending(updates: &[Update], left: &[Left], settings: &Settings) -> Ending {
    if !updates.is_empty() {
        return Ending::Changed;
    }
    let undone = left.iter().any(|left| match left.why {
        Why::Informational
        | Why::Ignored
        | Why::DevelopmentOnly
        | Why::OutsideLevel
        | Why::Rejected => false,
        Why::NeedsCodeChange | Why::Unreadable => true,
        // A requirement that does not count on this machine is there to stay.
        Why::NotInstallable => {
            left.advisory.is_some() && matches!(settings, Settings::Remediation(_))
        }
        // Files of an ecosystem that hob does not know are there to stay: they are told each time, as incomplete.
        Why::Unsupported => left.ecosystem.is_some(),
        Why::NoFixedVersion
        | Why::RefusedByResolver
        | Why::HeldByParent
        | Why::TooYoung
        | Why::NotFromRegistry
        | Why::OverLimit => matches!(settings, Settings::Remediation(_)),
    });
    if undone { Ending::HandOver } else { Ending::NoChange }
}

/// Every version that changed: whose, which package, from, to.
pub(super) fn moved(work: &Work<'_>) -> impl Iterator<Item = (Kind, String, String, String)> {
    work.checkout.places().iter().enumerate().flat_map(|(at, place)| {
        let kind = place.project.ecosystem;
        moved_in(work, at).into_iter().map(move |(name, from, to)| (kind, name, from, to))
    })
}

/// Every version that changed in one project: which package, from, to.
pub(super) fn moved_in(work: &Work<'_>, at: usize) -> Vec<(String, String, String)> {
    let place = &work.checkout.places()[at];
    let steps = stepped(place, &work.base_graphs[at], &work.checkout.graph(at));
    steps.into_iter().filter_map(|(name, from, to)| Some((name, from, to?))).collect()
}

/// Every bump of the moves that are in the checkout, and of what the package manager had to move for them.
fn asked(work: &Work<'_>) -> Vec<Asked> {
    let asked = work.kept.iter().flat_map(|one| {
        let ecosystem = work.checkout.places()[one.place].project.ecosystem;
        one.bumps().map(move |bump| Asked {
            ecosystem,
            package: bump.package.clone(),
            to: bump.to.clone(),
        })
    });
    let added = work.checkout.added().iter().map(|(at, package, to)| Asked {
        ecosystem: work.checkout.places()[*at].project.ecosystem,
        package: package.clone(),
        to: to.clone(),
    });
    asked.chain(added).collect::<BTreeSet<_>>().into_iter().collect()
}

/// What the moves that are in the checkout are about.
fn heads(work: &Work<'_>) -> BTreeSet<(Kind, String)> {
    let heads = work.kept.iter().filter_map(|one| {
        let kind = work.checkout.places()[one.place].project.ecosystem;
        Some((kind, one.head()?.package.clone()))
    });
    heads.collect()
}

/// What moves only because it breaks with something else otherwise: the package with its version, and with what.
fn along(work: &Work<'_>) -> Vec<(String, String)> {
    let told = |bump: &Bump| format!("{} {}", bump.package, bump.to);
    let pairs = work.kept.iter().filter_map(|one| Some((one, told(one.head()?))));
    let pairs: BTreeSet<(String, String)> = pairs
        .flat_map(|(one, with)| one.along.iter().map(move |bump| (told(bump), with.clone())))
        .collect();
    pairs.into_iter().collect()
}

/// Every package that stood in a graph before and stands there with another version now.
fn updates(work: &Work<'_>) -> Vec<Update> {
    let changed = work.checkout.changed();
    let mut found: BTreeMap<(Kind, String, String, String), Update> = BTreeMap::new();
    for (at, place) in work.checkout.places().iter().enumerate() {
        let now = work.checkout.graph(at);
        let mut unplaced: Vec<(String, String, BTreeSet<String>)> = Vec::new();
        let mut own = Vec::new();
        for (name, from, to) in stepped(place, &work.base_graphs[at], &now) {
            let advisories = work.closed.get(&(at, name.clone(), from.clone()));
            let advisories: BTreeSet<String> = advisories.cloned().unwrap_or_default();
            let Some(to) = to else {
                unplaced.push((name, from, advisories));
                continue;
            };
            let kind = kind(place, &from, &to);
            let files = files(place, &work.base_graphs[at], (&name, &from), &changed);
            let ecosystem = place.project.ecosystem;
            let development_only = is_for_development(&work.base_graphs[at], &name, &from)
                && is_for_development(&now, &name, &to);
            own.push(Update {
                ecosystem,
                package: name,
                from,
                to,
                kind,
                advisories: advisories.into_iter().collect(),
                development_only,
                files,
            });
        }
        // An advisory whose package is gone altogether was closed by what was moved for its sake.
        for (name, from, advisories) in unplaced {
            let mut kept = work.kept.iter().filter(|one| one.place == at);
            let cause = kept.find(|one| one.about.0 == name && one.about.1 == from);
            let head = cause.and_then(Move::head).map(|head| head.package.clone());
            let at = own.iter().position(|update: &Update| Some(&update.package) == head.as_ref());
            if let Some(update) = own.get_mut(at.unwrap_or(0)) {
                update.advisories.extend(advisories);
            }
        }
        for update in own {
            let key =
                (update.ecosystem, update.package.clone(), update.from.clone(), update.to.clone());
            match found.get_mut(&key) {
                None => {
                    found.insert(key, update);
                }
                Some(known) => {
                    known.advisories.extend(update.advisories);
                    known.development_only &= update.development_only;
                    known.files.extend(update.files);
                }
            }
        }
    }
    let mut updates: Vec<Update> = found.into_values().collect();
    for update in &mut updates {
        update.advisories.sort();
        update.advisories.dedup();
        update.files.sort();
        update.files.dedup();
    }
    updates
}

/// Whether nothing but development dependencies leads to a version of a package.
fn is_for_development(graph: &Graph, name: &str, version: &str) -> bool {
    let mut at = graph.named(name).filter(|(_, package)| package.version == version).peekable();
    at.peek().is_some() && at.all(|(_, package)| package.development_only)
}

fn kind(place: &Place<'_>, from: &str, to: &str) -> UpdateKind {
    if place.ecosystem.compare(to, from) == Some(std::cmp::Ordering::Less) {
        return UpdateKind::Downgrade;
    }
    place.ecosystem.step(from, to).unwrap_or(UpdateKind::Major)
}

/// The versions that are gone from a graph, each with the version that stands in its place.
fn stepped(
    place: &Place<'_>,
    before: &Graph,
    now: &Graph,
) -> Vec<(String, String, Option<String>)> {
    let mut stepped = Vec::new();
    let (before, now) = (versions(before), versions(now));
    for (name, old) in before {
        let new = now.get(&name).cloned().unwrap_or_default();
        let order = |list: Vec<String>| {
            let mut list = list;
            list.sort_by(|a, b| place.ecosystem.compare(a, b).unwrap_or(std::cmp::Ordering::Equal));
            list
        };
        let mut fresh = order(new.difference(&old).cloned().collect());
        for gone in order(old.difference(&new).cloned().collect()) {
            let above =
                |to: &String| place.ecosystem.compare(to, &gone) != Some(std::cmp::Ordering::Less);
            let to = match fresh.iter().position(above) {
                Some(at) => Some(fresh.remove(at)),
                None if fresh.is_empty() => {
                    let rest = order(new.iter().cloned().collect());
                    rest.iter().find(|to| above(to)).or(rest.last()).cloned()
                }
                None => fresh.pop(),
            };
            stepped.push((name.clone(), gone, to));
        }
    }
    stepped
}

/// Packages that no version of stood in a graph before.
fn added(work: &Work<'_>) -> Vec<String> {
    let mut added = BTreeSet::new();
    for (at, before) in work.base_graphs.iter().enumerate() {
        let before = versions(before);
        for (name, versions) in versions(&work.checkout.graph(at)) {
            if !before.contains_key(&name) {
                added.extend(versions.iter().map(|version| format!("{name} {version}")));
            }
        }
    }
    added.into_iter().collect()
}

fn versions(graph: &Graph) -> BTreeMap<String, BTreeSet<String>> {
    let mut versions: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for package in &graph.packages {
        if package.source == Source::Registry {
            versions.entry(package.name.clone()).or_default().insert(package.version.clone());
        }
    }
    versions
}

/// The changed files that say which version of a package is used.
fn files(
    place: &Place<'_>,
    graph: &Graph,
    (package, version): (&str, &str),
    changed: &BTreeSet<RepoPath>,
) -> Vec<RepoPath> {
    let of_package = graph.direct.iter().filter(|r| r.package == package);
    let asked =
        of_package.filter(|r| place.ecosystem.admits(&r.range, version)).map(|r| &r.manifest);
    let locked = graph.named(package).filter(|(_, package)| package.version == version);
    let locked = locked.map(|(_, package)| &package.locked_in);
    let files: BTreeSet<&RepoPath> =
        asked.chain(locked).chain(place.project.lock.as_ref()).collect();
    files.into_iter().filter(|path| changed.contains(*path)).cloned().collect()
}

#[cfg(test)]
mod tests {
    use domain::agent::RemediationSettings;

    use super::*;

    #[test]
    fn a_manifest_of_another_ecosystem_makes_no_work_for_people_but_one_of_ours_does() {
        let unsupported = |ecosystem| Left {
            ecosystem,
            advisory: None,
            package: "Gemfile".to_owned(),
            version: String::new(),
            why: Why::Unsupported,
            detail: String::new(),
        };
        let settings = Settings::Remediation(RemediationSettings {
            development: true,
            ignore: Vec::new(),
            ignore_advisories: Vec::new(),
            ecosystems: Vec::new(),
        });
        assert_eq!(ending(&[], &[unsupported(None)], &settings), Ending::NoChange);
        assert_eq!(ending(&[], &[unsupported(Some(Kind::Npm))], &settings), Ending::HandOver);
    }
}
