//! Space on a disk that others fill as well: where there is none, one waits, is told so, and goes on when there is.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use crate::house::House;
use crate::progress::Progress;

/// How often a full disk is looked at again.
const LOOK: Duration = Duration::from_secs(1);

/// How long a full disk is waited for before the person is told to come back.
const WAIT: Duration = Duration::from_secs(600);

/// How the kernel, git and Rust say that a disk or a quota is full.
const FULL: [&str; 5] = [
    "No space left on device",
    "Out of diskspace",
    "Disk quota exceeded",
    "(os error 28)",
    "(os error 122)",
];

/// Whether an error says that a disk of this host is full. What git's other side says of its own disk does not count.
pub(crate) fn is_full(error: &str) -> bool {
    error
        .lines()
        .filter(|line| !line.trim_start().starts_with("remote:"))
        .any(|line| FULL.iter().any(|words| line.contains(words)))
}

/// Whether somebody waits for space at this moment: whoever does can be stopped.
#[derive(Debug, Clone, Default)]
pub(crate) struct Waits(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    now: AtomicBool,
    waited_ms: AtomicU64,
}

impl Waits {
    /// Whether it is so.
    pub(crate) fn now(&self) -> bool {
        self.0.now.load(Ordering::Relaxed)
    }

    /// How long it was waited so far.
    pub(crate) fn waited(&self) -> Duration {
        Duration::from_millis(self.0.waited_ms.load(Ordering::Relaxed))
    }

    async fn wait(&self, long: Duration) {
        self.0.now.store(true, Ordering::Relaxed);
        let began = tokio::time::Instant::now();
        tokio::time::sleep(long).await;
        let millis = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.0.waited_ms.fetch_add(millis, Ordering::Relaxed);
        self.0.now.store(false, Ordering::Relaxed);
    }
}

/// One wait for space, over all of its looks.
#[derive(Debug, Default)]
pub(crate) struct Patience(Duration);

impl Patience {
    /// Waits a moment, telling `problem` the first time. Whether to try again.
    pub(crate) async fn wait(&mut self, house: &House, waits: &Waits, problem: &str) -> bool {
        if self.0 >= WAIT || house.stopping() {
            return false;
        }
        if self.0.is_zero() {
            let problem = domain::limit::head_chars(problem.trim(), 300);
            let line = format!("no space is left; waiting for some, nothing is lost: {problem}");
            house.listener.hear(&Progress::Warning { line });
        }
        waits.wait(LOOK).await;
        self.0 += LOOK;
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_disk_is_known_by_its_words_and_another_hosts_is_not_ours() {
        let full = std::io::Error::from_raw_os_error(28).to_string();
        assert!(is_full(&full));
        assert!(is_full("git index-pack failed: fatal: write error: No space left on device"));
        assert!(!is_full("fetch failed\nremote: fatal: write error: No space left on device"));
        assert!(!is_full("Permission denied (os error 13)"));
    }
}
