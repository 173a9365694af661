//! Reads of somebody else's files that nothing can make wait or lead astray: no link is followed, no pipe or device is
//! opened to be read, and no more than a limit is taken.

use std::fs::File;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use rustix::fs::{CWD, Mode, OFlags, ResolveFlags};
use rustix::io::Errno;

/// Opening a pipe that nobody writes to must not wait for one who does.
const FLAGS: OFlags =
    OFlags::RDONLY.union(OFlags::NONBLOCK).union(OFlags::NOFOLLOW).union(OFlags::CLOEXEC);

/// Opens a plain file of at most `max_bytes`. No part of `path` may be a link, so its folders have to be known by their
/// real names.
pub(crate) fn open(path: &Path, max_bytes: u64) -> io::Result<File> {
    let opened =
        match rustix::fs::openat2(CWD, path, FLAGS, Mode::empty(), ResolveFlags::NO_SYMLINKS) {
            // A kernel from before 5.6, or a container that does not let it be asked.
            Err(Errno::NOSYS | Errno::PERM) => rustix::fs::open(path, FLAGS, Mode::empty()),
            opened => opened,
        };
    let file = match opened {
        Ok(descriptor) => File::from(descriptor),
        Err(Errno::LOOP) => return Err(refused("it is, or lies behind, a symbolic link")),
        // What a socket answers.
        Err(Errno::NXIO) => return Err(refused("it is no plain file")),
        Err(error) => return Err(error.into()),
    };
    let found = file.metadata()?;
    if !found.is_file() {
        return Err(refused("it is no plain file"));
    }
    if found.len() > max_bytes {
        let reason = format!("it is larger than {max_bytes} bytes");
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, reason));
    }
    Ok(file)
}

/// All of such a file.
pub(crate) fn read(path: &Path, max_bytes: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    // It may grow while it is read.
    open(path, max_bytes)?.take(max_bytes).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// The same file with its folder's real name, where the folder is one of ours.
pub(crate) fn real(folder: PathBuf) -> PathBuf {
    folder.canonicalize().unwrap_or(folder)
}

fn refused(reason: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, reason)
}
