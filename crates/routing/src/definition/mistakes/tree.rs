//! YAML with the place of each key and value.

use serde::Deserialize;
use serde::de::{Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_saphyr::{Location, Spanned};

/// A value and its place.
pub(super) type Node = Spanned<Shape>;

/// What a value is.
#[derive(Debug, Clone)]
pub(super) enum Shape {
    /// Keys, each with its place, and their values.
    Map(Vec<(Spanned<String>, Node)>),
    /// A list.
    List(Vec<Node>),
    /// A text.
    Text(String),
    /// A number, as it is written in JSON.
    Number(serde_json::Number),
    /// Yes or no.
    Bool(bool),
    /// Nothing.
    Null,
}

impl Shape {
    /// What it is called.
    pub(super) const fn name(&self) -> &'static str {
        match self {
            Self::Map(_) => "a map",
            Self::List(_) => "a list",
            Self::Text(_) => "a text",
            Self::Number(_) => "a number",
            Self::Bool(_) => "`true` or `false`",
            Self::Null => "nothing",
        }
    }
}

impl<'de> Deserialize<'de> for Shape {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Any)
    }
}

struct Any;

impl<'de> Visitor<'de> for Any {
    type Value = Shape;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a YAML value")
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Shape, E> {
        Ok(Shape::Bool(value))
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Shape, E> {
        Ok(Shape::Number(value.into()))
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Shape, E> {
        Ok(Shape::Number(value.into()))
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Shape, E> {
        let number = serde_json::Number::from_f64(value);
        Ok(number.map_or_else(|| Shape::Text(value.to_string()), Shape::Number))
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<Shape, E> {
        Ok(Shape::Text(value.to_owned()))
    }

    fn visit_unit<E: Error>(self) -> Result<Shape, E> {
        Ok(Shape::Null)
    }

    fn visit_none<E: Error>(self) -> Result<Shape, E> {
        Ok(Shape::Null)
    }

    fn visit_some<D: Deserializer<'de>>(self, inner: D) -> Result<Shape, D::Error> {
        Shape::deserialize(inner)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Shape, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element()? {
            list.push(item);
        }
        Ok(Shape::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Shape, A::Error> {
        let mut map = Vec::new();
        while let Some(entry) = entries.next_entry()? {
            map.push(entry);
        }
        Ok(Shape::Map(map))
    }
}

/// Where a key with dots stands, or the nearest of what it lies in.
pub(super) fn place_of(tree: &Node, key: &str) -> Location {
    let (mut node, mut place) = (tree, tree.referenced);
    for part in key.split('.') {
        let Shape::Map(map) = &node.value else { break };
        let Some((word, value)) = map.iter().find(|(word, _)| word.value == part) else { break };
        (node, place) = (value, word.referenced);
    }
    place
}
