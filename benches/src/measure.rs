//! What benches share: the cost of a child process, spreads of measured values, and the rows that they print.
//!
//! A bench measures code of the house by starting itself once more, so that what the kernel counts is that code
//! alone. It has to stay small itself: a child's peak memory begins with what its parent held when it was started.

use std::io::{self, Read as _, Write as _};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// What a process and all its descendants took.
#[derive(Debug, Clone, Copy)]
pub struct Cost {
    /// From its start to its end.
    pub wall: Duration,
    /// In user and kernel mode together.
    pub cpu: Duration,
    /// The largest resident set of any one process among them, in bytes.
    pub peak_bytes: u64,
}

/// A process that ended.
#[derive(Debug)]
pub struct Ended {
    /// What it took.
    pub cost: Cost,
    /// Its exit code; nothing where a signal ended it.
    pub code: Option<i32>,
    /// What it wrote to its standard output.
    pub stdout: Vec<u8>,
}

/// A command of this program.
pub fn program(name: impl AsRef<std::ffi::OsStr>) -> Command {
    #[expect(clippy::disallowed_methods, reason = "a bench starts what it measures")]
    Command::new(name)
}

/// This bench once more, with these arguments.
pub fn itself(arguments: &[&str]) -> io::Result<Command> {
    let mut command = program(std::env::current_exe()?);
    command.args(arguments);
    Ok(command)
}

/// Runs a command to its end and says what it took.
pub fn run(mut command: Command) -> io::Result<Ended> {
    let begun = Instant::now();
    let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn()?;
    let mut stdout = Vec::new();
    if let Some(mut from) = child.stdout.take() {
        from.read_to_end(&mut stdout)?;
    }
    let (status, usage) = wait(&child)?;
    let cost = Cost {
        wall: begun.elapsed(),
        cpu: duration(usage.ru_utime) + duration(usage.ru_stime),
        // In kibibytes: getrusage(2).
        peak_bytes: u64::try_from(usage.ru_maxrss).unwrap_or(0) * 1024,
    };
    let code = libc::WIFEXITED(status).then(|| libc::WEXITSTATUS(status));
    Ok(Ended { cost, code, stdout })
}

fn wait(child: &Child) -> io::Result<(i32, libc::rusage)> {
    let pid = i32::try_from(child.id()).map_err(io::Error::other)?;
    let mut status = 0;
    #[expect(unsafe_code, reason = "nothing in std tells what a child took")]
    // SAFETY: all zeroes is a valid `rusage`; both pointers lead to places that outlive the call, and the child is
    // waited for nowhere else.
    let (waited, usage) = unsafe {
        let mut usage: libc::rusage = std::mem::zeroed();
        (libc::wait4(pid, &raw mut status, 0, &raw mut usage), usage)
    };
    if waited == pid { Ok((status, usage)) } else { Err(io::Error::last_os_error()) }
}

fn duration(time: libc::timeval) -> Duration {
    let seconds = u64::try_from(time.tv_sec).unwrap_or(0);
    Duration::from_secs(seconds) + Duration::from_micros(u64::try_from(time.tv_usec).unwrap_or(0))
}

/// Measured values of one thing.
#[derive(Debug, Clone, Default)]
pub struct Spread(Vec<f64>);

impl Spread {
    /// Adds a value.
    pub fn add(&mut self, value: f64) {
        let at = self.0.partition_point(|other| *other < value);
        self.0.insert(at, value);
    }

    /// Adds a duration in milliseconds.
    pub fn add_ms(&mut self, value: Duration) {
        self.add(value.as_secs_f64() * 1e3);
    }

    /// How many values there are.
    pub const fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is none.
    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The smallest.
    pub fn min(&self) -> f64 {
        self.0.first().copied().unwrap_or(f64::NAN)
    }

    /// The largest.
    pub fn max(&self) -> f64 {
        self.0.last().copied().unwrap_or(f64::NAN)
    }

    /// The one in the middle.
    pub fn median(&self) -> f64 {
        self.0.get(self.0.len() / 2).copied().unwrap_or(f64::NAN)
    }

    /// The one below which nineteen of twenty lie.
    pub fn p95(&self) -> f64 {
        self.0.get(self.0.len() * 19 / 20).copied().unwrap_or(f64::NAN)
    }
}

/// The processes' costs of one thing, value by value.
#[derive(Debug, Clone, Default)]
pub struct Costs {
    /// Seconds from start to end.
    pub wall: Spread,
    /// Seconds of processor time.
    pub cpu: Spread,
    /// Mebibytes at the peak.
    pub peak: Spread,
}

impl Costs {
    /// Adds what one process took.
    pub fn add(&mut self, cost: &Cost) {
        self.wall.add(cost.wall.as_secs_f64());
        self.cpu.add(cost.cpu.as_secs_f64());
        self.peak.add(mebibytes(cost.peak_bytes));
    }
}

impl std::fmt::Display for Costs {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (cpu, wall, peak) = (self.cpu.median(), self.wall.median(), self.peak.median());
        write!(f, "{cpu:.2} CPU-s, {peak:.0} MiB, {wall:.2} s")
    }
}

/// Bytes as mebibytes.
#[expect(clippy::cast_precision_loss, reason = "a figure for people")]
pub fn mebibytes(bytes: u64) -> f64 {
    bytes as f64 / 1_048_576.0
}

/// What follows a name among the bench's arguments.
pub fn argument(name: &str) -> Option<String> {
    std::env::args().skip_while(|argument| argument != name).nth(1)
}

/// The number that follows a name among the bench's arguments, or another.
pub fn number(name: &str, otherwise: usize) -> usize {
    argument(name).and_then(|text| text.parse().ok()).unwrap_or(otherwise)
}

/// Prints a row of a Markdown table.
pub fn row(cells: &[&str]) -> io::Result<()> {
    line(&format!("| {} |", cells.join(" | ")))
}

/// Prints a line.
pub fn line(text: &str) -> io::Result<()> {
    writeln!(io::stdout().lock(), "{text}")
}

/// The load of the machine over the last minute.
pub fn load() -> String {
    let text = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    text.split(' ').next().unwrap_or_default().to_owned()
}
