//! Which published versions may be chosen: the rules that every playbook shares, without any I/O.
//!
//! Two questions are answered here. *How far can this package be raised?* ([`Rules::newer`], newest first) and
//! *which versions of it are out of every advisory's reach?* ([`Rules::fixes`], nearest first). Both skip what
//! was taken back, what cannot be installed, and pre-releases unless the current version is one; and both
//! remember why, so that a report can say it. What its publisher advises against comes behind the rest.

use std::cmp::Ordering;
use std::collections::BTreeSet;

use domain::Timestamp;
use domain::agent::UpdateLevel;
use domain::dependency::{UpdateKind, Why};

use super::ecosystem::{Ecosystem, Published, Runtimes};

#[cfg(test)]
mod tests;

/// What is the same for every package of one ecosystem in one run.
#[derive(Debug, Clone, Copy)]
pub struct Rules<'a> {
    /// Whose rules.
    pub ecosystem: &'a dyn Ecosystem,
    /// What the machine runs.
    pub runtimes: &'a Runtimes,
}

/// How far a package may be raised.
#[derive(Debug, Clone, Copy)]
pub struct Bounds {
    /// The largest step.
    pub level: UpdateLevel,
    /// A version must have been published for this long, in milliseconds.
    pub min_release_age_ms: u64,
    /// The instant that ages are counted to.
    pub now: Timestamp,
}

/// Why a published version cannot be chosen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Bar {
    /// Taken back by its publisher.
    Yanked,
    /// A pre-release, and the current version is none.
    Prerelease,
    /// Nothing that can be installed, or not on this runtime; the text says which.
    NotInstallable(String),
    /// A larger step than allowed.
    OutsideLevel(UpdateKind),
    /// Published too recently; the text says when.
    TooYoung(String),
}

impl Bar {
    /// The word of the closed list for it, where a person wants to hear of it at all.
    pub const fn why(&self) -> Option<Why> {
        match self {
            Self::Yanked | Self::Prerelease => None,
            Self::NotInstallable(_) => Some(Why::NotInstallable),
            Self::OutsideLevel(_) => Some(Why::OutsideLevel),
            Self::TooYoung(_) => Some(Why::TooYoung),
        }
    }
}

impl std::fmt::Display for Bar {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Yanked => f.write_str("taken back by its publisher"),
            Self::Prerelease => f.write_str("a pre-release"),
            Self::NotInstallable(reason) | Self::TooYoung(reason) => f.write_str(reason),
            Self::OutsideLevel(UpdateKind::Patch) => f.write_str("a patch step"),
            Self::OutsideLevel(UpdateKind::Minor) => f.write_str("a minor step"),
            Self::OutsideLevel(UpdateKind::Major) => f.write_str("a major step"),
            Self::OutsideLevel(UpdateKind::Downgrade) => f.write_str("a step back"),
        }
    }
}

/// What a package can be raised to.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Newer {
    /// Allowed versions, newest first.
    pub candidates: Vec<String>,
    /// The newest version beyond the first candidate that stays out, with its reason.
    pub behind: Option<(String, Bar)>,
}

/// A version that closes advisories.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fix {
    /// The version.
    pub version: String,
    /// What still matches it; empty where it is out of every advisory's reach.
    pub open: BTreeSet<String>,
}

/// What speaks against a version that can be used, the worse the greater.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub enum Misgiving {
    /// Nothing.
    #[default]
    None,
    /// Above what the registry marks as current.
    Preview,
    /// Its publisher advises against it, and not against the current version in the same words.
    Deprecated,
}

/// The versions that close advisories of a package, and what stands in the way of others.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Fixes {
    /// Versions that nothing matches: nearest above the current one first, then nearest below.
    pub clean: Vec<Fix>,
    /// Versions that fewer advisories match than now and no new one: fewest open first, then nearest.
    pub partial: Vec<Fix>,
    /// Versions that nothing matches and that cannot be chosen, nearest first.
    pub barred: Vec<(String, Bar)>,
}

impl Rules<'_> {
    /// The allowed versions above `current`, newest first.
    pub fn newer(&self, current: &str, published: &[Published], bounds: &Bounds) -> Newer {
        let mut above = self.sorted(published, |version| {
            self.ecosystem.compare(version, current) == Some(Ordering::Greater)
        });
        above.reverse();
        let mut newer = Newer::default();
        let mut deprecated = Vec::new();
        // What the definition keeps out is said only where nothing else keeps a nearer version out.
        let (mut kept_out, mut beyond) = (None, None);
        for version in above {
            let step = self.kind(current, &version.version);
            let bar = match step > bounds.largest() {
                true if self
                    .bar(current, version, published)
                    .is_some_and(|b| b.why().is_none()) =>
                {
                    continue;
                }
                true => Some(Bar::OutsideLevel(step)),
                false => {
                    self.bar(current, version, published).or_else(|| too_young(version, bounds))
                }
            };
            let slot = match &bar {
                None if misgiving(current, version, published) == Misgiving::Deprecated => {
                    deprecated.push(version.version.clone());
                    continue;
                }
                None => {
                    newer.candidates.push(version.version.clone());
                    continue;
                }
                Some(bar) if bar.why().is_none() || !newer.candidates.is_empty() => continue,
                Some(Bar::OutsideLevel(_)) => &mut beyond,
                Some(_) => &mut kept_out,
            };
            if let Some(bar) = bar {
                slot.get_or_insert((version.version.clone(), bar));
            }
        }
        newer.candidates.extend(deprecated);
        newer.behind = kept_out.or(beyond);
        newer
    }

    /// The versions that close what is open at `current`; `open` says what matches a version.
    pub fn fixes(
        &self,
        current: &str,
        published: &[Published],
        open: &dyn Fn(&str) -> BTreeSet<String>,
    ) -> Fixes {
        let now_open = open(current);
        let above =
            |version: &str| self.ecosystem.compare(version, current) == Some(Ordering::Greater);
        let below =
            |version: &str| self.ecosystem.compare(version, current) == Some(Ordering::Less);
        let mut ordered = self.sorted(published, above);
        ordered.extend(self.sorted(published, below).into_iter().rev());
        let mut fixes = Fixes::default();
        for version in ordered {
            let still = open(&version.version);
            let bar = self.unusable(current, version);
            let fix = || Fix { version: version.version.clone(), open: still.clone() };
            match (still.is_empty(), bar) {
                (true, None) => fixes.clean.push(fix()),
                (true, Some(bar)) => fixes.barred.push((version.version.clone(), bar)),
                (false, None) if still.len() < now_open.len() && still.is_subset(&now_open) => {
                    fixes.partial.push(fix());
                }
                (false, _) => {}
            }
        }
        fixes.partial.sort_by_key(|fix| fix.open.len());
        fixes
    }

    /// The versions above `current` that can be used at all, nearest first.
    pub fn usable_above<'p>(
        &self,
        current: &str,
        published: &'p [Published],
    ) -> Vec<&'p Published> {
        let mut above = self.sorted(published, |version| {
            self.ecosystem.compare(version, current) == Some(Ordering::Greater)
        });
        above.retain(|version| self.bar(current, version, published).is_none());
        above
    }

    /// How large a step is; a step that the ecosystem cannot name counts as the largest.
    pub fn kind(&self, from: &str, to: &str) -> UpdateKind {
        self.ecosystem.step(from, to).unwrap_or(UpdateKind::Major)
    }

    fn sorted<'p>(
        &self,
        published: &'p [Published],
        keep: impl Fn(&str) -> bool,
    ) -> Vec<&'p Published> {
        let mut kept: Vec<_> = published.iter().filter(|p| keep(&p.version)).collect();
        kept.sort_by(|a, b| {
            self.ecosystem.compare(&a.version, &b.version).unwrap_or(Ordering::Equal)
        });
        kept.dedup_by(|a, b| a.version == b.version);
        kept
    }

    /// Why a version is not raised to where nothing calls for it: what can be used may still be a mere preview.
    fn bar(&self, current: &str, version: &Published, published: &[Published]) -> Option<Bar> {
        let preview = misgiving(current, version, published) == Misgiving::Preview;
        self.unusable(current, version).or(preview.then_some(Bar::Prerelease))
    }

    fn unusable(&self, current: &str, version: &Published) -> Option<Bar> {
        if version.yanked {
            return Some(Bar::Yanked);
        }
        if self.ecosystem.is_prerelease(&version.version) && !self.ecosystem.is_prerelease(current)
        {
            return Some(Bar::Prerelease);
        }
        if !version.has_files {
            return Some(Bar::NotInstallable("no file of it was published".to_owned()));
        }
        self.ecosystem.runs_on(version, self.runtimes).err().map(Bar::NotInstallable)
    }
}

impl Bounds {
    const fn largest(&self) -> UpdateKind {
        match self.level {
            UpdateLevel::Patch => UpdateKind::Patch,
            UpdateLevel::Minor => UpdateKind::Minor,
            UpdateLevel::Major => UpdateKind::Major,
        }
    }
}

/// What speaks against a version, and not against the current one as well.
pub fn misgiving(current: &str, version: &Published, published: &[Published]) -> Misgiving {
    let current = published.iter().find(|p| p.version == current);
    let is_new = |deprecated| current.is_none_or(|p| p.deprecated.as_ref() != Some(deprecated));
    if version.deprecated.as_ref().is_some_and(is_new) {
        return Misgiving::Deprecated;
    }
    match version.preview && !current.is_some_and(|p| p.preview) {
        true => Misgiving::Preview,
        false => Misgiving::None,
    }
}

fn too_young(version: &Published, bounds: &Bounds) -> Option<Bar> {
    if bounds.min_release_age_ms == 0 {
        return None;
    }
    match version.published_at {
        None => Some(Bar::TooYoung(
            "the registry does not say when it was published, so its age is not known".to_owned(),
        )),
        Some(at) if bounds.now.millis_since(at) < bounds.min_release_age_ms => {
            Some(Bar::TooYoung(format!("published {at} by the registry's own account")))
        }
        Some(_) => None,
    }
}
