//! What a brain may do: the checkout it works in, and where it says how it gets on.

use domain::RepoPath;
use domain::exec::{Exec, ExecResult};

/// The checkout in a machine. Every call is gated and audited by whoever implements it.
#[async_trait::async_trait]
pub trait Workspace: Send + Sync {
    /// Runs a command.
    async fn exec(&self, command: &Exec) -> Result<ExecResult, WorkspaceError>;

    /// Reads a file of the checkout; `None` where there is none. Symbolic links are not followed.
    async fn read(&self, path: &RepoPath) -> Result<Option<Vec<u8>>, WorkspaceError>;

    /// Writes a file of the checkout, keeping its mode. A symbolic link is refused.
    async fn write(&self, path: &RepoPath, bytes: &[u8]) -> Result<(), WorkspaceError>;

    /// Says in one line what happens now.
    fn progress(&self, line: &str);
}

/// Why the checkout could not be used.
#[derive(Debug, thiserror::Error)]
pub enum WorkspaceError {
    /// The machine is gone or its stream broke: infrastructure, not the brain's fault.
    #[error("the machine is lost: {0}")]
    Lost(String),
    /// Not within the definition's bounds.
    #[error("refused: {0}")]
    Refused(String),
    /// A limit was reached.
    #[error("over a limit: {0}")]
    OverLimit(String),
    /// The run is being stopped.
    #[error("the run is being stopped")]
    Stopped,
}
