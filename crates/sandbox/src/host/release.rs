//! Takes a machine away: its processes, its groups, its folder, in this order. Whoever asks waits for the first two;
//! the folder may hold hundreds of thousands of files and is removed beside everything else.
//!
//! What is not taken away here, because the process ends first, has its mark and is found by
//! [`super::reclaim`].

use std::io;
use std::os::fd::{AsFd as _, OwnedFd};
use std::path::PathBuf;
use std::process::Child;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec};
use rustix::process::{Pid, PidfdFlags, Signal};

use super::cgroup::Cgroup;
use super::presence::Present;
use super::scratch::{Folder, Process};
use crate::port::SandboxError;

/// How long killed processes may take to disappear.
const DEATH_MAX: Duration = Duration::from_secs(30);

/// How long an emptied group may take to become removable.
const GROUP_MAX: Duration = Duration::from_secs(10);

/// What there is of a machine on the host. Dropping it takes it away in the background.
#[derive(Debug)]
pub(crate) struct Remains {
    parts: Option<Parts>,
}

#[derive(Debug)]
struct Parts {
    folder: Folder,
    cgroup: Option<Arc<Cgroup>>,
    program: Option<Child>,
    init: Option<Arc<OwnedFd>>,
    present: Present,
}

/// What could not be taken away, and why.
pub(crate) type Left = (PathBuf, io::Error);

impl Remains {
    /// A folder so far.
    pub(crate) const fn new(folder: Folder, present: Present) -> Self {
        Self { parts: Some(Parts { folder, cgroup: None, program: None, init: None, present }) }
    }

    fn parts(&mut self) -> &mut Parts {
        self.parts.as_mut().expect("parts are there until they are taken away, which consumes")
    }

    /// The folder.
    pub(crate) fn folder(&mut self) -> &mut Folder {
        &mut self.parts().folder
    }

    /// Adds the groups.
    pub(crate) fn set_cgroup(&mut self, cgroup: Arc<Cgroup>) {
        self.parts().cgroup = Some(cgroup);
    }

    /// Adds the running program: bubblewrap, or the VMM.
    pub(crate) fn set_program(&mut self, child: Child) {
        self.parts().program = Some(child);
    }

    /// Adds the process that ends the machine: its PID 1, or the VMM.
    pub(crate) fn set_init(&mut self, init: Arc<OwnedFd>) {
        self.parts().init = Some(init);
    }

    /// Takes all of it away, waiting until its processes and groups are gone. Blocks.
    pub(crate) fn take_away(mut self) -> Result<(), SandboxError> {
        let Some(parts) = self.parts.take() else { return Ok(()) };
        parts.take_away().map_err(|(path, source)| SandboxError::Io {
            action: format!("taking {} away", path.display()),
            source,
        })
    }
}

impl Drop for Remains {
    fn drop(&mut self) {
        if let Some(parts) = self.parts.take() {
            let work = move || {
                if let Err((path, source)) = parts.take_away() {
                    tracing::warn!(path = %path.display(), %source, "a machine was not taken away");
                }
            };
            // Without a thread it is left to the reclaimer, who finds it by its mark.
            let _left = std::thread::Builder::new().name("machine-release".to_owned()).spawn(work);
        }
    }
}

impl Parts {
    fn take_away(mut self) -> Result<(), Left> {
        if let Some(init) = &self.init {
            // With PID 1 the kernel ends all processes of its namespace, with the VMM all of the virtual machine.
            let _gone = rustix::process::pidfd_send_signal(init, Signal::KILL);
        }
        if let Some(mut program) = self.program.take() {
            let _gone = program.kill();
            let _status = program.wait();
        }
        if let Some(init) = &self.init
            && !ended(init, DEATH_MAX)
        {
            let path = self.folder.path().to_owned();
            return Err((path, io::Error::other("its processes do not end")));
        }
        if let Some(cgroup) = &self.cgroup {
            remove_groups(cgroup)?;
        }
        remove_beside(self.folder, self.present);
        Ok(())
    }
}

/// Removes a machine's folder on a thread of its own. The folder stays locked by this process until it is gone or
/// the process ends; what is left then has its mark.
pub(crate) fn remove_beside(folder: Folder, present: Present) {
    let work = move || {
        if let Err(left) = folder.remove() {
            let (path, source) = (left.path, left.source);
            tracing::warn!(path = %path.display(), %source, "a machine's files were not removed");
        }
        drop(present);
    };
    // Without a thread it is left to the reclaimer.
    let _left = std::thread::Builder::new().name("machine-removal".to_owned()).spawn(work);
}

/// Kills what is left in the groups and removes them, waiting until the kernel lets go.
pub(crate) fn remove_groups(cgroup: &Cgroup) -> Result<(), Left> {
    let until = Instant::now() + GROUP_MAX;
    loop {
        cgroup.kill();
        match cgroup.remove() {
            Ok(()) => return Ok(()),
            Err((_, e)) if e.raw_os_error() == Some(libc::EBUSY) && Instant::now() < until => {
                // The kernel tells nobody when a group has become empty in version 1.
                std::thread::sleep(Duration::from_millis(2));
            }
            Err(left) => return Err(left),
        }
    }
}

/// Takes hold of a process so that it is never mixed up with another; none where it has ended.
pub(crate) fn hold(pid: i32) -> Option<(Process, Arc<OwnedFd>)> {
    let process = Process::of(pid)?;
    let pid = Pid::from_raw(pid)?;
    let held = rustix::process::pidfd_open(pid, PidfdFlags::empty()).ok()?;
    process.lives().then(|| (process, Arc::new(held)))
}

/// Waits until a process and, if it is PID 1 of a namespace, all others in it have ended.
pub(crate) fn ended(process: &OwnedFd, max: Duration) -> bool {
    let until = Instant::now() + max;
    loop {
        let left = until.saturating_duration_since(Instant::now());
        let Ok(timeout) = Timespec::try_from(left) else { return false };
        let mut polled = [PollFd::from_borrowed_fd(process.as_fd(), PollFlags::IN)];
        match rustix::event::poll(&mut polled, Some(&timeout)) {
            Ok(ready) => return ready > 0,
            Err(rustix::io::Errno::INTR) => {}
            Err(_) => return false,
        }
    }
}
