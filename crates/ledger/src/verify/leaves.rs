//! Entries beside the hashes that were kept of them, place by place.

use std::collections::{BTreeMap, BTreeSet};

use super::{Fault, Seen};
use crate::tree::{Hash, HashReader, hash_index};

/// Reports what is wrong with single entries from `proved` on. Gives back by how many places the last
/// entries stand before where they were written.
pub(super) fn judge(
    seen: &[Seen],
    stored: Option<&dyn HashReader>,
    proved: u64,
    faults: &mut Vec<Fault>,
) -> i64 {
    let mut walk = Walk { expected: BTreeMap::new(), homes: BTreeMap::new(), shift: 0, faults };
    walk.gaps(seen);
    for entry in seen {
        let kept = stored.and_then(|stored| stored.hash(hash_index(0, entry.index)));
        walk.kept_hashes(entry, kept, proved);
        if entry.index >= proved {
            walk.expected.insert(entry.index, kept.unwrap_or(entry.claimed));
        }
    }
    if let Some(stored) = stored {
        walk.expect_further(stored, seen.last().map_or(0, |last| last.index + 1));
    }
    walk.homes = walk.expected.iter().map(|(index, hash)| (*hash, *index)).collect();
    let open: Vec<&Seen> = seen.iter().filter(|entry| entry.index >= proved).collect();
    walk.compare(&open);
    walk.shift
}

struct Walk<'a> {
    /// What stood at each place when the log was written.
    expected: BTreeMap<u64, Hash>,
    /// Where each hash stood.
    homes: BTreeMap<Hash, u64>,
    shift: i64,
    faults: &'a mut Vec<Fault>,
}

impl Walk<'_> {
    fn gaps(&mut self, seen: &[Seen]) {
        let mut next = 0;
        for entry in seen {
            if entry.index > next {
                self.faults.push(Fault::Dropped { from: next, to: entry.index });
            }
            next = entry.index + 1;
        }
    }

    /// Where the entry's own bytes are not in doubt, a hash beside it that differs is the one at fault.
    fn kept_hashes(&mut self, entry: &Seen, kept: Option<Hash>, proved: u64) {
        let trusted = entry.index < proved || kept == Some(entry.hash);
        let differs = entry.claimed != entry.hash
            || (entry.index < proved && kept.is_some_and(|kept| kept != entry.hash));
        if trusted && differs {
            let (from, to) = (entry.index, entry.index + 1);
            self.faults.push(Fault::StoredHash { from, to, wrong: "wrong" });
        }
    }

    /// Stored hashes go on where entries have ended: entries that moved forward are recognised by them.
    fn expect_further(&mut self, stored: &dyn HashReader, from: u64) {
        let mut index = from;
        while let Some(hash) = stored.hash(hash_index(0, index)) {
            self.expected.insert(index, hash);
            index += 1;
        }
    }

    fn at(&self, index: u64) -> Option<Hash> {
        self.expected.get(&index.checked_add_signed(self.shift)?).copied()
    }

    fn compare(&mut self, open: &[&Seen]) {
        let by_index: BTreeMap<u64, Hash> = open.iter().map(|e| (e.index, e.hash)).collect();
        let mut settled = BTreeSet::new();
        for (n, entry) in open.iter().enumerate() {
            let index = entry.index;
            if settled.contains(&index) || self.at(index) == Some(entry.hash) {
                continue;
            }
            let following = open.get(n + 1).map(|next| next.hash);
            match self.homes.get(&entry.hash).copied() {
                Some(home) if by_index.get(&home).copied() == self.at(index) && home > index => {
                    self.faults.push(Fault::Swapped { first: index, second: home });
                    settled.insert(home);
                }
                Some(home) if self.is_ahead(home, index) => {
                    let from = index.saturating_add_signed(self.shift);
                    self.faults.push(Fault::Dropped { from, to: home });
                    self.shift += i64::try_from(home - from).unwrap_or(0);
                }
                Some(_) => {
                    self.faults.push(Fault::Added { index });
                    self.shift -= 1;
                }
                None if following.is_some() && following == self.at(index) => {
                    self.faults.push(Fault::Added { index });
                    self.shift -= 1;
                }
                None if self.at(index).is_none() && self.shift != 0 => {
                    // Beyond what was kept: nothing is known of it.
                }
                None => self.faults.push(Fault::Altered { index }),
            }
        }
    }

    fn is_ahead(&self, home: u64, index: u64) -> bool {
        home > index.saturating_add_signed(self.shift)
    }
}
