//! A machine of namespaces, as the engine holds it.

use std::sync::Arc;

use domain::MachineId;
use domain::exec::{Exec, ExecResult, Exit};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use crate::host::cgroup::Cgroup;
use crate::host::release::Remains;
use crate::port::{Machine, MachinePath, OutputSink, SandboxError, Signal};
use crate::session::Session;

/// A running machine. The order of its fields is the order in which it is dropped: the stream closes first,
/// so the guest can end by itself.
#[derive(Debug)]
pub(crate) struct NamespaceMachine {
    pub(crate) id: MachineId,
    pub(crate) session: Session,
    /// What serves and watches it.
    pub(crate) tasks: JoinSet<()>,
    pub(crate) cgroup: Option<Arc<Cgroup>>,
    pub(crate) remains: Remains,
}

impl NamespaceMachine {
    fn oom_kills(&self) -> u64 {
        self.cgroup.as_ref().map_or(0, |cgroup| cgroup.oom_kills())
    }
}

#[async_trait::async_trait]
impl Machine for NamespaceMachine {
    fn id(&self) -> MachineId {
        self.id
    }

    async fn exec_signalled(
        &self,
        command: &Exec,
        sink: &mut dyn OutputSink,
        signals: &mut mpsc::Receiver<Signal>,
    ) -> Result<ExecResult, SandboxError> {
        let before = self.oom_kills();
        let result = self.session.exec(command, sink, signals).await;
        let out_of_memory = self.oom_kills() > before;
        match result {
            Ok(result) if out_of_memory && !result.success() && result.exit != Exit::TimedOut => {
                Ok(ExecResult { exit: Exit::OutOfMemory, ..result })
            }
            Err(SandboxError::Lost(_)) if out_of_memory => {
                Err(SandboxError::Limit { limit: "memory".to_owned() })
            }
            result => result,
        }
    }

    async fn put(
        &self,
        path: &MachinePath,
        mode: u32,
        max_bytes: u64,
        from: &mut (dyn AsyncRead + Send + Unpin),
    ) -> Result<u64, SandboxError> {
        self.session.put(path, mode, max_bytes, from).await
    }

    async fn get(
        &self,
        path: &MachinePath,
        max_bytes: u64,
        into: &mut (dyn AsyncWrite + Send + Unpin),
    ) -> Result<Option<u64>, SandboxError> {
        self.session.get(path, max_bytes, into).await
    }

    async fn close(self: Box<Self>) -> Result<(), SandboxError> {
        let Self { mut session, mut tasks, cgroup, remains, .. } = *self;
        session.close();
        tasks.shutdown().await;
        drop((session, cgroup));
        let taken = tokio::task::spawn_blocking(move || remains.take_away()).await;
        taken.unwrap_or_else(|e| Err(SandboxError::Launch(format!("taking it away: {e}"))))
    }
}
