//! A definition beside its JSON Schema: what does not fit is told and left out.

use serde_json::{Map, Value};
use serde_saphyr::{Location, Spanned};

use super::{Mistake, Node, SCHEMA_HINT, Shape, place};
use crate::definition::measure::{Duration, Size};
use crate::definition::overrides::nearest;

/// A walk, and what it found.
pub(super) struct Walk<'s> {
    schema: &'s Value,
    /// What does not fit.
    pub(super) found: Vec<Mistake>,
    /// What is not there.
    pub(super) missing: Vec<Mistake>,
}

impl<'s> Walk<'s> {
    /// Begins with the whole schema.
    pub(super) const fn new(schema: &'s Value) -> Self {
        Self { schema, found: Vec::new(), missing: Vec::new() }
    }

    /// What of a value fits; nothing where none of it does.
    pub(super) fn value(&mut self, schema: &'s Value, node: &Node, path: &str) -> Option<Value> {
        if let Some(name) = schema["$ref"].as_str().and_then(|r| r.strip_prefix("#/$defs/")) {
            return match name {
                "Duration" => self.measure(node, path, |text| text.parse::<Duration>().err()),
                "Size" => self.measure(node, path, |text| text.parse::<Size>().err()),
                _ => self.value(&self.schema["$defs"][name], node, path),
            };
        }
        if let Some(any) = schema["anyOf"].as_array() {
            return self.any(any, node, path);
        }
        if let Some(names) = schema["oneOf"].as_array() {
            return self.name(names, node, path);
        }
        let kind = schema["type"].as_str().or_else(|| schema["type"][0].as_str());
        match (kind.unwrap_or_default(), &node.value) {
            ("object", Shape::Map(map)) => Some(self.map(schema, map, node.referenced, path)),
            ("array", Shape::List(list)) => {
                let each = list.iter().enumerate();
                let items = each.filter_map(|(at, item)| {
                    self.value(&schema["items"], item, &format!("{path}[{at}]"))
                });
                Some(items.collect::<Vec<_>>().into())
            }
            ("string", Shape::Text(text)) => Some(text.as_str().into()),
            ("string", Shape::Number(number)) => Some(number.to_string().into()),
            ("integer", Shape::Number(number)) if number.is_u64() => Some(number.clone().into()),
            ("boolean", Shape::Bool(value)) => Some((*value).into()),
            (_, Shape::Null) if path.contains('.') || kind != Some("string") => None,
            (kind, _) => {
                let wanted = match kind {
                    "object" => "a map of keys",
                    "array" => "a list, such as `[a, b]`",
                    "integer" => "a whole number from 0",
                    "boolean" => "`true` or `false`",
                    _ => "a text",
                };
                let problem = format!("`{path}` is {} and not {wanted}", node.value.name());
                self.tell(node.referenced, problem, format!("write {wanted}"));
                None
            }
        }
    }

    fn any(&mut self, any: &'s [Value], node: &Node, path: &str) -> Option<Value> {
        if matches!(node.value, Shape::Null) && any.iter().any(|one| one["type"] == "null") {
            return None;
        }
        let is_map = matches!(node.value, Shape::Map(_));
        let of_shape = any.iter().filter(|one| one["type"] != "null");
        let fits = of_shape.clone().find(|one| {
            let name = one["$ref"].as_str().and_then(|r| r.strip_prefix("#/$defs/"));
            name.is_some_and(|name| (self.schema["$defs"][name]["type"] == "object") == is_map)
        });
        let one = fits.or_else(|| of_shape.clone().next())?;
        self.value(one, node, path)
    }

    fn name(&mut self, names: &[Value], node: &Node, path: &str) -> Option<Value> {
        let names: Vec<_> = names.iter().filter_map(|one| one["const"].as_str()).collect();
        let listed = names.join("`, `");
        let Shape::Text(text) = &node.value else {
            let problem = format!("`{path}` is {}", node.value.name());
            self.tell(node.referenced, problem, format!("it is one of `{listed}`"));
            return None;
        };
        if names.contains(&text.as_str()) {
            return Some(text.as_str().into());
        }
        let problem = format!("`{path}` cannot be `{text}`");
        let hint = match nearest(text, names.iter().copied()) {
            Some(near) => format!("did you mean `{near}`? It is one of `{listed}`"),
            None => format!("it is one of `{listed}`"),
        };
        self.tell(node.referenced, problem, hint);
        None
    }

    fn measure(
        &mut self,
        node: &Node,
        path: &str,
        wrong: impl Fn(&str) -> Option<String>,
    ) -> Option<Value> {
        let text = match &node.value {
            Shape::Text(text) => text.clone(),
            Shape::Number(number) => number.to_string(),
            other => other.name().to_owned(),
        };
        let Some(reason) = wrong(&text) else { return Some(text.into()) };
        self.tell(
            node.referenced,
            format!("`{path}`: {reason}"),
            "write a whole number and its unit",
        );
        None
    }

    fn map(
        &mut self,
        schema: &'s Value,
        map: &[(Spanned<String>, Node)],
        at: Location,
        path: &str,
    ) -> Value {
        let (mut sound, mut misspelt) = (Map::new(), Vec::new());
        let Some(known) = schema["properties"].as_object() else { return sound.into() };
        for (key, value) in map {
            let inner = join(path, &key.value);
            if let Some(schema) = known.get(&key.value) {
                sound.extend(self.value(schema, value, &inner).map(|v| (key.value.clone(), v)));
                continue;
            }
            let hint = match nearest(&key.value, known.keys().map(String::as_str)) {
                Some(near) => {
                    misspelt.push(near.clone());
                    format!("did you mean `{near}`?")
                }
                None => {
                    let keys = known.keys().map(String::as_str).collect::<Vec<_>>().join("`, `");
                    format!("the keys here are `{keys}`")
                }
            };
            self.tell(key.referenced, format!("there is no key `{inner}`"), hint);
        }
        let required = schema["required"].as_array().into_iter().flatten();
        for key in required.filter_map(Value::as_str) {
            let is_there = map.iter().any(|(word, _)| word.value == key);
            // A misspelt key is one mistake, not two.
            if !is_there && !misspelt.iter().any(|near| near == key) {
                let (line, column) = place(at);
                let problem = format!("`{}` is missing", join(path, key));
                self.missing.push(Mistake { line, column, problem, hint: SCHEMA_HINT.to_owned() });
            }
        }
        sound.into()
    }

    fn tell(&mut self, at: Location, problem: String, hint: impl Into<String>) {
        let (line, column) = place(at);
        self.found.push(Mistake { line, column, problem, hint: hint.into() });
    }
}

fn join(path: &str, key: &str) -> String {
    if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") }
}
