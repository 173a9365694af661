//! The tree of `dependencies` that older versions of npm read beside `packages`: both must say the same.

use std::collections::BTreeMap;

use super::{packages, place_name};
use crate::tree::Tree;

/// Where the two disagree, in sentences; nothing where there is no such tree.
pub(super) fn disagreements(tree: &Tree) -> Vec<String> {
    let (Some(old), Ok(packages)) = (tree.get("dependencies"), packages(tree)) else {
        return Vec::new();
    };
    let mut listed = BTreeMap::new();
    list("", old, &mut listed);
    let mut found = Vec::new();
    for (place, package) in packages {
        // Those inside workspaces stand elsewhere in the old tree, and npm does not place all of them.
        if !place.starts_with(super::FOLDER) || place_name(place).is_none() {
            listed.remove(place.as_str());
            continue;
        }
        let shown = place.escape_debug();
        match listed.remove(place.as_str()) {
            None => found.push(format!("`{shown}` is in `packages` and not in `dependencies`")),
            Some(old) => {
                if let Some(key) = differing(old, package) {
                    found.push(format!(
                        "`{shown}`: `dependencies` and `packages` differ in `{key}`"
                    ));
                }
            }
        }
    }
    let rest = listed.into_keys().map(|place| {
        format!("`{}` is in `dependencies` and not in `packages`", place.escape_debug())
    });
    found.extend(rest);
    found
}

fn list<'t>(place: &str, dependencies: &'t Tree, listed: &mut BTreeMap<String, &'t Tree>) {
    for (name, package) in dependencies.table() {
        let slash = if place.is_empty() { "" } else { "/" };
        let here = format!("{place}{slash}{}{name}", super::FOLDER);
        if here.len() > super::PLACE_BYTES_MAX {
            continue;
        }
        if let Some(inner) = package.get("dependencies") {
            list(&here, inner, listed);
        }
        listed.insert(here, package);
    }
}

fn differing(old: &Tree, package: &Tree) -> Option<&'static str> {
    if package.get("link").is_some() {
        return None;
    }
    let version = old.text_at("version").unwrap_or_default();
    // An alias says `npm:NAME@VERSION`, what is not from a registry its address.
    let same_version = if let Some(alias) = version.strip_prefix("npm:") {
        let name = package.text_at("name").unwrap_or_default();
        alias.strip_prefix(name).and_then(|rest| rest.strip_prefix('@'))
            == package.text_at("version")
    } else if version.contains(':') {
        let resolved = package.text_at("resolved");
        resolved.is_none_or(|resolved| resolved == version)
    } else {
        Some(version) == package.text_at("version")
    };
    if !same_version {
        return Some("version");
    }
    let differs = |key: &&str| old.get(key).is_some() && old.text_at(key) != package.text_at(key);
    ["resolved", "integrity"].into_iter().find(differs)
}
