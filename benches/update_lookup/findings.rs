//! Which package has which newest version, as hob and as Renovate say it.

use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};
use std::error::Error;

use benches::measure;
use domain::dependency::Ecosystem as Kind;
use serde_json::Value;
use toolbox::dependencies::{self, Ecosystem};

/// What one of them found.
#[derive(Debug, Default)]
pub(crate) struct Findings {
    /// The newest version of each package that has a newer one, by ecosystem and name.
    newest: BTreeMap<(String, String), String>,
    /// What it could not ask about, in its own words.
    unanswered: BTreeSet<String>,
}

/// Reads what hob's look-up printed.
pub(crate) fn of_lines(text: &str) -> Findings {
    let found = |line: &str| {
        let mut parts = line.split('\t').map(str::to_owned);
        Some(((parts.next()?, parts.next()?), parts.next()?))
    };
    let unanswered = text.lines().filter_map(|line| line.strip_prefix("# "));
    Findings {
        newest: text.lines().filter_map(found).collect(),
        unanswered: unanswered.map(str::to_owned).collect(),
    }
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
    let mut findings = Findings::default();
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
    for warning in dependency["warnings"].as_array().into_iter().flatten() {
        findings.unanswered.extend(warning["message"].as_str().map(str::to_owned));
    }
    for update in dependency["updates"].as_array().into_iter().flatten() {
        // `node` under `engines` is no package of a registry.
        if dependency["datasource"] == "node-version" {
            continue;
        }
        let Some(newest) = update["newVersion"].as_str() else { continue };
        let slot =
            findings.newest.entry((ecosystem.kind().to_string(), name.to_owned())).or_default();
        if slot.is_empty() || ecosystem.compare(newest, slot) == Some(Ordering::Greater) {
            newest.clone_into(slot);
        }
    }
}

/// Prints how many findings both have, and each that one lacks or has another version of.
pub(crate) fn compare(ours: &Findings, theirs: &Findings) -> Result<(), Box<dyn Error>> {
    let is_same = |(package, newest): &(_, &String)| theirs.newest.get(*package) == Some(newest);
    let same = ours.newest.iter().filter(is_same).count();
    measure::line(&format!(
        "packages with an update: hob {}, Renovate {}, the same newest version {same}",
        ours.newest.len(),
        theirs.newest.len()
    ))?;
    let names: BTreeSet<_> = ours.newest.keys().chain(theirs.newest.keys()).collect();
    for name in names {
        let word =
            |from: &Findings| from.newest.get(name).map_or("nothing", String::as_str).to_owned();
        let (mine, other) = (word(ours), word(theirs));
        if mine != other {
            measure::line(&format!("{} {}: hob {mine}, Renovate {other}", name.0, name.1))?;
        }
    }
    for (who, from) in [("hob", ours), ("Renovate", theirs)] {
        for told in &from.unanswered {
            measure::line(&format!("{who} had no answer: {told}"))?;
        }
    }
    Ok(())
}
