//! Finds secrets in text, and blacks them out. Says what kind and where, never the secret.
//!
//! Three readings of one text, each in linear time: known forms as they stand, known forms behind a line break,
//! a string concatenation or base64, and random-looking values whose key's name says that they are secret.

mod assigned;
mod disguise;
mod forms;

use std::fmt;
use std::ops::Range;

use domain::Digest;

/// A secret that was found. `Debug` does not show it.
#[derive(Clone, PartialEq, Eq)]
pub struct Hit {
    /// What kind of secret.
    pub kind: &'static str,
    /// The line where it begins, from 1.
    pub line: u64,
    /// Where in the text, in bytes.
    pub range: Range<usize>,
    /// The secret, freed of what disguised it.
    value: String,
}

impl Hit {
    /// The secret itself, for comparison only: it may not leave the room.
    pub(crate) fn value(&self) -> &str {
        &self.value
    }

    /// The kind, the length, and six hexadecimal digits of the SHA-256 digest: enough to tell two secrets
    /// apart, too few to confirm a guess.
    pub fn masked(&self) -> String {
        let digest = Digest::of(self.value.as_bytes()).hex();
        let name = digest.get(..6).unwrap_or_default();
        let length = self.value.chars().count();
        format!("{} (not shown; {length} characters, digest {name}…)", self.kind)
    }
}

impl fmt::Debug for Hit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} on line {}", self.masked(), self.line)
    }
}

/// Every secret, in the order of the text. No two of them overlap.
pub fn scan(text: &str) -> Vec<Hit> {
    // What stands as it is comes first, what has a known form is told by it and not by its key.
    let mut hits: Vec<Hit> = Vec::new();
    for mut found in [forms::find(text), disguise::find(text), assigned::find(text)] {
        found.sort_by_key(|(_, range, _)| (range.start, std::cmp::Reverse(range.end)));
        let taken: Vec<Range<usize>> = hits.iter().map(|hit| hit.range.clone()).collect();
        let mut end = 0;
        for (kind, range, value) in found {
            let at = taken.partition_point(|other| other.end <= range.start);
            let free = taken.get(at).is_none_or(|other| other.start >= range.end);
            if free && range.start >= end {
                end = range.end;
                hits.push(Hit { kind, line: 0, range, value });
            }
        }
        hits.sort_by_key(|hit| hit.range.start);
    }
    let (mut line, mut at) = (1, 0);
    for hit in &mut hits {
        let between = text.as_bytes().get(at..hit.range.start).unwrap_or_default();
        line += between.iter().filter(|byte| **byte == b'\n').count() as u64;
        at = at.max(hit.range.start);
        hit.line = line;
    }
    hits
}

/// The text with each secret replaced by what it was.
pub fn redact(text: &str) -> String {
    let (mut plain, mut at) = (String::with_capacity(text.len()), 0);
    for hit in scan(text) {
        if hit.range.start >= at {
            plain.push_str(text.get(at..hit.range.start).unwrap_or_default());
            plain.extend(["[", hit.kind, " was here]"]);
            at = hit.range.end;
        }
    }
    plain.push_str(text.get(at..).unwrap_or_default());
    plain
}

/// A secret before its line is known: kind, place, value.
type Found = (&'static str, Range<usize>, String);
