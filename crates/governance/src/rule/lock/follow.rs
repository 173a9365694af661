//! Each entry that is new, moved or gone follows from what was to be updated.

use std::collections::{BTreeMap, BTreeSet};

use domain::dependency::Ecosystem;
use domain::finding::Severity;

use super::entry::{Entry, Kind, Lock, Objection};
use super::{graph, version};

/// The most new packages that a note lists by name.
const LISTED_MAX: usize = 30;

/// How often what moved may make its users move.
const SPREADS_MAX: usize = 8;

/// What is to be updated: names as the ecosystem compares them, and the versions where they are known.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Named(pub(super) BTreeMap<String, BTreeSet<String>>);

/// Both sides, with what differs between them.
struct Sides<'l> {
    ecosystem: Ecosystem,
    before: &'l Lock,
    after: &'l Lock,
    /// Places in `after` whose entry was not there before.
    fresh: Vec<usize>,
    /// Places in `before` whose entry is not there any more.
    gone: Vec<usize>,
    /// What stood before and stands now, by package.
    packages: (BTreeMap<&'l str, Stand<'l>>, BTreeMap<&'l str, Stand<'l>>),
}

/// How one package stands in a lock.
#[derive(Debug, Default)]
struct Stand<'l> {
    /// Its highest version.
    highest: &'l str,
    /// Whether one of its versions runs a script when it is installed.
    scripts: bool,
}

pub(super) fn check(
    ecosystem: Ecosystem,
    (before, after): (&Lock, &Lock),
    named: &Named,
) -> Vec<Objection> {
    let sides = Sides {
        ecosystem,
        before,
        after,
        fresh: outside(after, before),
        gone: outside(before, after),
        packages: (stands(ecosystem, before), stands(ecosystem, after)),
    };
    let is_named = |at: &usize| named.0.contains_key(&after.entries[*at].name);
    let asked: Vec<usize> = sides.fresh.iter().copied().filter(is_named).collect();
    let stood = names(before);
    let (follows, forced) = sides.spread(asked, &stood);
    let needs_lower = sides.needs_lower(&follows);
    let mut found = Vec::new();
    let mut new = BTreeSet::new();
    let mut moved: BTreeSet<&str> = BTreeSet::new();
    for at in &sides.fresh {
        let entry = &after.entries[*at];
        if entry.kind == Kind::Local {
            let reason = format!("a new local package `{}`", entry.shown());
            found.push(Objection::deny(&entry.needle, reason));
            continue;
        }
        if !follows[*at] {
            found.push(unasked(entry, &stood));
            continue;
        }
        moved.insert(&entry.name);
        if forced.contains(at) {
            let reason = format!(
                "`{}` is moved because it uses what is updated, and no update names it",
                entry.shown()
            );
            found.push(Objection::ask(&entry.needle, reason));
        }
        if !stood.contains(entry.name.as_str()) {
            new.insert(entry.shown());
        }
        found.extend(sides.of_moved(entry, named, &needs_lower));
    }
    found.extend(sides.of_gone(&moved, named));
    found.extend(sides.of_missing());
    found.extend(news(&new, after));
    found
}

/// The places of the entries of one lock that another one does not hold.
fn outside(lock: &Lock, other: &Lock) -> Vec<usize> {
    let ids: BTreeSet<&str> = other.entries.iter().map(|entry| entry.id.as_str()).collect();
    let entries = lock.entries.iter().enumerate();
    entries.filter(|(_, entry)| !ids.contains(entry.id.as_str())).map(|(at, _)| at).collect()
}

fn stands(ecosystem: Ecosystem, lock: &Lock) -> BTreeMap<&str, Stand<'_>> {
    let mut stands: BTreeMap<&str, Stand<'_>> = BTreeMap::new();
    for entry in &lock.entries {
        let stand = stands.entry(&entry.name).or_default();
        stand.scripts |= entry.scripts;
        if stand.highest.is_empty()
            || version::order(ecosystem, &entry.version, stand.highest).is_gt()
        {
            stand.highest = &entry.version;
        }
    }
    stands
}

fn names(lock: &Lock) -> BTreeSet<&str> {
    lock.entries.iter().map(|entry| entry.name.as_str()).collect()
}

fn unasked(entry: &Entry, stood: &BTreeSet<&str>) -> Objection {
    let what = if stood.contains(entry.name.as_str()) {
        "its version or source changes, no update names it, and nothing that is updated needs it"
    } else {
        "a new package that no update names and that nothing that is updated needs"
    };
    Objection::deny(&entry.needle, format!("`{}`: {what}", entry.shown()))
}

/// New packages that come with an update are what updates bring; people should still hear of them.
fn news(new: &BTreeSet<String>, after: &Lock) -> Option<Objection> {
    let first = new.first()?;
    let mut listed: Vec<&str> = new.iter().take(LISTED_MAX).map(String::as_str).collect();
    let more = format!("and {} more", new.len().saturating_sub(LISTED_MAX));
    if new.len() > LISTED_MAX {
        listed.push(&more);
    }
    let place = after.entries.iter().find(|entry| entry.shown() == *first);
    let needle = place.map(|entry| entry.needle.clone()).unwrap_or_default();
    let reason = format!("new packages that the updated ones need: {}", listed.join(", "));
    Some(Objection::new(Severity::Note, &needle, reason))
}

impl Sides<'_> {
    /// What follows from the entries that were asked for, and the entries that had to move for theirs: resolvers
    /// also move what uses a package and would hold it back, and then what that needs.
    fn spread(&self, asked: Vec<usize>, stood: &BTreeSet<&str>) -> (Vec<bool>, BTreeSet<usize>) {
        let mut roots = asked;
        let mut forced = BTreeSet::new();
        let mut follows = graph::needed(self.after, roots.iter().copied());
        for _ in 0..SPREADS_MAX {
            let moved = self.fresh.iter().copied().filter(|at| follows[*at]);
            let users = graph::needing(self.after, moved);
            let more: Vec<usize> = self
                .fresh
                .iter()
                .copied()
                .filter(|at| users[*at] && !follows[*at])
                .filter(|at| stood.contains(self.after.entries[*at].name.as_str()))
                .collect();
            if more.is_empty() {
                break;
            }
            forced.extend(&more);
            roots.extend(more);
            follows = graph::needed(self.after, roots.iter().copied());
        }
        (follows, forced)
    }

    /// The packages whose highest version before is one that something that follows does not work with, as far as
    /// the lock says what its packages ask for.
    fn needs_lower(&self, follows: &[bool]) -> BTreeSet<&str> {
        let mut needs = BTreeSet::new();
        for at in self.fresh.iter().filter(|at| follows[**at]) {
            for (needed, range) in &self.after.entries[*at].ranges {
                let name = self.after.entries[*needed].name.as_str();
                let Some(stood) = self.packages.0.get(name) else { continue };
                if version::excludes(self.ecosystem, range, stood.highest) {
                    needs.insert(name);
                }
            }
        }
        needs
    }

    fn of_moved(
        &self,
        entry: &Entry,
        named: &Named,
        needs_lower: &BTreeSet<&str>,
    ) -> Vec<Objection> {
        let mut found = Vec::new();
        let stood = self.packages.0.get(entry.name.as_str());
        let wanted = named.0.get(&entry.name);
        let is_wanted = wanted.is_some_and(|to| {
            to.iter().any(|to| version::same(self.ecosystem, to, &entry.version))
        });
        if wanted.is_some_and(|to| !to.is_empty()) && !is_wanted {
            let reason = format!("`{}` is another version than the update names", entry.shown());
            found.push(Objection::ask(&entry.needle, reason));
        }
        if entry.scripts && !stood.is_some_and(|stood| stood.scripts) {
            let reason = format!(
                "`{}` runs a script when it is installed; it is new that it does",
                entry.shown()
            );
            found.push(Objection::ask(&entry.needle, reason));
        }
        if entry.kind == Kind::Elsewhere {
            let reason =
                format!("`{}` is not from a registry, and its source changes", entry.shown());
            found.push(if wanted.is_some() {
                Objection::ask(&entry.needle, reason)
            } else {
                Objection::deny(&entry.needle, reason)
            });
        }
        if !is_wanted && let Some(old) = self.lowered(entry) {
            let reason = format!("`{}` goes down from {}", entry.shown(), old.escape_debug());
            let is_needed = needs_lower.contains(entry.name.as_str());
            let severity = if is_needed { Severity::Note } else { Severity::NeedsApproval };
            found.push(Objection::new(severity, &entry.needle, reason));
        }
        found
    }

    /// The version that stood before, where the package stands with lower ones only.
    fn lowered(&self, entry: &Entry) -> Option<&str> {
        let old = self.packages.0.get(entry.name.as_str())?.highest;
        let new = self.packages.1.get(entry.name.as_str())?.highest;
        version::order(self.ecosystem, new, old).is_lt().then_some(old)
    }

    fn of_gone(&self, moved: &BTreeSet<&str>, named: &Named) -> Vec<Objection> {
        let lock = self.before;
        let replaced = |at: &usize| {
            let name = lock.entries[*at].name.as_str();
            moved.contains(name) || named.0.contains_key(name)
        };
        let roots: Vec<usize> = self.gone.iter().copied().filter(replaced).collect();
        let follows = graph::needed(lock, roots);
        let used = graph::used(lock);
        let stays = names(self.after);
        let unasked = self.gone.iter().filter(|at| {
            !follows[**at] && used[**at] && !stays.contains(lock.entries[**at].name.as_str())
        });
        unasked
            .map(|at| {
                let entry = &lock.entries[*at];
                let reason = format!(
                    "`{}` is dropped, and nothing that is updated needed it",
                    entry.shown()
                );
                // npm itself forgets optional packages of other platforms.
                if self.ecosystem == Ecosystem::Npm && entry.kind != Kind::Local {
                    Objection::ask(&entry.needle, reason).before()
                } else {
                    Objection::deny(&entry.needle, reason).before()
                }
            })
            .collect()
    }

    /// Needs that the lock does not meet, and did before.
    fn of_missing(&self) -> Vec<Objection> {
        let known: BTreeSet<(&str, &str)> =
            missing(self.before).map(|(e, m)| (e.id.as_str(), m)).collect();
        let new = missing(self.after)
            .filter(|(entry, name)| !known.contains(&(entry.id.as_str(), *name)));
        new.map(|(entry, name)| {
            let reason = format!(
                "`{}` needs `{}`, which the lock does not hold",
                entry.shown(),
                name.escape_debug()
            );
            Objection::deny(&entry.needle, reason)
        })
        .collect()
    }
}

fn missing(lock: &Lock) -> impl Iterator<Item = (&Entry, &str)> {
    lock.entries
        .iter()
        .flat_map(|entry| entry.missing.iter().map(move |name| (entry, name.as_str())))
}
