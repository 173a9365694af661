//! A squashfs from a stream of tar, by Debian's squashfs-tools: nothing is unpacked on the host.
//!
//! `sqfstar` is the same program under another name, but that of squashfs-tools 4.5 takes no compression level.

use std::io::{Read, Write};
use std::path::Path;
use std::process::{ChildStdin, Stdio};

use domain::Digest;
use sha2::Digest as _;

use super::Watch;
use super::error::{ImageError, io};
use super::tools::{self, Running};

/// The level of zstd: more gains little, and costs minutes.
const LEVEL: &str = "9";

/// The file of a squashfs, in its artefact's folder.
pub(super) const FILE: &str = "root.squashfs";

/// A squashfs that is being made.
#[derive(Debug)]
pub(super) struct Squash {
    running: Running,
}

impl Squash {
    /// Starts to make `file`. No time in it is later than `epoch`, so that the same tar gives the same bytes.
    pub(super) fn start(file: &Path, epoch: u32, watch: Watch<'_>) -> Result<Self, ImageError> {
        let mut command = tools::command(tools::MKSQUASHFS);
        command.arg("-").arg(file).args(["-tar", "-comp", "zstd", "-Xcompression-level", LEVEL]);
        command.args(["-root-mode", "755", "-root-uid", "0", "-root-gid", "0"]);
        command.args(["-quiet", "-no-progress", "-noappend"]);
        command.env("SOURCE_DATE_EPOCH", epoch.to_string());
        command.stdin(Stdio::piped()).stdout(Stdio::null());
        let running =
            Running::start("making the squashfs", tools::MKSQUASHFS, &mut command, watch)?;
        Ok(Self { running })
    }

    /// Where the tar goes. Taken once.
    pub(super) fn input(&mut self) -> Result<ChildStdin, ImageError> {
        self.running.child.stdin.take().ok_or_else(|| self.running.failed("its input is taken"))
    }

    /// What it said, where it ended before all was written to it.
    pub(super) fn end(self) -> Result<(), ImageError> {
        self.running.end()
    }
}

/// The digest and the length of a file.
pub(super) fn digest(file: &Path) -> Result<(Digest, u64), ImageError> {
    let mut from = std::fs::File::open(file).map_err(io("opening", file))?;
    let mut hasher = sha2::Sha256::new();
    let mut bytes = 0;
    let mut buffer = vec![0; 256 * 1024];
    loop {
        let read = from.read(&mut buffer).map_err(io("reading", file))?;
        let Some(read @ [_, ..]) = buffer.get(..read) else { break };
        hasher.update(read);
        bytes += read.len() as u64;
    }
    Ok((Digest::from_bytes(hasher.finalize().into()), bytes))
}

/// Copies a stream to its end, at most `max_bytes` of it. Gives back how many there were, or nothing where there were more.
pub(super) fn copy(
    from: &mut impl Read,
    into: &mut impl Write,
    max_bytes: u64,
    mut each: impl FnMut(u64),
) -> std::io::Result<Option<u64>> {
    let mut buffer = vec![0; 256 * 1024];
    let mut bytes = 0;
    loop {
        let read = from.read(&mut buffer)?;
        let Some(read @ [_, ..]) = buffer.get(..read) else { return Ok(Some(bytes)) };
        bytes += read.len() as u64;
        if bytes > max_bytes {
            return Ok(None);
        }
        into.write_all(read)?;
        each(bytes);
    }
}
