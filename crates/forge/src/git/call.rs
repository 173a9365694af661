//! One call of `git`: its arguments, its pipes and its end.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::path::Path;
use std::process::Stdio;

use rustix::process::{Pid, Resource, Rlimit, Signal};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWriteExt as _};
use tokio::process::Command;

use super::{CONFIGURATION, ENVIRONMENT, FSCK_TOLERATED, Git, GitError, os};
use crate::ownership::Owner;

/// Standard output that is kept where nothing else is said, in bytes.
const STDOUT_MAX_BYTES: u64 = 64 * 1024 * 1024;
/// Standard error that is kept, in bytes; the end is what counts.
const STDERR_KEPT_BYTES: usize = 64 * 1024;
const CHUNK_BYTES: usize = 64 * 1024;

/// How far a call reaches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reach {
    /// No transport at all.
    Nothing,
    /// No transport, and an answer that nobody needs: it is not waited for long.
    Glance,
    /// A repository on this host.
    LocalRepository,
    /// A network, for a question that is answered at once.
    Look,
    /// A network.
    Network,
}

/// A call that is being put together.
#[derive(Debug)]
pub(crate) struct Call<'a> {
    git: &'a Git,
    subcommand: String,
    command: Command,
    stdin: Option<Vec<u8>>,
    stdout: Option<File>,
    stdout_max_bytes: u64,
    file_max_bytes: Option<u64>,
    memory_max_bytes: Option<u64>,
    reach: Reach,
    owner: Option<Owner>,
}

/// A call that came to its end.
#[derive(Debug)]
pub(crate) struct Finished {
    /// Its exit status, if it exited by itself.
    pub(crate) code: Option<i32>,
    /// What it wrote, unless that went to a file.
    pub(crate) stdout: Vec<u8>,
    /// Bytes that went to the file.
    pub(crate) file_bytes: u64,
    /// What it complained of.
    pub(crate) stderr: String,
    subcommand: String,
    status: String,
}

impl Finished {
    /// Standard output as text without the last newline.
    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.stdout).trim_end_matches('\n').to_owned()
    }

    /// The error that this ending is, where it is one.
    pub(crate) fn into_error(self) -> GitError {
        GitError::Failed { subcommand: self.subcommand, status: self.status, stderr: self.stderr }
    }
}

impl<'a> Call<'a> {
    pub(super) fn new(git: &'a Git, git_dir: Option<&Path>, subcommand: &str) -> Self {
        let settings = git.settings();
        let mut command = Command::new(&settings.program);
        command.env_clear().current_dir("/").env("PATH", &settings.path).envs(ENVIRONMENT);
        for setting in CONFIGURATION {
            command.arg("-c").arg(setting);
        }
        for finding in FSCK_TOLERATED {
            command.arg("-c").arg(format!("fetch.fsck.{finding}=ignore"));
        }
        if let Some(git_dir) = git_dir {
            command.env("GIT_DIR", git_dir);
        }
        command.arg(subcommand).stdin(Stdio::null()).process_group(0).kill_on_drop(true);
        Self {
            git,
            subcommand: subcommand.to_owned(),
            command,
            stdin: None,
            stdout: None,
            stdout_max_bytes: STDOUT_MAX_BYTES,
            file_max_bytes: None,
            memory_max_bytes: None,
            reach: Reach::Nothing,
            owner: None,
        }
    }

    pub(crate) fn arg(mut self, arg: impl AsRef<OsStr>) -> Self {
        self.command.arg(arg);
        self
    }

    pub(crate) fn args<S: AsRef<OsStr>>(mut self, args: impl IntoIterator<Item = S>) -> Self {
        self.command.args(args);
        self
    }

    pub(crate) fn env(mut self, name: &str, value: impl AsRef<OsStr>) -> Self {
        self.command.env(name, value);
        self
    }

    /// Bytes to read.
    pub(crate) fn input(mut self, bytes: Vec<u8>) -> Self {
        self.command.stdin(Stdio::piped());
        self.stdin = Some(bytes);
        self
    }

    /// A file to read, from where it stands. A lock's file here keeps the lock until the call is over,
    /// even where this process is killed before.
    pub(crate) fn input_file(mut self, file: File) -> Self {
        self.command.stdin(Stdio::from(file));
        self
    }

    /// Where standard output goes, and how much of it may.
    pub(crate) fn output_file(mut self, file: File, max_bytes: u64) -> Self {
        self.stdout = Some(file);
        self.stdout_max_bytes = max_bytes;
        self
    }

    /// The largest file that the call may write, a pack for example.
    pub(crate) fn file_max_bytes(mut self, bytes: u64) -> Self {
        self.file_max_bytes = Some(bytes);
        self
    }

    /// The most memory that the call and each of its children may use.
    pub(crate) fn memory_max_bytes(mut self, bytes: u64) -> Self {
        self.memory_max_bytes = Some(bytes);
        self
    }

    /// With the rights of this user and no others, where one is named.
    pub(crate) fn with_rights_of(mut self, owner: Option<Owner>) -> Self {
        if let Some(owner) = owner {
            // With a user named and no groups, all supplementary groups are given up too.
            self.command.uid(owner.uid).gid(owner.gid);
        }
        self.owner = owner;
        self
    }

    /// How far it reaches; without this no transport is allowed.
    pub(crate) fn reach(mut self, reach: Reach) -> Self {
        self.reach = reach;
        self
    }

    /// Runs it; an exit status other than 0 is an error.
    pub(crate) async fn ok(self) -> Result<Finished, GitError> {
        let finished = self.run().await?;
        if finished.code == Some(0) { Ok(finished) } else { Err(finished.into_error()) }
    }

    /// Runs it to its end, whatever that is.
    pub(crate) async fn run(mut self) -> Result<Finished, GitError> {
        let settings = self.git.settings();
        let protocols = match (self.reach, settings.plain_http) {
            (Reach::Nothing | Reach::Glance, _) => "none",
            (Reach::LocalRepository, _) => "file",
            (Reach::Look | Reach::Network, false) => "https:ssh:git",
            (Reach::Look | Reach::Network, true) => "https:ssh:git:http",
        };
        self.command.env("GIT_ALLOW_PROTOCOL", os(protocols));
        if matches!(self.reach, Reach::Look | Reach::Network) {
            let variables = settings.network_env.iter();
            self.command.envs(variables.map(|(name, value): &(OsString, OsString)| (name, value)));
        }
        let timeout = self.git.timeout(self.reach);
        let subcommand = self.subcommand.clone();
        tokio::time::timeout(timeout, self.finish())
            .await
            .map_err(|_| GitError::TimedOut { subcommand, seconds: timeout.as_secs() })?
    }

    async fn finish(mut self) -> Result<Finished, GitError> {
        let subcommand = self.subcommand.clone();
        let pipe = |source| GitError::Pipe { subcommand: subcommand.clone(), source };
        let program = self.git.settings().program.display().to_string();
        self.command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let owner = self.owner;
        let mut child = self.command.spawn().map_err(|source| match owner {
            Some(Owner { uid, .. }) => GitError::NotTheOwner { uid, source },
            None => GitError::Start { program, source },
        })?;
        let mut group = Group::of(&child);
        group.limit(Resource::Fsize, self.file_max_bytes);
        group.limit(Resource::Data, self.memory_max_bytes);

        let (stdin, bytes) = (child.stdin.take(), self.stdin.take());
        let feed = async move {
            if let (Some(mut stdin), Some(bytes)) = (stdin, bytes) {
                // A program that stops reading says why in its own words.
                let _unread = stdin.write_all(&bytes).await;
            }
        };
        let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
        let (max, file) = (self.stdout_max_bytes, self.stdout.take());
        let ((), out, err) = tokio::join!(feed, drain(stdout, max, file), keep_end(stderr));
        let Some((stdout, file_bytes)) = out.map_err(pipe)? else {
            return Err(GitError::TooMuchOutput { subcommand, bytes: max });
        };
        let stderr = err.map_err(pipe)?;
        let status = child.wait().await.map_err(pipe)?;
        group.disarm();
        Ok(Finished {
            code: status.code(),
            stdout,
            file_bytes,
            stderr: String::from_utf8_lossy(&stderr).into_owned(),
            subcommand: subcommand.clone(),
            status: status.to_string(),
        })
    }
}

/// Reads all of standard output into memory or a file; `None` where that is more than the limit.
async fn drain(
    from: Option<impl AsyncRead + Unpin>,
    max_bytes: u64,
    into: Option<File>,
) -> std::io::Result<Option<(Vec<u8>, u64)>> {
    let mut kept = Vec::new();
    let mut file = into.map(tokio::fs::File::from_std);
    let mut seen: u64 = 0;
    if let Some(mut from) = from {
        let mut chunk = vec![0_u8; CHUNK_BYTES];
        loop {
            let count = from.read(&mut chunk).await?;
            if count == 0 {
                break;
            }
            seen += count as u64;
            if seen > max_bytes {
                return Ok(None);
            }
            let bytes = chunk.get(..count).unwrap_or_default();
            match &mut file {
                Some(file) => file.write_all(bytes).await?,
                None => kept.extend_from_slice(bytes),
            }
        }
    }
    if let Some(mut file) = file {
        file.flush().await?;
        file.sync_all().await?;
        return Ok(Some((kept, seen)));
    }
    Ok(Some((kept, 0)))
}

/// Reads all of standard error and keeps its end.
async fn keep_end(from: Option<impl AsyncRead + Unpin>) -> std::io::Result<Vec<u8>> {
    let mut kept = Vec::new();
    if let Some(mut from) = from {
        let mut chunk = vec![0_u8; CHUNK_BYTES];
        loop {
            let count = from.read(&mut chunk).await?;
            if count == 0 {
                break;
            }
            kept.extend_from_slice(chunk.get(..count).unwrap_or_default());
            if kept.len() > 2 * STDERR_KEPT_BYTES {
                kept.drain(..kept.len() - STDERR_KEPT_BYTES);
            }
        }
    }
    Ok(kept)
}

/// The process group of a call; killed where the call is given up before its end.
#[derive(Debug)]
struct Group(Option<Pid>);

impl Group {
    fn of(child: &tokio::process::Child) -> Self {
        Self(child.id().and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw))
    }

    /// Sets a limit of the leader, which its children inherit. One that is already gone needs none.
    fn limit(&self, resource: Resource, bytes: Option<u64>) {
        if let (Some(pid), Some(_)) = (self.0, bytes) {
            let _gone = rustix::process::prlimit(
                Some(pid),
                resource,
                Rlimit { current: bytes, maximum: bytes },
            );
        }
    }

    fn disarm(&mut self) {
        self.0 = None;
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        if let Some(pid) = self.0 {
            let _gone = rustix::process::kill_process_group(pid, Signal::KILL);
        }
    }
}
