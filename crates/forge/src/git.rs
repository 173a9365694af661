//! The `git` program, hardened: the only place in this room that starts processes.
//!
//! Every call gets an environment made from nothing, no configuration but what this file states, no hooks, no
//! helpers, no prompts, a protocol list, a time limit and output limits, and its whole process group dies with it.

mod call;

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

pub(crate) use call::{Call, Reach};

/// The oldest `git` that hob works with.
pub const VERSION_MIN: (u32, u32) = (2, 39);

/// What `git` is run with.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The program: a path, or a name looked up in `path`.
    pub program: PathBuf,
    /// `PATH` for `git` and what it starts itself (`ssh`, its transport helpers).
    pub path: OsString,
    /// Variables for calls that reach a network, and for no others: proxies, CA files, an SSH agent's socket.
    pub network_env: Vec<(OsString, OsString)>,
    /// Whether plain `http://` may be spoken.
    pub plain_http: bool,
    /// How long a call may take that stays on this host, in milliseconds.
    pub local_timeout_ms: u64,
    /// How long a call may take that reaches a network, in milliseconds.
    pub network_timeout_ms: u64,
    /// How long a repository elsewhere may take to say what it holds, and a work tree here what is not committed,
    /// in milliseconds.
    pub look_timeout_ms: u64,
    /// The largest pack that a fetch may bring, in bytes.
    pub fetch_max_bytes: u64,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            program: "git".into(),
            path: "/usr/local/bin:/usr/bin:/bin".into(),
            network_env: Vec::new(),
            plain_http: false,
            local_timeout_ms: 10 * 60 * 1000,
            network_timeout_ms: 30 * 60 * 1000,
            look_timeout_ms: 60 * 1000,
            fetch_max_bytes: 16 * 1024 * 1024 * 1024,
        }
    }
}

/// The hardened program. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Git {
    settings: Arc<Settings>,
    version: (u32, u32),
}

impl Git {
    /// Looks whether the program is there and new enough.
    pub async fn new(settings: Settings) -> Result<Self, GitError> {
        let git = Self { settings: Arc::new(settings), version: (0, 0) };
        let told = git.call("version").ok().await?.text();
        let version =
            parse_version(&told).ok_or_else(|| GitError::TooOld { told: told.clone() })?;
        if version < VERSION_MIN {
            return Err(GitError::TooOld { told });
        }
        Ok(Self { version, ..git })
    }

    /// The program's version, major and minor.
    pub fn version(&self) -> (u32, u32) {
        self.version
    }

    pub(crate) fn settings(&self) -> &Settings {
        &self.settings
    }

    /// A call without a repository.
    pub(crate) fn call(&self, subcommand: &str) -> Call<'_> {
        Call::new(self, None, subcommand)
    }

    /// A call on the repository whose git folder is `git_dir`. It must be one of ours: its configuration is read.
    pub(crate) fn on(&self, git_dir: &Path, subcommand: &str) -> Call<'_> {
        Call::new(self, Some(git_dir), subcommand)
    }

    fn timeout(&self, reach: Reach) -> Duration {
        Duration::from_millis(match reach {
            Reach::Nothing | Reach::LocalRepository => self.settings.local_timeout_ms,
            Reach::Glance | Reach::Look => self.settings.look_timeout_ms,
            Reach::Network => self.settings.network_timeout_ms,
        })
    }
}

fn parse_version(told: &str) -> Option<(u32, u32)> {
    let mut numbers = told.strip_prefix("git version ")?.split('.');
    Some((numbers.next()?.parse().ok()?, numbers.next()?.trim().parse().ok()?))
}

/// Findings of `git fsck` that old, honest repositories have and that harm nobody who checks nothing out.
const FSCK_TOLERATED: [&str; 14] = [
    "badDate",
    "badDateOverflow",
    "badEmail",
    "badName",
    "badTimezone",
    "gitmodulesParse",
    "gitmodulesUrl",
    "missingEmail",
    "missingNameBeforeEmail",
    "missingSpaceBeforeDate",
    "missingSpaceBeforeEmail",
    "multipleAuthors",
    "zeroPaddedDate",
    "zeroPaddedFilemode",
];

/// Configuration of every call. `safe.directory` is ours to widen: whose configuration is read is decided by
/// [`crate::view`], with whose rights by [`crate::ownership`], and whose pointers are followed by [`crate::place`].
const CONFIGURATION: [&str; 26] = [
    "advice.detachedHead=false",
    "commit.gpgSign=false",
    "core.askPass=",
    "core.attributesFile=/dev/null",
    "core.autocrlf=false",
    "core.excludesFile=/dev/null",
    "core.fsmonitor=false",
    "core.fsync=committed",
    "core.hooksPath=/dev/null",
    "core.logAllRefUpdates=false",
    "core.pager=cat",
    "core.untrackedCache=false",
    "credential.helper=",
    "fetch.fsckObjects=true",
    "fetch.recurseSubmodules=false",
    "fetch.writeCommitGraph=false",
    "gc.auto=0",
    "http.followRedirects=initial",
    "http.lowSpeedLimit=1000",
    "http.lowSpeedTime=60",
    "maintenance.auto=false",
    "protocol.version=2",
    "safe.directory=*",
    "submodule.recurse=false",
    "tag.gpgSign=false",
    "transfer.advertiseSID=false",
];

/// How `ssh` is started: without any configuration, without a key of the person's, asking nothing, believing no host
/// that is not known already. What is left is an agent, where the settings name one.
const SSH: &str = "ssh -F none -oIdentityFile=none -oBatchMode=yes -oStrictHostKeyChecking=yes \
                   -oGSSAPIAuthentication=no -oHostbasedAuthentication=no -oForwardAgent=no \
                   -oPermitLocalCommand=no -oConnectTimeout=30";

/// The environment of every call, besides `PATH` and what is said for the call.
const ENVIRONMENT: [(&str, &str); 15] = [
    ("GIT_ADVICE", "0"),
    ("GIT_ATTR_NOSYSTEM", "1"),
    ("GIT_CONFIG_GLOBAL", "/dev/null"),
    ("GIT_CONFIG_NOSYSTEM", "1"),
    ("GIT_EDITOR", "false"),
    ("GIT_NO_LAZY_FETCH", "1"),
    ("GIT_NO_REPLACE_OBJECTS", "1"),
    ("GIT_OPTIONAL_LOCKS", "0"),
    ("GIT_PAGER", "cat"),
    ("GIT_SSH_COMMAND", SSH),
    ("GIT_TERMINAL_PROMPT", "0"),
    ("HOME", "/nonexistent"),
    ("LC_ALL", "C"),
    ("SSH_ASKPASS_REQUIRE", "never"),
    ("TZ", "UTC"),
];

/// Why `git` gave no answer.
#[derive(Debug, thiserror::Error)]
pub enum GitError {
    /// It could not be started.
    #[error("`{program}` cannot be started; install git {}.{} or newer", VERSION_MIN.0, VERSION_MIN.1)]
    Start {
        /// The program.
        program: String,
        /// What the kernel said.
        #[source]
        source: std::io::Error,
    },
    /// It could not take on the rights of a repository's owner.
    #[error("git cannot be run as user {uid}, who owns the repository")]
    NotTheOwner {
        /// Who owns it.
        uid: u32,
        /// What the kernel said.
        #[source]
        source: std::io::Error,
    },
    /// It is too old, or no git at all.
    #[error("git {}.{} or newer is needed, `git version` says: {told}", VERSION_MIN.0, VERSION_MIN.1)]
    TooOld {
        /// What it said of itself.
        told: String,
    },
    /// It said no.
    #[error("git {subcommand} failed with {status}: {}", last_lines(stderr))]
    Failed {
        /// What was asked.
        subcommand: String,
        /// Its exit status, in words.
        status: String,
        /// What it wrote, cut to its end.
        stderr: String,
    },
    /// It took too long and was killed.
    #[error("git {subcommand} was killed after {seconds} s, its time limit")]
    TimedOut {
        /// What was asked.
        subcommand: String,
        /// The limit.
        seconds: u64,
    },
    /// It wrote more than the limit and was killed.
    #[error("git {subcommand} was killed after {bytes} bytes of output, its limit")]
    TooMuchOutput {
        /// What was asked.
        subcommand: String,
        /// The limit.
        bytes: u64,
    },
    /// Its pipes failed.
    #[error("the pipes of git {subcommand} failed")]
    Pipe {
        /// What was asked.
        subcommand: String,
        /// What the kernel said.
        #[source]
        source: std::io::Error,
    },
}

impl GitError {
    /// What git wrote, where it said no.
    pub fn stderr(&self) -> &str {
        match self {
            Self::Failed { stderr, .. } => stderr,
            Self::Start { .. }
            | Self::NotTheOwner { .. }
            | Self::TooOld { .. }
            | Self::TimedOut { .. }
            | Self::TooMuchOutput { .. }
            | Self::Pipe { .. } => "",
        }
    }
}

/// The last lines that git wrote, without the words `fatal:` and `error:`, for a person.
pub(crate) fn last_lines(stderr: &str) -> String {
    let lines: Vec<&str> = stderr
        .lines()
        .map(|line| {
            let line = line.trim();
            let line = line.strip_prefix("fatal: ").unwrap_or(line);
            line.strip_prefix("error: ").unwrap_or(line)
        })
        .filter(|line| !line.is_empty() && !line.starts_with("hint:"))
        .collect();
    let from = lines.len().saturating_sub(4);
    let text = lines.get(from..).unwrap_or_default().join("; ");
    if text.is_empty() { "it said nothing".into() } else { text }
}

fn os(text: &str) -> &OsStr {
    OsStr::new(text)
}
