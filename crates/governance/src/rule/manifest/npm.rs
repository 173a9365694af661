//! `package.json`: which of its keys are version requirements.
//!
//! Source: <https://docs.npmjs.com/cli/configuring-npm/package-json>.

use domain::dependency::Ecosystem;

use super::{Raised, otherwise, specifier};
use crate::tree::{Difference, Tree};

/// The tables of requirements, as `package.json` and a lock's own packages have them.
pub(crate) const TABLES: [&str; 4] =
    ["dependencies", "devDependencies", "optionalDependencies", "peerDependencies"];

pub(super) fn read(_: &Tree, difference: &Difference<'_>) -> Result<Raised, String> {
    let keys = difference.keys();
    let key = match keys.as_slice() {
        [table, name] if TABLES.contains(table) => *name,
        // `"overrides": {"a": {"b@1": "2", ".": "3"}}`: the version is for the last key that names a package.
        ["overrides", path @ ..] => match path {
            [.., parent, "."] => selected(parent),
            [.., last] => selected(last),
            [] => return Err(otherwise(difference)),
        },
        _ => return Err(otherwise(difference)),
    };
    let Some((old, new)) = difference.texts() else { return Err(otherwise(difference)) };
    let (was, old) = aliased(key, old);
    let (package, new) = aliased(key, new);
    if was != package {
        return Err("another package is put in its place".to_owned());
    }
    for text in [old, new] {
        if !specifier::is_requirement(Ecosystem::Npm, text) {
            return Err(format!("`{}` is no version range", text.escape_debug()));
        }
    }
    Ok(Raised { package: package.to_owned(), requirement: new.to_owned() })
}

/// The package that a key of `overrides` selects: `name` or `name@range`.
fn selected(key: &str) -> &str {
    match key.rsplit_once('@') {
        Some((name, _)) if !name.is_empty() => name,
        _ => key,
    }
}

/// The package and the range: `npm:other@1` is a range of `other`.
fn aliased<'t>(key: &'t str, text: &'t str) -> (&'t str, &'t str) {
    match text.strip_prefix("npm:") {
        None => (key, text),
        Some(rest) => match rest.rsplit_once('@') {
            Some((name, range)) if !name.is_empty() => (name, range),
            _ => (rest, ""),
        },
    }
}
