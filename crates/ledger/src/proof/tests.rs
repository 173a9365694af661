//! Proofs, checked by an implementation that is not ours, and the other way round.

use std::collections::BTreeMap;

use ct_merkle::mem_backed_tree::MemoryBackedTree;
use ct_merkle::{ConsistencyProof, InclusionProof, RootHash};
use proptest::prelude::*;
use sha2_for_ct_merkle::Sha256;

use super::*;
use crate::tree::tests::{LEAVES, hex, stored};
use crate::tree::{leaf_hash, root};

fn leaves(count: usize) -> Vec<Vec<u8>> {
    (0..count).map(|n| format!("entry {n}").into_bytes()).collect()
}

fn theirs(leaves: &[Vec<u8>]) -> MemoryBackedTree<Sha256, Vec<u8>> {
    let mut tree = MemoryBackedTree::new();
    for leaf in leaves {
        tree.push(leaf.clone());
    }
    tree
}

fn their_root(root: Hash, size: u64) -> RootHash<Sha256> {
    RootHash::new(root.into(), size)
}

/// The stored hashes at these indexes, and no others.
fn only(hashes: &[Hash], indexes: Vec<u64>) -> BTreeMap<u64, Hash> {
    indexes.into_iter().map(|index| (index, hashes.hash(index).unwrap())).collect()
}

#[test]
fn the_known_proofs_are_ours() {
    let stored = stored(&LEAVES).hashes;
    let path = |hashes: &[Hash]| hashes.iter().map(|hash| hex(hash)).collect::<Vec<_>>();
    let inclusion = Inclusion::prove(&stored, 0, 8).unwrap();
    assert_eq!(
        path(&inclusion.hashes),
        [
            "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
            "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
            "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
        ]
    );
    let consistency = Consistency::prove(&stored, 6, 8).unwrap();
    assert_eq!(
        path(&consistency.hashes),
        [
            "0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a",
            "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
            "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
        ]
    );
}

#[test]
fn what_is_not_in_the_tree_has_no_proof() {
    let stored = stored(&LEAVES).hashes;
    assert!(Inclusion::prove(&stored, 8, 8).is_err());
    assert!(Inclusion::needed(0, u64::MAX).is_err());
    assert!(Consistency::prove(&stored, 0, 8).is_err());
    assert!(Consistency::needed(9, 8).is_err());
    assert!(matches!(Inclusion::prove(&stored, 3, 9), Err(TreeError::Missing { .. })));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn others_accept_our_inclusion_proofs(size in 1..300_usize, at in any::<prop::sample::Index>()) {
        let leaves = leaves(size);
        let refs: Vec<&[u8]> = leaves.iter().map(Vec::as_slice).collect();
        let (tree, index) = (stored(&refs), at.index(size));
        let (index64, size64) = (index as u64, size as u64);
        let needed = only(&tree.hashes, Inclusion::needed(index64, size64).unwrap());
        let proof = Inclusion::prove(&needed, index64, size64).unwrap();
        proof.check(leaf_hash(&leaves[index]), tree.root).unwrap();
        let foreign = InclusionProof::<Sha256>::try_from_bytes(proof.hashes.concat()).unwrap();
        their_root(tree.root, size64).verify_inclusion(&leaves[index], index64, &foreign).unwrap();

        let made_by_them = theirs(&leaves).prove_inclusion(index);
        prop_assert_eq!(hex(made_by_them.as_bytes()), hex(&proof.hashes.concat()));
    }

    #[test]
    fn others_accept_our_consistency_proofs(new in 1..300_usize, at in any::<prop::sample::Index>()) {
        let leaves = leaves(new);
        let refs: Vec<&[u8]> = leaves.iter().map(Vec::as_slice).collect();
        let (tree, old) = (stored(&refs), at.index(new) + 1);
        let (old64, new64) = (old as u64, new as u64);
        let old_root = root(&tree.hashes, old64).unwrap();
        let needed = only(&tree.hashes, Consistency::needed(old64, new64).unwrap());
        let proof = Consistency::prove(&needed, old64, new64).unwrap();
        proof.check(old_root, tree.root).unwrap();
        let foreign = ConsistencyProof::<Sha256>::try_from_bytes(proof.hashes.concat()).unwrap();
        their_root(tree.root, new64)
            .verify_consistency(&their_root(old_root, old64), &foreign)
            .unwrap();
    }

    #[test]
    fn a_changed_proof_does_not_hold(
        size in 2..200_u64, at in any::<prop::sample::Index>(), what in 0..5_u8, bit in 0..256_usize,
    ) {
        let leaves = leaves(usize::try_from(size).unwrap());
        let refs: Vec<&[u8]> = leaves.iter().map(Vec::as_slice).collect();
        let (tree, index) = (stored(&refs), at.index(leaves.len()));
        let mut proof = Inclusion::prove(&tree.hashes, index as u64, size).unwrap();
        let mut leaf = leaf_hash(&leaves[index]);
        let flip = |hash: &mut Hash| hash[bit / 8] ^= 1 << (bit % 8);
        let depth = proof.hashes.len();
        match what {
            0 => flip(&mut proof.hashes[at.index(depth)]),
            1 => { proof.hashes.pop(); }
            2 => proof.hashes.push([0; 32]),
            3 => flip(&mut leaf),
            _ => proof.index = (proof.index + 1) % size,
        }
        prop_assert_eq!(proof.check(leaf, tree.root), Err(DoesNotHold));
    }

    #[test]
    fn any_proof_holds_or_not(
        index in any::<u64>(), size in any::<u64>(),
        hashes in prop::collection::vec(any::<[u8; 32]>(), 0..80), leaf in any::<[u8; 32]>(),
    ) {
        let inclusion = Inclusion { index, size, hashes: hashes.clone() };
        prop_assert_eq!(inclusion.check(leaf, [0; 32]), Err(DoesNotHold));
        let consistency = Consistency { old: index, new: size, hashes };
        prop_assert_eq!(consistency.check(leaf, [0; 32]), Err(DoesNotHold));
    }
}
