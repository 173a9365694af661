//! A command to run in a machine, and what came of it.

use crate::RepoPath;

/// A command, without a shell unless `argv` names one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exec {
    /// Program and arguments.
    pub argv: Vec<String>,
    /// The folder of the checkout it runs in.
    pub cwd: RepoPath,
    /// Variables set besides the machine's own.
    pub env: Vec<(String, String)>,
    /// How long it may take, in milliseconds.
    pub timeout_ms: u64,
    /// What it is for, in three words for a person: `resolve versions`.
    pub purpose: String,
}

impl Exec {
    /// A command in the root of the checkout with ten minutes to run.
    pub fn new<S: Into<String>>(argv: impl IntoIterator<Item = S>, purpose: &str) -> Self {
        Self {
            argv: argv.into_iter().map(Into::into).collect(),
            cwd: RepoPath::root(),
            env: Vec::new(),
            timeout_ms: 600_000,
            purpose: purpose.to_owned(),
        }
    }

    /// The same command in another folder.
    #[must_use]
    pub fn in_folder(mut self, cwd: RepoPath) -> Self {
        self.cwd = cwd;
        self
    }

    /// The same command with one more variable.
    #[must_use]
    pub fn with_env(mut self, name: &str, value: &str) -> Self {
        self.env.push((name.to_owned(), value.to_owned()));
        self
    }

    /// As a person would type it.
    pub fn display(&self) -> String {
        let quote = |word: &String| {
            let plain = !word.is_empty()
                && word.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_=./:@,+%^~".contains(&b));
            if plain { word.clone() } else { format!("'{}'", word.replace('\'', "'\\''")) }
        };
        self.argv.iter().map(quote).collect::<Vec<_>>().join(" ")
    }
}

/// How a command ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExecResult {
    /// How it ended.
    pub exit: Exit,
    /// Standard output, cut in the middle to `limit::OUTPUT_KEPT_MAX_BYTES`.
    pub stdout: Vec<u8>,
    /// Standard error, cut likewise.
    pub stderr: Vec<u8>,
    /// Bytes of both that were dropped.
    pub dropped_bytes: u64,
    /// Wall time in milliseconds.
    pub millis: u64,
}

impl ExecResult {
    /// Whether it exited with 0.
    pub fn success(&self) -> bool {
        self.exit == Exit::Code(0)
    }

    /// Standard output as text, foreign bytes replaced.
    pub fn stdout_text(&self) -> String {
        String::from_utf8_lossy(&self.stdout).into_owned()
    }

    /// Standard error as text, foreign bytes replaced.
    pub fn stderr_text(&self) -> String {
        String::from_utf8_lossy(&self.stderr).into_owned()
    }
}

/// How a process ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// By itself, with this status.
    Code(i32),
    /// By this signal.
    Signal(i32),
    /// Killed, its time was up.
    TimedOut,
    /// Killed, the machine's memory was used up.
    OutOfMemory,
}

impl Exit {
    /// The status as a shell would show it: 128 plus the signal, 124 for a time-out.
    pub const fn shell_code(self) -> i32 {
        match self {
            Self::Code(code) => code,
            Self::Signal(signal) => 128 + signal,
            Self::TimedOut => 124,
            Self::OutOfMemory => 137,
        }
    }
}
