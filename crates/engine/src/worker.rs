//! Who claims: a name that holds a file lock for as long as the process lives.
//!
//! A process that dies by whatever means gives its lock back, so the leases of a dead worker are ended
//! at once by the next one, not when they run out. The file says which machines the process keeps between two steps.

use std::fs::{File, OpenOptions};
use std::io::Write as _;
use std::path::{Path, PathBuf};

use domain::{Clock, MachineId};

/// How the file ends that is not locked yet.
const UNLOCKED: &str = ".unlocked";

/// This process as a worker.
#[derive(Debug)]
pub(crate) struct Worker {
    name: String,
    path: PathBuf,
    lock: File,
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
        // Whoever sees a lock file finds it locked: it has another name until it is.
        let unlocked = folder.join(format!("{name}{UNLOCKED}"));
        let lock = OpenOptions::new().append(true).create_new(true).open(&unlocked)?;
        lock.lock()?;
        std::fs::rename(&unlocked, &path)?;
        Ok(Self { name, path, lock })
    }

    /// Tells others that this process keeps a machine: what is done with it is for this process alone.
    pub(crate) fn keeps(&self, machine: MachineId) {
        self.write('+', machine);
    }

    /// Tells others that it does not keep it any more.
    pub(crate) fn gives_up(&self, machine: MachineId) {
        self.write('-', machine);
    }

    fn write(&self, sign: char, machine: MachineId) {
        // Where it cannot be written, another process may take the step and lose it: the work is done again.
        if let Err(error) = (&self.lock).write_all(format!("{sign}{machine}\n").as_bytes()) {
            tracing::debug!(%machine, %error, "others are not told of a machine");
        }
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

/// Whether a living process keeps this machine.
pub(crate) fn is_kept(folder: &Path, machine: MachineId) -> std::io::Result<bool> {
    let (kept, given_up) = (format!("+{machine}"), format!("-{machine}"));
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        if path.extension().is_none_or(|ending| ending != "lock") {
            continue;
        }
        let text = match std::fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => continue,
            Err(error) => return Err(error),
        };
        let says = |line: &str| text.lines().any(|said| said == line);
        if says(&kept) && !says(&given_up) {
            return Ok(File::open(&path).is_ok_and(|file| file.try_lock().is_err()));
        }
    }
    Ok(false)
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
        remove_stillborn(&path);
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
            // One that just left in order has removed its file before.
            Ok(file) if file.try_lock().is_ok() && path.exists() => found.push((name, path)),
            Ok(_) => {}
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
    }
    Ok(found)
}

/// Removes the file of a process that died before it had its name.
fn remove_stillborn(path: &Path) {
    let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    let Some(pid) = name.strip_suffix(UNLOCKED).and_then(pid) else { return };
    if !Path::new("/proc").join(pid.to_string()).exists() {
        // What stays is looked at again the next time.
        drop(std::fs::remove_file(path));
    }
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

    #[test]
    fn nobody_finds_a_worker_that_is_not_locked_yet() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().to_owned();
        std::thread::scope(|scope| {
            let enlisting = scope.spawn(|| {
                for _ in 0..200 {
                    drop(Worker::enlist(&path, &domain::clock::SystemClock).unwrap());
                }
            });
            while !enlisting.is_finished() {
                // A file of a worker that just left is gone an instant before its lock is.
                assert_eq!(dead(&path).unwrap(), []);
            }
        });
    }

    #[test]
    fn a_machine_is_kept_while_its_keeper_lives_and_until_it_is_given_up() {
        let folder = tempfile::tempdir().unwrap();
        let clock = domain::clock::SystemClock;
        let (one, other) = (MachineId::fresh(&clock), MachineId::fresh(&clock));
        let worker = Worker::enlist(folder.path(), &clock).unwrap();
        let is_kept = |machine| is_kept(folder.path(), machine).unwrap();
        worker.keeps(one);
        assert!(is_kept(one) && !is_kept(other));
        worker.keeps(other);
        worker.gives_up(one);
        assert!(!is_kept(one) && is_kept(other));
        let said = std::fs::read(folder.path().join(format!("{}.lock", worker.name()))).unwrap();
        drop(worker);
        std::fs::write(folder.path().join("worker-1-gone.lock"), said).unwrap();
        assert!(!is_kept(other), "its keeper is gone");
    }
}
