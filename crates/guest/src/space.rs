//! What a command uses up of a virtual machine, which only the machine's own kernel can tell: memory and disk. In machines of
//! namespaces the host looks at both.

use std::time::Duration;

use guest::message::Setup;

/// How often the disk is looked at.
const PAUSE: Duration = Duration::from_millis(200);

/// Less free space than this is none, in bytes.
const FREE_MIN: u64 = 256 * 1024;

/// What is looked at while a command runs.
#[derive(Debug)]
pub(crate) struct Space {
    /// A folder on the machine's disk; none where the host looks.
    folder: Option<String>,
    kills_before: u64,
    disk_full: bool,
}

impl Space {
    /// As it is before the command.
    pub(crate) fn new(setup: &Setup) -> Self {
        let folder = setup.vm.as_ref().and(setup.writable.first()).cloned();
        let kills_before = if folder.is_some() { oom_kills() } else { 0 };
        Self { folder, kills_before, disk_full: false }
    }

    /// How long to wait until the next look.
    pub(crate) const fn pause(&self) -> Duration {
        if self.folder.is_some() { PAUSE } else { Duration::MAX }
    }

    /// Looks at the disk.
    pub(crate) fn look(&mut self) {
        if let Some(folder) = &self.folder
            && let Ok(stat) = rustix::fs::statvfs(folder)
        {
            let free = stat.f_bavail.saturating_mul(stat.f_frsize);
            self.disk_full |= free < FREE_MIN || stat.f_favail == 0;
        }
    }

    /// Whether the disk was full at any look.
    pub(crate) const fn disk_full(&self) -> bool {
        self.disk_full
    }

    /// Whether a process was killed since the start because there was no memory left.
    pub(crate) fn out_of_memory(&self) -> bool {
        self.folder.is_some() && oom_kills() > self.kills_before
    }
}

fn oom_kills() -> u64 {
    let text = std::fs::read_to_string("/proc/vmstat").unwrap_or_default();
    count(&text)
}

fn count(vmstat: &str) -> u64 {
    let found = vmstat.lines().find_map(|line| line.strip_prefix("oom_kill "));
    found.and_then(|number| number.trim().parse().ok()).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kills_are_counted_by_their_exact_name() {
        assert_eq!(count("pgsteal 4\noom_kill_x 9\noom_kill 3\n"), 3);
        assert_eq!(count("nr_free_pages 1\n"), 0);
    }
}
