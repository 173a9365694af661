//! Finds what machines of processes that are gone have left, and takes it away.

use std::os::fd::OwnedFd;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use rustix::process::{Pid, PidfdFlags, Signal};

use super::cgroup::{Cgroup, Names, Parent};
use super::presence::{Presence, Present};
use super::release;
use super::scratch::{self, Claim, Folder};
use crate::port::{Reclaimed, SandboxError};

/// How long killed processes may take to disappear.
const DEATH_MAX: Duration = Duration::from_secs(30);

/// Takes away what is ours and nobody's; files go in the background. Blocks.
pub(crate) fn reclaim(
    state_dir: &Path,
    parents: &[Parent],
    presence: &Arc<Presence>,
) -> Result<Reclaimed, SandboxError> {
    let io = |source| SandboxError::Io {
        action: format!("looking for machines in {}", state_dir.display()),
        source,
    };
    let guard = scratch::lock_all(state_dir).map_err(io)?;
    let state_dir = state_dir.canonicalize().map_err(io)?;
    let names = Names::of(&state_dir);
    let mut reclaimed = Reclaimed::default();
    let mut abandoned = Vec::new();
    for entry in std::fs::read_dir(scratch::machines(&state_dir)).map_err(io)? {
        let entry = entry.map_err(io)?;
        if entry.file_name() == ".lock" {
            continue;
        }
        match scratch::claim(&entry.path()) {
            Claim::Abandoned(folder) => abandoned.push(folder),
            Claim::Owned => {}
            Claim::Foreign(reason) => reclaimed.left.push((entry.path(), reason)),
        }
    }
    // A machine's folder is there before its groups and after them: without one they are nobody's.
    for machine in names.machines(parents) {
        if !scratch::machines(&state_dir).join(machine.to_string()).exists() {
            let paths = names.paths(parents, machine);
            match release::remove_groups(&Cgroup::named(&names.name(machine), &paths)) {
                Ok(()) => reclaimed.machines.push(machine),
                Err((path, e)) => reclaimed.left.push((path, e.to_string())),
            }
        }
    }
    // What was claimed is locked by us now; new machines need not wait for its removal.
    drop(guard);
    for folder in abandoned {
        let machine = folder.mark().machine;
        match take_away(folder, &names, presence.enter()) {
            Ok(()) => reclaimed.machines.push(machine),
            Err((path, e)) => reclaimed.left.push((path, e.to_string())),
        }
    }
    Ok(reclaimed)
}

/// How many machines of processes that are gone still have something below a state folder, where that can be told.
pub fn abandoned(state_dir: &Path) -> std::io::Result<usize> {
    let _guard = scratch::lock_all(state_dir)?;
    let mut count = 0;
    for entry in std::fs::read_dir(scratch::machines(state_dir))? {
        let entry = entry?;
        let is_lock = entry.file_name() == ".lock";
        count +=
            usize::from(!is_lock && matches!(scratch::claim(&entry.path()), Claim::Abandoned(_)));
    }
    Ok(count)
}

fn take_away(folder: Folder, names: &Names, present: Present) -> Result<(), release::Left> {
    let mark = folder.mark();
    if let Some(init) = mark.init
        && mark.boot == scratch::boot_id()
        && let Some(process) = open(init)
    {
        let _gone = rustix::process::pidfd_send_signal(&process, Signal::KILL);
        release::ended(&process, DEATH_MAX);
    }
    release::remove_groups(&Cgroup::named(&names.name(mark.machine), &mark.cgroups))?;
    release::remove_beside(folder, present);
    Ok(())
}

/// Takes hold of a process, if it is still the one that was meant.
fn open(process: scratch::Process) -> Option<OwnedFd> {
    let pid = Pid::from_raw(process.pid)?;
    let held = rustix::process::pidfd_open(pid, PidfdFlags::empty()).ok()?;
    // Held first and compared then: what is held cannot be exchanged any more.
    process.lives().then_some(held)
}
