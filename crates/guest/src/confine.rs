//! What commands may not do: no capabilities, no new privileges, limits, and where the kernel knows
//! Landlock, writing nowhere but in the machine's own folders.

use std::fs::OpenOptions;
use std::io;
use std::os::fd::OwnedFd;

use guest::message::Setup;
use landlock::{
    ABI, Access as _, AccessFs, CompatLevel, Compatible as _, RestrictionStatus, Ruleset,
    RulesetAttr as _, RulesetCreatedAttr as _, RulesetError, RulesetStatus, Scope,
    path_beneath_rules,
};
use rustix::process::{DumpableBehavior, Resource, Rlimit};
use rustix::thread::{CapabilitySet, CapabilitySets};

/// The newest Landlock that this was written for; on older kernels what they know is used.
const LANDLOCK: ABI = ABI::V6;

/// Devices and kernel files that ordinary programs write to.
const WRITABLE_DEVICES: [&str; 9] = [
    "/dev/null",
    "/dev/zero",
    "/dev/full",
    "/dev/random",
    "/dev/urandom",
    "/dev/tty",
    "/dev/ptmx",
    "/dev/pts",
    "/dev/shm",
];

/// How much rather than PID 1 the kernel should kill a command when memory runs out.
const OOM_SCORE: &str = "500";

/// Confines PID 1 itself, and so all that it starts. Must run before there is a second thread.
/// Gives Landlock's state and what did not work; the error is that a machine may not start at all, as commands
/// could gain privileges in it.
pub(crate) fn confine_all(setup: &Setup) -> Result<(String, Vec<String>), String> {
    let mut notes = Vec::new();
    let mut note = |what: &str, result: Result<(), String>| {
        if let Err(e) = result {
            notes.push(format!("{what}: {e}"));
        }
    };
    rustix::thread::set_no_new_privs(true).map_err(|e| format!("no new privileges: {e}"))?;
    // Commands run as the same user where PID 1 is not root: they must not look into it.
    let hidden = rustix::process::set_dumpable_behavior(DumpableBehavior::NotDumpable);
    note("hiding PID 1", hidden.map_err(|e| e.to_string()));
    let landlock = match landlock(setup) {
        Ok(status) => match status.ruleset {
            RulesetStatus::FullyEnforced => "fully",
            RulesetStatus::PartiallyEnforced => "partially",
            RulesetStatus::NotEnforced => "not",
        },
        Err(e) => {
            note("landlock", Err(e.to_string()));
            "not"
        }
    };
    if setup.user.is_none() {
        drop_capabilities().map_err(|e| format!("dropping capabilities: {e}"))?;
    } else {
        // PID 1 keeps its own, to become others' users; what it starts can never gain any.
        empty_bounding_set();
    }
    Ok((landlock.to_owned(), notes))
}

fn landlock(setup: &Setup) -> Result<RestrictionStatus, RulesetError> {
    let all = AccessFs::from_all(LANDLOCK);
    let write_device = AccessFs::WriteFile | AccessFs::Truncate | AccessFs::IoctlDev;
    Ruleset::default()
        .set_compatibility(CompatLevel::BestEffort)
        .handle_access(all)?
        .scope(Scope::from_all(LANDLOCK))?
        .create()?
        .add_rules(path_beneath_rules(["/"], AccessFs::from_read(LANDLOCK)))?
        .add_rules(path_beneath_rules(["/proc"], AccessFs::WriteFile))?
        .add_rules(path_beneath_rules(["/dev/shm"], all))?
        .add_rules(path_beneath_rules(WRITABLE_DEVICES, write_device))?
        .add_rules(path_beneath_rules(&setup.writable, all))?
        .restrict_self()
}

/// Takes every capability from this thread and what it starts.
fn drop_capabilities() -> io::Result<()> {
    let none = CapabilitySets {
        effective: CapabilitySet::empty(),
        permitted: CapabilitySet::empty(),
        inheritable: CapabilitySet::empty(),
    };
    let _unknown = rustix::thread::clear_ambient_capability_set();
    empty_bounding_set();
    Ok(rustix::thread::set_capabilities(None, none)?)
}

/// Without `CAP_SETPCAP` the bounding set stays; no new privileges makes it meaningless.
fn empty_bounding_set() {
    for capability in CapabilitySet::all().iter() {
        let _refused = rustix::thread::remove_capability_from_bounding_set(capability);
    }
}

/// What a command's process does to itself before it becomes the command.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Child {
    user: Option<(u32, u32)>,
    processes_max: Option<u64>,
    file_max_bytes: u64,
    memory_max_bytes: Option<u64>,
}

impl Child {
    /// As the host asked for.
    pub(crate) const fn new(setup: &Setup) -> Self {
        Self {
            user: setup.user,
            processes_max: setup.processes_max,
            file_max_bytes: setup.file_max_bytes,
            memory_max_bytes: setup.process_memory_max_bytes,
        }
    }

    /// Only system calls: this runs between fork and exec.
    pub(crate) fn apply(self) -> io::Result<()> {
        rustix::process::setsid()?;
        prefer_for_oom();
        rustix::process::umask(rustix::fs::Mode::from_raw_mode(0o022));
        limit(Resource::Core, 0)?;
        limit(Resource::Fsize, self.file_max_bytes)?;
        if let Some(bytes) = self.memory_max_bytes {
            limit(Resource::Data, bytes)?;
        }
        if let Some(processes) = self.processes_max {
            limit(Resource::Nproc, processes)?;
        }
        if let Some((uid, gid)) = self.user {
            use rustix::process::{Gid, Uid};
            let (uid, gid) = (Uid::from_raw(uid), Gid::from_raw(gid));
            rustix::thread::set_thread_groups(&[])?;
            rustix::thread::set_thread_res_gid(gid, gid, gid)?;
            rustix::thread::set_thread_res_uid(uid, uid, uid)?;
        }
        drop_capabilities()
    }
}

/// The child looks like PID 1 to the kernel, and so may not write its own /proc files; it holds nothing
/// that has to be hidden, as all it has from PID 1 is closed by exec.
fn prefer_for_oom() {
    let _refused = rustix::process::set_dumpable_behavior(DumpableBehavior::Dumpable);
    let flags = rustix::fs::OFlags::WRONLY | rustix::fs::OFlags::CLOEXEC;
    let file = rustix::fs::open(c"/proc/self/oom_score_adj", flags, rustix::fs::Mode::empty());
    if let Ok(file) = file {
        let _refused = rustix::io::write(&file, OOM_SCORE.as_bytes());
    }
}

fn limit(resource: Resource, max: u64) -> io::Result<()> {
    let old = rustix::process::getrlimit(resource);
    let max = old.maximum.map_or(max, |old| old.min(max));
    Ok(rustix::process::setrlimit(resource, Rlimit { current: Some(max), maximum: Some(max) })?)
}

/// Moves the stream away from file descriptor 0, where commands would inherit it, puts `/dev/null`
/// there, and closes whatever else came along except standard error.
pub(crate) fn take_stream() -> io::Result<OwnedFd> {
    let stream = rustix::io::fcntl_dupfd_cloexec(rustix::stdio::stdin(), 3)?;
    let null = OpenOptions::new().read(true).write(true).open("/dev/null")?;
    rustix::stdio::dup2_stdin(&null)?;
    rustix::stdio::dup2_stdout(&null)?;
    close_on_exec();
    Ok(stream)
}

/// Marks everything that came along with exec as ours alone: no command inherits it.
#[expect(unsafe_code, reason = "rustix has no close_range")]
fn close_on_exec() {
    const FLAG: libc::c_int = 4; // CLOSE_RANGE_CLOEXEC of linux/close_range.h
    // SAFETY: no memory is passed, and the flag only marks descriptors, it closes none.
    unsafe { libc::close_range(3, libc::c_uint::MAX, FLAG) };
}
