//! `Cargo.lock`, versions 1 to 4.
//!
//! Source: cargo's `resolver/encode.rs` and <https://doc.rust-lang.org/cargo/reference/resolver.html>.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use domain::finding::Severity;

use super::entry::{Entry, Kind, Lock, Needle, Objection, bounded};
use crate::tree::Tree;

/// What a package may say. What is not known is not judged, so it is not let in.
const KEYS: [&str; 6] = ["name", "version", "source", "checksum", "dependencies", "replace"];
/// What the file may say.
const TABLES: [&str; 5] = ["version", "package", "root", "patch", "metadata"];

pub(super) fn read(tree: &Tree) -> Result<Lock, String> {
    format(tree)?;
    let packages = tree.get("package").map(Tree::list).unwrap_or_default();
    let packages: Vec<&Tree> = packages.iter().chain(tree.get("root")).collect();
    let mut lock = Lock::default();
    let mut ids = BTreeSet::new();
    let mut places = Places::default();
    let sums = tree.get("metadata").map(Tree::table).unwrap_or_default();
    let sums: HashMap<&str, &str> =
        sums.iter().filter_map(|(key, sum)| Some((key.as_str(), sum.text()?))).collect();
    for (at, package) in packages.iter().enumerate() {
        let entry = entry(package, &sums)?;
        if entry.kind != Kind::Local && !ids.insert(entry.id.clone()) {
            return Err(format!("`{}` is there twice", entry.shown()));
        }
        places.add(at, package);
        lock.entries.push(entry);
    }
    for (entry, package) in lock.entries.iter_mut().zip(&packages) {
        for need in package.get("dependencies").map(Tree::list).unwrap_or_default() {
            let need = need.text().ok_or("a dependency is no text")?;
            match places.find(need) {
                Some(at) => entry.needs.push(at),
                None => {
                    entry.missing.insert(need.to_owned());
                }
            }
        }
    }
    bounded(lock)
}

/// The version of the format; a file without one is of version 1 or 2.
fn format(tree: &Tree) -> Result<u8, String> {
    match tree.get("version") {
        None => Ok(2),
        Some(Tree::Other(text)) if text == "3" => Ok(3),
        Some(Tree::Other(text)) if text == "4" => Ok(4),
        Some(_) => Err("a version of the format that is not known (3 and 4 are)".to_owned()),
    }
}

fn entry(package: &Tree, sums: &HashMap<&str, &str>) -> Result<Entry, String> {
    let name = package.text_at("name").ok_or("a package has no name")?;
    let version = package
        .text_at("version")
        .ok_or_else(|| format!("`{}` has no version", name.escape_debug()))?;
    let source = package.text_at("source").map(plain);
    let kind = match source.as_deref() {
        None => Kind::Local,
        Some(source) if source.starts_with("registry+") || source.starts_with("sparse+") => {
            Kind::Registry
        }
        Some(_) => Kind::Elsewhere,
    };
    let mut entry = Entry {
        id: match &source {
            None => name.to_owned(),
            Some(source) => format!("{name} {version} {source}"),
        },
        name: name.to_owned(),
        version: version.to_owned(),
        kind,
        needle: Needle {
            first: format!("name = \"{name}\""),
            second: format!("version = \"{version}\""),
            before: false,
        },
        ..Entry::default()
    };
    if let Some(source) = source {
        entry.origins.insert(source.split('#').next().unwrap_or_default().to_owned());
        let sum = package.text_at("checksum").or_else(|| old_sum(package, sums));
        entry.sums.extend(sum.map(|sum| (String::new(), sum.to_owned())));
    }
    Ok(entry)
}

/// Version 1 keeps checksums apart: `"checksum NAME VERSION (SOURCE)" = "..."`.
fn old_sum<'t>(package: &Tree, sums: &HashMap<&str, &'t str>) -> Option<&'t str> {
    let word = |key| package.text_at(key);
    let key = format!("checksum {} {} ({})", word("name")?, word("version")?, word("source")?);
    sums.get(key.as_str()).copied().filter(|sum| *sum != "<none>")
}

/// A source as it was written before version 4 of the format, which encodes branches and tags.
fn plain(source: &str) -> String {
    let Some((before, rest)) = source.split_once('?') else { return source.to_owned() };
    let (query, commit) = rest.split_once('#').unwrap_or((rest, ""));
    let query = decoded(query);
    if commit.is_empty() {
        format!("{before}?{query}")
    } else {
        format!("{before}?{query}#{commit}")
    }
}

/// `%2F` becomes `/`; what is no such code stays.
fn decoded(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, tail)) = rest.split_first() {
        let code = tail.get(..2).and_then(|two| std::str::from_utf8(two).ok());
        match code.and_then(|code| u8::from_str_radix(code, 16).ok()).filter(|_| *first == b'%') {
            Some(byte) => {
                bytes.push(byte);
                rest = tail.get(2..).unwrap_or_default();
            }
            None => {
                bytes.push(*first);
                rest = tail;
            }
        }
    }
    String::from_utf8(bytes).unwrap_or_else(|_| text.to_owned())
}

/// Where the packages stand, by what a dependency may call them; nothing where several are called so.
#[derive(Debug, Default)]
struct Places(HashMap<String, Option<usize>>);

impl Places {
    fn add(&mut self, at: usize, package: &Tree) {
        let word = |key: &str| package.text_at(key).unwrap_or_default();
        let (name, version) = (word("name"), word("version"));
        let mut calls = vec![name.to_owned(), format!("{name} {version}")];
        if let Some(source) = package.text_at("source") {
            let source = plain(source);
            let short = source.split('#').next().unwrap_or_default();
            calls.push(format!("{name} {version} ({short})"));
            if short != source {
                calls.push(format!("{name} {version} ({source})"));
            }
        }
        for call in calls {
            self.0.entry(call).and_modify(|known| *known = None).or_insert(Some(at));
        }
    }

    fn find(&self, need: &str) -> Option<usize> {
        match need.split_once(" (") {
            None => *self.0.get(need)?,
            Some((package, source)) => *self.0.get(&format!("{package} ({}", plain(source)))?,
        }
    }
}

/// What the file says besides its packages.
pub(super) fn head(before: &Tree, after: &Tree) -> Vec<Objection> {
    let mut found = Vec::new();
    for (key, _) in after.table() {
        if !TABLES.contains(&key.as_str()) && before.get(key).is_none() {
            let reason =
                format!("a new table `{}`, which cargo does not write", key.escape_debug());
            found.push(Objection::deny(&Needle::of(key), reason));
        }
    }
    if let (Ok(old), Ok(new)) = (format(before), format(after))
        && old != new
    {
        let reason = format!("the format changes from version {old} to {new}");
        let severity = if new > old { Severity::Note } else { Severity::NeedsApproval };
        found.push(Objection::new(severity, &Needle::of("version = "), reason));
    }
    found.extend(patches(before, after));
    found.extend(keys(before, after));
    found
}

/// `[[patch.unused]]`: a replacement that nothing uses any more, so that the original is used again.
fn patches(before: &Tree, after: &Tree) -> Vec<Objection> {
    let unused = |tree: &Tree| -> Vec<Tree> {
        let patch = tree.get("patch").and_then(|patch| patch.get("unused"));
        patch.map(Tree::list).unwrap_or_default().to_vec()
    };
    let (old, new) = (unused(before), unused(after));
    let needle = Needle::of("[[patch.unused]]");
    let mut found = Vec::new();
    for patch in new.iter().filter(|patch| !old.contains(patch)) {
        let name = patch.text_at("name").unwrap_or_default();
        let reason = format!(
            "the project's `[patch]` of `{}` is not used any more: the registry's own is used",
            name.escape_debug()
        );
        found.push(Objection::ask(&needle, reason));
    }
    if let Some(patch) = old.iter().find(|patch| !new.contains(patch)) {
        let name = patch.text_at("name").unwrap_or_default();
        let reason =
            format!("the project's `[patch]` of `{}` is not unused as before", name.escape_debug());
        found.push(Objection::ask(&needle, reason));
    }
    found
}

/// What packages say that is not known, and replacements.
fn keys(before: &Tree, after: &Tree) -> Vec<Objection> {
    let odd = |tree: &Tree| -> BTreeMap<(String, String), (Needle, String)> {
        let mut odd = BTreeMap::new();
        for package in tree.get("package").map(Tree::list).unwrap_or_default() {
            let name = package.text_at("name").unwrap_or_default();
            for (key, value) in package.table() {
                if key == "replace" || !KEYS.contains(&key.as_str()) {
                    let needle = Needle::of(format!("name = \"{name}\""));
                    let value = format!("{value:?}");
                    odd.insert((name.to_owned(), key.clone()), (needle, value));
                }
            }
        }
        odd
    };
    let (old, new) = (odd(before), odd(after));
    let differs = |(key, value): &(&(String, String), &(Needle, String))| {
        old.get(key).map(|(_, was)| was) != Some(&value.1)
    };
    let mut found: Vec<Objection> = new
        .iter()
        .filter(differs)
        .map(|((name, key), (needle, _))| {
            let (name, key) = (name.escape_debug(), key.escape_debug());
            Objection::deny(needle, format!("`{name}`: its `{key}` is new or changes"))
        })
        .collect();
    for ((name, key), (needle, _)) in old.iter().filter(|(key, _)| !new.contains_key(key)) {
        let (name, key) = (name.escape_debug(), key.escape_debug());
        let gone = Objection::deny(needle, format!("`{name}`: its `{key}` is gone"));
        found.push(gone.before());
    }
    found
}
