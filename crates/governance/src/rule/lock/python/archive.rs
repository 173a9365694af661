//! Which package and version the name of a Python archive says.
//!
//! Sources: wheels by PEP 427, source archives by PEP 625 and as they were named before it; names compare by
//! PEP 503 and versions by PEP 440.

use std::collections::BTreeSet;
use std::str::FromStr as _;

use domain::dependency::Ecosystem;
use pep440_rs::Version;

use super::Objection;
use crate::dependency_file::same_name;
use crate::rule::lock::address;
use crate::rule::lock::entry::Needle;
use crate::tree::Tree;

/// The longest name of a file that is read, in bytes.
const NAME_BYTES_MAX: usize = 512;

/// How source archives end: now the first, and formerly.
const SOURCE: [&str; 7] = [".tar.gz", ".zip", ".tgz", ".tar.bz2", ".tar.xz", ".tar.z", ".tar"];

/// Files that a lock gives to a registry's package and whose names are another's, as far as they are new.
pub(super) fn of_others(before: &Tree, after: &Tree) -> Vec<Objection> {
    let old: BTreeSet<_> = files(before).collect();
    let mut found = Vec::new();
    for (package, version, url) in files(after).filter(|file| !old.contains(file)) {
        if is_of(url, package, version) {
            continue;
        }
        let needle = Needle {
            first: format!("name = \"{package}\""),
            second: format!("version = \"{version}\""),
            before: false,
        };
        let reason = format!(
            "a file of `{} {}` is named as another package or version: `{}`",
            package.escape_debug(),
            version.escape_debug(),
            url.escape_debug()
        );
        found.push(Objection::deny(&needle, reason));
    }
    found
}

/// Name, version and address of each file of a registry's packages.
fn files(tree: &Tree) -> impl Iterator<Item = (&str, &str, &str)> {
    let packages = tree.get("package").map(Tree::list).unwrap_or_default();
    packages.iter().flat_map(|package| {
        let source = package.get("source").map(Tree::table).unwrap_or_default();
        let served = source.first().is_some_and(|(kind, _)| kind == "registry");
        let wheels = package.get("wheels").map(Tree::list).unwrap_or_default();
        let all = wheels.iter().chain(package.get("sdist")).filter(move |_| served);
        let name = package.text_at("name").unwrap_or_default();
        let version = package.text_at("version").unwrap_or_default();
        all.filter_map(move |file| {
            let url = file.text_at("url").or_else(|| file.text_at("path"))?;
            Some((name, version, url))
        })
    })
}

/// Whether the last part of an address names an archive of this package and version.
pub(in crate::rule::lock) fn is_of(url: &str, package: &str, version: &str) -> bool {
    let path = url.split(['?', '#']).next().unwrap_or(url);
    let Some(file) = address::decoded(path.rsplit('/').next().unwrap_or(path)) else {
        return false;
    };
    let Ok(version) = Version::from_str(version) else { return false };
    if file.len() > NAME_BYTES_MAX || file.contains('/') {
        return false;
    }
    let package = same_name(Ecosystem::Python, package);
    match file.strip_suffix(".whl") {
        Some(stem) => is_wheel(stem, &package, &version),
        None => is_source(&file, &package, &version),
    }
}

/// `NAME-VERSION(-BUILD)?-PYTHON-ABI-PLATFORM`
fn is_wheel(stem: &str, package: &str, version: &Version) -> bool {
    let parts: Vec<&str> = stem.split('-').collect();
    let (name, of, build) = match parts.as_slice() {
        [name, of, _, _, _] => (name, of, None),
        [name, of, build, _, _, _] => (name, of, Some(build)),
        _ => return false,
    };
    let built = build.is_none_or(|build| build.starts_with(|c: char| c.is_ascii_digit()));
    built
        && same_name(Ecosystem::Python, name) == package
        && parsed(of).is_some_and(|of| of == *version || of.without_local() == *version)
}

/// `NAME-VERSION.tar.gz`, where formerly both might hold a dash.
fn is_source(file: &str, package: &str, version: &Version) -> bool {
    let lower = file.to_ascii_lowercase();
    let Some(stem) = SOURCE.iter().find_map(|end| lower.strip_suffix(end)) else { return false };
    stem.match_indices('-').any(|(at, _)| {
        let (name, of) = stem.split_at(at);
        let of = of.strip_prefix('-').unwrap_or(of);
        same_name(Ecosystem::Python, name) == package
            && parsed(of).is_some_and(|of| of == *version || of.without_local() == *version)
    })
}

/// A version as files write it: `_` may stand for what a file's name cannot hold.
fn parsed(text: &str) -> Option<Version> {
    Version::from_str(text).or_else(|_| Version::from_str(&text.replace('_', "-"))).ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::is_of;

    #[test]
    fn an_archive_is_of_the_package_and_version_that_its_name_says() {
        for (file, package, version) in [
            ("Foo_Bar-1.0-py3-none-any.whl", "foo-bar", "1.0"),
            ("foo.bar-1.0.0-py2.py3-none-any.whl", "foo-bar", "1.0"),
            (
                "foo_bar-1.0-2abc-cp311-cp311-manylinux_2_17_x86_64.manylinux2014_x86_64.whl",
                "foo-bar",
                "1.0",
            ),
            ("torch-2.0.1%2Bcpu-cp311-cp311-linux_x86_64.whl", "torch", "2.0.1+cpu"),
            ("torch-2.0.1+cpu-cp311-cp311-linux_x86_64.whl", "torch", "2.0.1"),
            ("a-1!2.0rc1-py3-none-any.whl", "a", "1!2.0rc1"),
            ("a-1.0_1-py3-none-any.whl", "a", "1.0.post1"),
            ("foo_bar-1.0.tar.gz", "foo-bar", "1.0"),
            ("foo-bar-1.0.zip", "foo-bar", "1.0"),
            ("Foo.Bar-1.0.tar.bz2", "foo-bar", "1.0"),
            ("a-1.0-1.tar.gz", "a", "1.0.post1"),
            ("pytz-2024.1.tar.gz?x=1#sha256=0", "pytz", "2024.1"),
        ] {
            assert!(is_of(&format!("https://x.invalid/p/{file}"), package, version), "{file}");
        }
    }

    #[test]
    fn an_archive_of_another_package_or_version_is_none_of_this_one() {
        for (file, package, version) in [
            ("evil-1.0-py3-none-any.whl", "foo", "1.0"),
            ("foo-1.0.1-py3-none-any.whl", "foo", "1.0"),
            ("foo_bar-1.0-py3-none-any.whl", "foo", "1.0"),
            ("foo-1.0-x-py3-none-any.whl", "foo", "1.0"),
            ("foo-1.0.whl", "foo", "1.0"),
            ("foo-2.0+cpu-py3-none-any.whl", "foo", "2.0+cuda"),
            ("foo-1.0.tar.gz", "foo", "1.0.1"),
            ("foo-bar-1.0.tar.gz", "foo", "1.0"),
            ("foo-bar-1.0.tar.gz", "bar", "1.0"),
            ("foo-1.0.exe", "foo", "1.0"),
            ("foo-1.0%2f..%2fevil-1.0.tar.gz", "foo", "1.0"),
            ("%66oo-1.0.tar.gz", "foo", "1.0"),
            ("", "foo", "1.0"),
        ] {
            assert!(
                !is_of(&format!("https://x.invalid/foo-1.0/{file}"), package, version),
                "{file}"
            );
        }
    }

    proptest! {
        #[test]
        fn no_name_makes_it_panic(url in ".*", package in ".*", version in "[0-9a-z.!+-]{0,9}") {
            is_of(&url, &package, &version);
            is_of(&format!("{package}-{version}{url}.whl"), &package, &version);
            is_of(&format!("{package}-{version}.tar.gz"), &package, &version);
        }
    }
}
