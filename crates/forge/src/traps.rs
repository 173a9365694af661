//! What in a repository would lead git elsewhere or make it wait: links, pipes, sockets and devices among the objects and
//! refs.
//!
//! Git follows a link in the place of a folder when it writes. A branch below `refs/heads/hob` that is a link to another
//! folder would be made there, by whoever runs hob. So would a pack. Git itself refuses to clone objects behind links
//! since CVE-2022-39253.

use std::fs::{self, FileType};
use std::io::{self, ErrorKind};
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};

/// What git is let into, of all that a git folder holds.
const SHOWN: [&str; 5] = ["refs", "objects", "packed-refs", "logs", "reftable"];

/// Something that git must not come upon.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Trap {
    /// Where it is.
    pub(crate) path: PathBuf,
    /// What it is.
    pub(crate) what: String,
    /// What to do.
    pub(crate) hint: String,
}

/// The first trap in a git folder; none where it holds plain files and folders only.
pub(crate) fn find(git_dir: &Path) -> io::Result<Option<Trap>> {
    let is_root = rustix::process::geteuid().is_root();
    let owner = fs::symlink_metadata(git_dir)?.uid();
    let mut folders = Vec::new();
    for name in SHOWN {
        let path = git_dir.join(name);
        match fs::symlink_metadata(&path) {
            Ok(found) if found.is_dir() => folders.push(path),
            Ok(found) if found.is_file() => {}
            Ok(found) => return Ok(Some(trap(path, found.file_type()))),
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
    }
    while let Some(folder) = folders.pop() {
        let held = fs::symlink_metadata(&folder);
        // In root's own repository root works as itself, so whoever else has a folder of it could lead it on.
        if is_root && owner == 0 && held.is_ok_and(|held| held.uid() != 0) {
            let what = "belongs to somebody else than the repository".to_owned();
            let hint = "give it to root, or run hob as a user who may write there".to_owned();
            return Ok(Some(Trap { path: folder, what, hint }));
        }
        let entries = match fs::read_dir(&folder) {
            Ok(entries) => entries,
            // Another git program takes empty folders away.
            Err(error) if error.kind() == ErrorKind::NotFound => continue,
            Err(error) => return Err(error),
        };
        for entry in entries {
            let entry = entry?;
            match entry.file_type() {
                Ok(kind) if kind.is_dir() => folders.push(entry.path()),
                Ok(kind) if kind.is_file() => {}
                Ok(kind) => return Ok(Some(trap(entry.path(), kind))),
                Err(error) if error.kind() == ErrorKind::NotFound => {}
                Err(error) => return Err(error),
            }
        }
    }
    Ok(None)
}

fn trap(path: PathBuf, kind: FileType) -> Trap {
    let (what, hint) = if kind.is_symlink() {
        (
            "is a symbolic link, and git would read and write behind it",
            "put what it points to in its place, or name a clone of the repository",
        )
    } else if kind.is_fifo() {
        ("is a pipe, and git would wait for it", "remove it")
    } else {
        ("is neither a file nor a folder", "remove it")
    };
    Trap { path, what: what.to_owned(), hint: hint.to_owned() }
}
