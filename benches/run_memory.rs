//! Memory of the hob process: while a machine runs a long check, and at the peak of the run.
//!
//! `cargo bench -p benches --bench run_memory [-- --hob PROGRAM --seconds N]`
//!
//! PROGRAM is built by `cargo build --release -p cli`; N is how long the check of the sample repository takes.

use std::error::Error;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use benches::measure::{self, Spread};
use benches::sample;

/// How often the process is looked at.
const EVERY: Duration = Duration::from_millis(50);

fn main() -> Result<(), Box<dyn Error>> {
    let hob = match measure::argument("--hob") {
        Some(hob) => PathBuf::from(hob),
        None => {
            let bench = std::env::current_exe()?;
            bench.ancestors().nth(2).ok_or("this bench has no folder")?.join("hob")
        }
    };
    let seconds = measure::number("--seconds", 8);
    let folder = tempfile::tempdir()?;
    let repo = folder.path().join("repo");
    sample::make(&repo, u64::try_from(seconds)?)?;
    let mut command = measure::program(hob);
    command.args(["run", "dependency-updates", "--json", "--repo"]).arg(&repo);
    command.arg("--data").arg(folder.path().join("data"));
    let mut child = command.stdin(Stdio::null()).stdout(Stdio::null()).spawn()?;
    let (mut resident, mut peak, mut last) = (Spread::default(), 0.0_f64, 0);
    while child.try_wait()?.is_none() {
        let Ok(status) = std::fs::read_to_string(format!("/proc/{}/status", child.id())) else {
            continue;
        };
        let Some(now) = kibibytes(&status, "VmRSS:") else { continue };
        // Where nothing changes from one look to the next, hob waits for its machine.
        if now == last {
            resident.add(measure::mebibytes(now * 1024));
        }
        last = now;
        peak = kibibytes(&status, "VmHWM:").map_or(peak, |high| measure::mebibytes(high * 1024));
        std::thread::sleep(EVERY);
    }
    if !child.wait()?.success() {
        return Err("the run did not end in a proposal".into());
    }
    // Both are counted loosely by the kernel (proc(5)), so that one may pass the other by a little.
    let peak = peak.max(resident.max());
    measure::line(&format!("a check of {seconds} s, load {}", measure::load()))?;
    measure::row(&["while a machine works (median / max)", "peak of the run", "ratio"])?;
    measure::row(&["---", "---", "---"])?;
    measure::row(&[
        &format!("{:.0} / {:.0} MiB", resident.median(), resident.max()),
        &format!("{peak:.0} MiB"),
        &format!("{:.2}", resident.median() / peak),
    ])?;
    Ok(())
}

fn kibibytes(status: &str, name: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix(name))?;
    line.split_whitespace().next()?.parse().ok()
}
