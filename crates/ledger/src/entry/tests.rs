//! Entries: one byte form, strictly read.

use proptest::prelude::*;
use serde_json::json;

use super::*;

fn example() -> Entry {
    Entry {
        at: Timestamp::from_millis(1_700_000_000_123),
        actor: "hob:agent/cve-remediation".into(),
        action: "command.ran".into(),
        run: Some("run_01j8zq4t3v5w6x7y8z9a0b1c2d".parse().unwrap()),
        agent: Some("cve-remediation".into()),
        repository: None,
        reason: "the lock file follows the manifest".into(),
        facts: BTreeMap::from([
            ("exit".into(), json!(0)),
            ("argv".into(), json!(["cargo", "update", "--precise", "1.5.5"])),
            ("limits".into(), json!({ "seconds": 60, "bytes": 1024 })),
        ]),
        payloads: vec![PayloadRef {
            name: "stdout".into(),
            digest: Digest::of(b"output"),
            bytes: 6,
        }],
    }
}

#[test]
fn an_entry_has_one_byte_form() {
    let bytes = example().to_bytes().unwrap();
    insta::assert_snapshot!(String::from_utf8_lossy(&bytes), @r#"{"action":"command.ran","actor":"hob:agent/cve-remediation","agent":"cve-remediation","at":1700000000123,"facts":{"argv":["cargo","update","--precise","1.5.5"],"exit":0,"limits":{"bytes":1024,"seconds":60}},"payloads":[{"bytes":6,"digest":"sha256:e0ee8bb50685e05fa0f47ed04203ae953fdfd055f5bd2892ea186504254f8c3a","name":"stdout"}],"reason":"the lock file follows the manifest","run":"run_01j8zq4t3v5w6x7y8z9a0b1c2d","v":1}"#);
    assert_eq!(Entry::parse(&bytes), Ok(example()));
}

#[track_caller]
fn refused(from: &str, to: &str) -> EntryError {
    let text = String::from_utf8(example().to_bytes().unwrap()).unwrap();
    assert!(text.contains(from), "{text}");
    Entry::parse(text.replacen(from, to, 1).as_bytes()).unwrap_err()
}

#[test]
fn another_form_of_the_same_entry_is_refused() {
    for (from, to) in [
        (":0,", ": 0,"),
        ("{\"action\"", "{ \"action\""),
        ("\"bytes\":1024,\"seconds\":60", "\"seconds\":60,\"bytes\":1024"),
        ("\"exit\":0", "\"exit\":0,\"exit\":0"),
        ("\"exit\":0", "\"exit\":-0"),
        ("lock file", "lock\\u0020file"),
        ("\"reason\"", "\"repository\":null,\"reason\""),
        ("\"v\":1", "\"v\":1.0"),
        ("1.5.5", "1.5.5\\/"),
    ] {
        let e = refused(from, to);
        assert!(
            matches!(
                e,
                EntryError::NotInForm | EntryError::Malformed { .. } | EntryError::Value(_)
            ),
            "{to}: {e}"
        );
    }
}

#[test]
fn what_is_no_entry_is_refused_with_the_reason() {
    let e = refused("\"reason\"", "\"raeson\"").to_string();
    assert!(e.contains("unknown field `raeson`"), "{e}");
    assert_eq!(refused("\"v\":1", "\"v\":2"), EntryError::TooNew { found: 2 });
    let newer = refused("\"v\":1", "\"mood\":\"good\",\"v\":2");
    assert_eq!(newer, EntryError::TooNew { found: 2 });
    let large = vec![b' '; ENTRY_MAX_BYTES + 1];
    assert!(matches!(Entry::parse(&large), Err(EntryError::TooLarge { .. })));
    assert!(Entry::parse(&vec![b'['; ENTRY_MAX_BYTES]).is_err());
}

#[test]
fn what_is_too_much_is_refused_before_it_is_written() {
    let long = "x".repeat(NAME_MAX_CHARS + 1);
    let e = Entry { actor: long.clone(), ..example() }.to_bytes().unwrap_err();
    assert_eq!(e, EntryError::TooLong { field: "actor", chars: 257, max: 256 });
    let payload = PayloadRef { name: "p".into(), digest: Digest::of(b""), bytes: 0 };
    let e = Entry { payloads: vec![payload; PAYLOADS_MAX + 1], ..example() }.to_bytes();
    assert_eq!(e.unwrap_err(), EntryError::TooMany { count: PAYLOADS_MAX + 1 });
    let facts = BTreeMap::from([("log".to_owned(), json!("x".repeat(ENTRY_MAX_BYTES)))]);
    let e = Entry { facts, ..example() }.to_bytes().unwrap_err();
    assert!(matches!(e, EntryError::TooLarge { .. }), "{e}");
    let facts = BTreeMap::from([("seconds".to_owned(), json!(0.5))]);
    let e = Entry { facts, ..example() }.to_bytes().unwrap_err().to_string();
    assert!(e.contains("`facts.seconds` is 0.5"), "{e}");
}

fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        (-9_007_199_254_740_991_i64..=9_007_199_254_740_991).prop_map(Value::from),
        any::<String>().prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 24, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map(any::<String>(), inner, 0..4)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, ..ProptestConfig::default() })]

    #[test]
    fn what_is_written_is_read(
        actor in "\\PC{0,40}", reason in any::<String>(), at in 0..=canonical::INTEGER_MAX,
        facts in prop::collection::btree_map(any::<String>(), value(), 0..5),
    ) {
        let entry = Entry { actor, reason, at: Timestamp::from_millis(at), facts, ..example() };
        let bytes = entry.to_bytes().unwrap();
        prop_assert_eq!(Entry::parse(&bytes).unwrap(), entry);
    }

    #[test]
    fn any_bytes_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        if let Ok(entry) = Entry::parse(&bytes) {
            prop_assert_eq!(entry.to_bytes().unwrap(), bytes);
        }
    }

    #[test]
    fn a_changed_byte_gives_another_entry_or_none(at in any::<prop::sample::Index>(), to in any::<u8>()) {
        let bytes = example().to_bytes().unwrap();
        let mut changed = bytes.clone();
        changed[at.index(bytes.len())] = to;
        if let Ok(entry) = Entry::parse(&changed) {
            prop_assert_eq!(entry == example(), changed == bytes);
        }
    }
}
