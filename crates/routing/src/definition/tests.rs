//! Definitions that are read, and texts that are refused with the place and the fix.

mod page;

use domain::agent::{Brain, NetworkGrant, Playbook, UpdateLevel};
use proptest::prelude::*;

use super::{DefinitionError, OverrideError, Setting, read};

const SMALL: &str = "---\nname: small\nbrain: playbook\nplaybook: { name: dependencies }\nscope:\n  paths: [\"**/Cargo.toml\"]\n---\nProse.\n";

#[track_caller]
fn refused(text: &str) -> String {
    read(text, &[]).expect_err("this is no definition").to_string()
}

#[test]
fn a_small_definition_gets_sensible_defaults() {
    let agent = read(SMALL, &[]).unwrap();
    assert_eq!((agent.name.as_str(), agent.instructions.as_str()), ("small", "Prose."));
    assert_eq!((agent.gates.approvals, agent.budget.attempts), (1, 3));
    assert_eq!(agent.sandbox.memory_bytes, 4 << 30);
}

#[test]
fn a_definition_has_256_kib_and_not_a_byte_more() {
    let of = |bytes: usize| format!("{SMALL}{}", "x".repeat(bytes - SMALL.len()));
    assert!(read(&of(256 * 1024), &[]).is_ok());
    let told = refused(&of(256 * 1024 + 1));
    assert_eq!(told, "262145 bytes are more than a definition may have (262144)");
}

#[test]
fn a_run_has_between_one_and_twenty_attempts() {
    let with = |attempts: u32| {
        SMALL.replace("scope:\n", &format!("budget: {{ attempts: {attempts} }}\nscope:\n"))
    };
    for attempts in [1, 20] {
        assert_eq!(read(&with(attempts), &[]).unwrap().budget.attempts, attempts);
    }
    for attempts in [0, 21] {
        let told = refused(&with(attempts));
        assert!(
            told.contains(&format!("`budget.attempts`: {attempts} is not between 1")),
            "{told}"
        );
    }
}

#[test]
fn the_example_of_the_guide_is_read_whole() {
    let agent = read(include_str!("../../../../docs/guide/agent-example.md"), &[]).unwrap();
    assert_eq!(agent.network.len(), 3);
    assert!(matches!(agent.network[0], NetworkGrant::Preset(_)));
    assert_eq!(agent.sandbox.time_ms, 45 * 60_000);
}

#[test]
fn a_definition_that_nobody_need_approve_is_refused() {
    let gates = |count| {
        SMALL
            .replace("scope:\n", &format!("gates: {{ approvals: {{ count: {count} }} }}\nscope:\n"))
    };
    let message = refused(&gates(0));
    assert!(message.contains("`gates.approvals.count`: 0 is not between 1"), "{message}");
    assert_eq!(read(&gates(2), &[]).unwrap().gates.approvals, 2);
}

#[test]
fn an_unknown_key_names_its_line_and_the_nearest_one() {
    let text = SMALL.replace("scope:\n", "scoope:\n");
    let message = refused(&text);
    assert!(message.starts_with("line 5: "), "{message}");
    assert!(message.contains("did you mean `scope`?"), "{message}");
}

#[test]
fn an_unknown_nested_key_and_an_unknown_value_are_refused() {
    let message = refused(&SMALL.replace("name: dependencies", "name: dependencies, levl: minor"));
    assert!(message.contains("did you mean `level`?"), "{message}");
    let message = refused(&SMALL.replace("name: dependencies", "name: dependencis"));
    assert!(message.contains("did you mean `dependencies`?"), "{message}");
}

#[test]
fn a_text_without_front_matter_is_refused() {
    insta::assert_snapshot!(refused("# just prose\n"), @"a definition begins with a line `---`, YAML, and another line `---`");
}

#[test]
fn settings_of_one_run_change_the_version() {
    let set: Setting = "level=major".parse().unwrap();
    let agent = read(SMALL, &[set]).unwrap();
    let Brain::Playbook(Playbook::Updates(settings)) = &agent.brain else {
        panic!("{:?}", agent.brain)
    };
    assert_eq!(settings.level, UpdateLevel::Major);
    assert_ne!(agent.version, read(SMALL, &[]).unwrap().version);
}

#[test]
fn a_setting_that_does_not_exist_names_the_nearest() {
    let error = "levle=major".parse::<Setting>().unwrap_err().to_string();
    assert!(error.contains("did you mean `level`?"), "{error}");
    let set: Setting = "level=huge".parse().unwrap();
    assert!(read(SMALL, &[set]).is_err());
}

#[test]
fn a_bad_setting_comes_with_an_example_that_would_be_taken() {
    let example = |text: &str| {
        let set = text.parse::<Setting>().map_err(DefinitionError::from);
        match set.and_then(|set| read(SMALL, &[set])) {
            Err(DefinitionError::Override(error)) => error.example(),
            other => panic!("{text}: {other:?}"),
        }
    };
    assert_eq!(example("lvel=minor"), "level=minor");
    assert_eq!(example("memory=much"), "memory=4GiB");
    assert_eq!(example("chekcs"), "'checks=cargo test --locked'");
    assert_eq!(example("what is this"), "level=minor");
    for key in super::KEYS {
        let wrong = OverrideError::Value {
            key: key.to_owned(),
            value: String::new(),
            reason: String::new(),
        };
        let taken: Setting = wrong.example().trim_matches('\'').parse().unwrap();
        assert!(taken.text().starts_with(&format!("{key}=")), "{key}: {}", taken.text());
        // Not every playbook has every key; the value is one.
        let read = read(SMALL, &[taken]);
        assert!(!matches!(read, Err(DefinitionError::Override(_))), "{key}: {read:?}");
    }
}

#[test]
fn the_published_schema_is_the_one_of_the_code() {
    let published: serde_json::Value =
        serde_json::from_str(include_str!("../../../../docs/reference/agent.schema.json")).unwrap();
    let drawn = super::schema();
    assert!(
        published == drawn,
        "docs/reference/agent.schema.json should hold:\n{}",
        serde_json::to_string_pretty(&drawn).unwrap()
    );
}

proptest! {
    #[test]
    fn any_text_is_read_or_refused(text in "\\PC{0,200}") {
        drop(read(&text, &[]).map_err(|e| e.to_string()));
        drop(read(&format!("---\n{text}\n---\n"), &[]).map_err(|e| e.to_string()));
    }

    #[test]
    fn any_setting_is_read_or_refused(text in "\\PC{0,60}", key in 0_usize..13) {
        drop(text.parse::<Setting>());
        let set: Setting = format!("{}={text}", super::KEYS[key]).parse().unwrap();
        drop(read(SMALL, &[set]));
    }
}
