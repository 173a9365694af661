//! Takes a machine away when its disk or its wall time is used up.

use std::os::fd::OwnedFd;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use rustix::process::Signal;
use tokio::time::Instant;

use super::usage::{self, Usage};
use crate::session::Fate;

/// How often the free space of the disk is looked at.
const GLANCE: Duration = Duration::from_millis(200);

/// Between two measures at most this long.
const MEASURE_MAX: Duration = Duration::from_secs(5);

/// Measuring may take this share of the time.
const MEASURE_SHARE: u32 = 20;

/// What is watched, and what ends the machine.
#[derive(Debug, Clone)]
pub(crate) struct Watched {
    /// Its folder on the host.
    pub(crate) folder: PathBuf,
    /// The process that ends it, to be killed.
    pub(crate) process: Arc<OwnedFd>,
    /// Why it ended.
    pub(crate) fate: Fate,
}

impl Watched {
    fn end(&self, limit: String) {
        self.fate.limit(limit);
        self.kill();
    }

    fn kill(&self) {
        let _gone = rustix::process::pidfd_send_signal(&*self.process, Signal::KILL);
    }
}

/// Ends the machine after `time_ms`.
pub(crate) async fn wall_time(watched: Watched, time_ms: u64) {
    tokio::time::sleep(Duration::from_millis(time_ms)).await;
    watched.end(format!("wall time ({} s)", time_ms.div_ceil(1000)));
}

/// What is known of the host's disk and of the machine's part in it, in bytes.
#[derive(Debug, Clone, Copy)]
struct Disk {
    /// Free when the machine began.
    free_first: u64,
    /// Free now.
    free: u64,
    /// To stay free.
    reserve: u64,
    /// What the machine was found to use.
    used: u64,
}

impl Disk {
    /// Below the reserve, whoever is known to use its share ends at once.
    fn is_known_to_fill(&self) -> bool {
        self.free < self.reserve && self.used > self.reserve / 4
    }

    /// Below the reserve, and more is gone since the machine began than what it is known to use: it may hide the rest from the
    /// measure, or another may use it. The host comes first.
    fn may_be_filled_unseen(&self) -> bool {
        let gone = self.free_first.saturating_sub(self.free);
        self.free < self.reserve && gone.saturating_sub(self.used) > self.reserve / 4
    }
}

/// Ends the machine when what `measure` finds, which may stop at the given number of bytes, is more than `disk_bytes`, or when
/// the host's disk has less than `reserve_bytes` left and this machine uses more than its share of the rest, or nobody is
/// found who does.
pub(crate) async fn disk(
    watched: Watched,
    disk_bytes: u64,
    reserve_bytes: u64,
    measure: impl Fn(u64) -> Usage + Clone + Send + 'static,
) {
    let mut last = Usage::default();
    let free_first = free(&watched.folder);
    let mut free_then = free_first;
    let mut next = Instant::now();
    let mut unseen_before = false;
    loop {
        tokio::time::sleep(GLANCE).await;
        let free_now = free(&watched.folder);
        // What others write counts here too; that only makes us look sooner.
        let possible = last.bytes.saturating_add(free_then.saturating_sub(free_now));
        if Instant::now() < next && possible <= disk_bytes && free_now >= reserve_bytes {
            continue;
        }
        let began = Instant::now();
        let measure = measure.clone();
        let measured = tokio::task::spawn_blocking(move || measure(disk_bytes)).await;
        let Ok(usage) = measured else { return };
        if usage.bytes > disk_bytes {
            watched.fate.disk(disk_bytes);
            return watched.kill();
        }
        if usage.too_deep {
            return watched.end(format!("nested folders ({})", usage::DEPTH_MAX));
        }
        let disk = Disk { free_first, free: free_now, reserve: reserve_bytes, used: usage.bytes };
        // Seen twice: a machine that is known to fill the disk goes first, and its space comes back.
        let unseen = disk.may_be_filled_unseen();
        if disk.is_known_to_fill() || (unseen && unseen_before) {
            return watched.end("free space of the host's disk".to_owned());
        }
        unseen_before = unseen;
        (last, free_then) = (usage, free_now);
        next = Instant::now() + (began.elapsed() * MEASURE_SHARE).clamp(GLANCE, MEASURE_MAX);
    }
}

fn free(folder: &std::path::Path) -> u64 {
    let stat = rustix::fs::statvfs(folder);
    stat.map_or(u64::MAX, |stat| stat.f_bavail.saturating_mul(stat.f_frsize))
}

#[cfg(test)]
mod tests {
    use super::*;

    const RESERVE: u64 = 400;

    fn disk(free_first: u64, free: u64, used: u64) -> Disk {
        Disk { free_first, free, reserve: RESERVE, used }
    }

    #[test]
    fn above_the_reserve_nobody_ends() {
        for used in [0, 101, 5000] {
            let disk = disk(9000, RESERVE, used);
            assert!(!disk.is_known_to_fill() && !disk.may_be_filled_unseen(), "{disk:?}");
        }
    }

    #[test]
    fn below_the_reserve_whoever_uses_its_share_ends() {
        assert!(disk(9000, 399, 101).is_known_to_fill());
        assert!(!disk(9000, 399, 100).is_known_to_fill());
    }

    #[test]
    fn below_the_reserve_what_is_gone_and_not_explained_ends_the_machine() {
        assert!(disk(9000, 399, 0).may_be_filled_unseen());
        // Full before it began: not its doing, as long as little goes.
        assert!(!disk(399, 300, 0).may_be_filled_unseen());
        assert!(disk(399, 298, 0).may_be_filled_unseen());
        // What it is known to use explains what is gone.
        assert!(!disk(500, 350, 60).may_be_filled_unseen());
    }
}
