//! The machine's files: an overlay over the image, its layers, and its own folders on the scratch disk.
//!
//! Everything in the image is named after the root has been changed to it: no link in it leads anywhere else. What is
//! put there from outside is taken hold of before.

use std::fs::File;
use std::os::fd::OwnedFd;
use std::os::unix::fs::{PermissionsExt as _, chown};
use std::path::Path;

use guest::message::{Setup, VmSetup};
use rustix::fs::{CWD, FileType, Mode};
use rustix::mount::{MountFlags, MoveMountFlags, OpenTreeFlags};

use super::{disks, make_folder, mount};

/// Where the parts of the root are put together, in the initramfs.
const BASE: &str = "/base";
const SCRATCH: &str = "/scratch";
const ROOT: &str = "/root";

/// Devices of every machine: name, major and minor number (Documentation/admin-guide/devices.txt).
const DEVICES: [(&str, u32, u32); 6] = [
    ("null", 1, 3),
    ("zero", 1, 5),
    ("full", 1, 7),
    ("random", 1, 8),
    ("urandom", 1, 9),
    ("tty", 5, 0),
];

/// Links of every machine's `/dev`.
const LINKS: [(&str, &str); 5] = [
    ("/proc/self/fd", "/dev/fd"),
    ("fd/0", "/dev/stdin"),
    ("fd/1", "/dev/stdout"),
    ("fd/2", "/dev/stderr"),
    ("pts/ptmx", "/dev/ptmx"),
];

const SAFE: MountFlags = MountFlags::NOSUID.union(MountFlags::NODEV);

/// Something to be shown at a place of the machine.
struct Tree {
    tree: OwnedFd,
    is_folder: bool,
    at: String,
}

/// Takes hold of a mounted folder or file as it is, with nothing that is mounted below it.
fn hold(path: &str, at: &str) -> Result<Tree, String> {
    let flags = OpenTreeFlags::OPEN_TREE_CLONE | OpenTreeFlags::OPEN_TREE_CLOEXEC;
    let tree = rustix::mount::open_tree(CWD, path, flags);
    let tree = tree.map_err(|e| format!("taking hold of {path}: {e}"))?;
    Ok(Tree { tree, is_folder: Path::new(path).is_dir(), at: at.to_owned() })
}

/// Mounts everything and makes the result the root of this process.
pub(crate) fn enter(vm: &VmSetup, setup: &Setup) -> Result<(), String> {
    let disk = |serial: &str| disks::find(serial).map(|path| path.to_string_lossy().into_owned());
    mount(&disk(&vm.root)?, BASE, "squashfs", SAFE | MountFlags::RDONLY, "")?;
    // Nothing has to outlive the machine; tables that were never written are zeroes in the sparse file.
    mount(&disk(&vm.scratch)?, SCRATCH, "ext4", SAFE | MountFlags::NOATIME, "noinit_itable")?;
    for name in ["upper", "work"] {
        make_folder(&format!("{SCRATCH}/{name}"))?;
    }
    let data = format!("lowerdir={BASE},upperdir={SCRATCH}/upper,workdir={SCRATCH}/work");
    mount("overlay", ROOT, "overlay", SAFE, &data)?;
    let mut trees = own_folders(setup)?;
    for (position, layer) in vm.layers.iter().enumerate() {
        let at = format!("/layers/{position}");
        mount(&disk(&layer.serial)?, &at, "squashfs", SAFE | MountFlags::RDONLY, "")?;
        for (folder, place) in &layer.folders {
            trees.push(hold(&format!("{at}/{folder}"), place)?);
        }
    }
    change_root()?;
    kernel_folders(vm.shared_memory_bytes)?;
    trees.into_iter().try_for_each(show)
}

/// The folders that commands write to, each on the scratch disk.
fn own_folders(setup: &Setup) -> Result<Vec<Tree>, String> {
    let mut trees = Vec::new();
    for (position, at) in setup.writable.iter().enumerate() {
        let path = format!("{SCRATCH}/own/{position}");
        make_folder(&path)?;
        if let Some((uid, gid)) = setup.user {
            chown(&path, Some(uid), Some(gid)).map_err(|e| format!("giving {at} away: {e}"))?;
        }
        trees.push(hold(&path, at)?);
        if at == guest::layout::TMP {
            trees.push(hold(&path, "/var/tmp")?);
        }
    }
    Ok(trees)
}

/// Moves the new root over the initramfs, whose memory is given back.
fn change_root() -> Result<(), String> {
    let failed = |e: rustix::io::Errno| format!("changing the root: {e}");
    // The program runs on without its name.
    std::fs::remove_file("/init").map_err(|e| format!("removing /init: {e}"))?;
    rustix::process::chdir(ROOT).map_err(failed)?;
    rustix::mount::mount_move(".", "/").map_err(failed)?;
    rustix::process::chroot(".").map_err(failed)?;
    rustix::process::chdir("/").map_err(failed)
}

/// `/proc`, `/sys` and `/dev`, with nothing in them that commands do not need.
fn kernel_folders(shared_memory_bytes: u64) -> Result<(), String> {
    let quiet = SAFE | MountFlags::NOEXEC;
    mount("proc", "/proc", "proc", quiet, "")?;
    mount("sysfs", "/sys", "sysfs", quiet | MountFlags::RDONLY, "")?;
    let dev = MountFlags::NOSUID | MountFlags::NOEXEC;
    mount("tmpfs", "/dev", "tmpfs", dev, "mode=0755,size=64k")?;
    for (name, major, minor) in DEVICES {
        let path = format!("/dev/{name}");
        let device = rustix::fs::makedev(major, minor);
        let mode = Mode::from_raw_mode(0o666);
        rustix::fs::mknodat(CWD, path.as_str(), FileType::CharacterDevice, mode, device)
            .map_err(|e| format!("making {path}: {e}"))?;
        let open = std::fs::Permissions::from_mode(0o666);
        std::fs::set_permissions(&path, open).map_err(|e| format!("opening {path}: {e}"))?;
    }
    for (target, at) in LINKS {
        std::os::unix::fs::symlink(target, at).map_err(|e| format!("making {at}: {e}"))?;
    }
    mount("devpts", "/dev/pts", "devpts", dev, "newinstance,mode=0620,ptmxmode=0666")?;
    let shm = format!("mode=1777,size={shared_memory_bytes}");
    mount("tmpfs", "/dev/shm", "tmpfs", quiet, &shm)?;
    // Commands have no use for namespaces of their own, only for the kernel's mistakes in them.
    let _older_kernel = std::fs::write("/proc/sys/user/max_user_namespaces", "0");
    Ok(())
}

/// Shows what was taken hold of at its place, which is made where it is not there.
fn show(shown: Tree) -> Result<(), String> {
    let at = &shown.at;
    if shown.is_folder {
        make_folder(at)?;
    } else if !Path::new(at).exists() {
        let above = Path::new(at).parent().and_then(Path::to_str).unwrap_or("/");
        make_folder(above)?;
        drop(File::create(at).map_err(|e| format!("making {at}: {e}"))?);
    }
    let flags = MoveMountFlags::MOVE_MOUNT_F_EMPTY_PATH;
    rustix::mount::move_mount(&shown.tree, "", CWD, at.as_str(), flags)
        .map_err(|e| format!("showing {at}: {e}"))
}
