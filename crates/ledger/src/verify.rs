//! Verifies a whole log and locates what is wrong with it.
//!
//! Three things are laid beside each other: the entries' bytes, the stored hashes over them, and what was
//! signed. A signed root that the bytes lead to proves every entry below it, whatever the stored hashes
//! say. Above that, bytes and stored hashes are compared place by place; where both were changed
//! together, only the range between two checkpoints, or below one stored hash, can be named.

mod leaves;
mod nodes;
mod remarks;
mod seals;

use crate::checkpoint::VerifierKey;
use crate::entry::{Entry, EntryError};
use crate::tree::{self, Hash, HashReader, SIZE_MAX, leaf_hash};

/// The most faults that are listed one by one.
pub const FAULTS_MAX: usize = 1_000;

/// The most remarks that are listed.
pub const REMARKS_MAX: usize = 100;

/// How far an entry's instant may lie before an earlier entry's, in milliseconds: several processes write,
/// and a clock may be set right.
pub const BACKWARDS_MAX_MS: u64 = 5 * 60 * 1_000;

/// Something that is not as it was written. Ranges run from the first to before the last.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// The bytes are not those that were hashed.
    #[error("entry {index} was altered")]
    Altered {
        /// Which.
        index: u64,
    },
    /// The bytes are those that were hashed, and no entry.
    #[error("entry {index} cannot be read: {why}")]
    Malformed {
        /// Which.
        index: u64,
        /// Why.
        why: EntryError,
    },
    /// Entries are missing, and later ones are there.
    #[error("entries {from} to {} were dropped", to - 1)]
    Dropped {
        /// The first.
        from: u64,
        /// The one after the last.
        to: u64,
    },
    /// The last entries are missing.
    #[error("the log was truncated: entries {from} to {} are missing", to - 1)]
    Truncated {
        /// The first.
        from: u64,
        /// The one after the last.
        to: u64,
    },
    /// More was signed than is there, and nothing vouches for the entries above the last proved one.
    #[error(
        "the log ends after {entries} entries, {to} were signed; what is missing is at or after entry {from}"
    )]
    Short {
        /// The first that is not proved.
        from: u64,
        /// How many were signed.
        to: u64,
        /// How many are there.
        entries: u64,
    },
    /// An entry stands where it was not.
    #[error("entry {index} was not there when the log was written")]
    Added {
        /// Which.
        index: u64,
    },
    /// Two entries stand in each other's place.
    #[error("entries {first} and {second} were swapped")]
    Swapped {
        /// The smaller index.
        first: u64,
        /// The greater index.
        second: u64,
    },
    /// An entry came after one with a greater index, or twice.
    #[error("entry {index} is out of order")]
    OutOfOrder {
        /// Which.
        index: u64,
    },
    /// Somewhere in the range is not what was signed or hashed; it cannot be narrowed down.
    #[error("entries {from} to {} are not all as they were written", to - 1)]
    Within {
        /// The first.
        from: u64,
        /// The one after the last.
        to: u64,
    },
    /// A stored hash is wrong or missing; the entries below it are proved intact, or judged on their own.
    #[error("the stored hash over entries {from} to {} is {wrong}", to - 1)]
    StoredHash {
        /// The first entry below it.
        from: u64,
        /// The one after the last.
        to: u64,
        /// `wrong` or `missing`.
        wrong: &'static str,
    },
    /// A checkpoint that nothing can be said by.
    #[error("checkpoint {position} does not count: {why}")]
    Checkpoint {
        /// Which, from 0 in the order they were given.
        position: usize,
        /// Why not.
        why: String,
    },
    /// Two signed checkpoints that cannot both be of one log.
    #[error("the signed checkpoints of {older} and {newer} entries contradict each other")]
    CheckpointsDisagree {
        /// The smaller size.
        older: u64,
        /// The greater size.
        newer: u64,
    },
}

/// Something unusual that may be right.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Remark {
    /// An entry says that it was written well before one that stands before it.
    #[error("entry {index} says that it was written {by_ms} ms before an entry that precedes it")]
    Backwards {
        /// Which.
        index: u64,
        /// By how much, in milliseconds.
        by_ms: u64,
    },
}

/// What came out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verification {
    /// How many entries there are.
    pub size: u64,
    /// The root over them; nothing where some are missing between others.
    pub root: Option<Hash>,
    /// How many are proved by a signed checkpoint.
    pub sealed: u64,
    /// How many are not, the newest ones.
    pub unsealed: u64,
    /// What is wrong, at most [`FAULTS_MAX`], in order of place.
    pub faults: Vec<Fault>,
    /// How many faults more there are.
    pub more: usize,
    /// What is unusual and may be right, at most [`REMARKS_MAX`].
    pub remarks: Vec<Remark>,
}

impl Verification {
    /// Whether nothing is wrong.
    pub const fn is_clean(&self) -> bool {
        self.faults.is_empty() && self.more == 0
    }
}

/// A checkpoint as it was kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seal {
    /// The signed note.
    pub note: String,
    /// The size and the root that are kept beside it, where they are.
    pub claimed: Option<(u64, Hash)>,
}

/// An entry as it was seen.
#[derive(Debug, Clone)]
struct Seen {
    index: u64,
    /// The hash of its bytes.
    hash: Hash,
    /// The hash that is kept beside it.
    claimed: Hash,
    /// Why it cannot be read.
    malformed: Option<EntryError>,
}

/// Takes a log entry by entry; keeps two hashes of each.
#[derive(Debug, Default)]
pub struct Verifier {
    seen: Vec<Seen>,
    faults: Vec<Fault>,
    remarks: remarks::Remarks,
}

impl Verifier {
    /// The next entry: its index, its bytes, and the leaf hash that is kept beside it.
    pub fn push(&mut self, index: u64, bytes: &[u8], claimed: Hash) {
        if self.seen.last().is_some_and(|last| last.index >= index) {
            self.faults.push(Fault::OutOfOrder { index });
        }
        if index >= SIZE_MAX {
            self.faults.push(Fault::Added { index });
            return;
        }
        let malformed = match Entry::parse(bytes) {
            // What a newer hob wrote counts by its bytes.
            Ok(entry) => {
                self.remarks.instant(index, entry.at);
                None
            }
            Err(EntryError::TooNew { .. }) => None,
            Err(why) => Some(why),
        };
        self.seen.push(Seen { index, hash: leaf_hash(bytes), claimed, malformed });
    }

    /// How many entries were taken.
    pub fn taken(&self) -> usize {
        self.seen.len()
    }

    /// Lays them beside the stored hashes, where there are some, and the checkpoints.
    ///
    /// A checkpoint that was kept elsewhere counts like any other: with it, also a log that was rolled
    /// back together with its own checkpoints is found to be truncated.
    pub fn finish(
        mut self,
        stored: Option<&dyn HashReader>,
        seals: &[Seal],
        key: &VerifierKey,
    ) -> Verification {
        // Stable: of two with the same index the one that came first counts.
        self.seen.sort_by_key(|seen| seen.index);
        self.seen.dedup_by_key(|seen| seen.index);
        let whole = (0..).zip(&self.seen).take_while(|(n, seen)| *n == seen.index).count();
        let leaves = self.seen.iter().take(whole).map(|seen| seen.hash);
        let tree =
            tree::append(&Vec::new(), 0, leaves).expect("every hash is computed before it is read");

        let sealed = seals::judge(seals, key, &tree, &mut self.faults);
        let proved = sealed.proved;
        let shift = leaves::judge(&self.seen, stored, proved, &mut self.faults);
        let end = self.seen.last().map_or(0, |last| last.index + 1);
        let reached = end.saturating_add_signed(shift);
        if reached < sealed.newest {
            let (from, to) = (reached, sealed.newest);
            let vouched = stored.is_some_and(|stored| sealed.vouches_for(stored));
            self.faults.push(if vouched || proved == reached {
                Fault::Truncated { from, to }
            } else {
                Fault::Short { from: proved, to, entries: from }
            });
        }
        if let Some(stored) = stored {
            nodes::judge(stored, &tree, sealed.newest, proved, &mut self.faults);
        }
        seals::explain(&sealed, &mut self.faults);
        self.result(end, proved, (whole as u64 == end).then_some(tree.root))
    }

    fn result(mut self, end: u64, proved: u64, root: Option<Hash>) -> Verification {
        let faulty: std::collections::BTreeSet<u64> =
            self.faults.iter().filter_map(Fault::entry).collect();
        for seen in self.seen {
            if let Some(why) = seen.malformed.filter(|_| !faulty.contains(&seen.index)) {
                self.faults.push(Fault::Malformed { index: seen.index, why });
            }
        }
        self.faults.sort_by_key(Fault::place);
        let more = self.faults.len().saturating_sub(FAULTS_MAX);
        self.faults.truncate(FAULTS_MAX);
        let unsealed = end - proved;
        Verification {
            size: end,
            root,
            sealed: proved,
            unsealed,
            faults: self.faults,
            more,
            remarks: self.remarks.found,
        }
    }
}

impl Fault {
    /// The entries that it is about, from the first to before the last; nothing where it is about none.
    pub const fn range(&self) -> Option<(u64, u64)> {
        match self {
            Self::Altered { index }
            | Self::Malformed { index, .. }
            | Self::Added { index }
            | Self::OutOfOrder { index } => Some((*index, index.saturating_add(1))),
            Self::Dropped { from, to }
            | Self::Truncated { from, to }
            | Self::Within { from, to }
            | Self::Short { from, to, .. }
            | Self::StoredHash { from, to, .. } => Some((*from, *to)),
            Self::Swapped { first, second } => Some((*first, *second + 1)),
            Self::Checkpoint { .. } | Self::CheckpointsDisagree { .. } => None,
        }
    }

    fn entry(&self) -> Option<u64> {
        match self {
            Self::Altered { index } | Self::Added { index } => Some(*index),
            _ => None,
        }
    }

    fn place(&self) -> u64 {
        self.range().map_or(0, |(from, _)| from)
    }
}

#[cfg(test)]
mod tests;
