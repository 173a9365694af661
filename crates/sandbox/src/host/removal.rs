//! Takes a folder away that a hostile program has filled.
//!
//! Nothing is followed: every step is by name below an open folder, and a symbolic link is only ever
//! unlinked. Depth does not matter: a folder within a folder is first moved up beside the others, so two open
//! folders are enough however deep the tree is. Folders without permissions are given them first.

use std::ffi::{CStr, CString};
use std::os::fd::{AsFd, OwnedFd};
use std::path::{Path, PathBuf};

use rustix::fs::{AtFlags, CWD, Dir, FileType, Mode, OFlags};
use rustix::io::Errno;

/// What could not be taken away, and why.
#[derive(Debug, thiserror::Error)]
#[error("{} cannot be taken away", path.display())]
pub(crate) struct NotRemoved {
    /// What.
    pub(crate) path: PathBuf,
    /// Why.
    #[source]
    pub(crate) source: std::io::Error,
}

/// How many names are held in memory at a time.
const NAMES_MAX: usize = 10_000;

const FOLDER: OFlags =
    OFlags::RDONLY.union(OFlags::DIRECTORY).union(OFlags::NOFOLLOW).union(OFlags::CLOEXEC);

/// Takes `path` away with all it holds; the file `last` directly in it goes last.
pub(crate) fn remove_machine(path: &Path, last: &str) -> Result<(), NotRemoved> {
    let failed = |e: Errno| NotRemoved { path: path.to_owned(), source: e.into() };
    let folder = match rustix::fs::open(path, FOLDER, Mode::empty()) {
        Ok(folder) => folder,
        Err(Errno::NOENT) => return Ok(()),
        Err(e) => return Err(failed(e)),
    };
    let last = CString::new(last).map_err(|_| failed(Errno::INVAL))?;
    empty(&folder, &last).map_err(failed)?;
    ignore_missing(rustix::fs::unlinkat(&folder, &last, AtFlags::empty())).map_err(failed)?;
    ignore_missing(rustix::fs::unlinkat(CWD, path, AtFlags::REMOVEDIR)).map_err(failed)
}

fn ignore_missing(result: Result<(), Errno>) -> Result<(), Errno> {
    if result == Err(Errno::NOENT) { Ok(()) } else { result }
}

/// Empties the folder except for `keep`, flattening it as it goes.
fn empty(root: &OwnedFd, keep: &CStr) -> Result<(), Errno> {
    let mut moved: u64 = 0;
    loop {
        let names = list(root, keep)?;
        if names.is_empty() {
            return Ok(());
        }
        for (name, is_folder) in names {
            if is_folder {
                take_apart(root, &name, &mut moved)?;
            } else {
                ignore_missing(rustix::fs::unlinkat(root, &name, AtFlags::empty()))?;
            }
        }
    }
}

/// Empties one folder of `root`, moving the folders in it up to `root`, and removes it.
fn take_apart(root: &OwnedFd, name: &CStr, moved: &mut u64) -> Result<(), Errno> {
    let folder = open_folder(root, name)?;
    loop {
        let names = list(&folder, c"")?;
        if names.is_empty() {
            return ignore_missing(rustix::fs::unlinkat(root, name, AtFlags::REMOVEDIR));
        }
        for (inner, is_folder) in names {
            if is_folder {
                move_up(root, &folder, &inner, moved)?;
            } else {
                ignore_missing(rustix::fs::unlinkat(&folder, &inner, AtFlags::empty()))?;
            }
        }
    }
}

/// Removes a folder that is empty, or else moves it up to `root`.
fn move_up(root: &OwnedFd, folder: &OwnedFd, inner: &CStr, moved: &mut u64) -> Result<(), Errno> {
    if rustix::fs::unlinkat(folder, inner, AtFlags::REMOVEDIR).is_ok() {
        return Ok(());
    }
    // Moving a folder changes its `..`, for which it must be writable itself.
    drop(open_folder(folder, inner)?);
    loop {
        let up = CString::new(format!(".hob-removed-{moved}")).map_err(|_| Errno::INVAL)?;
        *moved += 1;
        let flags = rustix::fs::RenameFlags::NOREPLACE;
        match rustix::fs::renameat_with(folder, inner, root, &up, flags) {
            Err(Errno::EXIST) => {}
            result => return result,
        }
    }
}

/// Opens a folder by name, giving its owner all permissions where that is needed.
fn open_folder(parent: &OwnedFd, name: &CStr) -> Result<OwnedFd, Errno> {
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let found = rustix::fs::openat(parent, name, flags, Mode::empty())?;
    let mode = Mode::from_raw_mode(rustix::fs::fstat(&found)?.st_mode);
    if !mode.contains(Mode::RWXU) {
        chmod(&found, mode | Mode::RWXU)?;
    }
    rustix::fs::openat(&found, c".", FOLDER, Mode::empty())
}

/// Changes the permissions of a folder that was opened by path only; no name is looked up again.
pub(crate) fn chmod(folder: &OwnedFd, mode: Mode) -> Result<(), Errno> {
    use std::os::fd::AsRawFd as _;
    rustix::fs::chmod(format!("/proc/self/fd/{}", folder.as_raw_fd()), mode)
}

/// The names in a folder except `keep`, and which are folders. At most so many at a time that a folder
/// with millions of files does not fill the memory: callers ask again.
fn list(folder: impl AsFd, keep: &CStr) -> Result<Vec<(CString, bool)>, Errno> {
    let mut names = Vec::new();
    for entry in Dir::read_from(&folder)? {
        let entry = entry?;
        let name = entry.file_name();
        if name == c"." || name == c".." || name == keep {
            continue;
        }
        let is_folder = match entry.file_type() {
            FileType::Unknown => {
                let stat = rustix::fs::statat(&folder, name, AtFlags::SYMLINK_NOFOLLOW)?;
                FileType::from_raw_mode(stat.st_mode) == FileType::Directory
            }
            kind => kind == FileType::Directory,
        };
        names.push((name.to_owned(), is_folder));
        if names.len() >= NAMES_MAX {
            break;
        }
    }
    Ok(names)
}

#[cfg(test)]
mod tests;
