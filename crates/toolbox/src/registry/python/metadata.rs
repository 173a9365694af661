//! Reads what a wheel's core metadata says of requirements.
//!
//! The format: <https://packaging.python.org/en/latest/specifications/core-metadata/>.

use crate::dependencies::python::{requirement, version};
use crate::registry::RegistryError;

/// The longest metadata, in bytes; a description is part of it.
const METADATA_MAX_BYTES: usize = 4 * 1024 * 1024;
/// The most requirements of one version.
const REQUIREMENTS_MAX: usize = 2_000;

/// What a version requires, as (normalised name, range). What is asked for by an extra only, and what comes from
/// an address, is left out; other markers are not looked at, so one package may stand here in several ranges.
pub(super) fn requires(package: &str, body: &[u8]) -> Result<Vec<(String, String)>, RegistryError> {
    let garbage = |reason: &str| RegistryError::Garbage {
        package: package.to_owned(),
        reason: format!("the metadata of one of its versions {reason}"),
    };
    if body.len() > METADATA_MAX_BYTES {
        return Err(garbage("is too long"));
    }
    let text = String::from_utf8_lossy(body);
    if !text.contains("Metadata-Version:") {
        return Err(garbage("is none"));
    }
    let headers = text.lines().take_while(|line| !line.trim_end().is_empty());
    let mut requires = Vec::new();
    for line in headers {
        let Some((name, value)) = line.split_once(':') else { continue };
        if !name.eq_ignore_ascii_case("requires-dist") {
            continue;
        }
        if requires.len() == REQUIREMENTS_MAX {
            return Err(garbage("has too many requirements"));
        }
        // What pip would refuse too excludes nothing.
        let Ok(one) = requirement::parse(value.trim()) else { continue };
        let of_extra = value.split_once(';').is_some_and(|(_, marker)| marker.contains("extra"));
        if of_extra {
            continue;
        }
        let range = match one.version_or_url {
            None => String::new(),
            Some(pep508_rs::VersionOrUrl::VersionSpecifier(range)) => range.to_string(),
            Some(pep508_rs::VersionOrUrl::Url(_)) => continue,
        };
        requires.extend(version::normalised(one.name.as_ref()).map(|name| (name, range)));
    }
    Ok(requires)
}
