//! TOML and JSON as one ordered tree, and what differs between two of them.

use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use toml_edit::{DocumentMut, Item, Value};

/// The largest text that is parsed, in bytes.
const TEXT_BYTES_MAX: usize = 64 * 1024 * 1024;

/// A document. The order of keys counts, comments and layout do not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Tree {
    /// A string.
    Text(String),
    /// Anything else without parts, as it is written.
    Other(String),
    /// A list.
    List(Vec<Self>),
    /// Keys and values, in their order.
    Table(Vec<(String, Self)>),
}

impl Tree {
    /// Reads TOML. Duplicate keys are errors there.
    pub(crate) fn from_toml(text: &str) -> Result<Self, String> {
        let document: DocumentMut = plain(text)?
            .parse()
            .map_err(|error: toml_edit::TomlError| error.message().to_owned())?;
        Ok(of_item(document.as_item()))
    }

    /// Reads JSON. A duplicate key is an error: readers differ in which of the two they take.
    pub(crate) fn from_json(text: &str) -> Result<Self, String> {
        serde_json::from_str(plain(text)?).map_err(|error| error.to_string())
    }

    /// The value of a key, in a table.
    pub(crate) fn get(&self, key: &str) -> Option<&Self> {
        self.table().iter().find(|(name, _)| name == key).map(|(_, value)| value)
    }

    /// The entries of a table; none of anything else.
    pub(crate) fn table(&self) -> &[(String, Self)] {
        if let Self::Table(entries) = self { entries } else { &[] }
    }

    /// The items of a list; none of anything else.
    pub(crate) fn list(&self) -> &[Self] {
        if let Self::List(items) = self { items } else { &[] }
    }

    /// The text of a string.
    pub(crate) fn text(&self) -> Option<&str> {
        if let Self::Text(text) = self { Some(text) } else { None }
    }

    /// The text of the string at a key.
    pub(crate) fn text_at(&self, key: &str) -> Option<&str> {
        self.get(key)?.text()
    }

    /// What is at a path of keys; list places are numbers.
    pub(crate) fn at(&self, path: &[String]) -> Option<&Self> {
        path.iter().try_fold(self, |tree, key| match tree {
            Self::Table(_) => tree.get(key),
            Self::List(items) => items.get(key.parse::<usize>().ok()?),
            Self::Text(_) | Self::Other(_) => None,
        })
    }
}

/// The text without a byte order mark, if it is not too large.
fn plain(text: &str) -> Result<&str, String> {
    if text.len() > TEXT_BYTES_MAX {
        return Err(format!("larger than {TEXT_BYTES_MAX} bytes"));
    }
    Ok(text.strip_prefix('\u{feff}').unwrap_or(text))
}

fn of_item(item: &Item) -> Tree {
    match item {
        Item::None => Tree::Table(Vec::new()),
        Item::Value(value) => of_value(value),
        Item::Table(table) => {
            Tree::Table(table.iter().map(|(key, item)| (key.to_owned(), of_item(item))).collect())
        }
        Item::ArrayOfTables(tables) => Tree::List(
            tables
                .iter()
                .map(|table| {
                    Tree::Table(
                        table.iter().map(|(key, item)| (key.to_owned(), of_item(item))).collect(),
                    )
                })
                .collect(),
        ),
    }
}

fn of_value(value: &Value) -> Tree {
    match value {
        Value::String(text) => Tree::Text(text.value().clone()),
        Value::Integer(number) => Tree::Other(number.value().to_string()),
        Value::Float(number) => Tree::Other(format!("{:?}", number.value())),
        Value::Boolean(truth) => Tree::Other(truth.value().to_string()),
        Value::Datetime(time) => Tree::Other(time.value().to_string()),
        Value::Array(array) => Tree::List(array.iter().map(of_value).collect()),
        Value::InlineTable(table) => Tree::Table(
            table.iter().map(|(key, value)| (key.to_owned(), of_value(value))).collect(),
        ),
    }
}

impl<'de> Deserialize<'de> for Tree {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(TreeVisitor)
    }
}

struct TreeVisitor;

impl<'de> Visitor<'de> for TreeVisitor {
    type Value = Tree;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_bool<E>(self, value: bool) -> Result<Tree, E> {
        Ok(Tree::Other(value.to_string()))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Tree, E> {
        Ok(Tree::Other(value.to_string()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Tree, E> {
        Ok(Tree::Other(value.to_string()))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Tree, E> {
        Ok(Tree::Other(format!("{value:?}")))
    }

    fn visit_unit<E>(self) -> Result<Tree, E> {
        Ok(Tree::Other("null".to_owned()))
    }

    fn visit_str<E>(self, value: &str) -> Result<Tree, E> {
        Ok(Tree::Text(value.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Tree, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element()? {
            list.push(item);
        }
        Ok(Tree::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Tree, A::Error> {
        let mut table: Vec<(String, Tree)> = Vec::new();
        let mut known = std::collections::HashSet::new();
        while let Some((key, value)) = entries.next_entry::<String, Tree>()? {
            if !known.insert(key.clone()) {
                return Err(serde::de::Error::custom(format!(
                    "the key `{}` is there twice",
                    key.escape_debug()
                )));
            }
            table.push((key, value));
        }
        Ok(Tree::Table(table))
    }
}

/// One place where two trees differ.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Difference<'t> {
    /// The keys that lead there; list places are numbers.
    pub(crate) path: Vec<String>,
    /// What was there.
    pub(crate) before: Option<&'t Tree>,
    /// What is there.
    pub(crate) after: Option<&'t Tree>,
    /// Whether only the order of the keys differs.
    pub(crate) order: bool,
}

impl Difference<'_> {
    /// Both texts, where a text became another.
    pub(crate) fn texts(&self) -> Option<(&str, &str)> {
        Some((self.before?.text()?, self.after?.text()?))
    }

    /// The place in words.
    pub(crate) fn words(&self) -> String {
        let words: Vec<String> =
            self.path.iter().map(|key| key.escape_debug().to_string()).collect();
        if words.is_empty() { "the document".to_owned() } else { words.join(".") }
    }

    /// The path as string slices, to be matched.
    pub(crate) fn keys(&self) -> Vec<&str> {
        self.path.iter().map(String::as_str).collect()
    }
}

/// Every place where two trees differ, as deep as possible.
pub(crate) fn differences<'t>(before: &'t Tree, after: &'t Tree) -> Vec<Difference<'t>> {
    let mut found = Vec::new();
    compare(&mut Vec::new(), before, after, &mut found);
    found
}

fn compare<'t>(
    path: &mut Vec<String>,
    before: &'t Tree,
    after: &'t Tree,
    found: &mut Vec<Difference<'t>>,
) {
    if before == after {
        return;
    }
    match (before, after) {
        (Tree::Table(old), Tree::Table(new)) => {
            let index: std::collections::HashMap<&str, &Tree> =
                new.iter().map(|(key, value)| (key.as_str(), value)).collect();
            let known: std::collections::HashSet<&str> =
                old.iter().map(|(key, _)| key.as_str()).collect();
            let gone = |key: &String| !index.contains_key(key.as_str());
            let fresh = |key: &String| !known.contains(key.as_str());
            let kept =
                |list: &'t [(String, Tree)], out: &dyn Fn(&String) -> bool| -> Vec<&'t String> {
                    list.iter().map(|(key, _)| key).filter(|key| !out(key)).collect()
                };
            if kept(old, &gone) != kept(new, &fresh) {
                found.push(Difference {
                    path: path.clone(),
                    before: Some(before),
                    after: Some(after),
                    order: true,
                });
            }
            for (key, value) in new.iter().filter(|(key, _)| fresh(key)) {
                path.push(key.clone());
                found.push(Difference {
                    path: path.clone(),
                    before: None,
                    after: Some(value),
                    order: false,
                });
                path.pop();
            }
            for (key, value) in old {
                path.push(key.clone());
                match index.get(key.as_str()) {
                    None => found.push(Difference {
                        path: path.clone(),
                        before: Some(value),
                        after: None,
                        order: false,
                    }),
                    Some(now) => compare(path, value, now, found),
                }
                path.pop();
            }
        }
        (Tree::List(old), Tree::List(new)) if old.len() == new.len() => {
            for (at, (was, is)) in old.iter().zip(new).enumerate() {
                path.push(at.to_string());
                compare(path, was, is, found);
                path.pop();
            }
        }
        _ => found.push(Difference {
            path: path.clone(),
            before: Some(before),
            after: Some(after),
            order: false,
        }),
    }
}
