//! Every mistake of a definition is told at once, where it stands.

use proptest::prelude::*;

use super::{Mistake, mistakes};
use crate::definition::read;

const MANY: &str = "---
name: Bad Name
brian: playbook
playbook: { name: dependencis, levl: minor, min_release_age: 3 }
sandbox:
  memory: lots
  cpus: 0
scope:
  paths: [\"**/Cargo.toml\"]
  max: { files: many }
network: [cargo, nmp]
limits: { per_hour: 3 }
budget: { attempts: 99 }
---
";

fn told(text: &str) -> Vec<String> {
    let line = |m: Mistake| format!("{}:{}: {}; {}", m.line, m.column, m.problem, m.hint);
    mistakes(text).into_iter().map(line).collect()
}

#[test]
fn every_mistake_is_told_with_its_place_and_a_way_out() {
    let all = told(MANY);
    for (place, words) in [
        ("3:1: ", "there is no key `brian`; did you mean `brain`?"),
        ("4:19: ", "`playbook.name` cannot be `dependencis`; did you mean `dependencies`?"),
        ("4:32: ", "there is no key `playbook.levl`; did you mean `level`?"),
        ("4:62: ", "`3` is not a duration"),
        ("6:11: ", "`lots` is not a size"),
        ("10:17: ", "`scope.max.files` is a text and not a whole number"),
        ("11:18: ", "cannot be `nmp`; did you mean `npm`?"),
        ("12:11: ", "`limits.per_hour` has no effect in this version"),
    ] {
        let is = |line: &String| line.starts_with(place) && line.contains(words);
        assert!(all.iter().any(is), "{place}{words} is missing in {all:#?}");
    }
    assert!(!all.iter().any(|line| line.contains("`brain` is missing")), "{all:#?}");
}

#[test]
fn what_is_written_wrong_comes_before_what_is_missing() {
    let all = told("---\nname: bad\nbrian: playbook\n---\n");
    let words = ["there is no key `brian`", "`playbook` is missing", "`scope` is missing"];
    assert_eq!(all.len(), words.len(), "{all:#?}");
    assert!(all.iter().zip(words).all(|(line, words)| line.contains(words)), "{all:#?}");
}

#[test]
fn values_that_no_agent_can_have_are_told_beside_each_other() {
    let text = MANY
        .replace("brian", "brain")
        .replace("dependencis, levl: minor, min_release_age: 3", "dependencies, levl: minor");
    let all = told(&text);
    for words in ["2:1: `name`: ", "7:3: `sandbox.cpus`: ", "13:11: `budget.attempts`: ", "levl"] {
        assert!(all.iter().any(|line| line.contains(words)), "{words} is missing in {all:#?}");
    }
}

#[test]
fn a_definition_that_is_read_has_no_mistakes() {
    assert_eq!(told(include_str!("../../../../../docs/guide/agent-example.md")), [""; 0]);
}

#[test]
fn a_text_that_is_no_yaml_names_its_place() {
    assert!(told("---\nname: [a\n---\n")[0].starts_with(['2', '3']));
    assert!(told("prose")[0].starts_with("1:1: a definition begins with"));
}

proptest! {
    #[test]
    fn what_is_refused_has_a_mistake_and_what_is_read_has_none(
        key in "[a-z_]{1,9}", value in "\\PC{0,30}", at in 0_usize..12,
    ) {
        let lines: Vec<_> = MANY.lines().collect();
        let mut lines: Vec<String> = lines.iter().map(|line| (*line).to_owned()).collect();
        lines[at + 1] = format!("{key}: {value}");
        let text = lines.join("\n");
        let refused = read(&text, &[]).is_err();
        prop_assert!(!refused || !mistakes(&text).is_empty());
    }
}
