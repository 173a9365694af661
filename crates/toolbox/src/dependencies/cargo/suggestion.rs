//! Enters wanted versions in a lock's text, for cargo to complete.

use domain::RepoPath;
use semver::Version;
use toml_edit::{Document, Item, Table};

use super::manifest::malformed_toml;
use super::plan::Move;
use super::version::line;
use crate::dependencies::{PlanError, ReadError};

/// One `[[package]]` of the lock.
struct Entry<'a> {
    table: &'a Table,
    name: &'a str,
    version: Version,
    source: Option<&'a str>,
}

/// The lock's text with every move's version in it: in place of the locked version of the same line, else
/// as a new entry beside the old one, which cargo takes away if nobody needs it any more.
pub(super) fn enter(text: &str, path: &RepoPath, moves: &[&Move<'_>]) -> Result<String, PlanError> {
    let document = Document::parse(text).map_err(|error| {
        PlanError::Read(malformed_toml(path, text, error.span(), error.message()))
    })?;
    let packages = document.get("package").and_then(Item::as_array_of_tables);
    let entries: Vec<Entry<'_>> = packages.into_iter().flatten().filter_map(entry).collect();
    let mut splices = Vec::new();
    let mut added = String::new();
    for a_move in moves {
        let immovable =
            |reason: String| PlanError::Immovable { package: a_move.package.to_owned(), reason };
        let locked = entries
            .iter()
            .filter(|e| e.name == a_move.package && e.version.to_string() == a_move.from)
            .find(|e| e.source.is_some())
            .ok_or_else(|| immovable(format!("version {} is not locked", a_move.from)))?;
        let of_line = entries.iter().find(|e| {
            e.name == a_move.package
                && e.source == locked.source
                && line(&e.version) == line(&a_move.to)
        });
        match of_line {
            Some(known) if known.version == a_move.to => {}
            Some(known) if known.version > a_move.to && known.version != locked.version => {
                let reason = format!(
                    "{} of the same line is locked already, and a lock holds one version of a line; \
                     move to that one",
                    known.version
                );
                return Err(immovable(reason));
            }
            Some(known) => {
                let to = format!("\"{}\"", a_move.to);
                let span = span_of(known.table, "version").ok_or_else(|| unplaced(path))?;
                splices.push((span, to));
                splices.extend(checksum_line(text, known.table).map(|span| (span, String::new())));
            }
            None => {
                let (name, to) = (a_move.package, &a_move.to);
                let entry = [
                    "\n[[package]]\nname = \"",
                    name,
                    "\"\nversion = \"",
                    &to.to_string(),
                    "\"\nsource = \"",
                    locked.source.unwrap_or_default(),
                    "\"\n",
                ];
                added.extend(entry);
            }
        }
    }
    splices.sort_by_key(|(span, _)| std::cmp::Reverse(span.start));
    splices.dedup();
    let mut text = text.to_owned();
    for (span, new) in splices {
        text.replace_range(span, &new);
    }
    Ok(text + &added)
}

fn entry(table: &Table) -> Option<Entry<'_>> {
    let text = |key: &str| table.get(key).and_then(Item::as_str);
    let version = Version::parse(text("version")?).ok()?;
    Some(Entry { table, name: text("name")?, version, source: text("source") })
}

fn span_of(table: &Table, key: &str) -> Option<std::ops::Range<usize>> {
    table.get(key)?.as_value()?.span()
}

/// The whole line of an entry's checksum, which is that of the version before.
fn checksum_line(text: &str, table: &Table) -> Option<std::ops::Range<usize>> {
    let span = span_of(table, "checksum")?;
    let start = text.get(..span.start)?.rfind('\n').map_or(0, |at| at + 1);
    let end = text.get(span.end..)?.find('\n').map_or(text.len(), |at| span.end + at + 1);
    Some(start..end)
}

fn unplaced(path: &RepoPath) -> PlanError {
    PlanError::Read(ReadError::Malformed {
        path: path.clone(),
        line: None,
        reason: "its entries are not written as cargo writes them".to_owned(),
    })
}
