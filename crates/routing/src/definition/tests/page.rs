//! The published page of a definition's keys is drawn from the schema, so that it cannot say something else.

use std::fmt::Write as _;

use serde_json::Value;

use crate::definition::effect::{NO_EFFECT, Weight};
use crate::definition::schema;

#[test]
fn the_page_of_keys_is_what_the_schema_says() {
    let schema = schema();
    let mut drawn = String::from("| key | takes | meaning |\n| --- | --- | --- |\n");
    draw(&mut drawn, &schema, &schema, "");
    let page = include_str!("../../../../../docs/reference/definitions.md");
    let held = page
        .split_once("<!-- keys: begin -->\n")
        .and_then(|(_, rest)| rest.split_once("<!-- keys: end -->\n"))
        .map(|(held, _)| held);
    assert!(held == Some(&*drawn), "docs/reference/definitions.md should hold:\n{drawn}");
}

fn draw(page: &mut String, whole: &Value, object: &Value, above: &str) {
    let required: Vec<&str> = texts(&object["required"]);
    for (name, value) in object["properties"].as_object().into_iter().flatten() {
        let key = format!("{above}{name}");
        let meaning = value["description"].as_str().unwrap_or_default().replace('\n', " ");
        let needed = if required.contains(&name.as_str()) { " Needed." } else { "" };
        let takes = takes(whole, value);
        writeln!(page, "| `{key}` | {takes} | {meaning}{needed}{} |", effect(&key)).unwrap();
        draw(page, whole, referenced(whole, value), &format!("{key}."));
    }
}

fn effect(key: &str) -> String {
    let Some(none) = NO_EFFECT.iter().find(|none| none.key == key) else { return String::new() };
    let value = none.value.map(|value| format!("`{value}`")).unwrap_or_default();
    match none.weight {
        Weight::Refused if none.value.is_some() => {
            format!(" **{value} is refused**: {}.", none.why)
        }
        Weight::Refused => format!(" **Refused**: {}.", none.why),
        Weight::Told => format!(" **No effect yet**: {}.", none.why),
    }
}

/// What a reference leads to, also through "this or nothing".
fn referenced<'s>(whole: &'s Value, value: &'s Value) -> &'s Value {
    let choices = value["anyOf"].as_array();
    let choice = choices.and_then(|all| all.iter().find(|one| one["type"] != "null"));
    let value = choice.unwrap_or(value);
    let name = value["$ref"].as_str().and_then(|name| name.strip_prefix("#/$defs/"));
    name.map_or(value, |name| &whole["$defs"][name])
}

fn takes(whole: &Value, value: &Value) -> String {
    let value = referenced(whole, value);
    if let Some(names) = value["oneOf"].as_array() {
        let names = names
            .iter()
            .flat_map(|one| texts(&one["const"]).into_iter().chain(texts(&one["enum"])));
        return names.map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
    }
    if let Some(each) = value["anyOf"].as_array() {
        return each.iter().map(|one| takes(whole, one)).collect::<Vec<_>>().join(", or ");
    }
    match texts(&value["type"]).first().copied().unwrap_or_default() {
        "array" => format!("list of: {}", takes(whole, &value["items"])),
        "object" => {
            let keys = value["properties"].as_object().into_iter().flatten();
            let keys: Vec<String> = keys.map(|(name, _)| format!("`{name}`")).collect();
            format!("map: {}", keys.join(", "))
        }
        "integer" => "whole number".to_owned(),
        "boolean" => "`true`, `false`".to_owned(),
        // A text of a certain form says which, with an example.
        "string" if !value["pattern"].is_null() => {
            let form = value["description"].as_str().unwrap_or_default();
            form.split_once(": `").map_or("text", |_| form.trim_end_matches('.')).to_owned()
        }
        _ => "text".to_owned(),
    }
}

/// A text, or the texts of a list.
fn texts(value: &Value) -> Vec<&str> {
    value.as_array().map_or_else(
        || value.as_str().into_iter().collect(),
        |all| all.iter().filter_map(Value::as_str).collect(),
    )
}
