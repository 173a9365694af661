//! Reads JSON of a repository: never by halves, and every complaint names the line.

use std::collections::BTreeMap;
use std::fmt;
use std::marker::PhantomData;

use domain::RepoPath;
use serde::Deserialize;
use serde::de::{DeserializeOwned, Deserializer, Error as _, MapAccess, Visitor};

use crate::dependencies::ReadError;
use crate::files::FileSet;

const BYTE_ORDER_MARK: char = '\u{feff}';

/// The line, from 1, that holds this byte.
pub(super) fn line_of(text: &str, byte: usize) -> u64 {
    let before = text.as_bytes().get(..byte).unwrap_or(text.as_bytes());
    before.iter().filter(|&&b| b == b'\n').count() as u64 + 1
}

/// A complaint about a file.
pub(super) fn malformed(
    path: &RepoPath,
    line: Option<u64>,
    reason: impl Into<String>,
) -> ReadError {
    ReadError::Malformed { path: path.clone(), line, reason: reason.into() }
}

/// The text of a file without its byte order mark, which npm ignores as well.
pub(super) fn text<'a>(files: &'a FileSet, path: &RepoPath) -> Result<&'a str, ReadError> {
    let whole = files.text(path)?;
    let text = whole.strip_prefix(BYTE_ORDER_MARK).unwrap_or(whole);
    if text.trim().is_empty() {
        return Err(malformed(path, None, "the file is empty; restore it, or delete it"));
    }
    check_no_conflict(path, text)?;
    Ok(text)
}

fn check_no_conflict(path: &RepoPath, text: &str) -> Result<(), ReadError> {
    let marker = text.lines().position(|line| {
        line.starts_with("<<<<<<< ") || line.starts_with(">>>>>>> ") || line == "======="
    });
    match marker {
        Some(at) => Err(malformed(
            path,
            Some(at as u64 + 1),
            "a merge conflict was committed; resolve it and commit the file again",
        )),
        None => Ok(()),
    }
}

/// Parses text; what is wrong is told with its line.
pub(super) fn parse<T: DeserializeOwned>(path: &RepoPath, text: &str) -> Result<T, ReadError> {
    serde_json::from_str(text).map_err(|error| {
        let whole = error.to_string();
        let reason = whole.rsplit_once(" at line ").map_or(whole.as_str(), |(reason, _)| reason);
        let line = u64::try_from(error.line()).ok().filter(|&line| line > 0);
        malformed(path, line, format!("not the JSON that npm writes: {reason}"))
    })
}

/// An object in which no key stands twice. JSON allows that, and then each reader picks another one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Unique<V>(pub(super) BTreeMap<String, V>);

impl<V> Default for Unique<V> {
    fn default() -> Self {
        Self(BTreeMap::new())
    }
}

impl<'de, V: Deserialize<'de>> Deserialize<'de> for Unique<V> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(UniqueVisitor(PhantomData))
    }
}

struct UniqueVisitor<V>(PhantomData<V>);

impl<'de, V: Deserialize<'de>> Visitor<'de> for UniqueVisitor<V> {
    type Value = Unique<V>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut unique = BTreeMap::new();
        while let Some((key, value)) = map.next_entry::<String, V>()? {
            if unique.contains_key(&key) {
                let key = key.escape_debug();
                return Err(A::Error::custom(format_args!("the key \"{key}\" stands twice")));
            }
            unique.insert(key, value);
        }
        Ok(Unique(unique))
    }
}
