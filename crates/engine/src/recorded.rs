//! A machine that tells the ledger: every command before it starts and after it ended, every request to the network.
//!
//! Each machine of a run is one of these, so there is no way to run a command in it that the ledger does not hear of.

use std::sync::atomic::{AtomicU64, Ordering};

use domain::MachineId;
use domain::exec::{Exec, ExecResult};
use domain::machine::EgressRecord;
use sandbox::port::{EgressAudit, Machine, MachinePath, OutputSink, SandboxError, Signal};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::mpsc;

use crate::audit::Note;
use crate::machines::Asked;
use crate::pending::Pending;

/// The most bytes of a command's output that the ledger keeps, from its end.
const OUTPUT_KEPT_BYTES: usize = 64 * 1024;

/// A machine with the list that its entries go to.
#[derive(Debug)]
pub(crate) struct Recorded {
    inner: Box<dyn Machine>,
    notes: Pending,
    asked: Asked,
    /// Counts the commands, so that a start and an end can be matched.
    commands: AtomicU64,
}

impl Recorded {
    /// `inner`, telling `notes`, and `asked` when it was seen to be gone.
    pub(crate) fn new(inner: Box<dyn Machine>, notes: Pending, asked: Asked) -> Self {
        Self { inner, notes, asked, commands: AtomicU64::new(0) }
    }

    fn note(&self, action: &'static str, number: u64, command: &Exec) -> Note {
        Note::new(action, command.purpose.clone())
            .fact("machine", self.inner.id().to_string())
            .fact("number", number)
            .fact("command", command.display())
            .fact("folder", command.cwd.as_str())
    }
}

/// A command that has begun; where nobody waits for its end any more, that is what is told.
struct InFlight<'a> {
    notes: &'a Pending,
    note: Option<Note>,
}

impl InFlight<'_> {
    fn ended(mut self, with: impl FnOnce(Note) -> Note) {
        if let Some(note) = self.note.take() {
            self.notes.add(with(note));
        }
    }
}

impl Drop for InFlight<'_> {
    fn drop(&mut self) {
        if let Some(note) = self.note.take() {
            self.notes.add(note.fact("failed", "cut off: its step was stopped before it ended"));
        }
    }
}

#[async_trait::async_trait]
impl Machine for Recorded {
    fn id(&self) -> MachineId {
        self.inner.id()
    }

    async fn exec_signalled(
        &self,
        command: &Exec,
        sink: &mut dyn OutputSink,
        signals: &mut mpsc::Receiver<Signal>,
    ) -> Result<ExecResult, SandboxError> {
        let number = self.commands.fetch_add(1, Ordering::Relaxed) + 1;
        self.notes.add_and_wait(self.note("command.begun", number, command)).await;
        let ran = self.note("command.ran", number, command);
        let in_flight = InFlight { notes: &self.notes, note: Some(ran) };
        let result = self.inner.exec_signalled(command, sink, signals).await;
        in_flight.ended(|note| match &result {
            Ok(done) => note
                .fact("exit", done.exit.shell_code())
                .fact("millis", done.millis)
                .payload("stdout", end_of(&done.stdout))
                .payload("stderr", end_of(&done.stderr)),
            Err(error) => note.fact("failed", told(error)),
        });
        result
    }

    async fn put(
        &self,
        path: &MachinePath,
        mode: u32,
        max_bytes: u64,
        from: &mut (dyn AsyncRead + Send + Unpin),
    ) -> Result<u64, SandboxError> {
        self.inner.put(path, mode, max_bytes, from).await
    }

    async fn get(
        &self,
        path: &MachinePath,
        max_bytes: u64,
        into: &mut (dyn AsyncWrite + Send + Unpin),
    ) -> Result<Option<u64>, SandboxError> {
        self.inner.get(path, max_bytes, into).await
    }

    async fn close(self: Box<Self>) -> Result<(), SandboxError> {
        let Self { inner, asked, .. } = *self;
        let id = inner.id();
        inner.close().await?;
        asked.is_gone(id);
        Ok(())
    }
}

/// What is said of a machine's error. It may quote the machine: what its guest says and, of a virtual one, its console.
pub(crate) fn told(error: &SandboxError) -> String {
    governance::text::plain(&crate::chain(error))
}

/// The end of an output, without the secrets in it.
fn end_of(bytes: &[u8]) -> Vec<u8> {
    let end = bytes.get(bytes.len().saturating_sub(OUTPUT_KEPT_BYTES)..).unwrap_or_default();
    let text = String::from_utf8_lossy(end);
    let plain = governance::secrets::redact(&text);
    // What holds none is kept to the byte, text or not.
    if plain == text { end.to_vec() } else { plain.into_bytes() }
}

/// Every request of one machine to the network becomes an entry.
#[derive(Debug)]
pub(crate) struct Requests {
    /// Whose.
    pub(crate) machine: MachineId,
    /// Where they are told.
    pub(crate) notes: Pending,
}

impl EgressAudit for Requests {
    fn record(&self, record: EgressRecord) {
        let action = if record.allowed { "egress.allowed" } else { "egress.refused" };
        let mut note = Note::new(action, record.rule)
            .fact("machine", self.machine.to_string())
            .fact("method", record.method)
            .fact("host", record.host)
            .fact("port", record.port)
            .fact("path", record.path)
            .fact("status", record.status)
            .fact("bytes", record.bytes)
            .fact("cached", record.cached);
        if let Some(query) = record.query {
            note = note.fact("query_digest", query.to_string());
        }
        self.notes.add(note);
    }
}

#[cfg(test)]
mod tests;
