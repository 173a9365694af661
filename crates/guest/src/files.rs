//! Writes and reads files for the host, below one of the machine's folders, through no symbolic link.

use std::fs::File;
use std::io::{self, Read as _, Write as _};
use std::os::fd::OwnedFd;

use guest::frame::Kind;
use guest::message::{Get, Message, Put, Setup};
use guest::mux::PIECE_MAX;
use rustix::fs::{AtFlags, FileType, Gid, Mode, OFlags, ResolveFlags, Uid};
use rustix::io::Errno;

use crate::link::{Channel, Piece};

/// Every part of a path has to lie below the folder, and none may be a symbolic link.
const STRICT: ResolveFlags =
    ResolveFlags::BENEATH.union(ResolveFlags::NO_SYMLINKS).union(ResolveFlags::NO_MAGICLINKS);

/// The file while it is being written, beside the place it is for.
const PARTIAL: &str = ".hob-partial";

/// Why a file was not written or read.
enum Stop {
    /// To be told to the host.
    Refused(String),
    /// There is no such file.
    Absent,
    /// The host has given up.
    Gone,
}

impl From<crate::link::Gone> for Stop {
    fn from(_: crate::link::Gone) -> Self {
        Self::Gone
    }
}

fn refused(path: &str, what: impl std::fmt::Display) -> Stop {
    Stop::Refused(format!("`{}`: {what}", path.escape_debug()))
}

fn explain(path: &str, errno: Errno) -> Stop {
    match errno {
        Errno::NOENT => Stop::Absent,
        Errno::LOOP => refused(path, "a symbolic link is in the way"),
        Errno::XDEV => refused(path, "leads out of its folder"),
        Errno::NOTDIR => refused(path, "a part of it is not a folder"),
        errno => refused(path, io::Error::from(errno)),
    }
}

/// Answers the host with how it went.
fn answer(channel: &Channel, result: Result<Message, Stop>) {
    let message = match result {
        Ok(message) => message,
        Err(Stop::Refused(reason)) => Message::Refused(reason),
        Err(Stop::Absent) => Message::Absent,
        Err(Stop::Gone) => return,
    };
    if channel.message(&message).is_ok() {
        channel.end();
    }
}

/// Writes the file that `channel` was opened for.
pub(crate) fn put(channel: &Channel, put: &Put, setup: &Setup) {
    answer(channel, write(channel, put, setup.user));
}

/// Reads the file that `channel` was opened for.
pub(crate) fn get(channel: &Channel, get: &Get) {
    answer(channel, read(channel, get));
}

fn open_root(root: &str) -> Result<OwnedFd, Stop> {
    let flags = OFlags::DIRECTORY | OFlags::CLOEXEC | OFlags::PATH;
    rustix::fs::open(root, flags, Mode::empty()).map_err(|e| explain(root, e))
}

fn write(channel: &Channel, put: &Put, user: Option<(u32, u32)>) -> Result<Message, Stop> {
    let (folder, name) = make_folder(put, user)?;
    let at = |e| explain(&put.path, e);
    match rustix::fs::statat(&folder, name, AtFlags::SYMLINK_NOFOLLOW) {
        Ok(stat) => match FileType::from_raw_mode(stat.st_mode) {
            FileType::RegularFile => {}
            FileType::Symlink => return Err(explain(&put.path, Errno::LOOP)),
            _ => return Err(refused(&put.path, "is not a regular file")),
        },
        Err(Errno::NOENT) => {}
        Err(e) => return Err(at(e)),
    }
    let partial = format!("{PARTIAL}-{}", name.len());
    let _none = rustix::fs::unlinkat(&folder, partial.as_str(), AtFlags::empty());
    let flags = OFlags::CREATE | OFlags::EXCL | OFlags::WRONLY | OFlags::CLOEXEC | OFlags::NOFOLLOW;
    let file = rustix::fs::openat(&folder, partial.as_str(), flags, Mode::RUSR | Mode::WUSR)
        .map_err(at)?;
    let mut file = File::from(file);
    let written = fill(channel, put, &mut file).and_then(|bytes| {
        own(&file, user).map_err(at)?;
        rustix::fs::fchmod(&file, Mode::from_raw_mode(put.mode & 0o777)).map_err(at)?;
        rustix::fs::renameat(&folder, partial.as_str(), &folder, name).map_err(at)?;
        Ok(Message::Done { bytes })
    });
    if written.is_err() {
        let _gone = rustix::fs::unlinkat(&folder, partial.as_str(), AtFlags::empty());
    }
    written
}

/// Opens the folder that the file goes to, making what is missing of it; with the file's name.
fn make_folder(put: &Put, user: Option<(u32, u32)>) -> Result<(OwnedFd, &str), Stop> {
    let mut folder = open_root(&put.root)?;
    let (above, name) = put.path.rsplit_once('/').unwrap_or(("", &put.path));
    if matches!(name, "" | "." | "..") {
        return Err(refused(&put.path, "does not name a file"));
    }
    let flags = OFlags::DIRECTORY | OFlags::CLOEXEC | OFlags::PATH;
    for part in above.split('/').filter(|part| !part.is_empty()) {
        let open = || rustix::fs::openat2(&folder, part, flags, Mode::empty(), STRICT);
        folder = match open() {
            Err(Errno::NOENT) => rustix::fs::mkdirat(&folder, part, Mode::from_raw_mode(0o755))
                .and_then(|()| open())
                .and_then(|made| own_folder(made, user))
                .map_err(|e| explain(&put.path, e))?,
            opened => opened.map_err(|e| explain(&put.path, e))?,
        };
    }
    Ok((folder, name))
}

fn own_folder(folder: OwnedFd, user: Option<(u32, u32)>) -> Result<OwnedFd, Errno> {
    if let Some((uid, gid)) = user {
        let (uid, gid) = (Uid::from_raw(uid), Gid::from_raw(gid));
        rustix::fs::chownat(&folder, "", Some(uid), Some(gid), AtFlags::EMPTY_PATH)?;
    }
    Ok(folder)
}

fn own(file: &File, user: Option<(u32, u32)>) -> Result<(), Errno> {
    let Some((uid, gid)) = user else { return Ok(()) };
    rustix::fs::fchown(file, Some(Uid::from_raw(uid)), Some(Gid::from_raw(gid)))
}

fn fill(channel: &Channel, put: &Put, file: &mut File) -> Result<u64, Stop> {
    let mut bytes: u64 = 0;
    loop {
        match channel.receive() {
            Piece::Data(data) => {
                bytes = bytes.saturating_add(data.len() as u64);
                if bytes > put.max_bytes {
                    return Err(refused(&put.path, format!("more than {} bytes", put.max_bytes)));
                }
                file.write_all(&data).map_err(|e| refused(&put.path, e))?;
            }
            Piece::End => return Ok(bytes),
            Piece::Message(_) => return Err(refused(&put.path, "a message instead of bytes")),
            Piece::Gone => return Err(Stop::Gone),
        }
    }
}

fn read(channel: &Channel, get: &Get) -> Result<Message, Stop> {
    let root = open_root(&get.root)?;
    // Without NONBLOCK a FIFO would keep us waiting for a writer.
    let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NOFOLLOW | OFlags::NONBLOCK;
    let file = rustix::fs::openat2(&root, get.path.as_str(), flags, Mode::empty(), STRICT)
        .map_err(|e| explain(&get.path, e))?;
    let stat = rustix::fs::fstat(&file).map_err(|e| explain(&get.path, e))?;
    if FileType::from_raw_mode(stat.st_mode) != FileType::RegularFile {
        return Err(refused(&get.path, "is not a regular file"));
    }
    let too_large = || refused(&get.path, format!("more than {} bytes", get.max_bytes));
    if u64::try_from(stat.st_size).unwrap_or(u64::MAX) > get.max_bytes {
        return Err(too_large());
    }
    let mut file = File::from(file);
    let mut buffer = vec![0; PIECE_MAX];
    let mut bytes: u64 = 0;
    loop {
        let len = file.read(&mut buffer).map_err(|e| refused(&get.path, e))?;
        if len == 0 {
            return Ok(Message::Done { bytes });
        }
        // It may have grown since it was measured.
        bytes = bytes.saturating_add(len as u64);
        if bytes > get.max_bytes {
            return Err(too_large());
        }
        channel.send(Kind::Data, buffer.get(..len).unwrap_or(&[]))?;
    }
}
