//! How much of the disk a machine uses: the trees of its folders, and files that have no name any more
//! but are still held open.

use std::collections::{HashMap, HashSet};
use std::ffi::CString;
use std::os::fd::OwnedFd;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use rustix::fs::{AtFlags, Dir, FileType, Mode, OFlags, Stat};
use rustix::io::Errno;

/// What every file and folder is charged at least, in bytes: many empty files fill a disk too.
const ENTRY_MIN_BYTES: u64 = 4096;

/// How deep folders may be nested; deeper than any path reaches they could not be measured.
pub(crate) const DEPTH_MAX: usize = 300;

/// What was measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Usage {
    /// Bytes on the disk.
    pub(crate) bytes: u64,
    /// Whether folders are nested deeper than [`DEPTH_MAX`].
    pub(crate) too_deep: bool,
}

#[derive(Debug, Default)]
struct Measuring {
    usage: Usage,
    linked: HashSet<u64>,
    most: u64,
}

/// Measures the trees below `folders`. Stops once more than `most` bytes were found.
pub(crate) fn measure<'p>(folders: impl IntoIterator<Item = &'p Path>, most: u64) -> Usage {
    let mut measuring = Measuring { most, ..Measuring::default() };
    for folder in folders {
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        if let Ok(folder) = rustix::fs::open(folder, flags, Mode::empty()) {
            measuring.tree(folder);
        }
    }
    measuring.usage
}

impl Measuring {
    fn tree(&mut self, root: OwnedFd) {
        let mut open = vec![Level::enter(root)];
        while let Some(level) = open.last_mut() {
            if self.usage.bytes > self.most {
                return;
            }
            let Some(next) = level.next() else {
                open.pop();
                continue;
            };
            let Some((stat, inner)) = next else { continue };
            self.charge(&stat);
            if let Some(inner) = inner {
                if open.len() >= DEPTH_MAX {
                    self.usage.too_deep = true;
                } else {
                    open.push(Level::enter(inner));
                }
            }
        }
    }

    fn charge(&mut self, stat: &Stat) {
        let is_folder = FileType::from_raw_mode(stat.st_mode) == FileType::Directory;
        if !is_folder && stat.st_nlink > 1 && !self.linked.insert(stat.st_ino) {
            return;
        }
        let bytes = u64::try_from(stat.st_blocks).unwrap_or(0).saturating_mul(512);
        self.usage.bytes = self.usage.bytes.saturating_add(bytes.max(ENTRY_MIN_BYTES));
    }
}

/// One open folder of the walk.
struct Level {
    folder: OwnedFd,
    entries: Option<Dir>,
}

impl Level {
    fn enter(folder: OwnedFd) -> Self {
        let entries = read(&folder);
        Self { folder, entries }
    }

    /// The next entry, its inner none where it is no folder or vanished while we looked.
    fn next(&mut self) -> Option<Option<(Stat, Option<OwnedFd>)>> {
        let entry = self.entries.as_mut()?.next()?.ok()?;
        let name = CString::from(entry.file_name());
        if name.as_c_str() == c"." || name.as_c_str() == c".." {
            return Some(None);
        }
        let Ok(stat) = rustix::fs::statat(&self.folder, &name, AtFlags::SYMLINK_NOFOLLOW) else {
            return Some(None);
        };
        if FileType::from_raw_mode(stat.st_mode) != FileType::Directory {
            return Some(Some((stat, None)));
        }
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let inner = rustix::fs::openat(&self.folder, &name, flags, Mode::empty());
        Some(Some((stat, inner.ok())))
    }
}

/// Opens a folder to be read. One that its owner has closed is opened for the instant that takes: nothing
/// can be hidden from the measure by permissions.
fn read(folder: &OwnedFd) -> Option<Dir> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let open = || rustix::fs::openat(folder, c".", flags, Mode::empty());
    let opened = match open() {
        Err(Errno::ACCESS) => {
            let mode = Mode::from_raw_mode(rustix::fs::fstat(folder).ok()?.st_mode);
            super::removal::chmod(folder, mode | Mode::RWXU).ok()?;
            let opened = open();
            let _vanished = super::removal::chmod(folder, mode);
            opened
        }
        opened => opened,
    };
    Dir::new(opened.ok()?).ok()
}

/// Bytes of files on the filesystem `device` that have no name any more and are held by `processes`: open, or mapped
/// and closed. What is on its way between processes in a socket is not seen; the host's reserve is what bounds it.
pub(crate) fn nameless(processes: &[i32], device: u64) -> u64 {
    let mut seen = HashMap::new();
    for pid in processes {
        let mut refused = false;
        for kind in ["fd", "map_files"] {
            let held = std::fs::read_dir(format!("/proc/{pid}/{kind}"));
            for held in held.into_iter().flatten().flatten() {
                match std::fs::metadata(held.path()) {
                    Ok(held) if held.is_file() && held.nlink() == 0 && held.dev() == device => {
                        seen.insert(held.ino(), held.blocks().saturating_mul(512));
                    }
                    Err(e) => refused |= e.kind() == std::io::ErrorKind::PermissionDenied,
                    Ok(_) => {}
                }
            }
        }
        if refused {
            // Only root may look at mapped files themselves; their places are told to whoever owns the process.
            let maps = std::fs::read_to_string(format!("/proc/{pid}/maps")).unwrap_or_default();
            for (inode, bytes) in maps.lines().filter_map(|line| nameless_mapping(line, device)) {
                let known = seen.entry(inode).or_default();
                *known = bytes.max(*known);
            }
        }
    }
    seen.values().fold(0, |sum, bytes| sum.saturating_add(*bytes))
}

/// A line of `/proc/<pid>/maps` that shows part of a file without a name: its inode, and up to where it is mapped.
fn nameless_mapping(line: &str, device: u64) -> Option<(u64, u64)> {
    let hex = |text: &str| u64::from_str_radix(text, 16).ok();
    let mut fields = line.strip_suffix(" (deleted)")?.split_ascii_whitespace();
    let (first, end) = fields.next()?.split_once('-')?;
    let offset = hex(fields.nth(1)?)?;
    let (major, minor) = fields.next()?.split_once(':')?;
    let its = rustix::fs::makedev(
        u32::from_str_radix(major, 16).ok()?,
        u32::from_str_radix(minor, 16).ok()?,
    );
    let inode = fields.next()?.parse().ok()?;
    let bytes = hex(end)?.saturating_sub(hex(first)?);
    (its == device).then(|| (inode, offset.saturating_add(bytes)))
}

/// The processes that live in the same pid namespace as `init`, which is one of them.
pub(crate) fn processes_with(init: i32) -> Vec<i32> {
    let namespace = |pid: i32| std::fs::read_link(format!("/proc/{pid}/ns/pid")).ok();
    let Some(theirs) = namespace(init) else { return vec![] };
    let all = std::fs::read_dir("/proc").into_iter().flatten().flatten();
    let pids = all.filter_map(|entry| entry.file_name().to_str()?.parse::<i32>().ok());
    pids.filter(|pid| namespace(*pid).as_ref() == Some(&theirs)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::OpenOptions;
    use std::os::fd::AsRawFd as _;
    use std::os::unix::fs::PermissionsExt as _;

    fn bytes(folder: &tempfile::TempDir) -> u64 {
        measure([folder.path()], u64::MAX).bytes
    }

    #[test]
    fn many_empty_files_are_charged() {
        let folder = tempfile::tempdir().unwrap();
        for i in 0..100 {
            std::fs::write(folder.path().join(i.to_string()), "").unwrap();
        }
        assert_eq!(bytes(&folder), 100 * ENTRY_MIN_BYTES);
    }

    #[test]
    fn a_hard_link_is_charged_once_and_a_hole_not_at_all() {
        let folder = tempfile::tempdir().unwrap();
        let file = std::fs::File::create(folder.path().join("hole")).unwrap();
        file.set_len(1 << 40).unwrap();
        std::fs::hard_link(folder.path().join("hole"), folder.path().join("again")).unwrap();
        assert_eq!(bytes(&folder), ENTRY_MIN_BYTES);
    }

    #[test]
    fn a_folder_without_permissions_hides_nothing_and_keeps_them() {
        let folder = tempfile::tempdir().unwrap();
        let closed = folder.path().join("closed");
        std::fs::create_dir(&closed).unwrap();
        std::fs::write(closed.join("file"), vec![1; 100_000]).unwrap();
        std::fs::set_permissions(&closed, std::fs::Permissions::from_mode(0o0)).unwrap();
        assert!(bytes(&folder) >= 100_000);
        let mode = std::fs::metadata(&closed).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0);
        std::fs::set_permissions(&closed, std::fs::Permissions::from_mode(0o700)).unwrap();
    }

    #[test]
    fn endless_nesting_is_noticed() {
        let folder = tempfile::tempdir().unwrap();
        let deep = vec!["d"; DEPTH_MAX + 5].join("/");
        std::fs::create_dir_all(folder.path().join(deep)).unwrap();
        assert!(measure([folder.path()], u64::MAX).too_deep);
    }

    #[test]
    fn a_deleted_file_that_is_held_open_counts() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("gone");
        let device = std::fs::metadata(folder.path()).unwrap().dev();
        std::fs::write(&path, vec![1; 50_000]).unwrap();
        let held = std::fs::File::open(&path).unwrap();
        held.sync_all().unwrap();
        std::fs::remove_file(&path).unwrap();
        let ours = i32::try_from(std::process::id()).unwrap();
        assert!(nameless(&[ours], device) >= 50_000);
    }

    #[test]
    fn a_deleted_file_that_is_only_mapped_counts() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("gone");
        let device = std::fs::metadata(folder.path()).unwrap().dev();
        std::fs::write(&path, vec![1; 50_000]).unwrap();
        let held = OpenOptions::new().read(true).write(true).open(&path).unwrap();
        held.sync_all().unwrap();
        let mapped = Mapped::new(&held, 50_000);
        std::fs::remove_file(&path).unwrap();
        drop(held);
        let ours = i32::try_from(std::process::id()).unwrap();
        assert!(nameless(&[ours], device) >= 50_000);
        drop(mapped);
        assert!(nameless(&[ours], device) < 50_000);
    }

    /// A file in memory, shared with the disk.
    struct Mapped(*mut std::ffi::c_void, usize);

    impl Mapped {
        #[expect(unsafe_code, reason = "files are mapped by address")]
        fn new(file: &std::fs::File, bytes: usize) -> Self {
            let (both, shared) = (libc::PROT_READ | libc::PROT_WRITE, libc::MAP_SHARED);
            // SAFETY: the kernel chooses the address, and nobody else knows it.
            let at = unsafe {
                libc::mmap(std::ptr::null_mut(), bytes, both, shared, file.as_raw_fd(), 0)
            };
            assert_ne!(at, libc::MAP_FAILED);
            Self(at, bytes)
        }
    }

    impl Drop for Mapped {
        #[expect(unsafe_code, reason = "files are mapped by address")]
        fn drop(&mut self) {
            // SAFETY: it was mapped by `new` and nothing points into it.
            assert_eq!(unsafe { libc::munmap(self.0, self.1) }, 0);
        }
    }

    #[test]
    fn mapped_files_are_told_from_the_places_alone() {
        let device = rustix::fs::makedev(0xfe, 1);
        let told = |line: &str| nameless_mapping(line, device);
        let line =
            "7f00-8f00 rw-s 00000800 fe:01 4711                       /checkout/a b (deleted)";
        assert_eq!(told(line), Some((4711, 0x1800)));
        for other in [
            "7f00-8f00 rw-s 00000800 fe:01 4711                       /checkout/a",
            "7f00-8f00 rw-s 00000800 00:01 4711                       /dev/zero (deleted)",
            "7f00-8f00 rw-p 00000000 00:00 0                          [heap]",
        ] {
            assert_eq!(told(other), None, "{other}");
        }
    }
}
