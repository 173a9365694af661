//! Proofs of a run: what is written is read and holds, what was changed does not.

use std::collections::BTreeMap;

use domain::Timestamp;
use proptest::prelude::*;

use super::*;
use crate::checkpoint::SigningKey;
use crate::tree::{Appended, append};

const RUN: &str = "run_01j8zq4t3v5w6x7y8z9a0b1c2d";
const OTHER: &str = "run_01j8zq4t3v5w6x7y8z9a0b1c2e";

fn key() -> SigningKey {
    SigningKey::generate("hob.test", &[7; 32]).unwrap()
}

/// A log in which every third entry is about the run.
fn log(size: u64) -> (Vec<Vec<u8>>, Appended) {
    let entries: Vec<Vec<u8>> = (0..size)
        .map(|n| {
            let run = if n % 3 == 0 { RUN } else { OTHER };
            let entry = Entry {
                at: Timestamp::from_millis(n),
                actor: "hob".into(),
                action: "command.ran".into(),
                run: Some(run.parse().unwrap()),
                agent: None,
                repository: None,
                reason: format!("entry {n}"),
                facts: BTreeMap::new(),
                payloads: vec![],
            };
            entry.to_bytes().unwrap()
        })
        .collect();
    let tree = append(&Vec::new(), 0, entries.iter().map(|bytes| leaf_hash(bytes))).unwrap();
    (entries, tree)
}

fn bundle(size: u64) -> Bundle {
    let (entries, tree) = log(size);
    let proven = (0..size).step_by(3).map(|index| Proven {
        index,
        bytes: entries[usize::try_from(index).unwrap()].clone(),
        path: Inclusion::prove(&tree.hashes, index, size).unwrap().hashes,
    });
    Bundle {
        run: RUN.parse().unwrap(),
        key: key().verifier().clone(),
        checkpoint: key().sign(size, tree.root),
        entries: proven.collect(),
    }
}

#[test]
fn a_bundle_reads_back_and_holds() {
    let bundle = bundle(20);
    let read = Bundle::parse(&bundle.to_json()).unwrap();
    assert_eq!(read, bundle);
    let shown = read.verify(Some(key().verifier())).unwrap();
    assert_eq!((shown.size, shown.root), (20, log(20).1.root));
    let indexes: Vec<u64> = shown.entries.iter().map(|(index, _)| *index).collect();
    assert_eq!(indexes, [0, 3, 6, 9, 12, 15, 18]);
    assert_eq!(shown.entries[1].1.reason, "entry 3");
}

#[test]
fn a_changed_bundle_does_not_hold() {
    let whole = bundle(20);
    let mut altered = whole.clone();
    altered.entries[2].bytes = whole.entries[1].bytes.clone();
    assert_eq!(altered.verify(None).unwrap_err(), BundleError::NotInLog { index: 6 });
    let mut moved = whole.clone();
    moved.entries[2].index = 7;
    assert_eq!(moved.verify(None).unwrap_err(), BundleError::NotInLog { index: 7 });
    let mut resigned = whole.clone();
    let other = SigningKey::generate("hob.test", &[8; 32]).unwrap();
    resigned.checkpoint = other.sign(20, log(20).1.root);
    assert!(matches!(resigned.verify(None), Err(BundleError::Checkpoint(_))));
    resigned.key = other.verifier().clone();
    assert!(resigned.verify(None).is_ok(), "it holds by its own key");
    assert!(resigned.verify(Some(key().verifier())).is_err(), "and not by the known one");
    let mut foreign = whole;
    foreign.run = OTHER.parse().unwrap();
    let run = foreign.run;
    assert_eq!(foreign.verify(None).unwrap_err(), BundleError::OtherRun { index: 0, run });
}

#[test]
fn what_is_no_bundle_is_refused() {
    let text = bundle(4).to_json();
    let e = Bundle::parse(&text.replace("\"v\":1", "\"v\":2")).unwrap_err();
    assert_eq!(e, BundleError::TooNew { found: 2 });
    for (from, to) in [
        ("\"path\":[", "\"path\":[\"AA\","),
        ("\"path\":", "\"mood\":1,\"path\":"),
        ("\"data\":{", "\"raw\":\"\",\"data\":{"),
        ("hob.test+", "hob test+"),
        ("run_01", "evt_01"),
    ] {
        assert!(text.contains(from), "{from}");
        assert!(Bundle::parse(&text.replacen(from, to, 1)).is_err(), "{to}");
    }
    let path = format!("\"path\":[{}", "\"AA\",".repeat(PROOF_HASHES_MAX + 1));
    let e = Bundle::parse(&text.replacen("\"path\":[", &path, 1)).unwrap_err().to_string();
    assert!(e.contains("entry 0: its path is longer than any log is deep"), "{e}");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn any_text_is_a_bundle_or_not(text in "\\PC{0,80}") {
        assert!(Bundle::parse(&text).is_err());
    }

    #[test]
    fn a_changed_character_never_shows_another_entry(
        at in any::<prop::sample::Index>(), to in any::<char>(),
    ) {
        let whole = bundle(5);
        let text = whole.to_json();
        let at = at.index(text.chars().count());
        let changed: String =
            text.chars().enumerate().map(|(n, c)| if n == at { to } else { c }).collect();
        let shown = Bundle::parse(&changed).and_then(|read| read.verify(Some(key().verifier())));
        if let Ok(shown) = shown {
            prop_assert_eq!(shown, whole.verify(None).unwrap());
        }
    }
}
