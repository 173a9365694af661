//! One writer at a time: an advisory lock on a file, which outlives this process as long as its git programs do.

use std::fs::{File, OpenOptions, TryLockError};
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::MirrorError;

/// How long one waits for another process, in seconds.
const WAIT_MAX_SECONDS: u64 = 30 * 60;
const PAUSE: Duration = Duration::from_millis(25);

/// The lock of a mirror; given back when dropped and when every git program that holds its file is gone.
#[derive(Debug)]
pub(crate) struct Lock {
    file: File,
    path: PathBuf,
}

impl Lock {
    /// Waits for the lock.
    pub(super) async fn take(path: &Path) -> Result<Self, MirrorError> {
        let io = |source| MirrorError::Io { action: format!("lock `{}`", path.display()), source };
        let file = OpenOptions::new()
            .create(true)
            .truncate(false)
            .read(true)
            .write(true)
            .open(path)
            .map_err(io)?;
        let waiting = async {
            loop {
                match file.try_lock() {
                    Ok(()) => return Ok(()),
                    Err(TryLockError::WouldBlock) => tokio::time::sleep(PAUSE).await,
                    Err(TryLockError::Error(source)) => return Err(io(source)),
                }
            }
        };
        tokio::time::timeout(Duration::from_secs(WAIT_MAX_SECONDS), waiting).await.map_err(
            |_| MirrorError::Busy { folder: path.display().to_string(), seconds: WAIT_MAX_SECONDS },
        )??;
        Ok(Self { file, path: path.to_owned() })
    }

    /// The lock's file, for a git program's standard input: the lock is held until that program is gone too.
    pub(crate) fn file(&self) -> Result<File, MirrorError> {
        self.file.try_clone().map_err(|source| MirrorError::Io {
            action: format!("share the lock `{}`", self.path.display()),
            source,
        })
    }
}
