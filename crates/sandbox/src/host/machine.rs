//! A machine on this host, as the engine holds it.

use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::time::Duration;

use domain::MachineId;
use domain::exec::{Exec, ExecResult, Exit};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use super::cgroup::Cgroup;
use super::release::{self, Remains};
use super::serve;
use super::usage::Usage;
use super::watch::{self, Watched};
use crate::channel::Greeted;
use crate::egress::Door;
use crate::microvm::console::Console;
use crate::port::{Machine, MachinePath, MachineSpec, OutputSink, SandboxError, Signal};
use crate::session::Session;

/// A running machine. The order of its fields is the order in which it is dropped: the stream closes first,
/// so the guest can end by itself.
#[derive(Debug)]
pub(crate) struct HostMachine {
    pub(crate) id: MachineId,
    pub(crate) session: Session,
    /// What serves and watches it.
    pub(crate) tasks: JoinSet<()>,
    pub(crate) cgroup: Option<Arc<Cgroup>>,
    pub(crate) remains: Remains,
    /// The process that ends by itself once the stream is closed, and how long it may take; killed then.
    pub(crate) ending: Option<(Arc<OwnedFd>, Duration)>,
    /// Where its own kernel complains, if it has one.
    pub(crate) console: Option<Console>,
}

/// A machine whose guest has said hello, and what there is of it.
#[derive(Debug)]
pub(crate) struct Ready {
    /// The stream.
    pub(crate) greeted: Greeted,
    /// What ends it.
    pub(crate) watched: Watched,
    /// What there is of it on the host.
    pub(crate) remains: Remains,
    /// Its groups.
    pub(crate) cgroup: Option<Arc<Cgroup>>,
    /// As in the machine.
    pub(crate) ending: Option<(Arc<OwnedFd>, Duration)>,
    /// As in the machine.
    pub(crate) console: Option<Console>,
    /// What listens to it besides.
    pub(crate) listening: JoinSet<()>,
}

impl HostMachine {
    /// Serves and watches a machine; `measure` says what it uses of the host's disk, of which `reserve_bytes` have to stay free.
    pub(crate) fn serve(
        spec: &MachineSpec,
        door: Option<Arc<Door>>,
        ready: Ready,
        reserve_bytes: u64,
        measure: impl Fn(u64) -> Usage + Clone + Send + 'static,
    ) -> Self {
        let Ready { greeted, watched, remains, cgroup, ending, console, listening } = ready;
        let Greeted { link, hello, connections } = greeted;
        for note in &hello.notes {
            tracing::warn!(machine = %spec.id, %note, "a machine is ready with less than wanted");
        }
        let fate = watched.fate.clone();
        let mut tasks = listening;
        if let Some(door) = door {
            tasks.spawn(serve::connections(connections, door));
        }
        tasks.spawn(watch::wall_time(watched.clone(), spec.time_ms));
        tasks.spawn(watch::disk(watched, spec.disk_bytes, reserve_bytes, measure));
        let session = Session::new(link, fate, hello.landlock, spec.disk_bytes);
        Self { id: spec.id, session, tasks, cgroup, remains, ending, console }
    }

    /// Adds what a kernel of the machine's own said at its end.
    fn explain(&self, error: SandboxError) -> SandboxError {
        match (error, &self.console) {
            (SandboxError::Lost(_), Some(console)) if console.tells_of_no_memory() => {
                SandboxError::Limit { limit: "memory".to_owned() }
            }
            (SandboxError::Lost(reason), Some(console)) => {
                SandboxError::Lost(console.explain(&reason))
            }
            (error, _) => error,
        }
    }

    fn oom_kills(&self) -> u64 {
        self.cgroup.as_ref().map_or(0, |cgroup| cgroup.oom_kills())
    }
}

#[async_trait::async_trait]
impl Machine for HostMachine {
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
            result => result.map_err(|error| self.explain(error)),
        }
    }

    async fn put(
        &self,
        path: &MachinePath,
        mode: u32,
        max_bytes: u64,
        from: &mut (dyn AsyncRead + Send + Unpin),
    ) -> Result<u64, SandboxError> {
        self.session.put(path, mode, max_bytes, from).await.map_err(|error| self.explain(error))
    }

    async fn get(
        &self,
        path: &MachinePath,
        max_bytes: u64,
        into: &mut (dyn AsyncWrite + Send + Unpin),
    ) -> Result<Option<u64>, SandboxError> {
        self.session.get(path, max_bytes, into).await.map_err(|error| self.explain(error))
    }

    async fn close(self: Box<Self>) -> Result<(), SandboxError> {
        let Self { mut session, mut tasks, cgroup, remains, ending, .. } = *self;
        session.close();
        let take_away = move || {
            if let Some((process, grace)) = ending {
                let _killed_now = release::ended(&process, grace);
            }
            remains.take_away()
        };
        let taken = tokio::task::spawn_blocking(take_away).await;
        tasks.shutdown().await;
        drop((session, cgroup));
        taken.unwrap_or_else(|e| Err(SandboxError::Launch(format!("taking it away: {e}"))))
    }
}
