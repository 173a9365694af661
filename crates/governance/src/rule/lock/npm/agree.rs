//! What an npm lock repeats: of manifests, of itself, of its packages' names.

use std::collections::{BTreeSet, HashMap};

use domain::RepoPath;

use super::{address, legacy, packages, place_name, version};
use crate::rule::lock::entry::{Needle, Objection};
use crate::rule::lock::manifests::{Manifests, beside};
use crate::rule::manifest::npm::TABLES;
use crate::tree::Tree;

/// What the file may say.
const KEYS: [&str; 6] =
    ["name", "version", "lockfileVersion", "requires", "packages", "dependencies"];

/// Everything of one lock file that is no matter of a single entry's source or place in the graph.
pub(in crate::rule::lock) fn head(
    path: &RepoPath,
    (before, after): (&Tree, &Tree),
    manifests: &Manifests,
) -> Vec<Objection> {
    let mut found = Vec::new();
    for (key, _) in after.table() {
        if !KEYS.contains(&key.as_str()) && before.get(key).is_none() {
            let reason = format!("a new key `{}`, which npm does not write", key.escape_debug());
            found.push(Objection::deny(&Needle::of(key), reason));
        }
    }
    if let (Ok(old), Ok(new)) = (version(before), version(after))
        && old != new
    {
        let reason = format!("the lockfileVersion changes from {old} to {new}");
        found.push(Objection::ask(&Needle::of("\"lockfileVersion\""), reason));
    }
    let (Ok(old), Ok(new)) = (packages(before), packages(after)) else { return found };
    let old: HashMap<&str, &Tree> =
        old.iter().map(|(place, package)| (place.as_str(), package)).collect();
    let aliases = aliases(new);
    for (place, package) in new {
        let was = old.get(place.as_str()).copied();
        let needle = Needle::of(format!("\"{place}\""));
        match place_name(place) {
            None => {
                let path = beside(path, place, "package.json");
                found.extend(own(&path, (was, package), manifests));
            }
            Some(called) => {
                found.extend(names(called, (was, package), &needle, &aliases));
                found.extend(was.and_then(|was| kept(was, package, &needle)));
            }
        }
    }
    found.extend(gone(path, manifests, new));
    let known: BTreeSet<String> = legacy::disagreements(before).into_iter().collect();
    let new = legacy::disagreements(after);
    found.extend(new.into_iter().filter(|one| !known.contains(one)).map(|one| {
        let place = one.split('`').nth(1).unwrap_or_default().to_owned();
        let name = place_name(&place).unwrap_or(&place).to_owned();
        Objection::deny(&Needle::of(format!("\"{name}\"")), one)
    }));
    found
}

/// One of the project's own packages: its requirements are those of its manifest.
fn own(path: &str, (was, now): (Option<&Tree>, &Tree), manifests: &Manifests) -> Vec<Objection> {
    let mut found = Vec::new();
    let manifest = manifests.at(path);
    for table in TABLES {
        let get = |tree: Option<&Tree>, name: &str| -> Option<String> {
            Some(tree?.get(table)?.text_at(name)?.to_owned())
        };
        let listed = |tree: Option<&'_ Tree>| -> BTreeSet<String> {
            let table = tree.and_then(|tree| tree.get(table)).map(Tree::table).unwrap_or_default();
            table.iter().map(|(name, _)| name.clone()).collect()
        };
        for name in listed(was).union(&listed(Some(now))) {
            let (old, new) = (get(was, name), get(Some(now), name));
            if old == new {
                continue;
            }
            let needle = Needle::of(format!("\"{name}\""));
            let place = format!("{table}.{}", name.escape_debug());
            match manifest {
                Some(manifest) if get(Some(manifest), name) == new => {}
                Some(_) => {
                    let reason = format!("`{place}` is not what `{path}` says");
                    found.push(Objection::deny(&needle, reason));
                }
                None => {
                    let reason = format!("`{place}` changes, and `{path}` does not");
                    found.push(Objection::ask(&needle, reason));
                }
            }
        }
    }
    found
}

/// Requirements that a manifest raised and the lock does not repeat.
fn gone(path: &RepoPath, manifests: &Manifests, new: &[(String, Tree)]) -> Vec<Objection> {
    let mut found = Vec::new();
    for (place, package) in new.iter().filter(|(place, _)| place_name(place).is_none()) {
        let path = beside(path, place, "package.json");
        for (table, name, requirement) in manifests.raised_at(&path) {
            let said = package.get(table).and_then(|table| table.text_at(name));
            if said.is_some_and(|said| said != *requirement) {
                let needle = Needle::of(format!("\"{name}\""));
                let name = name.escape_debug();
                let reason = format!("`{table}.{name}` is not what `{path}` says");
                found.push(Objection::deny(&needle, reason));
            }
        }
    }
    found
}

/// Real names that requirements give to aliases: `"lo": "npm:lodash@4"`.
fn aliases(packages: &[(String, Tree)]) -> BTreeSet<(&str, &str)> {
    let mut aliases = BTreeSet::new();
    for (_, package) in packages {
        for table in TABLES {
            for (alias, range) in package.get(table).map(Tree::table).unwrap_or_default() {
                let Some(rest) = range.text().and_then(|text| text.strip_prefix("npm:")) else {
                    continue;
                };
                let name = match rest.rsplit_once('@') {
                    Some((name, _)) if !name.is_empty() => name,
                    _ => rest,
                };
                aliases.insert((alias.as_str(), name));
            }
        }
    }
    aliases
}

/// The package that stands at a place is the one that the place is called after.
fn names(
    called: &str,
    (was, now): (Option<&Tree>, &Tree),
    needle: &Needle,
    aliases: &BTreeSet<(&str, &str)>,
) -> Vec<Objection> {
    let mut found = Vec::new();
    let name = now.text_at("name").unwrap_or(called);
    let is_new = was.is_none_or(|was| was.text_at("name").unwrap_or(called) != name);
    if is_new && name != called && !aliases.contains(&(called, name)) {
        let reason = format!(
            "`{}` stands in the place of `{}`, and nothing asks for it there",
            name.escape_debug(),
            called.escape_debug()
        );
        found.push(Objection::deny(needle, reason));
    }
    let same = |key: &str| was.is_some_and(|was| was.get(key) == now.get(key));
    let Some(resolved) = now.text_at("resolved").filter(|url| address::is_web(url)) else {
        return found;
    };
    if same("resolved") && same("version") && !is_new {
        return found;
    }
    let shown = resolved.escape_debug();
    let version = now.text_at("version").unwrap_or_default();
    if !address::is_of(resolved, name) {
        let reason =
            format!("the address of `{}` is another package's: `{shown}`", name.escape_debug());
        // Few registries put archives where their addresses do not name the package.
        let odd = was.is_some_and(|was| {
            was.text_at("resolved").is_some_and(|url| !address::is_of(url, name))
        });
        found.push(if odd {
            Objection::ask(needle, reason)
        } else {
            Objection::deny(needle, reason)
        });
    } else if !address::is_version(resolved, name, version) {
        let reason = format!(
            "the address of `{} {}` is of another version: `{shown}`",
            name.escape_debug(),
            version.escape_debug()
        );
        found.push(Objection::deny(needle, reason));
    }
    found
}

/// A package whose version stays keeps what it asks for.
fn kept(was: &Tree, now: &Tree, needle: &Needle) -> Option<Objection> {
    let same = |key: &str| was.get(key) == now.get(key);
    if !(same("version") && same("name")) {
        return None;
    }
    let table = ["dependencies", "optionalDependencies", "peerDependencies", "bin"]
        .into_iter()
        .find(|key| {
            let entries = |tree: &Tree| -> BTreeSet<String> {
                let table = tree.get(key).map(Tree::table).unwrap_or_default();
                table.iter().map(|(name, value)| format!("{name} {value:?}")).collect()
            };
            entries(was) != entries(now)
        });
    if let Some(table) = table {
        let reason = format!("its `{table}` change, its version does not");
        return Some(Objection::ask(needle, reason));
    }
    for key in ["hasInstallScript", "inBundle", "link"] {
        if now.get(key).is_some() && !same(key) {
            let reason = format!("its `{key}` changes, its version does not");
            return Some(Objection::ask(needle, reason));
        }
    }
    None
}
