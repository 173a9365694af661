//! A machine's cold start beside bare `bwrap true` with the same mounts, in turns.
//!
//! `cargo bench -p benches --bench machine_start [-- --rounds N]`

use std::collections::BTreeMap;
use std::error::Error;
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use benches::measure::{self, Spread};
use domain::MachineId;
use domain::clock::SystemClock;
use domain::exec::Exec;
use domain::machine::EgressRecord;
use sandbox::egress::{self, Gateway};
use sandbox::namespaces::{Namespaces, Settings};
use sandbox::port::{EgressAudit, Machine, MachineSpec, NetworkPolicy, OutputSink, Sandbox as _};

const MIB: u64 = 1024 * 1024;

#[derive(Debug)]
struct Deaf;

impl EgressAudit for Deaf {
    fn record(&self, _: EgressRecord) {}
}

impl OutputSink for Deaf {
    fn output(&mut self, _: bool, _: &[u8]) {}
}

fn spec() -> MachineSpec {
    MachineSpec {
        id: MachineId::fresh(&SystemClock),
        image: "default".to_owned(),
        cpus: 2,
        memory_bytes: 512 * MIB,
        disk_bytes: 512 * MIB,
        processes_max: 128,
        time_ms: 600_000,
        network: NetworkPolicy::default(),
        env: Vec::new(),
        home_files: Vec::new(),
    }
}

/// One mount of `/proc/PID/mountinfo` (proc(5)).
#[derive(Debug)]
struct Mount {
    device: String,
    root: String,
    at: String,
    read_only: bool,
    kind: String,
}

fn mounts(text: &str) -> Vec<Mount> {
    let mount = |line: &str| {
        let (left, right) = line.split_once(" - ")?;
        let fields: Vec<&str> = left.split(' ').collect();
        Some(Mount {
            device: (*fields.get(2)?).to_owned(),
            root: (*fields.get(3)?).to_owned(),
            at: (*fields.get(4)?).to_owned(),
            read_only: fields.get(5)?.split(',').any(|option| option == "ro"),
            kind: right.split(' ').next()?.to_owned(),
        })
    };
    text.lines().filter_map(mount).collect()
}

/// Where on the host something lies that a machine sees.
fn source(inside: &Mount, host: &[Mount]) -> Option<String> {
    host.iter().filter(|mount| mount.device == inside.device).find_map(|mount| {
        let below = inside.root.strip_prefix(mount.root.trim_end_matches('/'))?;
        let path = format!("{}{below}", mount.at.trim_end_matches('/'));
        Path::new(&path).exists().then_some(path)
    })
}

/// What bubblewrap has to be told for the namespaces and the mounts of a machine.
fn arguments(inside: &[Mount], host: &[Mount]) -> Vec<String> {
    let mut words: Vec<String> = "--unshare-user --unshare-ipc --unshare-pid --unshare-net --unshare-uts \
         --unshare-cgroup-try --uid 1000 --gid 1000 --new-session --die-with-parent --clearenv --cap-drop ALL"
        .split(' ')
        .filter(|word| !word.is_empty())
        .map(str::to_owned)
        .collect();
    for name in ["/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32"] {
        if let Ok(target) = std::fs::read_link(name) {
            words.extend(["--symlink".into(), target.display().to_string(), name.into()]);
        }
    }
    for mount in inside {
        let at = mount.at.clone();
        match mount.kind.as_str() {
            "proc" if mount.root == "/" && at == "/proc" => words.extend(["--proc".into(), at]),
            "tmpfs" if at == "/dev" => words.extend(["--dev".into(), at]),
            "tmpfs" if at != "/" => words.extend(["--tmpfs".into(), at]),
            "proc" | "tmpfs" | "devpts" | "devtmpfs" | "mqueue" => {}
            _ => {
                let Some(from) = source(mount, host) else { continue };
                let how = if mount.read_only { "--ro-bind" } else { "--bind" };
                words.extend([how.to_owned(), from, at]);
            }
        }
    }
    words.extend(["--remount-ro", "/", "--", "/usr/bin/true"].map(str::to_owned));
    words
}

async fn says(machine: &dyn Machine, argv: &[&str]) -> Result<String, Box<dyn Error>> {
    let result = machine.exec(&Exec::new(argv.iter().copied(), "measured"), &mut Deaf).await?;
    if !result.success() {
        return Err(format!("{argv:?} in the machine: {}", result.stderr_text()).into());
    }
    Ok(result.stdout_text())
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let rounds = measure::number("--rounds", 40);
    let state = tempfile::tempdir()?;
    let gateway = Gateway::new(egress::Settings::new(state.path().join("cache"), MIB))?;
    let variables: BTreeMap<String, String> = std::env::vars().collect();
    let settings = Settings::new(state.path().to_owned(), variables);
    let sandbox = Namespaces::new(settings, Arc::new(gateway))?;
    // It stays while the others come and go: its folders are what bare bubblewrap is shown.
    let model = sandbox.launch(&spec(), Arc::new(Deaf)).await?;
    let inside = mounts(&says(&*model, &["cat", "/proc/self/mountinfo"]).await?);
    let host = mounts(&std::fs::read_to_string("/proc/self/mountinfo")?);
    let words = arguments(&inside, &host);
    let (mut ready, mut whole, mut bare) =
        (Spread::default(), Spread::default(), Spread::default());
    for _ in 0..rounds {
        let begun = Instant::now();
        let ended = measure::run({
            let mut command = measure::program("bwrap");
            command.args(&words);
            command
        })?;
        bare.add_ms(begun.elapsed());
        if ended.code != Some(0) {
            return Err("bare bubblewrap did not run `true`".into());
        }
        let begun = Instant::now();
        let machine = sandbox.launch(&spec(), Arc::new(Deaf)).await?;
        ready.add_ms(begun.elapsed());
        says(&*machine, &["true"]).await?;
        whole.add_ms(begun.elapsed());
        machine.close().await?;
    }
    model.close().await?;
    let binds = words.iter().filter(|word| word.ends_with("bind")).count();
    let told = |spread: &Spread| {
        format!("{:.1} / {:.1} / {:.1} ms", spread.median(), spread.min(), spread.p95())
    };
    measure::line(&format!("{rounds} rounds, {binds} binds, load {}", measure::load()))?;
    measure::row(&["what", "median / min / p95", "to bare bwrap (median)"])?;
    measure::row(&["---", "---", "---"])?;
    measure::row(&["bare `bwrap true`", &told(&bare), "1"])?;
    let ratio = |spread: &Spread| format!("{:.1}", spread.median() / bare.median());
    measure::row(&["machine, ready for a command", &told(&ready), &ratio(&ready)])?;
    measure::row(&["machine, `true` run in it", &told(&whole), &ratio(&whole)])?;
    Ok(())
}
