//! Fences at the side effect: whoever comes back late with an old token is refused here, whatever it believes.
//!
//! The newest fence of each run is a small file beside the mirror. It is read and raised under the mirror's lock,
//! the same lock under which the side effect happens. The fence of a run that is over is closed: no action of it does
//! anything any more.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::Path;

use domain::{Fence, RunId};
use tempfile::NamedTempFile;

use crate::mirror::Mirror;

/// What the file of a closed fence says.
const CLOSED: &str = "closed";

/// Why a side effect was not performed.
#[derive(Debug, thiserror::Error)]
pub enum FenceError {
    /// A newer action of the run was seen.
    #[error("an older action of {run} came back: its fence is {given}, the newest is {newest}")]
    Stale {
        /// Which run.
        run: RunId,
        /// What the action carries.
        given: u64,
        /// What was seen last.
        newest: u64,
    },
    /// The run is over.
    #[error("an action of {run} came back after the run was over")]
    Closed {
        /// Which run.
        run: RunId,
    },
    /// The fence could not be read or written.
    #[error("read or write the fence of {run}")]
    Io {
        /// Which run.
        run: RunId,
        /// What the kernel said.
        #[source]
        source: io::Error,
    },
}

/// Refuses an older fence than the newest seen; keeps a newer one. The mirror's lock must be held.
pub(crate) fn raise(mirror: &Mirror, run: RunId, given: Fence) -> Result<(), FenceError> {
    let io = |source| FenceError::Io { run, source };
    let path = mirror.fences().join(run.to_string());
    let newest = match fs::read_to_string(&path) {
        Ok(text) if text.trim() == CLOSED => return Err(FenceError::Closed { run }),
        Ok(text) => text.trim().parse().map_err(|_| {
            io(io::Error::new(io::ErrorKind::InvalidData, "the fence file holds no number"))
        })?,
        Err(error) if error.kind() == io::ErrorKind::NotFound => 0,
        Err(error) => return Err(io(error)),
    };
    if given.0 < newest {
        return Err(FenceError::Stale { run, given: given.0, newest });
    }
    if given.0 > newest {
        write_durably(&path, format!("{}\n", given.0).as_bytes()).map_err(io)?;
    }
    Ok(())
}

/// Refuses every action of a run from here on. The mirror's lock must be held.
pub(crate) fn close(fences: &Path, run: RunId) -> io::Result<()> {
    write_durably(&fences.join(run.to_string()), format!("{CLOSED}\n").as_bytes())
}

/// Whether the fence in this file is closed.
pub(crate) fn is_closed(path: &Path) -> io::Result<bool> {
    Ok(fs::read_to_string(path)?.trim() == CLOSED)
}

/// Writes a small file whole or not at all, and so that it is still there after a power loss.
pub(crate) fn write_durably(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let folder = path.parent().unwrap_or(Path::new("/"));
    let mut file = NamedTempFile::new_in(folder)?;
    file.write_all(bytes)?;
    file.as_file().sync_all()?;
    file.persist(path).map_err(|error| error.error)?;
    File::open(folder)?.sync_all()
}
