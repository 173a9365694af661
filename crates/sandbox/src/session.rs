//! Commands and files over a machine's stream: the same for every kind of machine.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use domain::exec::{Exec, ExecResult, Exit};
use domain::limit::OUTPUT_KEPT_MAX_BYTES;
use guest::layout;
use guest::message::{self, Exited, Message, Metrics, Open};
use guest::mux::PIECE_MAX;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::sync::mpsc;
use tokio::time::Instant;

use crate::channel::{Broken, Channel, Link, Piece};
use crate::output::Kept;
use crate::port::{MachinePath, OutputSink, SandboxError, Signal};

/// How much longer than a command's own time the guest may take to end it.
const EXEC_GRACE: Duration = Duration::from_secs(20);

/// How long the guest may take to say something about a file or itself.
const ANSWER_MAX: Duration = Duration::from_secs(60);

/// Why a machine was taken away, where that is known; the first reason counts.
#[derive(Debug, Clone, Default)]
pub(crate) struct Fate(Arc<OnceLock<String>>);

impl Fate {
    /// The machine has used up a limit: `disk (8 GiB)`.
    pub(crate) fn limit(&self, limit: String) {
        let _later = self.0.set(limit);
    }

    /// The machine has used up its disk of so many bytes.
    pub(crate) fn disk(&self, bytes: u64) {
        self.limit(format!("disk ({} MiB)", bytes / (1024 * 1024)));
    }

    /// What to say of a stream that broke.
    pub(crate) fn explain(&self, broken: Broken) -> SandboxError {
        match self.0.get() {
            Some(limit) => SandboxError::Limit { limit: limit.clone() },
            None => SandboxError::Lost(broken.0),
        }
    }
}

/// A machine that is ready.
#[derive(Debug)]
pub(crate) struct Session {
    link: Link,
    fate: Fate,
    landlock: String,
    disk_bytes: u64,
}

fn lost(reason: impl Into<String>) -> Broken {
    Broken(reason.into())
}

/// Why a request came to nothing.
enum Failed {
    Broken(Broken),
    Refused(String),
    Local(&'static str, std::io::Error),
}

impl From<Broken> for Failed {
    fn from(broken: Broken) -> Self {
        Self::Broken(broken)
    }
}

/// The folder and the path below it that a place in a machine means.
fn place(path: &MachinePath) -> Result<(String, String), SandboxError> {
    match path {
        MachinePath::Checkout(path) if path.is_root() => {
            Err(SandboxError::Refused("the checkout itself is not a file".to_owned()))
        }
        MachinePath::Checkout(path) => Ok((layout::CHECKOUT.to_owned(), path.as_str().to_owned())),
        MachinePath::Transfer(name) => {
            let plain = !matches!(name.as_str(), "" | "." | "..")
                && !name.contains(['/', '\0'])
                && name.len() <= 255;
            if !plain {
                let name = name.escape_debug();
                return Err(SandboxError::Refused(format!("`{name}` is not a plain file name")));
            }
            Ok((layout::TRANSFER.to_owned(), name.clone()))
        }
    }
}

impl Session {
    /// A session on a stream whose ends have greeted each other.
    pub(crate) const fn new(link: Link, fate: Fate, landlock: String, disk_bytes: u64) -> Self {
        Self { link, fate, landlock, disk_bytes }
    }

    /// How far Landlock confines the commands: `fully`, `partially` or `not`.
    pub(crate) fn landlock(&self) -> &str {
        &self.landlock
    }

    /// Closes the stream, whereupon the guest ends.
    pub(crate) fn close(&mut self) {
        self.link.close("the machine was closed");
    }

    fn failed(&self, failed: Failed) -> SandboxError {
        match failed {
            Failed::Broken(broken) => self.fate.explain(broken),
            Failed::Refused(reason) => SandboxError::Refused(reason),
            Failed::Local(action, source) => SandboxError::Io { action: action.to_owned(), source },
        }
    }

    /// Runs a command, and passes it the signals that come in meanwhile.
    pub(crate) async fn exec(
        &self,
        command: &Exec,
        sink: &mut dyn OutputSink,
        signals: &mut mpsc::Receiver<Signal>,
    ) -> Result<ExecResult, SandboxError> {
        let cwd = if command.cwd.is_root() {
            layout::CHECKOUT.to_owned()
        } else {
            format!("{}/{}", layout::CHECKOUT, command.cwd)
        };
        let open = Open::Exec(message::Exec {
            argv: command.argv.clone(),
            cwd,
            env: command.env.clone(),
            timeout_ms: command.timeout_ms,
        });
        check_length(&open)?;
        let started = Instant::now();
        let limit = Duration::from_millis(command.timeout_ms).saturating_add(EXEC_GRACE);
        let run = async {
            let channel = self.link.open(&open)?;
            follow(channel, sink, signals).await
        };
        let run = tokio::time::timeout(limit, run).await;
        let run = run.unwrap_or_else(|_| Err(lost("the guest does not end a command").into()));
        let (exited, stdout, stderr) = run.map_err(|failed| self.failed(failed))?;
        let exit = match exited {
            Exited { disk_full: true, .. } => return Err(self.end_full()),
            Exited { timed_out: true, .. } => Exit::TimedOut,
            Exited { out_of_memory: true, code, .. } if code != Some(0) => Exit::OutOfMemory,
            Exited { code: Some(code), .. } => Exit::Code(code),
            Exited { signal, .. } => Exit::Signal(signal.unwrap_or(libc::SIGKILL)),
        };
        let ((stdout, dropped_out), (stderr, dropped_err)) = (stdout.finish(), stderr.finish());
        let millis = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
        Ok(ExecResult { exit, stdout, stderr, dropped_bytes: dropped_out + dropped_err, millis })
    }

    /// Ends a machine that has filled its disk.
    fn end_full(&self) -> SandboxError {
        self.fate.disk(self.disk_bytes);
        self.link.break_off("the disk is full");
        self.fate.explain(lost("the disk is full"))
    }

    /// Writes a file from a stream.
    pub(crate) async fn put(
        &self,
        path: &MachinePath,
        mode: u32,
        max_bytes: u64,
        from: &mut (dyn AsyncRead + Send + Unpin),
    ) -> Result<u64, SandboxError> {
        let (root, path) = place(path)?;
        let open = Open::Put(message::Put { root, path, mode, max_bytes });
        let put = async {
            let Channel { mut outgoing, mut incoming } = self.link.open(&open)?;
            let send = async {
                let mut buffer = vec![0; PIECE_MAX];
                loop {
                    let len = from
                        .read(&mut buffer)
                        .await
                        .map_err(|e| Failed::Local("reading what goes into the machine", e))?;
                    if len == 0 {
                        return outgoing.end().await.map_err(Failed::from);
                    }
                    // A refusal closes the channel; its reason is read below.
                    if outgoing.send(buffer.get(..len).unwrap_or(&[])).await.is_err() {
                        return Ok(());
                    }
                }
            };
            let mut answered = std::pin::pin!(answer(&mut incoming, None));
            tokio::select! {
                // A refusal may come before everything was sent.
                early = &mut answered => early,
                sent = send => {
                    let () = sent?;
                    answered.await
                }
            }
        };
        let written = put.await.map_err(|failed| self.failed(failed))?;
        written.ok_or_else(|| self.failed(lost("the guest did not write the file").into()))
    }

    /// Reads a file into a stream.
    pub(crate) async fn get(
        &self,
        path: &MachinePath,
        max_bytes: u64,
        into: &mut (dyn AsyncWrite + Send + Unpin),
    ) -> Result<Option<u64>, SandboxError> {
        let (root, path) = place(path)?;
        let open = Open::Get(message::Get { root, path, max_bytes });
        let get = async {
            let mut channel = self.link.open(&open)?;
            answer(&mut channel.incoming, Some((into, max_bytes))).await
        };
        get.await.map_err(|failed| self.failed(failed))
    }

    /// How the machine fares.
    pub(crate) async fn metrics(&self) -> Result<Metrics, SandboxError> {
        let metrics = async {
            let mut channel = self.link.open(&Open::Metrics)?;
            match channel.incoming.receive().await? {
                Piece::Message(Message::Metrics(metrics)) => Ok(metrics),
                other => Err(unexpected(&other)),
            }
        };
        let metrics = tokio::time::timeout(ANSWER_MAX, metrics).await;
        metrics
            .unwrap_or_else(|_| Err(lost("the guest does not answer")))
            .map_err(|broken| self.fate.explain(broken))
    }
}

fn check_length(open: &Open) -> Result<(), SandboxError> {
    if message::to_json(open).len() > guest::frame::PAYLOAD_MAX {
        let max = guest::frame::PAYLOAD_MAX / 1024;
        return Err(SandboxError::Refused(format!(
            "the command with its variables is longer than {max} KiB"
        )));
    }
    Ok(())
}

fn unexpected(piece: &Piece) -> Broken {
    match piece {
        Piece::Reset(reason) => lost(format!("the guest gave up: {reason}")),
        Piece::Data(..) | Piece::Message(_) | Piece::End => {
            lost("protocol violation: an answer out of place")
        }
    }
}

/// The number of a signal on Linux.
const fn number(signal: Signal) -> i32 {
    match signal {
        Signal::Hangup => libc::SIGHUP,
        Signal::Interrupt => libc::SIGINT,
        Signal::Quit => libc::SIGQUIT,
        Signal::Kill => libc::SIGKILL,
        Signal::User1 => libc::SIGUSR1,
        Signal::User2 => libc::SIGUSR2,
        Signal::Terminate => libc::SIGTERM,
    }
}

/// Follows a command to its end.
async fn follow(
    mut channel: Channel,
    sink: &mut dyn OutputSink,
    signals: &mut mpsc::Receiver<Signal>,
) -> Result<(Exited, Kept, Kept), Failed> {
    let mut stdout = Kept::new(OUTPUT_KEPT_MAX_BYTES);
    let mut stderr = Kept::new(OUTPUT_KEPT_MAX_BYTES);
    let mut listening = true;
    loop {
        let piece = tokio::select! {
            piece = channel.incoming.receive() => piece?,
            signal = signals.recv(), if listening => {
                listening = signal.is_some();
                if let Some(signal) = signal {
                    channel.outgoing.message(&Message::Signal(number(signal))).await?;
                }
                continue;
            }
        };
        match piece {
            Piece::Data(is_stderr, bytes) => {
                sink.output(is_stderr, &bytes);
                if is_stderr { stderr.push(&bytes) } else { stdout.push(&bytes) }
            }
            Piece::Message(Message::Exited(exited)) => return Ok((exited, stdout, stderr)),
            Piece::Message(Message::Refused(reason)) => return Err(Failed::Refused(reason)),
            other => return Err(unexpected(&other).into()),
        }
    }
}

/// Waits for what came of a file; what it holds goes `into` a stream, as far as its limit.
async fn answer(
    incoming: &mut crate::channel::IncomingPieces,
    mut into: Option<(&mut (dyn AsyncWrite + Send + Unpin), u64)>,
) -> Result<Option<u64>, Failed> {
    let mut received: u64 = 0;
    loop {
        let piece = incoming.receive().await?;
        match (piece, &mut into) {
            (Piece::Data(false, bytes), Some((into, max))) => {
                received += bytes.len() as u64;
                if received > *max {
                    return Err(Failed::Refused(format!("more than {max} bytes")));
                }
                let written = into.write_all(&bytes).await;
                written.map_err(|e| Failed::Local("writing what comes out of the machine", e))?;
            }
            (Piece::Message(Message::Done { bytes }), into) => {
                let Some((into, _)) = into else { return Ok(Some(bytes)) };
                if bytes != received {
                    return Err(lost("the guest miscounted a file").into());
                }
                let flushed = into.flush().await;
                flushed.map_err(|e| Failed::Local("writing what comes out of the machine", e))?;
                return Ok(Some(bytes));
            }
            (Piece::Message(Message::Absent), _) => return Ok(None),
            (Piece::Message(Message::Refused(reason)), _) => return Err(Failed::Refused(reason)),
            (other, _) => return Err(unexpected(&other).into()),
        }
    }
}
