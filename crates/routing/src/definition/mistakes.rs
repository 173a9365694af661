//! All that is wrong with a definition at once, each with its place in the file.
//!
//! The text is walked beside the JSON Schema that is drawn from the types which read it; what that finds is left out,
//! and the rest is asked for values that no agent can have. [`read`](super::read()) alone decides: what it takes has no
//! mistakes, and what it refuses has one at least.

use serde_json::Value;

use super::effect::{Weight, without_effect};
use super::front::Front;
use super::read::{DefinitionError, first_line, front_text, read, value_errors};
use tree::{Node, Shape};
use walk::Walk;

mod tree;
mod walk;

/// One thing that is wrong, and where.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Mistake {
    /// The line in the file, from 1.
    pub line: u64,
    /// The column, from 1.
    pub column: u64,
    /// What is wrong.
    pub problem: String,
    /// What to do about it.
    pub hint: String,
}

/// What to do where nothing closer can be said.
const SCHEMA_HINT: &str =
    "`hob agents schema` prints the JSON Schema; `hob agents show cve-remediation` an example";

/// Everything that is wrong with a definition, in the order of the file; nothing where it can be run.
pub fn mistakes(text: &str) -> Vec<Mistake> {
    let refusal = read(text, &[]).err();
    let front = match front_text(text) {
        Ok(front) => front,
        Err(error) => return vec![at_start(&error)],
    };
    let tree = match serde_saphyr::from_str::<Node>(front) {
        Ok(tree) => tree,
        Err(error) => return vec![of_yaml(&error)],
    };
    let (mut found, mut missing) = (refused_keys(text, &tree), Vec::new());
    if let Some(refusal) = refusal {
        let before = found.len();
        let schema = super::schema();
        let mut walk = Walk::new(&schema);
        let sound = walk.value(&schema, &tree, "");
        found.extend(walk.found);
        missing = walk.missing;
        found.extend(of_values(sound, &tree));
        if found.len() == before && missing.is_empty() {
            found.push(of_reading(&refusal, front));
        }
    }
    // What is written wrong comes first: it may be why something seems to be missing.
    let place = |mistake: &Mistake| (mistake.line, mistake.column);
    found.sort_by_key(place);
    missing.sort_by_key(place);
    found.extend(missing);
    found
}

fn at_start(error: &DefinitionError) -> Mistake {
    Mistake { line: 1, column: 1, problem: error.to_string(), hint: SCHEMA_HINT.to_owned() }
}

/// The front matter begins on the second line of the file.
fn place(at: serde_saphyr::Location) -> (u64, u64) {
    (at.line() + 1, at.column().max(1))
}

fn of_yaml(error: &serde_saphyr::Error) -> Mistake {
    let (line, column) = error.location().map_or((2, 1), place);
    Mistake { line, column, problem: first_line(error), hint: SCHEMA_HINT.to_owned() }
}

/// What reading alone refuses.
fn of_reading(refusal: &DefinitionError, front: &str) -> Mistake {
    match serde_saphyr::from_str::<Front>(front) {
        Err(error) => of_yaml(&error),
        Ok(_) => at_start(refusal),
    }
}

/// Values that no agent can have, in what is left of the definition.
fn of_values(sound: Option<Value>, tree: &Node) -> Vec<Mistake> {
    let Some(Value::Object(mut sound)) = sound else { return Vec::new() };
    // What is missing was told; with these in its place the rest can be looked at.
    for (key, value) in [
        ("name", serde_json::json!("a")),
        ("brain", serde_json::json!("playbook")),
        ("scope", serde_json::json!({ "paths": [] })),
    ] {
        sound.entry(key).or_insert(value);
    }
    let Ok(front) = serde_json::from_value::<Front>(Value::Object(sound)) else {
        return Vec::new();
    };
    let told = value_errors(&front).into_iter().filter_map(|error| match error {
        DefinitionError::Value { key, reason } => {
            let (line, column) = place(tree::place_of(tree, &key));
            let hint = format!("change `{key}`, or leave it out for its default");
            Some(Mistake { line, column, problem: format!("`{key}`: {reason}"), hint })
        }
        _ => None,
    });
    told.collect()
}

/// Keys that promise what this version does not hold.
fn refused_keys(text: &str, tree: &Node) -> Vec<Mistake> {
    let keys = without_effect(text).unwrap_or_default();
    let refused = keys.iter().filter(|key| key.weight == Weight::Refused);
    let told = refused.map(|key| {
        let (line, column) = place(tree::place_of(tree, key.key));
        Mistake { line, column, problem: key.to_string(), hint: format!("take `{}` out", key.key) }
    });
    told.collect()
}

#[cfg(test)]
mod tests;
