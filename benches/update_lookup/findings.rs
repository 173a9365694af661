//! Which package has which newest version, as hob and as Renovate say it.

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::error::Error;

use domain::dependency::Ecosystem as Kind;
use serde_json::Value;
use testkit::measure;
use toolbox::dependencies::{self, Ecosystem};

/// The newest version of each package that has a newer one, by ecosystem and name.
pub(crate) type Findings = BTreeMap<(String, String), String>;

/// Reads what hob's look-up printed.
pub(crate) fn of_lines(text: &str) -> Findings {
    let found = |line: &str| {
        let mut parts = line.split('\t').map(str::to_owned);
        Some(((parts.next()?, parts.next()?), parts.next()?))
    };
    text.lines().filter_map(found).collect()
}

/// Reads Renovate's log: one JSON value a line, of which one tells of all packages.
pub(crate) fn of_renovate(log: &str) -> Result<Findings, Box<dyn Error>> {
    let mut lines = log.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let told = lines.rfind(|line| line["msg"] == "packageFiles with updates");
    let told = told.ok_or_else(|| {
        let tail: Vec<&str> = log.lines().rev().take(3).collect();
        format!("Renovate found nothing; its last words: {}", tail.join("\n"))
    })?;
    let ecosystems = dependencies::all();
    let mut findings = Findings::new();
    for (manager, files) in told["config"].as_object().into_iter().flatten() {
        let kind = match manager.as_str() {
            "cargo" => Kind::Cargo,
            "npm" => Kind::Npm,
            _ => Kind::Python,
        };
        let Some(ecosystem) = ecosystems.iter().find(|e| e.kind() == kind) else { continue };
        let files = files.as_array().into_iter().flatten();
        for dependency in files.flat_map(|file| file["deps"].as_array()).flatten() {
            add(&mut findings, &**ecosystem, dependency);
        }
    }
    Ok(findings)
}

fn add(findings: &mut Findings, ecosystem: &dyn Ecosystem, dependency: &Value) {
    let name = dependency["packageName"].as_str().or(dependency["depName"].as_str());
    let Some(name) = name else { return };
    for update in dependency["updates"].as_array().into_iter().flatten() {
        // `node` under `engines` is no package of a registry.
        if dependency["datasource"] == "node-version" {
            continue;
        }
        let Some(newest) = update["newVersion"].as_str() else { continue };
        let slot = findings.entry((ecosystem.kind().to_string(), name.to_owned())).or_default();
        if slot.is_empty() || ecosystem.compare(newest, slot) == Some(Ordering::Greater) {
            newest.clone_into(slot);
        }
    }
}

/// Prints how many findings both have, and each that one lacks or has an older version of.
pub(crate) fn compare(ours: &Findings, theirs: &Findings) -> Result<(), Box<dyn Error>> {
    let same = ours.iter().filter(|(package, newest)| theirs.get(*package) == Some(newest)).count();
    measure::line(&format!(
        "packages with an update: hob {}, Renovate {}, the same newest version {same}",
        ours.len(),
        theirs.len()
    ))?;
    let names: std::collections::BTreeSet<_> = ours.keys().chain(theirs.keys()).collect();
    for name in names {
        let (mine, other) = (ours.get(name), theirs.get(name));
        if mine != other {
            let word = |version: Option<&String>| {
                version.map_or_else(|| "nothing".to_owned(), Clone::clone)
            };
            let told =
                format!("{} {}: hob {}, Renovate {}", name.0, name.1, word(mine), word(other));
            measure::line(&told)?;
        }
    }
    Ok(())
}
