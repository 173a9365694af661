//! The brain's checkout, bridged to a machine: every call is told to the ledger and to whoever watches.

use std::sync::Arc;

use agent::port::{Workspace, WorkspaceError};
use domain::RepoPath;
use domain::exec::{Exec, ExecResult};
use domain::limit::FILE_READ_MAX_BYTES;
use sandbox::port::{Machine, MachinePath, OutputSink, SandboxError};

use crate::audit::Note;
use crate::pending::Pending;
use crate::progress::{Listener, Progress};
use crate::recorded::told;

/// The most characters of a line that are shown.
const LINE_MAX_CHARS: usize = 200;

/// A machine's checkout.
#[derive(Debug)]
pub(crate) struct MachineWorkspace<'a> {
    pub(crate) machine: &'a dyn Machine,
    pub(crate) notes: Pending,
    pub(crate) listener: Arc<dyn Listener>,
}

/// How the kernel says that a disk is full (ENOSPC), in the words of Rust's standard library.
const NO_SPACE: &str = "(os error 28)";

impl From<SandboxError> for Lost {
    fn from(error: SandboxError) -> Self {
        let text = told(&error);
        Self(match error {
            // The machine's disk lies on the host's: a host without space is not the brain's fault.
            SandboxError::Refused(_) if text.contains(NO_SPACE) => WorkspaceError::Lost(text),
            SandboxError::Refused(_) => WorkspaceError::Refused(text),
            SandboxError::Limit { .. } => WorkspaceError::OverLimit(text),
            SandboxError::Unusable { .. }
            | SandboxError::Launch(_)
            | SandboxError::Lost(_)
            | SandboxError::Io { .. } => WorkspaceError::Lost(text),
        })
    }
}

/// Carries a machine's error over into the brain's words.
struct Lost(WorkspaceError);

#[async_trait::async_trait]
impl Workspace for MachineWorkspace<'_> {
    async fn exec(&self, command: &Exec) -> Result<ExecResult, WorkspaceError> {
        run(self.machine, command, &self.listener).await.map_err(|error| Lost::from(error).0)
    }

    async fn read(&self, path: &RepoPath) -> Result<Option<Vec<u8>>, WorkspaceError> {
        let mut bytes = Vec::new();
        let place = MachinePath::Checkout(path.clone());
        let got = self
            .machine
            .get(&place, FILE_READ_MAX_BYTES, &mut bytes)
            .await
            .map_err(|error| Lost::from(error).0)?;
        Ok(got.map(|_| bytes))
    }

    async fn write(&self, path: &RepoPath, bytes: &[u8]) -> Result<(), WorkspaceError> {
        let place = MachinePath::Checkout(path.clone());
        let mut from = bytes;
        self.machine
            .put(&place, 0o644, bytes.len() as u64, &mut from)
            .await
            .map_err(|error| Lost::from(error).0)?;
        let note = Note::new("file.written", "by the brain")
            .fact("path", path.as_str())
            .fact("bytes", bytes.len())
            .fact("digest", domain::Digest::of(bytes).to_string());
        self.notes.add(note);
        Ok(())
    }

    fn progress(&self, line: &str) {
        self.listener.hear(&Progress::Note { line: line.to_owned() });
    }
}

/// Runs a command in a machine; whoever watches sees it. The machine itself tells the ledger.
pub(crate) async fn run(
    machine: &dyn Machine,
    command: &Exec,
    listener: &Arc<dyn Listener>,
) -> Result<ExecResult, SandboxError> {
    let (command_shown, purpose) = (command.display(), command.purpose.clone());
    listener.hear(&Progress::Command { command: command_shown, purpose });
    let mut sink = Lines::new(listener.clone());
    let result = machine.exec(command, &mut sink).await;
    if let Ok(done) = &result {
        listener.hear(&Progress::CommandDone { exit: done.exit.shell_code(), millis: done.millis });
    }
    result
}

/// Cuts output into lines and shows them.
#[derive(Debug)]
pub(crate) struct Lines {
    listener: Arc<dyn Listener>,
    held: Vec<u8>,
}

impl Lines {
    /// Shows lines to `listener`.
    pub(crate) fn new(listener: Arc<dyn Listener>) -> Self {
        Self { listener, held: Vec::new() }
    }

    fn show(&mut self) {
        let text: String = String::from_utf8_lossy(&self.held)
            .chars()
            .filter(|c| !c.is_control())
            .take(LINE_MAX_CHARS)
            .collect();
        self.held.clear();
        if !text.trim().is_empty() {
            self.listener.hear(&Progress::Output { line: text });
        }
    }
}

impl OutputSink for Lines {
    fn output(&mut self, _stderr: bool, bytes: &[u8]) {
        for byte in bytes {
            if matches!(byte, b'\n' | b'\r') {
                self.show();
            } else if self.held.len() < LINE_MAX_CHARS * 4 {
                self.held.push(*byte);
            }
        }
    }
}
