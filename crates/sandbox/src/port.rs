//! What the engine sees of machines.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use domain::MachineId;
use domain::exec::{Exec, ExecResult};
use domain::machine::{Backend, EgressRecord};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::mpsc;

/// Where the transfer folder is, as commands in a machine see it.
pub const TRANSFER_FOLDER: &str = guest::layout::TRANSFER;

/// What a machine is made of.
#[derive(Debug, Clone)]
pub struct MachineSpec {
    /// Its name; the marks of everything it leaves on the host carry it.
    pub id: MachineId,
    /// `default`: the host's own system folders and toolchains, read-only; of a virtual machine, the image of that name.
    pub image: String,
    /// Processors.
    pub cpus: u32,
    /// Memory in bytes.
    pub memory_bytes: u64,
    /// Disk in bytes.
    pub disk_bytes: u64,
    /// Processes and threads.
    pub processes_max: u32,
    /// Wall time until it is taken away, in milliseconds.
    pub time_ms: u64,
    /// What it may ask of the network.
    pub network: NetworkPolicy,
    /// Variables for every command, besides the machine's own; never a credential.
    pub env: Vec<(String, String)>,
    /// Files of the machine's home folder (path below it, text): package managers' settings, never a credential.
    pub home_files: Vec<(String, String)>,
}

/// What a machine may ask of the network: nothing that no rule allows.
#[derive(Debug, Clone, Default)]
pub struct NetworkPolicy {
    /// The rules; the first that matches host, method and path allows.
    pub rules: Vec<EgressRule>,
}

/// One allowed kind of request.
#[derive(Debug, Clone)]
pub struct EgressRule {
    /// Its name in the ledger: `preset cargo`, `host api.example`.
    pub name: String,
    /// The exact host name, lower case.
    pub host: String,
    /// The port; 443 for HTTPS.
    pub port: u16,
    /// Whether the upstream speaks plain HTTP (a mirror on a trusted network).
    pub plain_http: bool,
    /// Upper-case methods.
    pub methods: Vec<String>,
    /// Path globs (`*` within a part, `**` across parts), matched on the normalised path.
    pub paths: Vec<String>,
    /// Whether a request may carry a query; where not, one that does is refused.
    pub queries: bool,
    /// Path globs whose answers never change, so that the host may keep them.
    pub immutable: Vec<String>,
    /// What the host adds to the request so that the registry lets it in; the machine never sees it.
    pub authorization: Option<domain::Secret>,
    /// The largest answer body in bytes.
    pub response_max_bytes: u64,
}

/// Who is told of each request a machine makes, before the answer reaches it.
pub trait EgressAudit: Send + Sync + std::fmt::Debug {
    /// One request was decided (and, if allowed, answered).
    fn record(&self, record: EgressRecord);
}

/// Who hears a command's output while it runs.
pub trait OutputSink: Send {
    /// Some bytes of standard output (`false`) or standard error (`true`).
    fn output(&mut self, stderr: bool, bytes: &[u8]);
}

/// A signal that a running command may be sent, by its POSIX meaning.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Signal {
    /// Its terminal is gone.
    Hangup,
    /// Somebody pressed Ctrl-C.
    Interrupt,
    /// Somebody asked for a core dump.
    Quit,
    /// At once, and nothing can be done about it.
    Kill,
    /// Whatever the program makes of it.
    User1,
    /// Whatever the program makes of it.
    User2,
    /// Please end.
    Terminate,
}

/// Makes machines.
#[async_trait::async_trait]
pub trait Sandbox: Send + Sync + std::fmt::Debug {
    /// What runs them.
    fn backend(&self) -> Backend;

    /// What machines of an image are made of at this moment (its toolchains above all), as a digest: with another one, the
    /// same command on the same files may end otherwise. Blocks.
    fn state(&self, image: &str) -> domain::Digest;

    /// Makes a machine, ready for its first command. If this fails, nothing is left of it.
    async fn launch(
        &self,
        spec: &MachineSpec,
        audit: Arc<dyn EgressAudit>,
    ) -> Result<Box<dyn Machine>, SandboxError>;

    /// Takes away what machines of a process that is gone have left, found by its marks. Idempotent;
    /// never touches a machine whose owner lives, nor anything without our mark. Files go in the background.
    async fn reclaim(&self) -> Result<Reclaimed, SandboxError>;

    /// Waits, at most `max`, until nothing is left on the host of the machines that were closed, dropped or
    /// reclaimed here. Gives back of how many there still is something: the next process reclaims that.
    async fn settle(&self, max: Duration) -> usize;
}

/// A machine. Dropping it takes it away; [`Machine::close`] does so and waits until it has ended.
#[async_trait::async_trait]
pub trait Machine: Send + Sync + std::fmt::Debug {
    /// Its name.
    fn id(&self) -> MachineId;

    /// Runs a command as the machine's unprivileged user, `cwd` below the checkout.
    /// Cancelling the future kills the command with all its children.
    async fn exec(
        &self,
        command: &Exec,
        sink: &mut dyn OutputSink,
    ) -> Result<ExecResult, SandboxError> {
        let (_, mut none) = mpsc::channel(1);
        self.exec_signalled(command, sink, &mut none).await
    }

    /// The same, and while the command runs its process group is sent every signal that comes from whoever holds
    /// the other end of `signals`. What comes after its end is left unread.
    async fn exec_signalled(
        &self,
        command: &Exec,
        sink: &mut dyn OutputSink,
        signals: &mut mpsc::Receiver<Signal>,
    ) -> Result<ExecResult, SandboxError>;

    /// Writes a file from a stream. Refuses symbolic links in any part of the path and more than `max_bytes`.
    async fn put(
        &self,
        path: &MachinePath,
        mode: u32,
        max_bytes: u64,
        from: &mut (dyn AsyncRead + Send + Unpin),
    ) -> Result<u64, SandboxError>;

    /// Reads a file into a stream; `Ok(None)` where there is none. The same refusals.
    async fn get(
        &self,
        path: &MachinePath,
        max_bytes: u64,
        into: &mut (dyn AsyncWrite + Send + Unpin),
    ) -> Result<Option<u64>, SandboxError>;

    /// Takes the machine away and waits until no process of it is left. Its files, which may be many, go in
    /// the background: [`Sandbox::settle`] waits for them.
    async fn close(self: Box<Self>) -> Result<(), SandboxError>;
}

/// A place in a machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MachinePath {
    /// Below the checkout.
    Checkout(domain::RepoPath),
    /// A file of this plain name (no `/`) in the transfer folder, which is not part of the checkout.
    Transfer(String),
}

/// What was taken away.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Reclaimed {
    /// The machines.
    pub machines: Vec<MachineId>,
    /// What could not be taken away, and why.
    pub left: Vec<(PathBuf, String)>,
}

/// What went wrong with a machine.
#[derive(Debug, thiserror::Error)]
pub enum SandboxError {
    /// The host cannot make such a machine; the hint says what is missing.
    #[error("no machine can be made here: {reason}")]
    Unusable {
        /// Why.
        reason: String,
        /// How to get it.
        hint: String,
    },
    /// It could not be started.
    #[error("the machine did not start: {0}")]
    Launch(String),
    /// It is gone, or its stream broke or spoke nonsense.
    #[error("the machine is lost: {0}")]
    Lost(String),
    /// It used up its disk, its wall time or another named limit and was taken away.
    #[error("the machine reached its limit of {limit}")]
    Limit {
        /// Which limit, with its value: `disk (8 GiB)`.
        limit: String,
    },
    /// A path or size was refused.
    #[error("refused: {0}")]
    Refused(String),
    /// The host's own files failed.
    #[error("{action}")]
    Io {
        /// What was tried.
        action: String,
        /// What the kernel said.
        #[source]
        source: std::io::Error,
    },
}
