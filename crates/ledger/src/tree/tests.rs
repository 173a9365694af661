//! The tree against known roots and against another implementation.

use proptest::prelude::*;
use sha2_for_ct_merkle::Sha256;

use super::*;

/// The leaves that RFC 6962 implementations test each other with.
pub(crate) const LEAVES: [&[u8]; 8] = [
    b"",
    b"\x00",
    b"\x10",
    b"\x20\x21",
    b"\x30\x31",
    b"\x40\x41\x42\x43",
    b"\x50\x51\x52\x53\x54\x55\x56\x57",
    b"\x60\x61\x62\x63\x64\x65\x66\x67\x68\x69\x6a\x6b\x6c\x6d\x6e\x6f",
];

/// Their roots, from the empty tree on.
const ROOTS: [&str; 9] = [
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
];

pub(crate) fn hex(hash: &[u8]) -> String {
    hash.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// All stored hashes over these leaves.
pub(crate) fn stored(leaves: &[&[u8]]) -> Appended {
    append(&Vec::new(), 0, leaves.iter().map(|leaf| leaf_hash(leaf))).unwrap()
}

#[test]
fn the_known_roots_are_ours() {
    for (size, expect) in ROOTS.iter().enumerate() {
        let appended = stored(&LEAVES[..size]);
        assert_eq!(hex(&appended.root), *expect, "{size} leaves");
        assert_eq!(appended.hashes.len() as u64, hash_count(size as u64).unwrap());
    }
}

#[test]
fn a_missing_hash_is_named() {
    let appended = stored(&LEAVES[..6]);
    let mut some: BTreeMap<u64, Hash> = (0..).zip(appended.hashes).collect();
    some.remove(&6);
    assert_eq!(root(&some, 6), Err(TreeError::Missing { index: 6 }));
    assert_eq!(root(&some, SIZE_MAX + 1), Err(TreeError::TooLarge { size: SIZE_MAX + 1 }));
    assert!(needed_for_append(u64::MAX).is_err());
    assert!(append(&some, u64::MAX, []).is_err());
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn a_log_grown_in_parts_is_the_log_grown_at_once(
        leaves in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..8), 0..200),
        cut in any::<prop::sample::Index>(),
    ) {
        let leaves: Vec<&[u8]> = leaves.iter().map(Vec::as_slice).collect();
        let whole = stored(&leaves);
        let cut = cut.index(leaves.len() + 1);
        let first = stored(&leaves[..cut]);
        let size = cut as u64;
        // Only what is said to be needed.
        let needed: BTreeMap<u64, Hash> = needed_for_append(size)
            .unwrap()
            .into_iter()
            .map(|index| (index, first.hashes.hash(index).unwrap()))
            .collect();
        let second = append(&needed, size, leaves[cut..].iter().map(|leaf| leaf_hash(leaf))).unwrap();
        prop_assert_eq!([first.hashes, second.hashes].concat(), whole.hashes);
        prop_assert_eq!(second.root, whole.root);
    }

    #[test]
    fn another_implementation_finds_the_same_root(
        leaves in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..40), 1..150),
    ) {
        let mut theirs = ct_merkle::mem_backed_tree::MemoryBackedTree::<Sha256, Vec<u8>>::new();
        for leaf in &leaves {
            theirs.push(leaf.clone());
        }
        let leaves: Vec<&[u8]> = leaves.iter().map(Vec::as_slice).collect();
        prop_assert_eq!(hex(&stored(&leaves).root), hex(theirs.root().as_bytes()));
    }
}
