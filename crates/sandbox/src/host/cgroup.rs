//! Limits on memory, processes and processors by control groups, version 2 or 1, as the host has them.
//!
//! A machine's groups are called `hob-<tag of the state folder>-<machine>` and lie below the nearest group that we may make groups
//! in, going up from our own. Where our own is the top that can be seen (a container) and holds nobody else, this process moves into
//! a group below it, because groups that hold processes hand nothing down. Where there is none, limits by process (rlimits) remain, and `hob doctor` says so.

use std::fs::OpenOptions;
use std::io;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use domain::MachineId;

use crate::port::{MachineSpec, SandboxError};

/// Processes besides those of commands: PID 1 with its threads, and bubblewrap.
const PROCESSES_SPARE: u32 = 600;

/// The period over which processor time is measured out, in microseconds.
const PERIOD_US: u64 = 100_000;

/// Where this process goes when it has to leave its group; no machine is called so.
const OWN_LEAF: &str = "hob-itself";

/// A kind of limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Controller {
    /// Memory.
    Memory,
    /// Processes.
    Pids,
    /// Processor time.
    Cpu,
}

impl Controller {
    /// All that are wanted.
    pub(crate) const ALL: [Self; 3] = [Self::Memory, Self::Pids, Self::Cpu];

    /// As the kernel calls it.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Memory => "memory",
            Self::Pids => "pids",
            Self::Cpu => "cpu",
        }
    }
}

/// Which interface a group speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Version {
    /// One hierarchy for each controller.
    One,
    /// One hierarchy for all.
    Two,
}

/// A group in which those of machines are made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Parent {
    /// Where.
    pub(crate) path: PathBuf,
    /// How it is spoken to.
    pub(crate) version: Version,
    /// What it limits.
    pub(crate) controllers: Vec<Controller>,
}

/// What to limit a machine to.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    /// Bytes.
    pub(crate) memory_bytes: u64,
    /// Processes and threads of commands.
    pub(crate) processes: u32,
    /// Processors.
    pub(crate) cpus: u32,
}

/// The groups of one machine.
#[derive(Debug)]
pub(crate) struct Cgroup {
    groups: Vec<Parent>,
}

/// One line of `/proc/self/mountinfo`, as far as control groups are concerned.
#[derive(Debug, PartialEq, Eq)]
struct Hierarchy {
    root: PathBuf,
    mounted: PathBuf,
    version: Version,
    names: Vec<String>,
}

fn hierarchies(mountinfo: &str) -> Vec<Hierarchy> {
    let parse = |line: &str| {
        let (left, right) = line.split_once(" - ")?;
        let mut left = left.split(' ').skip(3);
        let (root, mounted) = (left.next()?.into(), left.next()?.into());
        let mut right = right.split(' ');
        let version = match right.next()? {
            "cgroup" => Version::One,
            "cgroup2" => Version::Two,
            _ => return None,
        };
        let names = right.nth(1)?.split(',').map(str::to_owned).collect();
        Some(Hierarchy { root, mounted, version, names })
    };
    mountinfo.lines().filter_map(parse).collect()
}

/// Our own group in a hierarchy, by `/proc/self/cgroup` (`4:memory:/a/b`, `0::/a/b`).
fn own_group(hierarchy: &Hierarchy, own: &str) -> Option<PathBuf> {
    own.lines().find_map(|line| {
        let mut fields = line.splitn(3, ':');
        let (number, names, path) = (fields.next()?, fields.next()?, fields.next()?);
        let is_ours = match hierarchy.version {
            Version::Two => number == "0" && names.is_empty(),
            Version::One => {
                !names.is_empty()
                    && names.split(',').all(|name| hierarchy.names.iter().any(|n| n == name))
            }
        };
        if !is_ours {
            return None;
        }
        let below = Path::new(path).strip_prefix(&hierarchy.root).ok()?;
        Some(hierarchy.mounted.join(below))
    })
}

/// Where groups of machines can be made on this host, for as many controllers as possible.
pub(crate) fn parents() -> Vec<Parent> {
    let mountinfo = std::fs::read_to_string("/proc/self/mountinfo").unwrap_or_default();
    let own = std::fs::read_to_string("/proc/self/cgroup").unwrap_or_default();
    let mut parents = Vec::new();
    let mut wanted = Controller::ALL.to_vec();
    for hierarchy in hierarchies(&mountinfo) {
        let group = own_group(&hierarchy, &own).unwrap_or_else(|| hierarchy.mounted.clone());
        let usable = match hierarchy.version {
            Version::One => version_one(&hierarchy, &group),
            Version::Two => version_two(&hierarchy, &group).or_else(|| {
                make_room(&group, std::process::id()).then(|| version_two(&hierarchy, &group))?
            }),
        };
        let Some((path, mut controllers)) = usable else { continue };
        controllers.retain(|controller| wanted.contains(controller));
        wanted.retain(|controller| !controllers.contains(controller));
        if !controllers.is_empty() {
            parents.push(Parent { path, version: hierarchy.version, controllers });
        }
    }
    parents
}

fn writable(path: &Path) -> bool {
    rustix::fs::access(path, rustix::fs::Access::WRITE_OK).is_ok()
}

/// Our own group and those above it, nearest first.
fn upwards<'p>(hierarchy: &'p Hierarchy, group: &'p Path) -> impl Iterator<Item = &'p Path> {
    group.ancestors().take_while(|group| group.starts_with(&hierarchy.mounted))
}

fn version_one(hierarchy: &Hierarchy, group: &Path) -> Option<(PathBuf, Vec<Controller>)> {
    let is_there = |controller: &Controller| hierarchy.names.iter().any(|n| n == controller.name());
    let controllers: Vec<_> = Controller::ALL.into_iter().filter(is_there).collect();
    let path = upwards(hierarchy, group).find(|path| writable(path))?;
    (!controllers.is_empty()).then(|| (path.to_owned(), controllers))
}

/// A group of version 2 hands controllers down only if it holds no processes itself, or is the root.
fn version_two(hierarchy: &Hierarchy, group: &Path) -> Option<(PathBuf, Vec<Controller>)> {
    upwards(hierarchy, group)
        .filter(|path| writable(path) && writable(&path.join("cgroup.procs")))
        .find_map(|path| {
            let available = list(&path.join("cgroup.controllers"));
            let enabled = list(&path.join("cgroup.subtree_control"));
            for controller in Controller::ALL {
                let is_in = |names: &[String]| names.iter().any(|name| name == controller.name());
                if is_in(&available) && !is_in(&enabled) {
                    let enable = format!("+{}", controller.name());
                    // Refused where the group holds processes: the one above is tried next.
                    let _refused = std::fs::write(path.join("cgroup.subtree_control"), enable);
                }
            }
            let enabled = list(&path.join("cgroup.subtree_control"));
            let is_there = |controller: &Controller| enabled.iter().any(|n| n == controller.name());
            let controllers: Vec<_> = Controller::ALL.into_iter().filter(is_there).collect();
            controllers.contains(&Controller::Memory).then(|| (path.to_owned(), controllers))
        })
}

/// Moves this process out of its own group into one below it, so that the group can hand controllers down. Not where others live
/// in the group: they are not ours to move, and as long as they stay it would not help.
fn make_room(group: &Path, me: u32) -> bool {
    let me = me.to_string();
    let has_memory = list(&group.join("cgroup.controllers"))
        .iter()
        .any(|name| name == Controller::Memory.name());
    let processes = list(&group.join("cgroup.procs"));
    if !has_memory || processes.is_empty() || processes.iter().any(|process| *process != me) {
        return false;
    }
    let own = group.join(OWN_LEAF);
    let there = std::fs::create_dir(&own).or_else(|e| match e.kind() {
        io::ErrorKind::AlreadyExists => Ok(()),
        _ => Err(e),
    });
    there.and_then(|()| std::fs::write(own.join("cgroup.procs"), &me)).is_ok()
}

fn list(path: &Path) -> Vec<String> {
    let text = std::fs::read_to_string(path).unwrap_or_default();
    text.split_whitespace().map(str::to_owned).collect()
}

/// What the groups of a state folder's machines are called: the mark by which they are known for ours.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Names {
    prefix: String,
}

impl Names {
    /// For the machines of this state folder, which is given canonical.
    pub(crate) fn of(state_dir: &Path) -> Self {
        use sha2::Digest as _;
        use std::os::unix::ffi::OsStrExt as _;
        let digest = sha2::Sha256::digest(state_dir.as_os_str().as_bytes());
        let tag: String = digest.iter().take(6).map(|byte| format!("{byte:02x}")).collect();
        Self { prefix: format!("hob-{tag}-") }
    }

    /// Of one machine.
    pub(crate) fn name(&self, machine: MachineId) -> String {
        format!("{}{machine}", self.prefix)
    }

    /// Where a machine's groups will be.
    pub(crate) fn paths(&self, parents: &[Parent], machine: MachineId) -> Vec<PathBuf> {
        parents.iter().map(|parent| parent.path.join(self.name(machine))).collect()
    }

    /// The machines that have groups in these places.
    pub(crate) fn machines(&self, parents: &[Parent]) -> Vec<MachineId> {
        let entries = parents.iter().flat_map(|parent| std::fs::read_dir(&parent.path));
        let names = entries.flatten().flatten().map(|entry| entry.file_name());
        let mut machines: Vec<MachineId> = names
            .filter_map(|name| name.to_str()?.strip_prefix(&self.prefix)?.parse().ok())
            .collect();
        machines.sort_unstable();
        machines.dedup();
        machines
    }
}

/// Makes a machine's groups, where there can be any; `memory_bytes` is what all its processes together may use.
pub(crate) fn of_machine(
    parents: &[Parent],
    spec: &MachineSpec,
    names: &Names,
    memory_bytes: u64,
) -> Result<Option<Arc<Cgroup>>, SandboxError> {
    if parents.is_empty() {
        return Ok(None);
    }
    let limits = Limits { memory_bytes, processes: spec.processes_max, cpus: spec.cpus };
    let made = Cgroup::create(parents, &names.name(spec.id), limits);
    let made = made.map_err(|(path, source)| SandboxError::Io {
        action: format!("making the control group {}", path.display()),
        source,
    })?;
    Ok(Some(Arc::new(made)))
}

impl Cgroup {
    /// Makes a machine's groups with their limits. If this fails, none are left.
    pub(crate) fn create(
        parents: &[Parent],
        name: &str,
        limits: Limits,
    ) -> Result<Self, (PathBuf, io::Error)> {
        let mut cgroup = Self { groups: Vec::new() };
        for parent in parents {
            let path = parent.path.join(name);
            let made = std::fs::create_dir(&path);
            if let Err(e) = made {
                cgroup.remove_empty();
                return Err((path, e));
            }
            let group = Parent { path, ..parent.clone() };
            let limited = group.limit(limits);
            cgroup.groups.push(group);
            if let Err(failed) = limited {
                cgroup.remove_empty();
                return Err(failed);
            }
        }
        Ok(cgroup)
    }

    /// The groups at these places, as far as they bear the machine's name.
    pub(crate) fn named(name: &str, paths: &[PathBuf]) -> Self {
        let ours = |path: &&PathBuf| path.file_name().is_some_and(|found| found == name);
        let group = |path: &PathBuf| Parent {
            path: path.clone(),
            version: Version::One,
            controllers: Vec::new(),
        };
        Self { groups: paths.iter().filter(ours).map(group).collect() }
    }

    /// Files into which a process writes `0` to join.
    pub(crate) fn entrances(&self) -> io::Result<Vec<OwnedFd>> {
        let open = |group: &Parent| {
            let file = OpenOptions::new().write(true).open(group.path.join("cgroup.procs"))?;
            Ok(OwnedFd::from(file))
        };
        self.groups.iter().map(open).collect()
    }

    /// How many processes were killed because the memory was used up.
    pub(crate) fn oom_kills(&self) -> u64 {
        self.groups
            .iter()
            .filter(|group| group.controllers.contains(&Controller::Memory))
            .map(|group| match group.version {
                Version::One => field(&group.path.join("memory.oom_control"), "oom_kill"),
                Version::Two => field(&group.path.join("memory.events"), "oom_kill"),
            })
            .sum()
    }

    /// The processes in the groups.
    pub(crate) fn processes(&self) -> Vec<i32> {
        let mut processes: Vec<i32> = self
            .groups
            .iter()
            .flat_map(|group| list(&group.path.join("cgroup.procs")))
            .filter_map(|pid| pid.parse().ok())
            .collect();
        processes.sort_unstable();
        processes.dedup();
        processes
    }

    /// Kills everything in the groups.
    pub(crate) fn kill(&self) {
        for group in &self.groups {
            // Version 2 kills all at once; elsewhere there is no such file and the next lines do it.
            if group.path.join("cgroup.kill").exists() {
                let _refused = std::fs::write(group.path.join("cgroup.kill"), "1");
            }
        }
        for pid in self.processes() {
            if let Some(pid) = rustix::process::Pid::from_raw(pid) {
                let _gone = rustix::process::kill_process(pid, rustix::process::Signal::KILL);
            }
        }
    }

    /// Removes the groups; the first that is left, and why.
    pub(crate) fn remove(&self) -> Result<(), (PathBuf, io::Error)> {
        self.groups.iter().try_for_each(|group| match std::fs::remove_dir(&group.path) {
            Err(e) if e.kind() != io::ErrorKind::NotFound => Err((group.path.clone(), e)),
            _ => Ok(()),
        })
    }

    fn remove_empty(&self) {
        // They have just been made and hold nothing.
        let _kept = self.remove();
    }
}

impl Parent {
    fn limit(&self, limits: Limits) -> Result<(), (PathBuf, io::Error)> {
        let memory = limits.memory_bytes.to_string();
        let pids = limits.processes.saturating_add(PROCESSES_SPARE).to_string();
        let quota = u64::from(limits.cpus) * PERIOD_US;
        for controller in &self.controllers {
            match (controller, self.version) {
                (Controller::Memory, Version::One) => {
                    self.write("memory.limit_in_bytes", &memory)?;
                    // Not there on kernels that do not account for swap.
                    let _absent = self.write("memory.memsw.limit_in_bytes", &memory);
                }
                (Controller::Memory, Version::Two) => {
                    self.write("memory.max", &memory)?;
                    let _absent = self.write("memory.swap.max", "0");
                }
                (Controller::Pids, _) => self.write("pids.max", &pids)?,
                // A group above with less processor time than this refuses: then that is the limit.
                (Controller::Cpu, Version::One) => {
                    let _smaller = self.write("cpu.cfs_period_us", &PERIOD_US.to_string());
                    let _smaller = self.write("cpu.cfs_quota_us", &quota.to_string());
                }
                (Controller::Cpu, Version::Two) => {
                    let _smaller = self.write("cpu.max", &format!("{quota} {PERIOD_US}"));
                }
            }
        }
        Ok(())
    }

    fn write(&self, file: &str, value: &str) -> Result<(), (PathBuf, io::Error)> {
        let path = self.path.join(file);
        let written = OpenOptions::new().write(true).open(&path);
        let written =
            written.and_then(|mut file| io::Write::write_all(&mut file, value.as_bytes()));
        written.map_err(|e| (path, e))
    }
}

/// The number beside a word in a flat-keyed file.
fn field(path: &Path, key: &str) -> u64 {
    let text = std::fs::read_to_string(path).unwrap_or_default();
    let mut lines = text.lines().filter_map(|line| line.split_once(' '));
    lines.find(|(name, _)| *name == key).and_then(|(_, n)| n.trim().parse().ok()).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIXED: &str = "\
30 29 0:26 / /sys/fs/cgroup rw - tmpfs tmpfs rw,mode=755
31 30 0:27 / /sys/fs/cgroup/memory rw,relatime - cgroup cgroup rw,memory
32 30 0:28 / /sys/fs/cgroup/cpu,cpuacct rw shared:3 - cgroup cgroup rw,cpu,cpuacct
33 30 0:29 /a /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw";

    #[test]
    fn hierarchies_of_both_versions_are_told_apart() {
        let found = hierarchies(MIXED);
        let seen: Vec<_> = found.iter().map(|h| (h.version, h.mounted.to_str().unwrap())).collect();
        assert_eq!(
            seen,
            [
                (Version::One, "/sys/fs/cgroup/memory"),
                (Version::One, "/sys/fs/cgroup/cpu,cpuacct"),
                (Version::Two, "/sys/fs/cgroup/unified"),
            ]
        );
    }

    #[test]
    fn our_own_group_is_found_below_the_mounted_part() {
        let found = hierarchies(MIXED);
        let own = "4:memory:/x\n3:cpu,cpuacct:/\n0::/a/b\n";
        let groups: Vec<_> = found.iter().map(|h| own_group(h, own).unwrap()).collect();
        let expected =
            ["/sys/fs/cgroup/memory/x", "/sys/fs/cgroup/cpu,cpuacct/", "/sys/fs/cgroup/unified/b"];
        assert_eq!(groups, expected.map(PathBuf::from));
    }

    #[test]
    fn the_nearest_group_that_hands_controllers_down_is_taken() {
        let mounted = tempfile::tempdir().unwrap();
        let (slice, own) = (mounted.path().join("slice"), mounted.path().join("slice/scope"));
        std::fs::create_dir_all(&own).unwrap();
        for group in [&slice, &own] {
            std::fs::write(group.join("cgroup.controllers"), "cpu memory pids").unwrap();
            std::fs::write(group.join("cgroup.procs"), "").unwrap();
        }
        std::fs::write(slice.join("cgroup.subtree_control"), "memory pids cpu").unwrap();
        // A group that holds processes refuses; here, what cannot be written stands for that.
        std::fs::create_dir(own.join("cgroup.subtree_control")).unwrap();
        let hierarchy = Hierarchy {
            root: "/".into(),
            mounted: mounted.path().to_owned(),
            version: Version::Two,
            names: vec!["rw".to_owned()],
        };
        let found = version_two(&hierarchy, &own);
        assert_eq!(found, Some((slice, Controller::ALL.to_vec())));
    }

    /// A group of version 2 with these controllers and processes.
    fn group(controllers: &str, processes: &str) -> tempfile::TempDir {
        let group = tempfile::tempdir().unwrap();
        std::fs::write(group.path().join("cgroup.controllers"), controllers).unwrap();
        std::fs::write(group.path().join("cgroup.procs"), processes).unwrap();
        group
    }

    #[test]
    fn who_is_alone_in_the_topmost_group_makes_room_in_it() {
        let alone = group("cpu memory pids", "77\n");
        for _ in 0..2 {
            assert!(make_room(alone.path(), 77));
        }
        let own = alone.path().join(OWN_LEAF).join("cgroup.procs");
        assert_eq!(std::fs::read_to_string(own).unwrap(), "77");
    }

    #[test]
    fn others_are_not_moved_and_nothing_is_made_in_vain() {
        for (controllers, processes) in
            [("cpu memory pids", "1\n77\n"), ("cpu pids", "77\n"), ("memory", ""), ("", "77\n")]
        {
            let group = group(controllers, processes);
            assert!(!make_room(group.path(), 77), "{controllers} {processes}");
            assert!(!group.path().join(OWN_LEAF).exists(), "{controllers} {processes}");
        }
    }

    #[test]
    fn a_group_of_another_name_is_never_taken_for_ours() {
        let machine: MachineId = "mach_01j8zq4t3v5w6x7y8z9a0b1c2d".parse().unwrap();
        let name = Names::of(Path::new("/state")).name(machine);
        let other = Names::of(Path::new("/other")).name(machine);
        let paths =
            [PathBuf::from("/sys/fs/cgroup/user.slice"), "/".into(), Path::new("/x").join(other)];
        assert!(Cgroup::named(&name, &paths).groups.is_empty());
    }
}
