//! A lock file changes with a named update, and keeps its sources and its checksums.

use std::collections::{BTreeMap, BTreeSet};

use domain::agent::Semantic;
use domain::change::FileChange;
use domain::finding::{Finding, Severity};

use super::Rule;
use crate::case::{Case, finding};
use crate::dependency_file::DependencyFile;
use crate::diff;
use crate::tree::Tree;

pub(super) const RULE: Rule = Rule {
    id: "lock",
    about: "With `dependency-versions-only`, a lock file changes with a named update, and keeps its sources and checksums.",
    check,
};

/// What a lock file says of where packages are from and what they hold.
#[derive(Debug, Default)]
struct Facts {
    /// Scheme and host of every source, or the whole source where it has no host.
    origins: BTreeSet<String>,
    /// The checksum of each package, by name or place, version and source.
    checksums: BTreeMap<String, Option<String>>,
}

fn check(case: &Case<'_>) -> Vec<Finding> {
    match case.scope.semantic {
        Some(Semantic::DependencyVersionsOnly) => {}
        None => return Vec::new(),
    }
    let locks = case.change.files.iter().filter_map(|file| {
        let kind = DependencyFile::of(file.path.as_str())?;
        kind.is_lock().then_some((file, kind))
    });
    locks.flat_map(|(file, kind)| of_file(case, file, kind)).collect()
}

fn of_file(case: &Case<'_>, file: &FileChange, kind: DependencyFile) -> Vec<Finding> {
    // A new or deleted lock file is denied by the rule `manifest`.
    let (Some(before), Some(after)) = (&file.before, &file.after) else { return Vec::new() };
    let (Some(before), Some(after)) = (before.text(), after.text()) else {
        let reason = "cannot be read as text, so it cannot be judged";
        return vec![finding(RULE.id, Severity::Deny, Some(&file.path), None, reason)];
    };
    let mut reasons: Vec<(String, String)> = Vec::new();
    if !case.updates.iter().any(|update| update.ecosystem == kind.ecosystem()) {
        reasons
            .push((String::new(), "changes, and no update of its ecosystem is named".to_owned()));
    }
    match (facts(kind, before), facts(kind, after)) {
        (Ok(before), Ok(after)) => reasons.extend(compare(&before, &after)),
        (Err(error), _) | (_, Err(error)) => {
            reasons.push((String::new(), format!("cannot be read: {error}")));
        }
    }
    let put = |(needle, reason): (String, String)| {
        let line = diff::place(before, after, &needle);
        finding(RULE.id, Severity::Deny, Some(&file.path), line, reason)
    };
    reasons.into_iter().map(put).collect()
}

fn compare(before: &Facts, after: &Facts) -> Vec<(String, String)> {
    let mut reasons = Vec::new();
    for origin in after.origins.difference(&before.origins) {
        // A lock that named no origin at all may start to name one, over TLS.
        let first = before.origins.is_empty() && after.origins.len() == 1;
        if !(first && origin.starts_with("https://")) {
            let shown = origin.escape_debug();
            reasons.push((origin.clone(), format!("a source that no entry had before: `{shown}`")));
        }
    }
    let had = before.checksums.values().filter(|sum| sum.is_some()).count();
    let all = had > 0 && had == before.checksums.len();
    for (package, sum) in &after.checksums {
        let (shown, needle) = (package.escape_debug(), sum.clone().unwrap_or_default());
        match (before.checksums.get(package), sum) {
            (Some(Some(was)), now) if Some(was) != now.as_ref() => {
                reasons.push((
                    needle,
                    format!("the checksum of `{shown}` changes, its version does not"),
                ));
            }
            (None, None) if all => reasons.push((needle, format!("`{shown}` has no checksum"))),
            _ => {}
        }
    }
    reasons
}

fn facts(kind: DependencyFile, text: &str) -> Result<Facts, String> {
    let mut facts = Facts::default();
    if kind == DependencyFile::NpmLock {
        let tree = Tree::from_json(text)?;
        let packages =
            tree.get("packages").ok_or("it has no `packages` (lockfileVersion 2 or 3)")?;
        for (place, package) in packages.table() {
            let bundled = package.get("inBundle").is_some() || package.get("link").is_some();
            if bundled || !place.contains("node_modules/") {
                continue;
            }
            npm(&mut facts, place, package);
        }
        if let Some(old) = tree.get("dependencies") {
            old_npm(&mut facts, old);
        }
        return Ok(facts);
    }
    let tree = Tree::from_toml(text)?;
    for package in tree.get("package").map(Tree::list).unwrap_or_default() {
        let word = |key: &str| package.text_at(key).unwrap_or_default().to_owned();
        let id = format!("{} {}", word("name"), word("version"));
        if kind == DependencyFile::CargoLock {
            if let Some(source) = package.text_at("source") {
                facts.origins.insert(source.split('#').next().unwrap_or(source).to_owned());
                if !source.starts_with("git+") {
                    facts.checksums.insert(id, package.text_at("checksum").map(str::to_owned));
                }
            }
            continue;
        }
        for (key, value) in package.get("source").map(Tree::table).unwrap_or_default() {
            facts.origins.insert(format!("{key} {}", value.text().unwrap_or_default()));
        }
        let wheels = package.get("wheels").map(Tree::list).unwrap_or_default();
        for file in wheels.iter().chain(package.get("sdist")) {
            let url = file.text_at("url").unwrap_or_default();
            facts.origins.insert(origin(url));
            facts.checksums.insert(format!("{id} {url}"), file.text_at("hash").map(str::to_owned));
        }
    }
    Ok(facts)
}

fn npm(facts: &mut Facts, place: &str, package: &Tree) {
    let resolved = package.text_at("resolved");
    facts.origins.extend(resolved.map(origin));
    let version = package.text_at("version").unwrap_or_default();
    let sum = package.text_at("integrity").map(str::to_owned);
    facts.checksums.insert(format!("{place} {version}"), sum);
}

/// The tree that older versions of npm read.
fn old_npm(facts: &mut Facts, dependencies: &Tree) {
    for (_, package) in dependencies.table() {
        facts.origins.extend(package.text_at("resolved").map(origin));
        let version = package.text_at("version").unwrap_or_default();
        if version.contains(':') && !version.starts_with("npm:") {
            facts.origins.insert(version.to_owned());
        }
        if let Some(inner) = package.get("dependencies") {
            old_npm(facts, inner);
        }
    }
}

/// Scheme and host of an address; all of it where it has none.
fn origin(url: &str) -> String {
    match url.split_once("://") {
        Some((scheme, rest)) => format!("{scheme}://{}", rest.split('/').next().unwrap_or(rest)),
        None => url.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use domain::finding::Decision::{self, Allow, Deny};

    use crate::sample::Sample;

    #[track_caller]
    fn check(path: &str, (before, from, to): (&str, &str, &str), expected: Decision) {
        let sample = Sample::default().file(path, before, &before.replace(from, to));
        let verdict = sample.named("a", "1.1.0").judged("lock");
        assert_eq!(verdict.decision, expected, "{from} -> {to}: {:#?}", verdict.findings);
    }

    const CARGO: &str = "version = 3\n[[package]]\nname = \"a\"\nversion = \"1.0.0\"\nsource = \"registry+https://x.invalid/i\"\nchecksum = \"aa\"\n";
    const NPM: &str = r#"{"lockfileVersion": 3, "packages": {"": {}, "node_modules/a": {"version": "1.0.0", "resolved": "https://x.invalid/a/-/a-1.0.0.tgz", "integrity": "sha512-aa"}}}"#;

    #[test]
    fn a_version_moves_with_its_checksum() {
        check("Cargo.lock", (CARGO, "1.0.0\"\nsource", "1.1.0\"\nsource"), Allow);
        check("Cargo.lock", (CARGO, "version = 3", "version = 4"), Allow);
        check("package-lock.json", (NPM, "1.0.0", "1.1.0"), Allow);
    }

    #[test]
    fn other_sources_and_checksums_are_denied() {
        for (from, to) in [
            ("aa", "bb"),
            ("registry+https://x", "registry+https://y"),
            ("registry+", "git+"),
            ("[[package]]", "[[package"),
        ] {
            check("Cargo.lock", (CARGO, from, to), Deny);
        }
        check(
            "Cargo.lock",
            (
                CARGO,
                "1.0.0\"\nsource = \"registry+https://x.invalid/i\"\nchecksum = \"aa\"",
                "1.1.0\"\nsource = \"registry+https://x.invalid/i\"",
            ),
            Deny,
        );
        for (from, to) in [
            ("sha512-aa", "sha512-bb"),
            ("https://x", "https://y"),
            ("https:", "http:"),
            ("https://x.invalid/a", "git+ssh://x.invalid/a"),
            ("\"version\"", "\"version\": \"2\", \"version\""),
        ] {
            check("package-lock.json", (NPM, from, to), Deny);
        }
    }

    #[test]
    fn a_lock_does_not_change_without_an_update() {
        let sample = Sample::default().file("Cargo.lock", CARGO, &CARGO.replace("1.0.0", "1.1.0"));
        assert_eq!(sample.judged("lock").decision, Deny);
    }
}
