//! The processes of the machine: starts commands, reaps everything, and leaves nothing of a command behind.
//!
//! PID 1 inherits every orphan. So one thread reaps whatever dies, and a command's end is heard through
//! the table. Commands are started under the table's lock: the standard library waits for a child that
//! failed to exec, and the reaper must not take it away.

use std::collections::HashMap;
use std::io;
use std::process::{Child, Command};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, WaitOptions, WaitStatus};

/// How long killed processes may take to disappear before the command is reported ended without them.
const SWEEP_MAX: Duration = Duration::from_secs(5);

#[derive(Debug)]
struct Entry {
    pid: Pid,
    status: Option<WaitStatus>,
}

#[derive(Debug, Default)]
struct Table {
    next: u64,
    running: HashMap<u64, Entry>,
}

/// All commands.
#[derive(Debug, Default)]
pub(crate) struct Commands {
    table: Mutex<Table>,
    changed: Condvar,
}

/// Names a started command.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Ticket(u64);

impl Commands {
    fn lock(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Starts a command that makes itself the leader of a session.
    pub(crate) fn start(&self, command: &mut Command) -> io::Result<(Ticket, Child)> {
        let mut table = self.lock();
        let child = command.spawn()?;
        let pid = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
        let pid = pid.ok_or_else(|| io::Error::other("a process without a number"))?;
        let ticket = table.next;
        table.next += 1;
        table.running.insert(ticket, Entry { pid, status: None });
        self.changed.notify_all();
        Ok((Ticket(ticket), child))
    }

    /// How many commands run.
    pub(crate) fn count(&self) -> usize {
        self.lock().running.len()
    }

    /// Waits for the command's own process to end; none at the deadline.
    pub(crate) fn wait(&self, ticket: Ticket, deadline: Instant) -> Option<WaitStatus> {
        let mut table = self.lock();
        loop {
            if let Some(status) = table.running.get(&ticket.0)?.status {
                return Some(status);
            }
            let left = deadline.checked_duration_since(Instant::now())?;
            table =
                self.changed.wait_timeout(table, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// Sends the command's process group a signal, if its leader lives.
    pub(crate) fn signal(&self, ticket: Ticket, signal: Signal) {
        let table = self.lock();
        if let Some(Entry { pid, status: None }) = table.running.get(&ticket.0) {
            // It may have died in this instant: then there is nobody to signal.
            let _gone = rustix::process::kill_process_group(*pid, signal);
        }
    }

    /// Kills all that is left of the command, and whatever has left its own command's session, and waits
    /// until it is gone. Gives the status of the command's own process.
    pub(crate) fn finish(&self, ticket: Ticket) -> Option<WaitStatus> {
        let until = Instant::now() + SWEEP_MAX;
        let mut table = self.lock();
        loop {
            let others: Vec<i32> = table
                .running
                .iter()
                .filter(|(other, _)| **other != ticket.0)
                .map(|(_, entry)| entry.pid.as_raw_nonzero().get())
                .collect();
            let left = kill_all_but(&others);
            let status = table.running.get(&ticket.0).and_then(|entry| entry.status);
            if (left == 0 && status.is_some()) || Instant::now() >= until {
                table.running.remove(&ticket.0);
                return status;
            }
            table = self
                .changed
                .wait_timeout(table, Duration::from_millis(2))
                .unwrap_or_else(PoisonError::into_inner)
                .0;
        }
    }

    /// Reaps whatever dies, for ever.
    pub(crate) fn reap(&self) {
        loop {
            let waited =
                rustix::process::waitid(WaitId::All, WaitIdOptions::EXITED | WaitIdOptions::NOWAIT);
            let mut table = self.lock();
            if matches!(waited, Err(rustix::io::Errno::CHILD)) && table.running.is_empty() {
                drop(self.changed.wait(table).unwrap_or_else(PoisonError::into_inner));
                continue;
            }
            while let Ok(Some((pid, status))) = rustix::process::wait(WaitOptions::NOHANG) {
                let entry = table.running.values_mut().find(|e| e.pid == pid && e.status.is_none());
                if let Some(entry) = entry {
                    entry.status = Some(status);
                }
            }
            self.changed.notify_all();
        }
    }
}

/// Kills every process whose session is not one of `sessions`; how many of them are not yet dead.
fn kill_all_but(sessions: &[i32]) -> usize {
    if sessions.is_empty() {
        kill_everything();
    }
    let doomed = processes().filter(|process| {
        process.pid != 1 && !process.dead && !sessions.contains(&process.session)
    });
    doomed
        .inspect(|process| {
            if let Some(pid) = Pid::from_raw(process.pid) {
                let _gone = rustix::process::kill_process(pid, Signal::KILL);
            }
        })
        .count()
}

/// Kills all processes of the machine but PID 1 at once, so that none can fork away.
#[expect(unsafe_code, reason = "rustix has no kill of every process")]
fn kill_everything() {
    assert_eq!(std::process::id(), 1, "only PID 1 of a machine may do this");
    // SAFETY: kill takes no memory; PID 1 of a pid namespace is spared, and nothing else is reachable.
    unsafe { libc::kill(-1, libc::SIGKILL) };
}

/// The flag of the kernel's own threads (`PF_KTHREAD` of linux/sched.h), which a virtual machine has.
const KERNEL_THREAD: u64 = 0x0020_0000;

struct Process {
    pid: i32,
    dead: bool,
    session: i32,
}

/// The processes of the machine as /proc shows them.
fn processes() -> impl Iterator<Item = Process> {
    std::fs::read_dir("/proc").into_iter().flatten().filter_map(|entry| {
        let pid: i32 = entry.ok()?.file_name().to_str()?.parse().ok()?;
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        parse_stat(pid, &stat)
    })
}

/// How many processes there are besides PID 1.
pub(crate) fn count_processes() -> usize {
    processes().filter(|process| process.pid != 1 && !process.dead).count()
}

/// Processor time of everything that has ended, in milliseconds.
pub(crate) fn cpu_ms() -> u64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let fields = stat.rsplit_once(") ").map_or("", |(_, rest)| rest).split(' ');
    // cutime and cstime, in ticks of 10 ms (USER_HZ).
    fields.skip(13).take(2).filter_map(|ticks| ticks.parse::<u64>().ok()).sum::<u64>() * 10
}

/// Reads state and session of a line of proc(5) `stat`; the name in parentheses may hold anything. None where it is a thread
/// of the kernel.
fn parse_stat(pid: i32, stat: &str) -> Option<Process> {
    let (_, rest) = stat.rsplit_once(") ")?;
    let mut fields = rest.split(' ');
    let state = fields.next()?;
    let session = fields.nth(2)?.parse().ok()?;
    let flags: u64 = fields.nth(2)?.parse().ok()?;
    if flags & KERNEL_THREAD != 0 {
        return None;
    }
    Some(Process { pid, dead: matches!(state, "Z" | "X"), session })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_cannot_hide_behind_its_name() {
        let process = parse_stat(9, "9 (a) Z 1 1 1 (b) S 1 9 7 0 -1 4194560").unwrap();
        assert!(!process.dead);
        assert_eq!(process.session, 7);
    }

    #[test]
    fn threads_of_the_kernel_are_nobodys_processes() {
        assert!(parse_stat(2, "2 (kthreadd) S 0 0 0 0 -1 2129984 0 0 0 0").is_none());
        assert!(parse_stat(3, "3 (sh) S 1 3 3 0 -1 4194560 0 0 0 0").is_some());
    }
}
