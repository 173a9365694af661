//! Look-up of all updates of a real repository, cold and warm, beside Renovate: processor time, peak memory, findings.
//!
//! `cargo bench -p benches --bench update_lookup -- --repo FOLDER [--renovate PROGRAM] [--rounds N]`
//!
//! FOLDER is a checkout; PROGRAM is Renovate's `renovate` where it is not on the path. Both look at cargo, npm and
//! python only, both begin with an empty cache in the cold round of each pair.

#[path = "update_lookup/findings.rs"]
mod findings;
#[path = "update_lookup/lookup.rs"]
mod lookup;

use std::error::Error;
use std::path::Path;

use benches::measure::{self, Costs};
use findings::Findings;

fn main() -> Result<(), Box<dyn Error>> {
    let repo = measure::argument("--repo").ok_or("name a checkout with --repo FOLDER")?;
    let repo = std::fs::canonicalize(repo)?;
    if measure::argument("--learn").is_some() {
        return lookup::learn();
    }
    if let Some(cache) = measure::argument("--child") {
        return lookup::look(&repo, Path::new(&cache));
    }
    let learnt = measure::run(measure::itself(&["--learn", "yes", "--repo", "."])?)?;
    let registries = String::from_utf8(learnt.stdout)?.trim().replace('\n', " ");
    let renovate = measure::argument("--renovate").unwrap_or_else(|| "renovate".to_owned());
    let rounds = measure::number("--rounds", 3);
    let mut costs = std::array::from_fn::<Costs, 4, _>(|_| Costs::default());
    let (mut ours, mut theirs) = (Findings::default(), Findings::default());
    for _ in 0..rounds {
        let (mine, other) = (tempfile::tempdir()?, tempfile::tempdir()?);
        for warm in [0, 1] {
            let (cost, found) = hob(&repo, mine.path(), &registries)?;
            costs[warm].add(&cost);
            ours = found;
            let (cost, found) = their(&renovate, &repo, other.path())?;
            costs[2 + warm].add(&cost);
            theirs = found;
        }
    }
    let [our_cold, our_warm, their_cold, their_warm] = costs;
    measure::line(&format!("{rounds} rounds, medians, load {}", measure::load()))?;
    measure::row(&["what", "Renovate", "hob", "ratio of CPU", "ratio of memory"])?;
    measure::row(&["---", "---", "---", "---", "---"])?;
    for (name, ours, theirs) in [("cold", our_cold, their_cold), ("warm", our_warm, their_warm)] {
        measure::row(&[
            name,
            &theirs.to_string(),
            &ours.to_string(),
            &format!("{:.2}", ours.cpu.median() / theirs.cpu.median()),
            &format!("{:.2}", ours.peak.median() / theirs.peak.median()),
        ])?;
    }
    let mut once = Costs::default();
    once.add(&learnt.cost);
    let asked = "to ask the package managers for their registries, once a process";
    measure::line(&format!("besides, {asked}: {once}"))?;
    findings::compare(&ours, &theirs)
}

fn hob(
    repo: &Path,
    cache: &Path,
    registries: &str,
) -> Result<(measure::Cost, Findings), Box<dyn Error>> {
    let (repo, cache) = (repo.display().to_string(), cache.display().to_string());
    let words = ["--child", &cache, "--repo", &repo, "--registries", registries];
    let ended = measure::run(measure::itself(&words)?)?;
    if ended.code != Some(0) {
        return Err("the look-up failed".into());
    }
    Ok((ended.cost, findings::of_lines(&String::from_utf8_lossy(&ended.stdout))))
}

fn their(
    renovate: &str,
    repo: &Path,
    cache: &Path,
) -> Result<(measure::Cost, Findings), Box<dyn Error>> {
    let mut command = measure::program(renovate);
    command
        .current_dir(repo)
        .args(["--platform=local", "--dry-run=lookup"])
        .args(["--onboarding=false", "--require-config=ignored"])
        .env("LOG_FORMAT", "json")
        .env("LOG_LEVEL", "debug")
        .env("RENOVATE_ENABLED_MANAGERS", "cargo,npm,pip_requirements,pep621")
        .env("RENOVATE_CONFIG_WARNINGS_AS_ERRORS", "false")
        .env("RENOVATE_BASE_DIR", cache)
        .env("RENOVATE_CACHE_DIR", cache.join("cache"));
    let ended = measure::run(command)?;
    let findings = findings::of_renovate(&String::from_utf8_lossy(&ended.stdout))?;
    Ok((ended.cost, findings))
}
