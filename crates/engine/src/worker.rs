//! Who claims: a name that holds a file lock for as long as the process lives.
//!
//! A process that dies by whatever means gives its lock back, so the leases of a dead worker are ended
//! at once by the next one, not when they run out.

use std::fs::File;
use std::path::{Path, PathBuf};

use domain::Clock;

/// This process as a worker.
#[derive(Debug)]
pub(crate) struct Worker {
    name: String,
    path: PathBuf,
    _lock: File,
}

impl Worker {
    /// Takes a name below `folder` that no other process has.
    pub(crate) fn enlist(folder: &Path, clock: &dyn Clock) -> std::io::Result<Self> {
        std::fs::create_dir_all(folder)?;
        let mut tail = [0_u8; 6];
        clock.fill_random(&mut tail);
        let tail: String = tail.iter().map(|byte| format!("{byte:02x}")).collect();
        let name = format!("worker-{}-{tail}", std::process::id());
        let path = folder.join(format!("{name}.lock"));
        let lock = File::create_new(&path)?;
        lock.lock()?;
        Ok(Self { name, path, _lock: lock })
    }

    /// The name.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        // A file that stays is removed by the next one who looks for the dead.
        drop(std::fs::remove_file(&self.path));
    }
}

/// The process behind a worker's name.
pub(crate) fn pid(name: &str) -> Option<u32> {
    name.strip_prefix("worker-")?.split('-').next()?.parse().ok()
}

/// The workers whose process is gone. Their lock files are handed to `bury`, which ends their leases;
/// a file is removed only after that succeeded.
pub(crate) fn dead(folder: &Path) -> std::io::Result<Vec<(String, PathBuf)>> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        let Some(name) = path
            .file_name()
            .and_then(|name| name.to_str())
            .and_then(|name| name.strip_suffix(".lock"))
            .map(str::to_owned)
        else {
            continue;
        };
        match File::open(&path) {
            // Taking the lock shows that nobody holds it; it is given back when `file` is dropped.
            Ok(file) if file.try_lock().is_ok() => found.push((name, path)),
            Ok(_) => {}
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_living_worker_is_not_among_the_dead() {
        let folder = tempfile::tempdir().unwrap();
        let alive = Worker::enlist(folder.path(), &domain::clock::SystemClock).unwrap();
        std::fs::write(folder.path().join("worker-1-gone.lock"), "").unwrap();
        let names: Vec<String> =
            dead(folder.path()).unwrap().into_iter().map(|(name, _)| name).collect();
        assert_eq!(names, ["worker-1-gone"]);
        assert_eq!(pid(alive.name()), Some(std::process::id()));
    }
}
