//! Known advisories of a lock file, beside cargo-audit: processor time, peak memory, and whether both find the same.
//!
//! `cargo bench -p benches --bench advisory_match -- --advisories FOLDER [--lock Cargo.lock] [--audit PROGRAM] [--rounds N]`
//!
//! FOLDER is an unpacked RustSec database; PROGRAM is `cargo-audit` where it is not on the path.

use std::collections::BTreeSet;
use std::error::Error;
use std::path::Path;

use benches::measure::{self, Costs};
use domain::RepoPath;
use domain::dependency::Ecosystem as Kind;
use serde_json::Value;
use toolbox::advisories::Database;
use toolbox::dependencies::{self, Source};
use toolbox::files::{Content, FileSet};

/// One finding: package, version, advisory.
type Found = BTreeSet<(String, String, String)>;

fn main() -> Result<(), Box<dyn Error>> {
    let own = concat!(env!("CARGO_MANIFEST_DIR"), "/../Cargo.lock");
    let lock = measure::argument("--lock").unwrap_or_else(|| own.to_owned());
    let advisories = measure::argument("--advisories")
        .ok_or("name a RustSec folder with --advisories FOLDER")?;
    if measure::argument("--child").is_some() {
        return look(Path::new(&lock), Path::new(&advisories));
    }
    let audit = measure::argument("--audit").unwrap_or_else(|| "cargo-audit".to_owned());
    let rounds = measure::number("--rounds", 10);
    let (mut ours, mut theirs) = (Costs::default(), Costs::default());
    let (mut found, mut audited) = (Found::new(), Found::new());
    for _ in 0..rounds {
        let child =
            ["--child", "yes", "--lock", lock.as_str(), "--advisories", advisories.as_str()];
        let ended = measure::run(measure::itself(&child)?)?;
        if ended.code != Some(0) {
            return Err("the look-up failed".into());
        }
        ours.add(&ended.cost);
        found = read(&ended.stdout);
        let mut command = measure::program(&audit);
        command.args(["audit", "--json", "--no-fetch", "--stale", "--db", &advisories]);
        let ended = measure::run({
            command.args(["--file", &lock]);
            command
        })?;
        theirs.add(&ended.cost);
        audited = read_audit(&ended.stdout)?;
    }
    tell(&ours, &theirs, (&found, &audited))
}

fn tell(
    ours: &Costs,
    theirs: &Costs,
    (found, audited): (&Found, &Found),
) -> Result<(), Box<dyn Error>> {
    let rounds = ours.cpu.len();
    measure::line(&format!("{rounds} rounds, medians, load {}", measure::load()))?;
    measure::row(&["what", "took", "findings"])?;
    measure::row(&["---", "---", "---"])?;
    measure::row(&["cargo-audit", &theirs.to_string(), &audited.len().to_string()])?;
    measure::row(&["hob", &ours.to_string(), &found.len().to_string()])?;
    let ratio = |a: f64, b: f64| format!("{:.2}", a / b);
    let cpu = ratio(ours.cpu.median(), theirs.cpu.median());
    let peak = ratio(ours.peak.median(), theirs.peak.median());
    measure::row(&["ratio", &format!("{cpu} x CPU, {peak} x memory"), ""])?;
    for (package, version, id) in audited.difference(found) {
        measure::line(&format!("only cargo-audit: {package} {version} {id}"))?;
    }
    for (package, version, id) in found.difference(audited) {
        measure::line(&format!("only hob: {package} {version} {id}"))?;
    }
    Ok(())
}

/// What hob does: reads the folder, reads the lock file, matches every package from the registry.
fn look(lock: &Path, advisories: &Path) -> Result<(), Box<dyn Error>> {
    let folder = lock.parent().unwrap_or(Path::new("."));
    let mut files = FileSet::new();
    for name in ["Cargo.toml", "Cargo.lock"] {
        let from = if name == "Cargo.lock" { lock.to_owned() } else { folder.join(name) };
        files.set(RepoPath::new(name)?, Content::Bytes(std::fs::read(from)?));
    }
    let (database, report) = Database::load(advisories)?;
    if let Some(file) = report.unreadable.first() {
        return Err(format!("{}: {}", file.path, file.reason).into());
    }
    let ecosystems = dependencies::all();
    let cargo = ecosystems.iter().find(|e| e.kind() == Kind::Cargo).ok_or("no cargo")?;
    for project in cargo.discover(&files).projects {
        let graph = cargo.graph(&project, &files, None)?;
        for package in graph.packages.iter().filter(|p| p.source == Source::Registry) {
            let compare = |a: &str, b: &str| cargo.compare(a, b);
            let matching =
                database.matching(Kind::Cargo, &package.name, &package.version, &compare);
            for one in matching.matches {
                measure::line(&format!("{}\t{}\t{}", package.name, package.version, one.id))?;
            }
        }
    }
    Ok(())
}

fn read(stdout: &[u8]) -> Found {
    let text = String::from_utf8_lossy(stdout);
    let found = |line: &str| {
        let mut parts = line.split('\t').map(str::to_owned);
        Some((parts.next()?, parts.next()?, parts.next()?))
    };
    text.lines().filter_map(found).collect()
}

/// The findings of cargo-audit's JSON: vulnerabilities, and the advisories among its warnings.
fn read_audit(stdout: &[u8]) -> Result<Found, Box<dyn Error>> {
    let told: Value = serde_json::from_slice(stdout)?;
    let listed = told["vulnerabilities"]["list"].as_array().into_iter().flatten();
    let warnings = told["warnings"].as_object().into_iter().flat_map(|kinds| kinds.values());
    let warned = warnings.filter_map(Value::as_array).flatten();
    let word = |value: &Value| value.as_str().map(str::to_owned);
    Ok(listed
        .chain(warned)
        .filter_map(|one| {
            let package = &one["package"];
            Some((
                word(&package["name"])?,
                word(&package["version"])?,
                word(&one["advisory"]["id"])?,
            ))
        })
        .collect())
}
