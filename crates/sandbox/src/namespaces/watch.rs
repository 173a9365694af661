//! Takes a machine away when its disk or its wall time is used up.

use std::os::fd::OwnedFd;
use std::os::unix::fs::MetadataExt as _;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use rustix::process::Signal;
use tokio::time::Instant;

use super::scratch::FOLDERS;
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
    /// PID 1 as the host sees it.
    pub(crate) init: i32,
    /// The same, to be killed.
    pub(crate) kill: Arc<OwnedFd>,
    /// Why it ended.
    pub(crate) fate: Fate,
}

impl Watched {
    fn end(&self, limit: String) {
        self.fate.limit(limit);
        let _gone = rustix::process::pidfd_send_signal(&*self.kill, Signal::KILL);
    }

    fn measure(&self, most: u64) -> Usage {
        let folders = FOLDERS.map(|name| self.folder.join(name));
        let mut usage = usage::measure(folders.iter().map(PathBuf::as_path), most);
        if let Ok(metadata) = std::fs::metadata(&self.folder) {
            let processes = usage::processes_with(self.init);
            let nameless = usage::nameless(&processes, metadata.dev());
            usage.bytes = usage.bytes.saturating_add(nameless);
        }
        usage
    }
}

/// Ends the machine after `time_ms`.
pub(crate) async fn wall_time(watched: Watched, time_ms: u64) {
    tokio::time::sleep(Duration::from_millis(time_ms)).await;
    watched.end(format!("wall time ({} s)", time_ms.div_ceil(1000)));
}

/// Ends the machine when it uses more than `disk_bytes`, or when the host's disk has less than `reserve_bytes`
/// left and this machine uses more than its share of the rest.
pub(crate) async fn disk(watched: Watched, disk_bytes: u64, reserve_bytes: u64) {
    let mut last = Usage::default();
    let mut free_then = free(&watched.folder);
    let mut next = Instant::now();
    loop {
        tokio::time::sleep(GLANCE).await;
        let free_now = free(&watched.folder);
        // What others write counts here too; that only makes us look sooner.
        let possible = last.bytes.saturating_add(free_then.saturating_sub(free_now));
        if Instant::now() < next && possible <= disk_bytes && free_now >= reserve_bytes {
            continue;
        }
        let began = Instant::now();
        let measuring = watched.clone();
        let measured = tokio::task::spawn_blocking(move || measuring.measure(disk_bytes)).await;
        let Ok(usage) = measured else { return };
        if usage.bytes > disk_bytes {
            return watched.end(format!("disk ({} MiB)", disk_bytes / (1024 * 1024)));
        }
        if usage.too_deep {
            return watched.end(format!("nested folders ({})", usage::DEPTH_MAX));
        }
        if free_now < reserve_bytes && usage.bytes > reserve_bytes / 4 {
            return watched.end("free space of the host's disk".to_owned());
        }
        (last, free_then) = (usage, free_now);
        next = Instant::now() + (began.elapsed() * MEASURE_SHARE).clamp(GLANCE, MEASURE_MAX);
    }
}

fn free(folder: &std::path::Path) -> u64 {
    let stat = rustix::fs::statvfs(folder);
    stat.map_or(u64::MAX, |stat| stat.f_bavail.saturating_mul(stat.f_frsize))
}
