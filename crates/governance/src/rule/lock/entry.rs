//! What every lock file says, whoever wrote it: entries, where they are from, what they need.

use std::collections::{BTreeMap, BTreeSet};

use domain::finding::Severity;

/// The most entries of one lock file that are judged.
pub(super) const ENTRIES_MAX: usize = 200_000;
/// The most dependencies between entries that are judged.
pub(super) const NEEDS_MAX: usize = 2_000_000;

/// A lock file, read.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Lock {
    /// In the file's order.
    pub(super) entries: Vec<Entry>,
}

/// One package that the lock pins.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Entry {
    /// Equal where the same package of the same version from the same kind of place is meant.
    pub(super) id: String,
    /// The name, as its ecosystem compares names.
    pub(super) name: String,
    /// The version; empty where it has none of its own.
    pub(super) version: String,
    /// What stands behind it.
    pub(super) kind: Kind,
    /// The registries and hosts it names.
    pub(super) origins: BTreeSet<String>,
    /// Its checksums by file (empty where there is one file only); an empty one is missing.
    pub(super) sums: BTreeMap<String, String>,
    /// Whether it comes inside another package's archive, whose checksum covers it.
    pub(super) bundled: bool,
    /// Whether it runs a script when it is installed, where the lock says so.
    pub(super) scripts: bool,
    /// What it needs, as places in [`Lock::entries`].
    pub(super) needs: Vec<usize>,
    /// The versions that it asks for, by place, where the lock says so.
    pub(super) ranges: Vec<(usize, String)>,
    /// What it needs and the lock does not hold.
    pub(super) missing: BTreeSet<String>,
    /// What to look for to find it in the text: a piece of its first line, and of one soon after.
    pub(super) needle: Needle,
}

/// What stands behind an entry.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum Kind {
    /// The project's own: the root, a workspace member, a path.
    Local,
    /// A registry.
    #[default]
    Registry,
    /// A repository, an address, a file.
    Elsewhere,
}

impl Entry {
    /// Whether all of its files have checksums.
    pub(super) fn is_summed(&self) -> bool {
        !self.sums.is_empty() && self.sums.values().all(|sum| !sum.is_empty())
    }

    /// The name and version for people, safe to print.
    pub(super) fn shown(&self) -> String {
        format!("{} {}", self.name, self.version).trim_end().escape_debug().to_string()
    }
}

/// What to look for in a lock file's text.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Needle {
    /// A piece of the line.
    pub(super) first: String,
    /// A piece of the line or of one that follows soon, where the first piece may be there twice.
    pub(super) second: String,
    /// Whether the line is looked for in the text before the change.
    pub(super) before: bool,
}

impl Needle {
    /// A single piece of a line of the text after the change.
    pub(super) fn of(first: impl Into<String>) -> Self {
        Self { first: first.into(), ..Self::default() }
    }
}

/// Something about a lock file that people should hear of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Objection {
    /// How bad.
    pub(super) severity: Severity,
    /// Where.
    pub(super) needle: Needle,
    /// Why.
    pub(super) reason: String,
}

impl Objection {
    /// Of any severity.
    pub(super) fn new(severity: Severity, needle: &Needle, reason: impl Into<String>) -> Self {
        Self { severity, needle: needle.clone(), reason: reason.into() }
    }

    /// Denied.
    pub(super) fn deny(needle: &Needle, reason: impl Into<String>) -> Self {
        Self::new(Severity::Deny, needle, reason)
    }

    /// For a person to look at.
    pub(super) fn ask(needle: &Needle, reason: impl Into<String>) -> Self {
        Self::new(Severity::NeedsApproval, needle, reason)
    }

    /// About an entry that is gone: looked for in the text before.
    pub(super) fn before(mut self) -> Self {
        self.needle.before = true;
        self
    }
}

/// The lock, unless it is larger than is judged.
pub(super) fn bounded(lock: Lock) -> Result<Lock, String> {
    let needs: usize = lock.entries.iter().map(|entry| entry.needs.len()).sum();
    if lock.entries.len() > ENTRIES_MAX {
        return Err(format!(
            "it has {} entries, at most {ENTRIES_MAX} are judged",
            lock.entries.len()
        ));
    }
    if needs > NEEDS_MAX {
        return Err(format!("its entries need {needs} others, at most {NEEDS_MAX} are judged"));
    }
    Ok(lock)
}
