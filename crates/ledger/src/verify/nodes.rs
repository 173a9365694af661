//! Stored hashes of subtrees beside those that the entries lead to.

use super::Fault;
use crate::tree::{Appended, HashReader, hash_count, hash_index};

/// Reports stored hashes that are missing, and those whose two halves are right and which are not.
pub(super) fn judge(
    stored: &dyn HashReader,
    tree: &Appended,
    sealed: u64,
    proved: u64,
    faults: &mut Vec<Fault>,
) {
    let own = tree.hashes.as_slice();
    let size = sealed.min(tree.size);
    if hash_count(size).is_err() {
        return;
    }
    let mut level = 0_u8;
    while size >> level > 0 {
        for n in 0..size >> level {
            let (from, to) = (n << level, (n + 1) << level);
            let index = hash_index(level, n);
            let Some(kept) = stored.hash(index) else {
                faults.push(Fault::StoredHash { from, to, wrong: "missing" });
                continue;
            };
            let halves_agree = |half: u64| {
                let index = hash_index(level - 1, half);
                stored.hash(index) == own.hash(index)
            };
            let wrong = own.hash(index) != Some(kept);
            if level > 0 && wrong && halves_agree(2 * n) && halves_agree(2 * n + 1) {
                faults.push(if to <= proved {
                    Fault::StoredHash { from, to, wrong: "wrong" }
                } else {
                    Fault::Within { from, to }
                });
            }
        }
        level += 1;
    }
}
