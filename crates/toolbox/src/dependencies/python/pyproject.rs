//! Reads the requirements of a `pyproject.toml` (PEP 621, PEP 735), with their places.

use std::collections::BTreeMap;

use domain::RepoPath;
use pep508_rs::VersionOrUrl;
use toml_edit::{Document, Item, Value};

use super::parts::{List, Lists, Part};
use super::requirements::{Ask, Index, specifier, without_credentials};
use super::version;
use crate::dependencies::{ReadError, Source};
use crate::files::FileSet;

/// What a `pyproject.toml` says.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Pyproject {
    pub(super) asks: Vec<Ask>,
    /// What is installed together: what is needed at run time, then the same with each extra and each group.
    pub(super) parts: Vec<Part>,
    /// `requires-python`, verbatim.
    pub(super) python: Option<String>,
    /// `required-version` of `tool.uv`, verbatim.
    pub(super) required_uv: Option<String>,
    /// The indexes that it names itself.
    pub(super) indexes: Vec<NamedIndex>,
    /// What it states in a way that hob does not read.
    pub(super) unsupported: Option<String>,
}

/// An index of `tool.uv`, or a source of another tool.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct NamedIndex {
    pub(super) place: Index,
    /// Asked only for packages that `tool.uv.sources` takes from it.
    pub(super) explicit: bool,
}

/// Groups and extras that nobody needs at run time.
const DEVELOPMENT: [&str; 9] =
    ["dev", "development", "test", "tests", "testing", "doc", "docs", "lint", "typing"];

/// Reads a file.
pub(super) fn read(files: &FileSet, path: &RepoPath) -> Result<Pyproject, ReadError> {
    parse(path, files.text(path)?)
}

/// Reads a file's text.
pub(super) fn parse(path: &RepoPath, text: &str) -> Result<Pyproject, ReadError> {
    let document = Document::parse(text).map_err(|error| ReadError::Malformed {
        path: path.clone(),
        line: error.span().map(|span| line_at(text, span.start)),
        reason: error.message().to_owned(),
    })?;
    let root = document.as_item();
    let at = |keys: &[&str]| {
        keys.iter().try_fold(root, |item, key| item.get(key)).filter(|item| !item.is_none())
    };
    let mut found = Pyproject::default();
    let mut reader = Reader { path, text, sources: sources(at(&["tool", "uv", "sources"])) };
    found.python = at(&["project", "requires-python"]).and_then(Item::as_str).map(str::to_owned);
    let own = at(&["project", "name"]).and_then(Item::as_str).and_then(version::normalised);
    let mut lists = Lists::default();
    let listed = reader.list(at(&["project", "dependencies"]), false, &mut lists.asks)?;
    lists.add(List::RunTime, listed);
    for key in ["optional-dependencies", "dependency-groups"] {
        let groups = if key == "dependency-groups" { at(&[key]) } else { at(&["project", key]) };
        for (name, list) in groups.and_then(Item::as_table_like).into_iter().flat_map(|t| t.iter())
        {
            let development =
                key == "dependency-groups" || DEVELOPMENT.contains(&name.to_lowercase().as_str());
            let name = version::normalised(name).unwrap_or_else(|| name.to_owned());
            let which =
                if key == "dependency-groups" { List::Group(name) } else { List::Extra(name) };
            let listed = reader.list(Some(list), development, &mut lists.asks)?;
            lists.add(which, listed);
        }
    }
    let listed = reader.list(at(&["tool", "uv", "dev-dependencies"]), true, &mut lists.asks)?;
    lists.add(List::OfUv, listed);
    found.parts = lists.parts(own.as_deref());
    found.asks = lists.asks;
    let required = at(&["tool", "uv", "required-version"]).and_then(Item::as_str);
    found.required_uv = required.map(str::to_owned);
    found.indexes = indexes(text, at(&["tool", "uv"]));
    for key in [["tool", "poetry", "source"], ["tool", "pdm", "source"]] {
        let tables = at(&key).and_then(Item::as_array_of_tables).into_iter().flatten();
        found.indexes.extend(tables.filter_map(|table| named_index(text, table.get("url")?, true)));
    }
    found.unsupported = unsupported(&at);
    Ok(found)
}

fn unsupported<'a>(at: &impl Fn(&[&str]) -> Option<&'a Item>) -> Option<String> {
    let dynamic = at(&["project", "dynamic"]).and_then(Item::as_array);
    let is_dynamic =
        dynamic.is_some_and(|list| list.iter().any(|v| v.as_str() == Some("dependencies")));
    if at(&["tool", "poetry", "dependencies"]).is_some() {
        Some("`tool.poetry` belongs to Poetry, which hob does not drive; what it names was not looked at".to_owned())
    } else if at(&["tool", "pdm", "dev-dependencies"]).is_some() {
        Some(
            "`tool.pdm` belongs to PDM, which hob does not drive; what it names was not looked at"
                .to_owned(),
        )
    } else if is_dynamic {
        Some("its `dependencies` are dynamic: a program states them, and hob does not run it; list them under `[project]`".to_owned())
    } else {
        None
    }
}

/// The packages that `tool.uv.sources` takes from elsewhere.
fn sources(table: Option<&Item>) -> BTreeMap<String, Source> {
    let mut found = BTreeMap::new();
    for (name, item) in table.and_then(Item::as_table_like).into_iter().flat_map(|t| t.iter()) {
        let workspace = item.get("workspace").and_then(Item::as_bool) == Some(true);
        let source = if workspace { Source::Workspace } else { Source::Other(elsewhere(item)) };
        found.extend(version::normalised(name).map(|name| (name, source)));
    }
    found
}

/// What `tool.uv.sources` says of a package.
fn elsewhere(item: &Item) -> String {
    let named = ["git", "url", "path", "index"].iter().find_map(|key| {
        let place = without_credentials(item.get(key)?.as_str()?);
        let place: String = place.escape_debug().take(200).collect();
        Some(format!("the {key} `{place}` of `tool.uv.sources`"))
    });
    named.unwrap_or_else(|| "a place that `tool.uv.sources` names".to_owned())
}

/// The indexes of `tool.uv`, or of a `uv.toml`.
fn indexes(text: &str, uv: Option<&Item>) -> Vec<NamedIndex> {
    let Some(uv) = uv else { return Vec::new() };
    let mut found = Vec::new();
    for key in ["index-url", "extra-index-url", "find-links"] {
        let Some(item) = uv.get(key) else { continue };
        let is_index = key != "find-links";
        found.extend(named_index(text, item, is_index));
        let values = item.as_array().into_iter().flatten();
        found.extend(values.filter_map(|value| index_of(text, value, is_index)));
    }
    let of_table = |table: &dyn toml_edit::TableLike| {
        let mut index = named_index(text, table.get("url")?, true)?;
        index.explicit = table.get("explicit").and_then(Item::as_bool) == Some(true);
        index.place.is_index = table.get("format").and_then(Item::as_str) != Some("flat");
        Some(index)
    };
    let Some(list) = uv.get("index") else { return found };
    let tables = list.as_array_of_tables().into_iter().flatten();
    found.extend(tables.filter_map(|table| of_table(table)));
    let inline = list.as_array().into_iter().flatten().filter_map(Value::as_inline_table);
    found.extend(inline.filter_map(|table| of_table(table)));
    found
}

fn named_index(text: &str, item: &Item, is_index: bool) -> Option<NamedIndex> {
    index_of(text, item.as_value()?, is_index)
}

fn index_of(text: &str, value: &Value, is_index: bool) -> Option<NamedIndex> {
    let address = without_credentials(value.as_str()?);
    let line = line_at(text, value.span().map_or(0, |span| span.start));
    Some(NamedIndex { place: Index { address, is_index, line }, explicit: false })
}

struct Reader<'a> {
    path: &'a RepoPath,
    text: &'a str,
    sources: BTreeMap<String, Source>,
}

impl Reader<'_> {
    fn list(
        &mut self,
        list: Option<&Item>,
        development: bool,
        asks: &mut Vec<Ask>,
    ) -> Result<Vec<String>, ReadError> {
        let mut included = Vec::new();
        let Some(item) = list else { return Ok(included) };
        let malformed = |line, reason: &str| ReadError::Malformed {
            path: self.path.clone(),
            line,
            reason: reason.to_owned(),
        };
        let list = item.as_array().ok_or_else(|| {
            malformed(
                item.span().map(|s| line_at(self.text, s.start)),
                "a list of requirements is expected here",
            )
        })?;
        for value in list {
            // `{ include-group = ".." }`: the group itself is read in its own place.
            if let Some(table) = value.as_inline_table() {
                let group = table.get("include-group").and_then(Value::as_str);
                included.extend(group.and_then(version::normalised));
                continue;
            }
            asks.push(self.ask(value, development)?);
        }
        Ok(included)
    }

    fn ask(&self, value: &Value, development: bool) -> Result<Ask, ReadError> {
        let place = value.span().unwrap_or(0..0);
        let line = line_at(self.text, place.start);
        let malformed = |reason: String| ReadError::Malformed {
            path: self.path.clone(),
            line: Some(line),
            reason,
        };
        let spec =
            value.as_str().ok_or_else(|| malformed("a requirement is a string".to_owned()))?;
        let requirement = super::requirement::parse(spec).map_err(|error| {
            let shown: String = spec.escape_debug().take(200).collect();
            malformed(format!("`{shown}` is not a requirement: {error}"))
        })?;
        let package = requirement.name.to_string();
        let inner = specifier(spec).unwrap_or(0..0);
        let source = match requirement.version_or_url {
            Some(VersionOrUrl::Url(_)) => Source::Other("a URL".to_owned()),
            _ => self.sources.get(&package).cloned().unwrap_or(Source::Registry),
        };
        // With escapes or other quotes the places in the text are not those in the string.
        let is_plain = self.text.get(place.start + 1..place.end.saturating_sub(1)) == Some(spec);
        let span = if is_plain {
            place.start + 1 + inner.start..place.start + 1 + inner.end
        } else {
            0..0
        };
        let range = match source {
            Source::Other(_) => String::new(),
            _ => spec.get(inner).unwrap_or_default().to_owned(),
        };
        let extras = requirement.extras.iter().map(ToString::to_string).collect();
        let marker = super::requirement::marker(spec).filter(|_| source == Source::Registry);
        Ok(Ask {
            package,
            range,
            span,
            hashes: Vec::new(),
            extras,
            marker,
            line,
            development,
            source,
        })
    }
}

fn line_at(text: &str, at: usize) -> u64 {
    let before = text.get(..at).unwrap_or_default();
    u64::try_from(before.matches('\n').count()).map_or(1, |lines| lines + 1)
}
