//! Sources and checksums: what stays keeps them, what is new has them.

use std::collections::{BTreeMap, BTreeSet};

use domain::dependency::Ecosystem;
use domain::finding::Severity;

use super::entry::{Entry, Kind, Lock, Objection};
use super::{address, integrity};

/// The most names of files that an objection lists.
const FILES_LISTED_MAX: usize = 5;

/// Holds sources and checksums of one lock against those of the one before. `configured` are the places of
/// the registries that the run's package managers ask.
pub(super) fn check(
    ecosystem: Ecosystem,
    (before, after): (&Lock, &Lock),
    configured: &BTreeSet<String>,
) -> Vec<Objection> {
    let known = Known::of(before, configured);
    let mut found = Vec::new();
    for entry in &after.entries {
        match known.by_id.get(entry.id.as_str()) {
            None => {
                found.extend(known.fresh_origins(ecosystem, entry));
                found.extend(known.fresh_sums(ecosystem, entry));
            }
            Some(old) => {
                found.extend(known.kept_origins(ecosystem, entry, old));
                found.extend(kept_sums(ecosystem, entry, old));
                found.extend(kept_files(entry, old));
            }
        }
    }
    found
}

/// What the lock before knew.
struct Known<'l> {
    by_id: BTreeMap<&'l str, Vec<&'l Entry>>,
    by_name: BTreeMap<&'l str, Vec<&'l Entry>>,
    origins: BTreeSet<&'l str>,
    configured: &'l BTreeSet<String>,
    /// Entries that need checksums, and those of them that have some.
    summed: (usize, usize),
    /// The weakest algorithm in use; nothing where there is none.
    weakest: Option<u8>,
}

fn needs_sum(entry: &Entry) -> bool {
    entry.kind == Kind::Registry && !entry.bundled
}

impl<'l> Known<'l> {
    fn of(lock: &'l Lock, configured: &'l BTreeSet<String>) -> Self {
        let mut known = Self {
            by_id: BTreeMap::new(),
            by_name: BTreeMap::new(),
            origins: BTreeSet::new(),
            configured,
            summed: (0, 0),
            weakest: None,
        };
        for entry in &lock.entries {
            known.by_id.entry(&entry.id).or_default().push(entry);
            known.by_name.entry(&entry.name).or_default().push(entry);
            known.origins.extend(entry.origins.iter().map(String::as_str));
            if needs_sum(entry) {
                known.summed.0 += 1;
                known.summed.1 += usize::from(entry.is_summed());
            }
            let strengths = entry.sums.values().filter_map(|sum| integrity::strength(sum));
            known.weakest = strengths.chain(known.weakest).min();
        }
        known
    }

    /// Whether an entry may name this origin for the first time.
    fn admits(&self, origin: &str) -> bool {
        self.origins.contains(origin) || self.configured.contains(origin)
    }

    /// Whether a place that is not known is one of a host that is, from where something that was not there before may
    /// come: a registry of many projects serves each at a place of its own. Also where a mirror that was not asked
    /// before says another place than its own.
    fn is_near(&self, ecosystem: Ecosystem, origin: &str, is_new: bool) -> bool {
        let host = address::origin(origin);
        let is_of = |known: &str| address::origin(known) == host;
        let is_configured = self.configured.iter().any(|known| is_of(known));
        let is_known = self.origins.iter().any(|known| is_of(known));
        let begins = ecosystem == Ecosystem::Npm && self.origins.len() < 2 && !is_known;
        address::is_web(origin)
            && if is_new { is_known || is_configured } else { begins && is_configured }
    }

    /// Whether the run's own registry stands in for the only one that the lock used, as a mirror does.
    fn is_mirrored(&self, ecosystem: Ecosystem, origin: &str) -> bool {
        ecosystem == Ecosystem::Npm && self.origins.len() < 2 && self.configured.contains(origin)
    }

    fn fresh_origins(&self, ecosystem: Ecosystem, entry: &Entry) -> Vec<Objection> {
        let namesakes = self.by_name.get(entry.name.as_str());
        let own: BTreeSet<&str> = namesakes
            .into_iter()
            .flatten()
            .flat_map(|old| old.origins.iter().map(String::as_str))
            .collect();
        let mut found = Vec::new();
        for origin in entry.origins.iter().filter(|origin| !own.contains(origin.as_str())) {
            let shown = origin.escape_debug();
            let known = self.admits(origin);
            if !known {
                let reason = format!(
                    "`{}` is from a source that no entry had before: `{shown}`",
                    entry.shown()
                );
                found.push(if self.is_near(ecosystem, origin, own.is_empty()) {
                    Objection::ask(&entry.needle, reason)
                } else {
                    Objection::deny(&entry.needle, reason)
                });
            } else if !own.is_empty() && !self.is_mirrored(ecosystem, origin) {
                // Two registries may serve the same name, by different people.
                let reason = format!(
                    "`{}` comes from another registry than before: `{shown}`",
                    entry.shown()
                );
                found.push(if ecosystem == Ecosystem::Npm {
                    Objection::ask(&entry.needle, reason)
                } else {
                    Objection::deny(&entry.needle, reason)
                });
            }
        }
        found
    }

    fn kept_origins(
        &self,
        ecosystem: Ecosystem,
        entry: &Entry,
        old: &[&Entry],
    ) -> Option<Objection> {
        let mut had = old.iter().flat_map(|old| &old.origins).peekable();
        let named_some = had.peek().is_some();
        let had: BTreeSet<&String> = had.collect();
        let new = entry.origins.iter().find(|origin| {
            let begins = !named_some && self.admits(origin);
            let mirrored = self.is_mirrored(ecosystem, origin) && entry.is_summed();
            !had.contains(origin) && !mirrored && !begins
        })?;
        let reason = format!(
            "the source of `{}` changes to `{}`, its version does not",
            entry.shown(),
            new.escape_debug()
        );
        Some(Objection::deny(&entry.needle, reason))
    }

    fn fresh_sums(&self, ecosystem: Ecosystem, entry: &Entry) -> Option<Objection> {
        let (all, with) = self.summed;
        if needs_sum(entry) && !entry.is_summed() && with > 0 {
            let reason = format!("`{}` has no checksum", entry.shown());
            return Some(if with == all {
                Objection::deny(&entry.needle, reason)
            } else {
                Objection::ask(&entry.needle, format!("{reason}, as some others before"))
            });
        }
        if ecosystem == Ecosystem::Cargo {
            return None;
        }
        let strength = entry.sums.values().filter_map(|sum| integrity::strength(sum)).min()?;
        if self.weakest.is_some_and(|weakest| strength < weakest) {
            let reason =
                format!("the checksum of `{}` is of a weaker kind than any before", entry.shown());
            return Some(Objection::deny(&entry.needle, reason));
        }
        None
    }
}

/// Files that an entry has now and had not before, or the other way round. A registry lets files be added to a version at
/// any time, and what is added runs where it fits better than the others.
fn kept_files(entry: &Entry, old: &[&Entry]) -> Vec<Objection> {
    let was: BTreeSet<&String> = old.iter().flat_map(|old| old.sums.keys()).collect();
    let now: BTreeSet<&String> = entry.sums.keys().collect();
    let is_wheel = |file: &&String| file.ends_with(".whl");
    let no_wheel = was.iter().any(is_wheel) && !now.iter().any(is_wheel);
    let says = |files: Vec<&&String>, what: &str| {
        let listed: Vec<_> =
            files.iter().take(FILES_LISTED_MAX).map(|file| file.escape_debug()).collect();
        let listed = listed.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
        let more = match files.len().saturating_sub(FILES_LISTED_MAX) {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        format!("{what} `{}`, whose version does not change: {listed}{more}", entry.shown())
    };
    let (new, gone): (Vec<_>, Vec<_>) =
        (now.difference(&was).collect(), was.difference(&now).collect());
    let mut found = Vec::new();
    if !new.is_empty() {
        found.push(Objection::ask(&entry.needle, says(new, "files are added to")));
    }
    if no_wheel {
        let reason = says(gone, "every built file is taken from");
        found.push(Objection::ask(&entry.needle, reason));
    } else if !gone.is_empty() {
        let reason = says(gone, "files are taken from");
        found.push(Objection::new(Severity::Note, &entry.needle, reason));
    }
    found
}

fn kept_sums(ecosystem: Ecosystem, entry: &Entry, old: &[&Entry]) -> Option<Objection> {
    let deny = |what: &str| {
        let reason =
            format!("the checksum of `{}` {what}, its version does not change", entry.shown());
        Some(Objection::deny(&entry.needle, reason))
    };
    let had = old.iter().any(|old| old.is_summed());
    if had && !entry.bundled && entry.kind == Kind::Registry && !entry.is_summed() {
        return deny("is gone");
    }
    for (file, now) in &entry.sums {
        let mut before = old.iter().filter_map(|old| old.sums.get(file));
        let changed = before.find_map(|was| match ecosystem {
            Ecosystem::Npm => integrity::change(was, now),
            Ecosystem::Cargo | Ecosystem::Python if was.is_empty() || was == now => None,
            Ecosystem::Cargo | Ecosystem::Python => Some("changes"),
        });
        if let Some(what) = changed {
            return deny(what);
        }
    }
    None
}
