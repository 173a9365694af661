//! `Cargo.toml`: which of its keys are version requirements.
//!
//! Source: <https://doc.rust-lang.org/cargo/reference/specifying-dependencies.html>.

use domain::dependency::Ecosystem;

use super::{Raised, otherwise, specifier};
use crate::tree::{Difference, Tree};

/// The tables that hold dependencies; cargo still reads the forms with underscores.
const TABLES: [&str; 5] = [
    "dependencies",
    "dev-dependencies",
    "build-dependencies",
    "dev_dependencies",
    "build_dependencies",
];

pub(super) fn read(after: &Tree, difference: &Difference<'_>) -> Result<Raised, String> {
    let keys = difference.keys();
    let rest = match keys.as_slice() {
        ["target", _, table, rest @ ..] | ["workspace", table, rest @ ..] | [table, rest @ ..]
            if TABLES.contains(table) =>
        {
            rest
        }
        ["package", "rust-version" | "build" | "links" | "edition", ..]
        | ["patch" | "replace", ..] => {
            return Err(
                "decides how the package is built or what replaces what; only people change it"
                    .to_owned(),
            );
        }
        _ => return Err(otherwise(difference)),
    };
    let name = match rest {
        [name] | [name, "version"] => *name,
        _ => return Err(otherwise(difference)),
    };
    let Some((old, new)) = difference.texts() else { return Err(otherwise(difference)) };
    for text in [old, new] {
        if !specifier::is_requirement(Ecosystem::Cargo, text) {
            return Err(format!("`{}` is no version requirement", text.escape_debug()));
        }
    }
    let entry = match rest {
        [_] => None,
        _ => after.at(&difference.path[..difference.path.len() - 1]),
    };
    for key in ["git", "path"] {
        if entry.is_some_and(|entry| entry.get(key).is_some()) {
            return Err(format!("is from `{key}`, which is not the registry's to raise"));
        }
    }
    let package = entry.and_then(|entry| entry.text_at("package")).unwrap_or(name);
    Ok(Raised { package: package.to_owned(), requirement: new.to_owned() })
}
