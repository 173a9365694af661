//! Every key of the schema does something, or is in the one table of those that do not.

use serde_json::{Value, json};

use crate::definition::effect::{NO_EFFECT, Weight, without_effect};
use crate::definition::{read, schema};

/// Keys that have one value only, which is what always happens.
const ONE_VALUE: [&str; 2] = ["brain", "escalate.after"];

/// The definition that DESIGN.md has as its example.
const DESIGN: &str = include_str!("design-example.md");

/// A definition with this value for this key (none where it is null).
fn text(playbook: &str, key: &str, value: &Value) -> String {
    let mut front = json!({
        "name": "small",
        "brain": "playbook",
        "playbook": { "name": playbook },
        "scope": { "paths": ["a"] },
    });
    if !value.is_null() {
        let mut place = &mut front;
        // A host's keys stand together, in one entry of the list.
        let key = if key.starts_with("network.") { "network" } else { key };
        for part in key.split('.') {
            place = &mut place[part];
        }
        *place = value.clone();
    }
    format!("---\n{front}\n---\nProse.\n")
}

/// Two values of each key that has an effect.
fn samples() -> Vec<(&'static str, Value, Value)> {
    let host = |host: &str, method: &str, path: &str| json!([{ "host": host, "methods": [method], "paths": [path] }]);
    let here = host("a.example", "GET", "/a");
    vec![
        ("name", json!("a"), json!("b")),
        ("repositories", json!(["a"]), json!(["b"])),
        ("playbook.name", json!("dependencies"), json!("remediation")),
        ("playbook.level", json!("patch"), json!("major")),
        ("playbook.group", json!("each"), json!("all")),
        ("playbook.min_release_age", json!("1d"), json!("2d")),
        ("playbook.ignore", json!(["a"]), json!(["b"])),
        ("playbook.ignore_advisories", json!(["A-1"]), json!(["A-2"])),
        ("playbook.development", json!(true), json!(false)),
        ("playbook.ecosystems", json!(["cargo"]), json!(["npm"])),
        ("sandbox.image", json!("default"), json!("other")),
        ("sandbox.cpus", json!(1), json!(2)),
        ("sandbox.memory", json!("1GiB"), json!("2GiB")),
        ("sandbox.disk", json!("1GiB"), json!("2GiB")),
        ("sandbox.time", json!("1m"), json!("2m")),
        ("network", json!(["cargo"]), json!(["npm"])),
        ("network.host", here.clone(), host("b.example", "GET", "/a")),
        ("network.methods", here.clone(), host("a.example", "POST", "/a")),
        ("network.paths", here, host("a.example", "GET", "/b")),
        ("scope.paths", json!(["a"]), json!(["b"])),
        ("scope.deny", json!(["a"]), json!(["b"])),
        ("scope.semantic", Value::Null, json!("dependency-versions-only")),
        ("scope.max.files", json!(1), json!(2)),
        ("scope.max.lines", json!(1), json!(2)),
        ("scope.max.bytes", json!("1MiB"), json!("2MiB")),
        ("checks", json!(["a"]), json!(["b"])),
        ("gates.checks", json!("required"), json!("reported")),
        ("gates.approvals.count", json!(1), json!(2)),
        ("outputs.pull_request.max", json!(0), json!(1)),
        ("limits.open_proposals", json!(1), json!(2)),
        ("budget.time", json!("1h"), json!("2h")),
        ("budget.attempts", json!(1), json!(2)),
    ]
}

/// What a reference or an optional value is in the end.
fn resolved<'a>(root: &'a Value, schema: &'a Value) -> &'a Value {
    if let Some(name) = schema["$ref"].as_str() {
        return resolved(root, root.pointer(name.trim_start_matches('#')).unwrap());
    }
    if let Some(any) = schema["anyOf"].as_array() {
        let object =
            any.iter().map(|one| resolved(root, one)).find(|one| one["properties"].is_object());
        let other = any.iter().find(|one| one["type"] != "null").unwrap();
        return object.unwrap_or_else(|| resolved(root, other));
    }
    schema
}

/// The paths of all keys that hold a value.
fn keys(root: &Value, schema: &Value, path: &str, found: &mut Vec<String>) {
    let schema = resolved(root, schema);
    if let Some(properties) = schema["properties"].as_object() {
        for (name, below) in properties {
            let path = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
            keys(root, below, &path, found);
        }
        return;
    }
    found.push(path.to_owned());
    if !schema["items"].is_null() && resolved(root, &schema["items"])["properties"].is_object() {
        keys(root, &schema["items"], path, found);
    }
}

#[test]
fn every_key_changes_the_agent_or_is_told_to_have_no_effect() {
    let schema = schema();
    let mut all = Vec::new();
    keys(&schema, &schema, "", &mut all);
    assert!(all.len() > 40 && all.contains(&"network.host".to_owned()), "{all:?}");
    let samples = samples();
    for key in &all {
        let untouched = NO_EFFECT.iter().any(|no| {
            key == no.key || key.strip_prefix(no.key).is_some_and(|rest| rest.starts_with('.'))
        });
        let sample = samples.iter().find(|(name, ..)| name == key);
        let fixed = ONE_VALUE.contains(&key.as_str());
        let places =
            [untouched, sample.is_some(), fixed].into_iter().filter(|there| *there).count();
        assert_eq!(places, 1, "`{key}` has no effect and is not told, or is told twice");
        let Some((_, one, other)) = sample else { continue };
        let read = |value| {
            ["dependencies", "remediation"]
                .iter()
                .find_map(|playbook| crate::definition::read(&text(playbook, key, value), &[]).ok())
                .map(|agent| domain::agent::Agent { version: domain::Digest::of(b""), ..agent })
        };
        assert!(read(one).is_some(), "`{key}: {one}` is refused");
        assert_ne!(read(one), read(other), "`{key}` changes nothing");
    }
    for (name, ..) in samples {
        assert!(all.iter().any(|key| key == name), "`{name}` is no key");
    }
    for no in NO_EFFECT {
        let is_key = |key: &String| key == no.key || key.starts_with(&format!("{}.", no.key));
        assert!(all.iter().any(is_key), "`{}` is no key", no.key);
    }
}

#[test]
fn the_design_s_example_is_read_and_what_has_no_effect_in_it_is_told() {
    read(DESIGN, &[]).unwrap();
    let found = without_effect(DESIGN).unwrap();
    let of =
        |weight| found.iter().filter(|no| no.weight == weight).map(|no| no.key).collect::<Vec<_>>();
    assert_eq!(
        of(Weight::Refused),
        ["gates.approvals.from", "limits.concurrency", "limits.per_hour"]
    );
    assert_eq!(of(Weight::Told).len(), 9, "{found:?}");
}

#[test]
fn the_guide_s_example_runs_and_the_built_in_agents_promise_nothing_that_is_not_done() {
    let guide = include_str!("../../../../../docs/guide/agent-example.md");
    for no in without_effect(guide).unwrap() {
        assert_eq!(no.weight, Weight::Told, "{no}");
        let name = no.key.rsplit('.').next().unwrap();
        let line = guide.lines().find(|line| line.contains(&format!("{name}:"))).unwrap();
        assert!(line.contains("no effect yet"), "the guide does not say so: {line}");
    }
    let updates = include_str!("../../../../../agents/dependency-updates.md");
    let remediation = include_str!("../../../../../agents/cve-remediation.md");
    assert_eq!(without_effect(updates).unwrap(), []);
    assert_eq!(without_effect(remediation).unwrap(), []);
}

#[test]
fn anyone_may_be_named_as_the_approver() {
    let gates = |from: &str| {
        text("dependencies", "gates", &json!({ "approvals": { "count": 1, "from": from } }))
    };
    assert_eq!(without_effect(&gates("anyone")).unwrap(), []);
    assert_eq!(without_effect(&gates("owners")).unwrap().len(), 1);
}
