//! Runs one command: its output goes out as it comes, and when it ends nothing of it runs any more.

use std::io::{self, Read};
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

use guest::frame::Kind;
use guest::message::{Exec, Exited, Message, Setup};
use guest::mux::PIECE_MAX;
use rustix::process::{Signal, WaitStatus};

use crate::commands::{Commands, Ticket};
use crate::confine;
use crate::link::{Channel, Piece};
use crate::space::Space;

/// How long the pipes of a dead command may stay open, held by a process of another command.
const DRAIN_MAX: Duration = Duration::from_secs(2);

/// The statuses a shell gives where there is no such program, and where it cannot be run.
const NOT_FOUND: i32 = 127;
const NOT_RUNNABLE: i32 = 126;

/// Counts the threads that still copy output.
#[derive(Debug, Default)]
struct Copying {
    threads: Mutex<usize>,
    changed: Condvar,
}

/// Runs the command that `channel` was opened for, from start to `Exited`.
pub(crate) fn run(channel: Channel, exec: &Exec, setup: &Setup, commands: &Arc<Commands>) {
    let channel = Arc::new(channel);
    let message = match start(&channel, exec, setup, commands) {
        Ok(exited) => Message::Exited(exited),
        Err(reason) => Message::Refused(reason),
    };
    if channel.message(&message).is_ok() {
        channel.end();
    }
}

fn start(
    channel: &Arc<Channel>,
    exec: &Exec,
    setup: &Setup,
    commands: &Arc<Commands>,
) -> Result<Exited, String> {
    if !Path::new(&exec.cwd).is_dir() {
        return Err(format!("there is no folder `{}`", exec.cwd));
    }
    let mut command = command(exec, setup)?;
    let (ticket, mut child) = match commands.start(&mut command) {
        Ok(started) => started,
        Err(e) => return not_started(channel, exec, &e),
    };
    let copying = Arc::new(Copying::default());
    let watched = watch(channel, &mut child, ticket, commands, &copying);
    let deadline = Instant::now() + Duration::from_millis(exec.timeout_ms);
    let mut space = Space::new(setup);
    let timed_out = watched.is_ok() && !wait(commands, ticket, deadline, &mut space);
    let status = commands.finish(ticket);
    copying.wait();
    let cancelled = watched?.load(Ordering::Relaxed);
    Ok(Exited {
        code: status.and_then(WaitStatus::exit_status),
        signal: status.map_or(Some(libc::SIGKILL), WaitStatus::terminating_signal),
        timed_out: timed_out && !cancelled && !space.disk_full(),
        out_of_memory: space.out_of_memory(),
        disk_full: space.disk_full(),
    })
}

/// Waits until the command has ended; not when its time or its disk is used up first.
fn wait(commands: &Commands, ticket: Ticket, deadline: Instant, space: &mut Space) -> bool {
    loop {
        let look = Instant::now().checked_add(space.pause()).unwrap_or(deadline);
        if commands.wait(ticket, deadline.min(look)).is_some() {
            // Looked at once more: it may have failed because of it.
            space.look();
            return true;
        }
        space.look();
        if space.disk_full() || Instant::now() >= deadline {
            return false;
        }
    }
}

/// Starts the threads that copy the command's output and obey the host.
fn watch(
    channel: &Arc<Channel>,
    child: &mut Child,
    ticket: Ticket,
    commands: &Arc<Commands>,
    copying: &Arc<Copying>,
) -> Result<Arc<AtomicBool>, String> {
    if let Some(stdout) = child.stdout.take() {
        copy(stdout, Kind::Data, channel, copying)?;
    }
    if let Some(stderr) = child.stderr.take() {
        copy(stderr, Kind::DataErr, channel, copying)?;
    }
    obey(channel, ticket, commands)
}

fn command(exec: &Exec, setup: &Setup) -> Result<Command, String> {
    let (program, arguments) = exec.argv.split_first().ok_or("the command is empty")?;
    #[expect(clippy::disallowed_methods, reason = "this is what the guest is for")]
    let mut command = Command::new(program);
    command
        .args(arguments)
        .env_clear()
        .envs(setup.env.iter().map(|(name, value)| (name, value)))
        .envs(exec.env.iter().map(|(name, value)| (name, value)))
        .current_dir(&exec.cwd)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let confinement = confine::Child::new(setup);
    #[expect(unsafe_code, reason = "a session, limits and rights are set between fork and exec")]
    // SAFETY: `apply` only makes system calls; it neither allocates nor locks.
    unsafe {
        command.pre_exec(move || confinement.apply());
    }
    Ok(command)
}

/// Reports a program that could not be started the way a shell does.
fn not_started(channel: &Channel, exec: &Exec, e: &io::Error) -> Result<Exited, String> {
    let code = match e.kind() {
        io::ErrorKind::NotFound => NOT_FOUND,
        io::ErrorKind::PermissionDenied | io::ErrorKind::ExecutableFileBusy => NOT_RUNNABLE,
        _ if e.raw_os_error() == Some(libc::ENOEXEC) => NOT_RUNNABLE,
        _ => return Err(format!("the command could not be started: {e}")),
    };
    let program = exec.argv.first().map_or("", String::as_str);
    let text = format!("{program}: {e}\n");
    let _gone = channel.send(Kind::DataErr, text.as_bytes());
    Ok(Exited {
        code: Some(code),
        signal: None,
        timed_out: false,
        out_of_memory: false,
        disk_full: false,
    })
}

/// Copies a pipe of the command to the channel, in a thread of its own.
fn copy(
    mut from: impl Read + Send + 'static,
    kind: Kind,
    channel: &Arc<Channel>,
    copying: &Arc<Copying>,
) -> Result<(), String> {
    let (channel, copying) = (Arc::clone(channel), Arc::clone(copying));
    copying.count(1);
    let counted = Arc::clone(&copying);
    let started = crate::thread("output", move || {
        let mut buffer = vec![0; PIECE_MAX];
        let mut listener = true;
        while let Ok(len @ 1..) = from.read(&mut buffer) {
            // Once nobody listens the pipe is still emptied, so that the command is not stopped by it.
            listener = listener && channel.send(kind, buffer.get(..len).unwrap_or(&[])).is_ok();
        }
        copying.count(-1);
    });
    if started.is_err() {
        counted.count(-1);
    }
    started
}

impl Copying {
    fn count(&self, by: isize) {
        let mut threads = self.threads.lock().unwrap_or_else(PoisonError::into_inner);
        *threads = threads.saturating_add_signed(by);
        self.changed.notify_all();
    }

    fn wait(&self) {
        let threads = self.threads.lock().unwrap_or_else(PoisonError::into_inner);
        let _late = self.changed.wait_timeout_while(threads, DRAIN_MAX, |threads| *threads > 0);
    }
}

/// Does what the host asks while the command runs: signals, and the end of the channel, which kills it.
fn obey(
    channel: &Arc<Channel>,
    ticket: Ticket,
    commands: &Arc<Commands>,
) -> Result<Arc<AtomicBool>, String> {
    let cancelled = Arc::new(AtomicBool::new(false));
    let (channel, commands) = (Arc::clone(channel), Arc::clone(commands));
    let told = Arc::clone(&cancelled);
    crate::thread("control", move || {
        loop {
            match channel.receive() {
                Piece::Message(Message::Signal(signal)) => {
                    if let Some(signal) = Signal::from_named_raw(signal) {
                        commands.signal(ticket, signal);
                    }
                }
                Piece::Message(_) | Piece::Data(_) => {}
                Piece::End | Piece::Gone => {
                    told.store(true, Ordering::Relaxed);
                    commands.signal(ticket, Signal::KILL);
                    return;
                }
            }
        }
    })?;
    Ok(cancelled)
}
