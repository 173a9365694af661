//! One writer at a time: an advisory lock on a file, which outlives this process as long as its git programs do.
//!
//! The file says who has it, for whoever waits; only the lock itself counts.

use std::fs::{File, OpenOptions, TryLockError};
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::MirrorError;

/// How long one waits for another process, in seconds.
const WAIT_MAX_SECONDS: u64 = 30 * 60;
const PAUSE: Duration = Duration::from_millis(25);

/// How long one waits without a word.
const SILENT: Duration = Duration::from_secs(1);

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
        let file = open(path).map_err(io)?;
        let waiting = async {
            let mut told = Duration::ZERO;
            loop {
                match file.try_lock() {
                    Ok(()) => return Ok(()),
                    Err(TryLockError::WouldBlock) => tokio::time::sleep(PAUSE).await,
                    Err(TryLockError::Error(source)) => return Err(io(source)),
                }
                told = told.saturating_add(PAUSE);
                if told == SILENT {
                    let folder = path.parent().unwrap_or(path).display();
                    tracing::warn!("waiting for the mirror `{folder}`: {}", holder(&file));
                }
            }
        };
        tokio::time::timeout(Duration::from_secs(WAIT_MAX_SECONDS), waiting).await.map_err(
            |_| MirrorError::Busy { folder: path.display().to_string(), seconds: WAIT_MAX_SECONDS },
        )??;
        Ok(Self::taken(file, path))
    }

    /// Takes the lock where nobody has it.
    pub(super) fn try_take(path: &Path) -> Result<Option<Self>, MirrorError> {
        let io = |source| MirrorError::Io { action: format!("lock `{}`", path.display()), source };
        let file = open(path).map_err(io)?;
        match file.try_lock() {
            Ok(()) => Ok(Some(Self::taken(file, path))),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(source)) => Err(io(source)),
        }
    }

    fn taken(file: File, path: &Path) -> Self {
        let me = format!("{:<PID_WIDTH$}\n", std::process::id());
        if let Err(error) = file.write_all_at(me.as_bytes(), 0) {
            tracing::debug!(%error, "others are not told who has a mirror");
        }
        Self { file, path: path.to_owned() }
    }

    /// Whether somebody has the lock at this moment.
    pub(super) fn is_taken(path: &Path) -> Result<bool, MirrorError> {
        let io = |source| MirrorError::Io { action: format!("lock `{}`", path.display()), source };
        match open(path).map_err(io)?.try_lock() {
            Ok(()) => Ok(false),
            Err(TryLockError::WouldBlock) => Ok(true),
            Err(TryLockError::Error(source)) => Err(io(source)),
        }
    }

    /// The lock's file, for a git program's standard input: the lock is held until that program is gone too.
    pub(crate) fn file(&self) -> Result<File, MirrorError> {
        self.file.try_clone().map_err(|source| MirrorError::Io {
            action: format!("share the lock `{}`", self.path.display()),
            source,
        })
    }
}

/// As wide as a process id is written, so that a newer one takes the place of an older one whole.
const PID_WIDTH: usize = 10;

fn open(path: &Path) -> std::io::Result<File> {
    OpenOptions::new().create(true).truncate(false).read(true).write(true).open(path)
}

/// Who has the lock, and since when, as far as the file says.
fn holder(file: &File) -> String {
    let mut said = [0; PID_WIDTH];
    let pid = file.read_exact_at(&mut said, 0).ok().and_then(|()| {
        std::str::from_utf8(&said).ok().and_then(|text| text.trim().parse::<u32>().ok())
    });
    let since = file.metadata().and_then(|found| found.modified()).ok().and_then(|at| {
        let since = at.duration_since(std::time::UNIX_EPOCH).ok()?;
        Some(domain::Timestamp::from_millis(u64::try_from(since.as_millis()).ok()?))
    });
    match (pid, since) {
        (Some(pid), Some(since)) => {
            format!("hob (pid {pid}), or a git program that it started, has it since {since}")
        }
        _ => "another process has it".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn whoever_waits_can_say_who_has_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("lock");
        assert!(!Lock::is_taken(&path).unwrap());
        let held = Lock::take(&path).await.unwrap();
        assert!(Lock::is_taken(&path).unwrap());
        let told = holder(&open(&path).unwrap());
        let me = format!("pid {}", std::process::id());
        assert!(told.contains(&me) && told.contains("since 20"), "{told}");
        drop(held);
        assert!(!Lock::is_taken(&path).unwrap());
    }
}
