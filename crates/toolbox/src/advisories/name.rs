//! Names of packages and ecosystems as advisories write them, made comparable.

use std::borrow::Cow;

use domain::dependency::Ecosystem;

/// The ecosystem of an OSV `ecosystem` field, any `:suffix` left out; `None` for those that hob does not know.
/// Source: the OSV schema, "affected\[\].package field".
pub(super) fn ecosystem(text: &str) -> Option<Ecosystem> {
    let base = text.split(':').next().unwrap_or(text).trim();
    if base.eq_ignore_ascii_case("crates.io") {
        Some(Ecosystem::Cargo)
    } else if base.eq_ignore_ascii_case("npm") {
        Some(Ecosystem::Npm)
    } else if base.eq_ignore_ascii_case("pypi") {
        Some(Ecosystem::Python)
    } else {
        None
    }
}

/// A package's name such that two spellings of one package are equal.
///
/// - cargo: case and `-`/`_` do not tell two crates of the registry apart;
/// - npm: the exact name (old packages differ in case alone), a percent-encoded scope decoded;
/// - python: PEP 503.
pub fn normalised(ecosystem: Ecosystem, name: &str) -> String {
    let name = name.trim();
    match ecosystem {
        Ecosystem::Cargo => name.to_lowercase().replace('_', "-"),
        Ecosystem::Npm => decode_scope(name).into_owned(),
        Ecosystem::Python => {
            let mut out = String::with_capacity(name.len());
            for c in name.chars() {
                if matches!(c, '-' | '_' | '.') {
                    if !out.ends_with('-') {
                        out.push('-');
                    }
                } else {
                    out.extend(c.to_lowercase());
                }
            }
            out
        }
    }
}

fn decode_scope(name: &str) -> Cow<'_, str> {
    if name.contains('%') {
        Cow::Owned(name.replace("%40", "@").replace("%2F", "/").replace("%2f", "/"))
    } else {
        Cow::Borrowed(name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spellings_of_one_package_are_equal_and_of_two_are_not() {
        use Ecosystem::{Cargo, Npm, Python};
        assert_eq!(normalised(Python, "Zope.Interface__x"), "zope-interface-x");
        assert_eq!(normalised(Cargo, "Serde_JSON"), normalised(Cargo, "serde-json"));
        assert_eq!(normalised(Npm, "%40angular%2Fcore"), "@angular/core");
        assert_ne!(normalised(Npm, "JSONStream"), normalised(Npm, "jsonstream"));
    }

    #[test]
    fn an_ecosystem_may_carry_a_suffix() {
        assert_eq!(ecosystem("PyPI:extra"), Some(Ecosystem::Python));
        assert_eq!(ecosystem("crates.io"), Some(Ecosystem::Cargo));
        assert_eq!(ecosystem("Debian:12"), None);
    }
}
