//! What `hob run` takes beyond the project's own fetch and tests, which it has to do twice: base and change.
//!
//! `cargo bench -p benches --bench run_overhead [-- --hob PROGRAM --rounds N]`
//! `... -- --repo CHECKOUT --fetch 'cargo fetch --locked' --test 'cargo test --locked --offline' --agent NAME --advisories DIR`
//!
//! Without `--repo`, on a small crate with one outdated dependency. PROGRAM is built by `cargo build --release -p cli`.

use std::error::Error;
use std::path::{Path, PathBuf};
use std::time::Duration;

use benches::measure::{self, Ended, Spread};
use benches::sample;
use serde_json::Value;

fn main() -> Result<(), Box<dyn Error>> {
    let hob = hob()?;
    let rounds = measure::number("--rounds", 3);
    let (mut whole, mut own, mut beyond) =
        (Spread::default(), Spread::default(), Spread::default());
    for _ in 0..rounds {
        let folder = tempfile::tempdir()?;
        let repo = folder.path().join("repo");
        match measure::argument("--repo") {
            Some(from) => sample::git(folder.path(), &["clone", "-q", &from, "repo"])?,
            None => sample::make(&repo, 0)?,
        }
        let (ended, branch) = run(&hob, &repo, folder.path())?;
        let base = direct(&repo, "HEAD", &folder.path().join("base"))?;
        let change = direct(&repo, &branch, &folder.path().join("change"))?;
        let directly = base + change;
        whole.add(ended.cost.wall.as_secs_f64());
        own.add(directly.as_secs_f64());
        beyond.add(ended.cost.wall.as_secs_f64() / directly.as_secs_f64());
    }
    measure::line(&format!("{rounds} rounds, medians, load {}", measure::load()))?;
    measure::row(&["`hob run`", "fetch and tests, twice", "ratio (median / min / max)"])?;
    measure::row(&["---", "---", "---"])?;
    measure::row(&[
        &format!("{:.1} s", whole.median()),
        &format!("{:.1} s", own.median()),
        &format!("{:.2} / {:.2} / {:.2}", beyond.median(), beyond.min(), beyond.max()),
    ])?;
    Ok(())
}

/// The program that was built beside this bench.
fn hob() -> Result<PathBuf, Box<dyn Error>> {
    if let Some(hob) = measure::argument("--hob") {
        return Ok(hob.into());
    }
    let bench = std::env::current_exe()?;
    let hob = bench.ancestors().nth(2).map(|folder| folder.join("hob"));
    hob.filter(|hob| hob.is_file())
        .ok_or_else(|| "there is no hob beside this bench: `cargo build --release -p cli`".into())
}

/// One run that has to end in a proposal; its branch.
fn run(hob: &Path, repo: &Path, folder: &Path) -> Result<(Ended, String), Box<dyn Error>> {
    let agent = measure::argument("--agent").unwrap_or_else(|| "dependency-updates".to_owned());
    let mut command = measure::program(hob);
    command.args(["run", &agent, "--json", "--repo"]).arg(repo);
    command.arg("--data").arg(folder.join("data"));
    if let Some(advisories) = measure::argument("--advisories") {
        command.args(["--advisories", &advisories]);
    }
    let ended = measure::run(command)?;
    let report: Value = serde_json::from_slice(&ended.stdout)?;
    let branch = report["proposal"]["branch"].as_str();
    let branch = branch.ok_or_else(|| format!("no proposal: {}", report["reason"]))?.to_owned();
    Ok((ended, branch))
}

/// The project's own fetch and tests, in a fresh clone with a fresh folder for what is fetched.
fn direct(repo: &Path, branch: &str, into: &Path) -> Result<Duration, Box<dyn Error>> {
    let home = tempfile::tempdir()?;
    let words = [repo.display().to_string(), into.display().to_string()];
    sample::git(home.path(), &["clone", "-q", &words[0], &words[1]])?;
    sample::git(into, &["fetch", "-q", "origin", branch])?;
    sample::git(into, &["checkout", "-q", "--detach", "FETCH_HEAD"])?;
    let fetch = measure::argument("--fetch").unwrap_or_else(|| "cargo fetch --locked".to_owned());
    let test =
        measure::argument("--test").unwrap_or_else(|| "cargo test --locked --offline".to_owned());
    let mut took = Duration::ZERO;
    for script in [fetch, test] {
        let mut command = measure::program("sh");
        command.args(["-c", &script]).current_dir(into);
        command.env("CARGO_HOME", home.path().join("cargo"));
        command.env("npm_config_cache", home.path().join("npm"));
        took += measure::run(command)?.cost.wall;
    }
    Ok(took)
}
