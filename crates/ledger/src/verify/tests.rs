//! Damage of every kind, done by attackers of growing means: each is found and located.

use std::collections::BTreeMap;

use domain::Timestamp;
use proptest::prelude::*;

use super::*;
use crate::checkpoint::SigningKey;
use crate::tree::{append, hash_count, hash_index};

/// A log as it is stored.
#[derive(Debug, Clone)]
struct Log {
    rows: Vec<(u64, Vec<u8>, Hash)>,
    stored: Vec<Hash>,
    seals: Vec<Seal>,
}

fn key() -> SigningKey {
    SigningKey::generate("hob.test", &[7; 32]).unwrap()
}

fn bytes(n: u64) -> Vec<u8> {
    let entry = Entry {
        at: Timestamp::from_millis(n),
        actor: "hob".into(),
        action: "run.accepted".into(),
        run: None,
        agent: None,
        repository: None,
        reason: format!("entry {n}"),
        facts: BTreeMap::new(),
        payloads: vec![],
    };
    entry.to_bytes().unwrap()
}

impl Log {
    /// `size` entries with checkpoints at these sizes.
    fn new(size: u64, checkpoints: &[u64]) -> Self {
        let rows: Vec<_> = (0..size).map(|n| (n, bytes(n), leaf_hash(&bytes(n)))).collect();
        let mut log = Self { rows, stored: vec![], seals: vec![] };
        for size in checkpoints {
            log.seal(*size);
        }
        log
    }

    fn seal(&mut self, size: u64) {
        let leaves: Vec<Hash> = self.rows.iter().map(|row| row.2).take(at(size)).collect();
        let appended = append(&Vec::new(), 0, leaves).unwrap();
        self.stored = appended.hashes;
        let note = key().sign(size, appended.root);
        self.seals.push(Seal { note, claimed: Some((size, appended.root)) });
    }

    fn verify(&self) -> Verification {
        self.verify_with(Some(&self.stored))
    }

    fn verify_with(&self, stored: Option<&dyn HashReader>) -> Verification {
        let mut verifier = Verifier::default();
        for (index, bytes, leaf) in &self.rows {
            verifier.push(*index, bytes, *leaf);
        }
        verifier.finish(stored, &self.seals, key().verifier())
    }

    fn renumber(&mut self) {
        for (n, row) in (0..).zip(&mut self.rows) {
            row.0 = n;
        }
    }

    /// What an attacker who can write everything but signatures does last.
    fn rehash(&mut self) {
        for row in &mut self.rows {
            row.2 = leaf_hash(&row.1);
        }
        let leaves = self.rows.iter().map(|row| row.2);
        self.stored = append(&Vec::new(), 0, leaves).unwrap().hashes;
    }

    #[track_caller]
    fn check(&self, expect: &[Fault]) {
        let found = self.verify();
        assert_eq!(found.faults, expect);
        assert_eq!(found.is_clean(), expect.is_empty());
    }
}

fn at(n: u64) -> usize {
    usize::try_from(n).unwrap()
}

#[test]
fn a_whole_log_is_clean() {
    let log = Log::new(13, &[4, 7, 11]);
    let found = log.verify();
    assert!(found.is_clean(), "{:?}", found.faults);
    assert_eq!((found.size, found.sealed, found.unsealed), (13, 11, 2));
    let leaves = log.rows.iter().map(|row| row.2);
    assert_eq!(found.root, Some(append(&Vec::new(), 0, leaves).unwrap().root));
    assert!(log.verify_with(None).is_clean());
    let empty = Log::new(0, &[]).verify();
    assert_eq!((empty.is_clean(), empty.size, empty.sealed), (true, 0, 0));
}

#[test]
fn an_altered_entry_is_located() {
    let mut log = Log::new(12, &[4, 10]);
    log.rows[6].1 = bytes(99);
    log.check(&[Fault::Altered { index: 6 }]);
    // Also where the hash beside it was made to fit,
    log.rows[6].2 = leaf_hash(&bytes(99));
    log.check(&[Fault::Altered { index: 6 }]);
    // and the stored leaf hash: then the subtree above is the smallest that shows it,
    log.stored[at(hash_index(0, 6))] = leaf_hash(&bytes(99));
    log.check(&[Fault::Within { from: 6, to: 8 }]);
    // and every stored hash: then only the signatures show it.
    log.rehash();
    log.check(&[Fault::Within { from: 4, to: 10 }]);
    assert_eq!(log.verify().sealed, 4);
}

#[test]
fn an_altered_entry_that_is_not_sealed_yet_is_located_by_its_own_hash() {
    let mut log = Log::new(12, &[10]);
    log.rows[11].1 = bytes(99);
    log.check(&[Fault::Altered { index: 11 }]);
}

#[test]
fn dropped_entries_are_located() {
    let mut log = Log::new(12, &[4, 12]);
    log.rows.drain(6..8);
    log.check(&[Fault::Dropped { from: 6, to: 8 }]);
    // Also where the later ones were moved up.
    log.renumber();
    log.check(&[Fault::Dropped { from: 6, to: 8 }]);
    // Without stored hashes the end is known and the place is between two checkpoints.
    log.rehash();
    let short = Fault::Short { from: 4, to: 12, entries: 10 };
    assert_eq!(log.verify_with(None).faults, [short]);
}

#[test]
fn swapped_entries_are_located() {
    for (first, second) in [(5, 6), (5, 9)] {
        let mut log = Log::new(12, &[4, 12]);
        let (a, b) = (log.rows[at(first)].clone(), log.rows[at(second)].clone());
        (log.rows[at(first)].1, log.rows[at(second)].1) = (b.1, a.1);
        log.check(&[Fault::Swapped { first, second }]);
        (log.rows[at(first)].2, log.rows[at(second)].2) = (b.2, a.2);
        log.check(&[Fault::Swapped { first, second }]);
        log.rehash();
        log.check(&[Fault::Within { from: 4, to: 12 }]);
    }
}

#[test]
fn a_truncated_log_is_located() {
    let mut log = Log::new(12, &[4, 10]);
    log.rows.truncate(9);
    log.check(&[Fault::Truncated { from: 9, to: 10 }]);
    let short = Fault::Short { from: 4, to: 10, entries: 9 };
    assert_eq!(log.verify_with(None).faults, [short]);
    log.rows.clear();
    log.check(&[Fault::Truncated { from: 0, to: 10 }]);
}

#[test]
fn a_log_rolled_back_with_its_checkpoints_is_shown_by_one_kept_elsewhere() {
    let whole = Log::new(12, &[4, 10]);
    let mut log = Log::new(6, &[4]);
    log.check(&[]);
    log.seals.push(whole.seals[1].clone());
    let faults = log.verify().faults;
    assert!(faults.contains(&Fault::Short { from: 4, to: 10, entries: 6 }), "{faults:?}");
}

#[test]
fn an_added_entry_is_located() {
    let mut log = Log::new(12, &[4, 12]);
    let forged = bytes(99);
    log.rows.insert(7, (7, forged.clone(), leaf_hash(&forged)));
    log.renumber();
    log.check(&[Fault::Added { index: 7 }]);
    // Also where it is a copy of one that is there.
    log.rows[7].1 = bytes(2);
    log.rows[7].2 = leaf_hash(&bytes(2));
    log.check(&[Fault::Added { index: 7 }]);
}

#[test]
fn an_entry_out_of_order_is_named() {
    let mut log = Log::new(8, &[8]);
    log.rows.swap(2, 3);
    log.check(&[Fault::OutOfOrder { index: 2 }]);
    let mut log = Log::new(8, &[8]);
    log.rows.push(log.rows[5].clone());
    log.check(&[Fault::OutOfOrder { index: 5 }]);
}

#[test]
fn a_wrong_stored_hash_is_told_from_a_wrong_entry() {
    let mut log = Log::new(12, &[4, 10]);
    log.stored[at(hash_index(2, 1))] = [0; 32];
    log.check(&[Fault::StoredHash { from: 4, to: 8, wrong: "wrong" }]);
    log.rows[1].2 = [0; 32];
    log.check(&[
        Fault::StoredHash { from: 1, to: 2, wrong: "wrong" },
        Fault::StoredHash { from: 4, to: 8, wrong: "wrong" },
    ]);
    let mut log = Log::new(12, &[8]);
    log.stored.truncate(at(hash_count(7).unwrap()));
    assert_eq!(log.verify().faults.len(), 4, "the last leaf and three subtrees");
    assert!(log.verify().faults.contains(&Fault::StoredHash { from: 0, to: 8, wrong: "missing" }));
    assert_eq!(log.verify().sealed, 8);
}

#[test]
fn a_checkpoint_of_another_key_does_not_count() {
    let mut log = Log::new(8, &[4, 8]);
    let root = log.seals[1].claimed.unwrap().1;
    let other = SigningKey::generate("hob.test", &[8; 32]).unwrap();
    log.seals[1].note = other.sign(8, root);
    let found = log.verify();
    assert!(matches!(found.faults[..], [Fault::Checkpoint { position: 1, .. }]), "{found:?}");
    assert_eq!((found.sealed, found.unsealed), (4, 4));
}

#[test]
fn what_is_kept_beside_a_checkpoint_is_compared_with_what_was_signed() {
    let mut log = Log::new(8, &[4, 8]);
    log.seals[0].claimed = Some((5, [0; 32]));
    let found = log.verify();
    assert!(matches!(found.faults[..], [Fault::Checkpoint { position: 0, .. }]), "{found:?}");
    assert_eq!(found.sealed, 8);
}

#[test]
fn checkpoints_of_two_histories_contradict_each_other() {
    let mut log = Log::new(12, &[4, 8, 12]);
    log.seals[1] = Seal { note: key().sign(8, [1; 32]), claimed: None };
    log.check(&[Fault::CheckpointsDisagree { older: 8, newer: 12 }]);
    let mut log = Log::new(12, &[12]);
    log.seals.push(Seal { note: key().sign(12, [1; 32]), claimed: None });
    log.check(&[Fault::CheckpointsDisagree { older: 12, newer: 12 }]);
}

#[test]
fn an_entry_that_is_hashed_rightly_and_is_none_is_named() {
    let mut log = Log::new(6, &[]);
    log.rows[3].1 = b"{}".to_vec();
    log.rows[3].2 = leaf_hash(b"{}");
    log.seal(6);
    let found = log.verify();
    assert!(matches!(found.faults[..], [Fault::Malformed { index: 3, .. }]), "{found:?}");
}

/// How much an attacker can write besides the entries.
#[derive(Debug, Clone, Copy)]
enum Means {
    Rows,
    RowsAndTheirHashes,
    AllButSignatures,
}

fn means() -> impl Strategy<Value = Means> {
    prop_oneof![Just(Means::Rows), Just(Means::RowsAndTheirHashes), Just(Means::AllButSignatures)]
}

fn cover(log: &mut Log, means: Means) {
    match means {
        Means::Rows => {}
        Means::RowsAndTheirHashes => {
            for row in &mut log.rows {
                row.2 = leaf_hash(&row.1);
            }
        }
        Means::AllButSignatures => log.rehash(),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn any_damage_below_a_checkpoint_is_found_at_its_place(
        size in 2..90_u64, first in any::<prop::sample::Index>(), other in any::<prop::sample::Index>(),
        kind in 0..5_u8, means in means(), cut in any::<prop::sample::Index>(),
    ) {
        let middle = cut.index(at(size)) as u64 + 1;
        let mut checkpoints = vec![middle, size];
        checkpoints.dedup();
        let mut log = Log::new(size, &checkpoints);
        let (first, other) = (first.index(at(size)), other.index(at(size)));
        let (low, high) = (first.min(other), first.max(other));
        prop_assume!(kind != 2 || low != high);
        match kind {
            0 => log.rows[low].1 = bytes(1_000),
            1 => { log.rows.remove(low); log.renumber(); }
            2 => {
                let bytes = log.rows[low].1.clone();
                log.rows[low].1 = std::mem::replace(&mut log.rows[high].1, bytes);
            }
            3 => log.rows.truncate(low),
            _ => {
                log.rows.insert(low, (0, bytes(1_000), leaf_hash(&bytes(1_000))));
                log.renumber();
            }
        }
        cover(&mut log, means);
        let found = log.verify();
        prop_assert!(!found.is_clean());
        prop_assert!(found.sealed <= low as u64, "nothing damaged is called sealed");
        let place = low as u64;
        let located = found.faults.iter().filter_map(Fault::range);
        prop_assert!(
            located.clone().any(|(from, to)| from <= place && place < to),
            "{:?} does not name {place}", found.faults
        );
        if !matches!(means, Means::AllButSignatures) {
            let exact = located.into_iter().any(|(from, _)| from == place);
            prop_assert!(exact, "{:?} is not exact at {place}", found.faults);
        }
    }

    #[test]
    fn any_rows_are_verified_without_panic(
        rows in prop::collection::vec((any::<u64>(), prop::collection::vec(any::<u8>(), 0..9), any::<[u8; 32]>()), 0..12),
        stored in prop::collection::vec(any::<[u8; 32]>(), 0..12), size in any::<u64>(),
    ) {
        let seals = vec![Seal { note: key().sign(size, [3; 32]), claimed: None }];
        let log = Log { rows, stored, seals };
        let found = log.verify();
        prop_assert!(found.sealed == 0);
        log.verify_with(None);
    }
}

#[test]
fn a_log_that_began_with_a_checkpoint_of_nothing_verifies() {
    let key = crate::SigningKey::generate("begun", &[7; 32]).unwrap();
    let root = tree::root(&Vec::new(), 0).unwrap();
    let note = key.sign(0, root);
    assert_eq!(key.verifier().open(&note).unwrap().size, 0);
    let seals = [Seal { note, claimed: None }];
    let found = Verifier::default().finish(Some(&Vec::new()), &seals, key.verifier());
    assert!(found.is_clean(), "{:?}", found.faults);
}

#[test]
fn a_clock_that_was_set_back_is_remarked_on_once_and_is_no_fault() {
    let at = |minutes: u64| {
        let entry = Entry {
            at: Timestamp::from_millis(minutes * 60_000),
            ..Entry::parse(&bytes(0)).unwrap()
        };
        entry.to_bytes().unwrap()
    };
    let mut log = Log::new(0, &[]);
    for (index, minutes) in (0..).zip([10, 60, 58, 30, 31, 32]) {
        log.rows.push((index, at(minutes), leaf_hash(&at(minutes))));
    }
    let found = log.verify();
    assert!(found.is_clean(), "{:?}", found.faults);
    assert_eq!(found.remarks, [Remark::Backwards { index: 3, by_ms: 30 * 60_000 }]);
}
