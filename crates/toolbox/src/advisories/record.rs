//! One advisory in the words that all three formats share.

use domain::Timestamp;
use domain::dependency::Ecosystem;

/// One advisory of one source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Advisory {
    /// Its id in its own database: `RUSTSEC-2022-0013`, `GHSA-…`, `PYSEC-…`.
    pub(super) id: String,
    /// Ids of the same vulnerability elsewhere.
    pub(super) aliases: Vec<String>,
    /// One line for a person.
    pub(super) summary: String,
    /// How bad it is, as its source says.
    pub(super) severity: Severity,
    /// When it last changed, where the source says.
    pub(super) modified: Option<Timestamp>,
    /// Taken back by its source.
    pub(super) withdrawn: bool,
    /// What it affects in the ecosystems that hob knows.
    pub(super) affected: Vec<Affected>,
    /// How many packages of other ecosystems it names.
    pub(super) foreign: usize,
}

/// One package that an advisory affects.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Affected {
    /// Whose package.
    pub(super) ecosystem: Ecosystem,
    /// Its normalised name.
    pub(super) package: String,
    /// What sort of advisory it is for this package.
    pub(super) kind: Kind,
    /// Ranges of affected versions; affected is what any of them or `versions` holds.
    pub(super) ranges: Vec<Vec<Event>>,
    /// Affected versions, one by one.
    pub(super) versions: Vec<String>,
    /// Whether there are ranges that versions cannot be held against (commits of a git repository).
    pub(super) unreadable_ranges: bool,
}

/// A border in a range of affected versions.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) enum Event {
    /// Affected from here on, inclusive; `0` is before every version.
    Introduced(String),
    /// Not affected from here on, inclusive.
    Fixed(String),
    /// Not affected after this one.
    LastAffected(String),
    /// The range says nothing from here on; `*` is after every version.
    Limit(String),
}

/// What sort of advisory it is.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// Told, not acted upon: `unmaintained`, `unsound`, `notice`.
    Informational(String),
    /// To be fixed.
    Vulnerability,
    /// The package, or a version of it, was made to harm.
    Malicious,
}

/// How bad an advisory is, in its source's own words.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Severity {
    /// CVSS vectors, verbatim.
    pub vectors: Vec<String>,
    /// A word: `low`, `medium`, `high`, `critical`, where the source gives one or a vector says so.
    pub word: Option<String>,
}

impl Severity {
    /// Takes what `other` says and `self` does not.
    pub(super) fn absorb(&mut self, other: &Self) {
        for vector in &other.vectors {
            if !self.vectors.contains(vector) {
                self.vectors.push(vector.clone());
            }
        }
        if self.rank() < other.rank() {
            self.word.clone_from(&other.word);
        }
    }

    fn rank(&self) -> u8 {
        match self.word.as_deref() {
            None => 0,
            Some("low") => 2,
            Some("medium") => 3,
            Some("high") => 4,
            Some("critical") => 5,
            Some(_) => 1,
        }
    }
}
