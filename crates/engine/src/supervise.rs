//! The one place that spawns: every task has a name, and a panic in one is an error of its owner.

use tokio::task::JoinHandle;

/// How a supervised task ended badly.
#[derive(Debug, thiserror::Error)]
#[error("task `{task}` {how}")]
pub struct TaskFailed {
    /// The task's name.
    pub task: &'static str,
    /// What happened to it.
    pub how: String,
}

/// A task that ends with its handle.
#[derive(Debug)]
pub struct Task<T> {
    name: &'static str,
    handle: JoinHandle<T>,
}

impl<T> Task<T> {
    /// Waits for its result; a panic comes back as an error.
    pub async fn join(mut self) -> Result<T, TaskFailed> {
        (&mut self.handle).await.map_err(|error| {
            let how = if error.is_panic() { "panicked" } else { "was stopped" };
            tracing::error!(task = self.name, "task {how}");
            TaskFailed { task: self.name, how: how.to_owned() }
        })
    }
}

impl<T> Task<T> {
    /// Ends it where it stands, and waits until it does nothing more.
    pub async fn stop(mut self) {
        self.handle.abort();
        // However it ended, it has ended.
        drop((&mut self.handle).await);
    }
}

impl<T> Drop for Task<T> {
    fn drop(&mut self) {
        self.handle.abort();
    }
}

/// Starts a task under a name.
pub fn spawn<T: Send + 'static>(
    name: &'static str,
    future: impl Future<Output = T> + Send + 'static,
) -> Task<T> {
    #[expect(clippy::disallowed_methods, reason = "this is the one place that spawns")]
    let handle = tokio::spawn(future);
    Task { name, handle }
}

/// Runs work that blocks, on a thread made for that.
pub async fn blocking<T: Send + 'static>(
    name: &'static str,
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, TaskFailed> {
    Task { name, handle: tokio::task::spawn_blocking(work) }.join().await
}
