//! `pyproject.toml`: which of its keys are version requirements.
//!
//! Sources: PEP 621, PEP 735, and uv's own lists of constraints.

use std::str::FromStr as _;

use pep508_rs::{Requirement, VerbatimUrl, VersionOrUrl};

use super::{Raised, otherwise};
use crate::tree::{Difference, Tree};

/// The longest requirement that is parsed, in bytes.
const REQUIREMENT_BYTES_MAX: usize = 4096;

pub(super) fn read(_: &Tree, difference: &Difference<'_>) -> Result<Raised, String> {
    match difference.keys().as_slice() {
        ["project", "dependencies", _]
        | ["project", "optional-dependencies", _, _]
        | ["dependency-groups", _, _]
        | [
            "tool",
            "uv",
            "constraint-dependencies" | "override-dependencies" | "dev-dependencies",
            _,
        ] => {}
        _ => return Err(otherwise(difference)),
    }
    let Some((old, new)) = difference.texts() else { return Err(otherwise(difference)) };
    raised(old, new)
}

/// Two PEP 508 requirements that may differ in their versions only.
pub(super) fn raised(old: &str, new: &str) -> Result<Raised, String> {
    let (old, new) = (parse(old)?, parse(new)?);
    if old.name != new.name {
        return Err(format!("`{}` is put in the place of `{}`", new.name, old.name));
    }
    if old.extras != new.extras {
        return Err(format!("the extras of `{}` change", new.name));
    }
    if old.marker != new.marker {
        return Err(format!("the marker of `{}` changes", new.name));
    }
    for requirement in [&old, &new] {
        if let Some(VersionOrUrl::Url(_)) = requirement.version_or_url {
            return Err(format!(
                "`{}` is from an address, which is not the registry's to raise",
                new.name
            ));
        }
    }
    let requirement = match &new.version_or_url {
        Some(VersionOrUrl::VersionSpecifier(versions)) => versions.to_string(),
        Some(VersionOrUrl::Url(_)) | None => String::new(),
    };
    Ok(Raised { package: new.name.to_string(), requirement })
}

/// `pep508_rs` 0.9.2 takes `name.` and `name[extra-]` for granted and panics on them.
fn names_are_whole(text: &str) -> bool {
    let loose = |c: char| matches!(c, '.' | '-' | '_');
    let of_name = |c: char| c.is_ascii_alphanumeric() || loose(c);
    let text = text.trim_start();
    let rest = text.trim_start_matches(of_name);
    let name = text.strip_suffix(rest).unwrap_or(text);
    let extras = rest.trim_start().strip_prefix('[').and_then(|rest| rest.split(']').next());
    !name.ends_with(loose)
        && extras.unwrap_or_default().split(',').all(|extra| {
            let extra = extra.trim();
            let rest = extra.trim_start_matches(of_name);
            !extra.strip_suffix(rest).unwrap_or(extra).ends_with(loose)
        })
}

fn parse(text: &str) -> Result<Requirement<VerbatimUrl>, String> {
    if text.len() > REQUIREMENT_BYTES_MAX {
        return Err(format!("a requirement is longer than {REQUIREMENT_BYTES_MAX} bytes"));
    }
    if !names_are_whole(text) {
        return Err(format!("`{}` is no requirement: a loose end of a name", text.escape_debug()));
    }
    Requirement::from_str(text)
        .map_err(|error| format!("`{}` is no requirement: {}", text.escape_debug(), error.message))
}
