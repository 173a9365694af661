//! What the signed checkpoints say of the log.

use super::{Fault, Seal};
use crate::checkpoint::VerifierKey;
use crate::tree::{self, Appended, Hash, HashReader, hash_index};

/// What the checkpoints that count come to.
pub(super) struct Sealed {
    /// The size of the greatest one.
    pub(super) newest: u64,
    /// Its root.
    root: Hash,
    /// The size of the greatest one that the entries lead to: so many are proved.
    pub(super) proved: u64,
    /// The size of the smallest one above that the entries do not lead to.
    pub(super) missed: Option<u64>,
}

impl Sealed {
    /// Whether stored hashes lead to the newest signed root: then they are what was written.
    pub(super) fn vouches_for(&self, stored: &dyn HashReader) -> bool {
        // Only the leaves count; the hashes above them are computed again.
        let leaves = (0..self.newest).map(|n| stored.hash(hash_index(0, n)));
        leaves.collect::<Option<Vec<Hash>>>().is_some_and(|leaves| {
            tree::append(&Vec::new(), 0, leaves).is_ok_and(|tree| tree.root == self.root)
        })
    }
}

pub(super) fn judge(
    seals: &[Seal],
    key: &VerifierKey,
    tree: &Appended,
    faults: &mut Vec<Fault>,
) -> Sealed {
    let mut signed: Vec<(u64, Hash)> = Vec::new();
    for (position, seal) in seals.iter().enumerate() {
        match key.open(&seal.note) {
            Err(e) => faults.push(Fault::Checkpoint { position, why: e.to_string() }),
            Ok(checkpoint) => {
                let says = (checkpoint.size, checkpoint.root);
                if seal.claimed.is_some_and(|claimed| claimed != says) {
                    let why = "what is kept beside it is not what was signed".into();
                    faults.push(Fault::Checkpoint { position, why });
                }
                signed.push(says);
            }
        }
    }
    signed.sort_unstable();
    signed.dedup();
    let holds = |(size, root): &(u64, Hash)| {
        *size <= tree.size && tree::root(&tree.hashes, *size).is_ok_and(|own| own == *root)
    };
    let (held, missed): (Vec<_>, Vec<_>) = signed.iter().copied().partition(holds);
    let proved = held.last().map_or(0, |(size, _)| *size);
    for (older, _) in missed.iter().filter(|(size, _)| *size <= proved) {
        faults.push(Fault::CheckpointsDisagree { older: *older, newer: proved });
    }
    let above: Vec<_> = missed.iter().filter(|(size, _)| *size > proved).collect();
    for pair in above.windows(2).filter(|pair| pair[0].0 == pair[1].0) {
        faults.push(Fault::CheckpointsDisagree { older: pair[0].0, newer: pair[1].0 });
    }
    // What lies beyond the entries is a matter of truncation or of a gap, which is reported as such.
    let missed = above.iter().map(|(size, _)| *size).find(|size| *size <= tree.size);
    let (newest, root) = signed.last().copied().unwrap_or_default();
    Sealed { newest, root, proved, missed }
}

/// A signed root that the entries miss needs a fault below it; where none was found, the range is one.
pub(super) fn explain(sealed: &Sealed, faults: &mut Vec<Fault>) {
    let Some(to) = sealed.missed else { return };
    let from = sealed.proved;
    let explained = faults.iter().any(|fault| {
        !matches!(fault, Fault::StoredHash { .. })
            && fault.range().is_some_and(|(first, last)| first < to && last > from)
    });
    if !explained {
        faults.push(Fault::Within { from, to });
    }
}
