//! Says of a command that takes its time that it is still running, at growing intervals: who reads a log
//! sees that something happens.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// Watches over the command under way, on a thread of its own.
#[derive(Debug)]
pub(super) struct Waiting {
    shared: Arc<Shared>,
    watcher: Option<JoinHandle<()>>,
}

#[derive(Debug, Default)]
struct Shared {
    now: Mutex<Now>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct Now {
    /// The command under way.
    command: String,
    /// When it began; nothing where none is under way.
    begun: Option<Instant>,
    /// How often something was said of it.
    said: u32,
    /// Whether nobody will ask any more.
    over: bool,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Now> {
        self.now.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Waiting {
    /// When something is said of a command, from its beginning; after the last, each such time again.
    pub(super) const WAITS: &[Duration] = &[
        Duration::from_secs(5),
        Duration::from_secs(15),
        Duration::from_secs(30),
        Duration::from_secs(60),
        Duration::from_secs(120),
    ];

    /// Says lines at these times.
    pub(super) fn new(waits: &'static [Duration], say: impl Fn(String) + Send + 'static) -> Self {
        let shared = Arc::<Shared>::default();
        let watched = Arc::clone(&shared);
        let watcher = std::thread::Builder::new()
            .name("still running".to_owned())
            .spawn(move || watch(&watched, waits, say))
            // Without the thread only these lines are missing.
            .ok();
        Self { shared, watcher }
    }

    /// A command begins.
    pub(super) fn begin(&self, command: String) {
        *self.shared.lock() = Now { command, begun: Some(Instant::now()), ..Now::default() };
        self.shared.changed.notify_one();
    }

    /// It ended; gives it back.
    pub(super) fn end(&self) -> String {
        let mut now = self.shared.lock();
        now.begun = None;
        std::mem::take(&mut now.command)
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        self.shared.lock().over = true;
        self.shared.changed.notify_one();
        if let Some(watcher) = self.watcher.take() {
            // A panic there has said so itself.
            drop(watcher.join());
        }
    }
}

fn watch(shared: &Shared, waits: &[Duration], say: impl Fn(String)) {
    let mut now = shared.lock();
    while !now.over {
        let Some(begun) = now.begun else {
            now = shared.changed.wait(now).unwrap_or_else(PoisonError::into_inner);
            continue;
        };
        let (passed, due) = (begun.elapsed(), due(waits, now.said));
        if let Some(rest) = due.checked_sub(passed).filter(|rest| !rest.is_zero()) {
            let waited = shared.changed.wait_timeout(now, rest);
            now = waited.unwrap_or_else(PoisonError::into_inner).0;
        } else {
            now.said += 1;
            say(format!("    {} ... still running ({} s)", now.command, passed.as_secs()));
        }
    }
}

/// When the next line is due where so many were said.
fn due(waits: &[Duration], said: u32) -> Duration {
    let said = usize::try_from(said).unwrap_or(usize::MAX);
    let last = waits.last().copied().unwrap_or(Duration::MAX);
    let beyond =
        u32::try_from(said.saturating_sub(waits.len().saturating_sub(1))).unwrap_or(u32::MAX);
    waits.get(said).copied().unwrap_or_else(|| last.saturating_mul(beyond.saturating_add(1)))
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    #[test]
    fn a_command_that_takes_its_time_is_said_to_be_running_and_one_that_ended_is_not() {
        const WAITS: &[Duration] = &[Duration::ZERO, Duration::from_secs(3600)];
        let (say, said) = mpsc::channel();
        let waiting = Waiting::new(WAITS, move |line| say.send(line).unwrap());
        waiting.begin("run the tests: cargo test".to_owned());
        assert_eq!(said.recv().unwrap(), "    run the tests: cargo test ... still running (0 s)");
        assert_eq!(waiting.end(), "run the tests: cargo test");
        drop(waiting);
        assert_eq!(
            said.recv(),
            Err(mpsc::RecvError),
            "nothing more is said, and the thread is gone"
        );
    }

    #[test]
    fn the_intervals_grow_and_never_end() {
        let told: Vec<u64> = (0..8).map(|said| due(Waiting::WAITS, said).as_secs()).collect();
        assert_eq!(told, [5, 15, 30, 60, 120, 240, 360, 480]);
        assert!(due(Waiting::WAITS, u32::MAX) > Duration::from_secs(3600));
    }
}
