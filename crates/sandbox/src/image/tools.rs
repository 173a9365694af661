//! The host's programs that images are made with.

use std::io::{BufRead as _, BufReader, Read};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread::JoinHandle;

use super::Watch;
use super::error::{ImageError, Needed};
use crate::microvm::programs;

/// How much of what a program says is kept for the message of its failure, in lines.
const KEPT_LINES: usize = 12;

/// The longest line of a program that is read, in bytes.
const LINE_MAX_BYTES: u64 = 64 * 1024;

pub(super) const MKSQUASHFS: Needed = Needed { program: "mksquashfs", package: "squashfs-tools" };
pub(super) const MMDEBSTRAP: Needed = Needed { program: "mmdebstrap", package: "mmdebstrap" };
pub(super) const APT_GET: Needed = Needed { program: "apt-get", package: "apt" };
pub(super) const APT_CACHE: Needed = Needed { program: "apt-cache", package: "apt" };
pub(super) const DPKG_DEB: Needed = Needed { program: "dpkg-deb", package: "dpkg" };
pub(super) const XZ: Needed = Needed { program: "xz", package: "xz-utils" };
pub(super) const ZSTD: Needed = Needed { program: "zstd", package: "zstd" };
pub(super) const NEWUIDMAP: Needed = Needed { program: "newuidmap", package: "uidmap" };

/// A command of one of the distribution's programs. It and what it starts are looked for where the distribution has them: a
/// search path may name folders of whatever repository the process was started in.
#[expect(clippy::disallowed_methods, reason = "images are made with the host's own programs")]
pub(super) fn command(needed: Needed) -> Command {
    let found = programs::find(needed.program, &[]);
    // Where there is none, starting it says so.
    let mut command =
        Command::new(found.unwrap_or_else(|| Path::new("/usr/bin").join(needed.program)));
    command.env("PATH", programs::STANDARD.join(":"));
    command.env("LC_ALL", "C.UTF-8").stdin(Stdio::null());
    command
}

/// Fails with all of the programs that are not there, before anything is begun.
pub(super) fn need(all: &[Needed]) -> Result<(), ImageError> {
    let is_missing = |one: &&Needed| {
        let tried =
            command(**one).arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status();
        tried.is_err_and(|error| error.kind() == std::io::ErrorKind::NotFound)
    };
    let missing: Vec<Needed> = all.iter().filter(is_missing).copied().collect();
    if missing.is_empty() { Ok(()) } else { Err(ImageError::Missing(missing)) }
}

/// Runs a command to its end and gives back its standard output.
pub(super) fn output(
    what: &str,
    needed: Needed,
    command: &mut Command,
    watch: Watch<'_>,
) -> Result<Vec<u8>, ImageError> {
    let mut running = Running::start(what, needed, command.stdout(Stdio::piped()), watch)?;
    let mut out = Vec::new();
    if let Some(stdout) = running.child.stdout.take() {
        let read = { stdout }.read_to_end(&mut out);
        read.map_err(|error| running.failed(&error.to_string()))?;
    }
    running.end()?;
    Ok(out)
}

/// A program at work. Dropping it ends it.
#[derive(Debug)]
pub(super) struct Running {
    pub(super) child: Child,
    what: String,
    said: Option<JoinHandle<Vec<String>>>,
    ended: bool,
}

impl Running {
    /// Starts it; what it says on standard error goes to whoever watches.
    pub(super) fn start(
        what: &str,
        needed: Needed,
        command: &mut Command,
        watch: Watch<'_>,
    ) -> Result<Self, ImageError> {
        let mut child = command.stderr(Stdio::piped()).spawn().map_err(|error| {
            if error.kind() == std::io::ErrorKind::NotFound {
                ImageError::Missing(vec![needed])
            } else {
                ImageError::Io { action: format!("starting {}", needed.program), source: error }
            }
        })?;
        let said = child.stderr.take().map(|said| {
            let watch = watch.clone();
            std::thread::spawn(move || listen(said, &watch))
        });
        Ok(Self { child, what: what.to_owned(), said, ended: false })
    }

    /// Waits for its end, which has to be a good one.
    pub(super) fn end(mut self) -> Result<(), ImageError> {
        // Whoever waits for standard input to end waits no longer.
        drop(self.child.stdin.take());
        let said = self.said.take().and_then(|said| said.join().ok()).unwrap_or_default();
        let status = self.child.wait().map_err(|error| self.failed(&error.to_string()))?;
        self.ended = true;
        if status.success() {
            return Ok(());
        }
        let detail = if said.is_empty() { status.to_string() } else { said.join("\n") };
        Err(self.failed(&detail))
    }

    /// The error of its failure.
    pub(super) fn failed(&self, detail: &str) -> ImageError {
        ImageError::Failed {
            what: self.what.clone(),
            detail: detail.to_owned(),
            hint: "what the program said above names the cause".to_owned(),
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if !self.ended {
            // Asked, not killed: some have things to take away. It may have ended by itself.
            let child =
                i32::try_from(self.child.id()).ok().and_then(rustix::process::Pid::from_raw);
            if let Some(child) = child {
                rustix::process::kill_process(child, rustix::process::Signal::TERM)
                    .unwrap_or_default();
            }
            drop(self.child.stdin.take());
            drop(self.child.stdout.take());
            drop(self.child.wait());
        }
    }
}

/// Passes on each line, and keeps the last ones.
fn listen(said: impl Read, watch: &super::Watcher) -> Vec<String> {
    let mut kept = std::collections::VecDeque::new();
    let mut said = BufReader::new(said);
    loop {
        let mut line = Vec::new();
        match said.by_ref().take(LINE_MAX_BYTES).read_until(b'\n', &mut line) {
            Ok(0) | Err(_) => return kept.into(),
            Ok(_) => {}
        }
        let line = String::from_utf8_lossy(&line).trim_end().to_owned();
        if line.is_empty() {
            continue;
        }
        watch.detail(&line);
        if kept.len() == KEPT_LINES {
            kept.pop_front();
        }
        kept.push_back(line);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn programs_are_those_of_the_distribution_and_so_are_those_that_they_start() {
        let no_such = Needed { program: "no-such-program", package: "none" };
        for needed in [DPKG_DEB, no_such] {
            let command = command(needed);
            assert!(Path::new(command.get_program()).is_absolute(), "{command:?}");
            let path = command.get_envs().find(|(name, _)| *name == "PATH").unwrap().1.unwrap();
            assert!(std::env::split_paths(path).all(|folder| folder.is_absolute()), "{path:?}");
        }
        assert!(
            matches!(need(&[DPKG_DEB, no_such]), Err(ImageError::Missing(missing)) if missing == [no_such])
        );
    }
}
