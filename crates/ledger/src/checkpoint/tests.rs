//! Keys and signed checkpoints.

use proptest::prelude::*;

use super::*;

/// The key pair of the signed-note documentation, <https://pkg.go.dev/golang.org/x/mod/sumdb/note>.
const KNOWN_SIGNING: &str =
    "PRIVATE+KEY+PeterNeumann+c74f20a3+AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz";
const KNOWN_VERIFIER: &str = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW";

fn key() -> SigningKey {
    SigningKey::generate("hob.example/audit", &[7; 32]).unwrap()
}

#[test]
fn the_known_key_reads_back() {
    let key = SigningKey::parse(KNOWN_SIGNING).unwrap();
    assert_eq!(key.verifier().to_string(), KNOWN_VERIFIER);
    assert_eq!(key.to_secret().reveal(), KNOWN_SIGNING);
    assert_eq!(VerifierKey::parse(&format!("{KNOWN_VERIFIER}\n")).unwrap(), *key.verifier());
}

#[test]
fn a_generated_key_reads_back_and_never_shows_itself() {
    let key = key();
    let secret = key.to_secret();
    let again = SigningKey::parse(secret.reveal()).unwrap();
    assert_eq!(again.verifier(), key.verifier());
    assert_eq!(again.sign(3, [1; 32]), key.sign(3, [1; 32]));
    let private = secret.reveal().rsplit('+').next().unwrap();
    assert!(!format!("{key:?}").contains(private));
    for name in ["", "two words", "a+b", &"x".repeat(600)] {
        assert_eq!(SigningKey::generate(name, &[7; 32]).unwrap_err(), KeyError::Name);
    }
}

#[test]
fn a_checkpoint_opens_with_its_key_only() {
    let (key, other) = (key(), SigningKey::generate("hob.example/audit", &[8; 32]).unwrap());
    let note = key.sign(5_000, [9; 32]);
    insta::assert_snapshot!(note, @"
    hob.example/audit
    5000
    CQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQk=

    — hob.example/audit nZ+dKwzUd+sMBcUbxjHaJa18JeIVVt9eV4BNzSfiaWPZ23JN/BdHorbL4W9VE08XvxAh88N57inFQ6/vZRZChBuSqws=
    ");
    let opened = key.verifier().open(&note).unwrap();
    let origin = "hob.example/audit".to_owned();
    assert_eq!(opened, Checkpoint { origin, size: 5_000, root: [9; 32] });
    assert!(matches!(other.verifier().open(&note), Err(CheckpointError::NotSigned { .. })));
    let altered = note.replace("5000", "5001");
    assert!(matches!(key.verifier().open(&altered), Err(CheckpointError::NotSigned { .. })));
    assert_eq!(key.verifier().open("5000"), Err(CheckpointError::NotANote));
    assert_eq!(
        key.verifier().open(&"x".repeat(NOTE_MAX_BYTES + 1)),
        Err(CheckpointError::NotANote)
    );
}

#[test]
fn a_witness_may_sign_too() {
    let (key, witness) = (key(), SigningKey::parse(KNOWN_SIGNING).unwrap());
    let mut note = Note::from_bytes(key.sign(1, [9; 32]).as_bytes()).unwrap();
    note.add_sigs(&[&witness.signer]).unwrap();
    let note = String::from_utf8(note.to_bytes()).unwrap();
    assert_eq!(key.verifier().open(&note).unwrap().size, 1);
    let theirs = witness.verifier().open(&note).unwrap_err();
    assert!(matches!(theirs, CheckpointError::OtherOrigin { .. }), "{theirs}");
}

#[test]
fn a_signed_text_that_is_no_checkpoint_is_told_apart() {
    let key = key();
    let mut note = Note::new(b"hob.example/audit\nmany\n", &[]).unwrap();
    note.add_sigs(&[&key.signer]).unwrap();
    let note = String::from_utf8(note.to_bytes()).unwrap();
    assert_eq!(key.verifier().open(&note), Err(CheckpointError::NotACheckpoint));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 32, ..ProptestConfig::default() })]

    #[test]
    fn any_key_reads_back(random in any::<[u8; 32]>()) {
        let key = SigningKey::generate("hob.example/audit", &random).unwrap();
        let again = SigningKey::parse(key.to_secret().reveal()).unwrap();
        prop_assert_eq!(again.verifier(), key.verifier());
    }

    #[test]
    fn any_text_is_a_key_or_not(text in "\\PC{0,80}", cut in 0..90_usize) {
        assert!(VerifierKey::parse(&text).is_err());
        let cut: String = KNOWN_SIGNING.chars().take(cut).chain(text.chars()).collect();
        if SigningKey::parse(&cut).is_ok() {
            prop_assert_eq!(cut.trim_end(), KNOWN_SIGNING);
        }
    }

    #[test]
    fn any_changed_note_is_refused(at in any::<prop::sample::Index>(), to in any::<char>()) {
        let (key, note) = (key(), key().sign(77, [5; 32]));
        let at = at.index(note.chars().count());
        let changed: String =
            note.chars().enumerate().map(|(n, c)| if n == at { to } else { c }).collect();
        if let Ok(opened) = key.verifier().open(&changed) {
            prop_assert_eq!((opened.size, opened.root), (77, [5; 32]));
        }
    }

    #[test]
    fn any_text_is_a_note_or_not(text in "(\\PC|\n){0,200}") {
        assert!(key().verifier().open(&text).is_err());
    }
}
