//! Old records still load, new ones look as they always did, and nothing else is taken for one.

use std::path::PathBuf;

use proptest::prelude::*;
use store::record::{Event, EventOutcome, Machine, Proposal, Record, RecordError, Run};

fn folder(version: u32) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(format!("tests/records/v{version}"))
}

/// Loads every old record of a kind; those of the newest version are written again as they were.
#[track_caller]
fn check<T: Record>() -> usize {
    let mut loaded = 0;
    for version in 1..=T::VERSION {
        for file in std::fs::read_dir(folder(version)).unwrap() {
            let path = file.unwrap().path();
            let name = path.file_stem().unwrap().to_str().unwrap();
            if name.split('-').next() != Some(T::KIND) {
                continue;
            }
            let text = std::fs::read_to_string(&path).unwrap();
            let record = T::from_json(&text).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
            if version == T::VERSION {
                assert_eq!(record.to_json().unwrap(), text.trim_end(), "{}", path.display());
            }
            loaded += 1;
        }
    }
    assert!(loaded > 0, "there is no old {} record", T::KIND);
    loaded
}

#[test]
fn every_old_record_loads() {
    let loaded = check::<Event>()
        + check::<EventOutcome>()
        + check::<Run>()
        + check::<Proposal>()
        + check::<Machine>();
    assert_eq!(loaded, std::fs::read_dir(folder(1)).unwrap().count());
}

#[test]
fn a_record_is_read_strictly() {
    let text = std::fs::read_to_string(folder(1).join("machine.json")).unwrap();
    let read = |from: &str, to: &str| {
        assert!(text.contains(from), "{text}");
        Machine::from_json(&text.replacen(from, to, 1))
    };
    assert!(read("\"v\":1", "\"v\": 1").is_ok());
    for (from, to) in [
        ("\"state\"", "\"mood\":1,\"state\""),
        ("\"state\":\"running\",", ""),
        ("\"running\"", "\"sleeping\""),
        ("mach_", "run_"),
        ("\"v\":1", "\"v\":0"),
        ("\"v\":1,", "\"v\":1,\"w\":1,"),
    ] {
        let e = read(from, to).unwrap_err();
        assert!(matches!(e, RecordError::Malformed { kind: "machine", .. }), "{e}");
    }
    let e = read("\"v\":1", "\"v\":2").unwrap_err();
    assert_eq!(e, RecordError::TooNew { kind: "machine", found: 2, known: 1 });
}

proptest! {
    #[test]
    fn any_text_is_a_record_or_not(text in "\\PC{0,120}") {
        assert!(Run::from_json(&text).is_err());
        let wrapped = format!("{{\"v\":1,\"data\":{text}}}");
        if let Ok(outcome) = EventOutcome::from_json(&wrapped) {
            prop_assert_eq!(EventOutcome::from_json(&outcome.to_json().unwrap()), Ok(outcome));
        }
    }
}
