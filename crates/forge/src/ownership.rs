//! Whose files are those that hob adds to somebody's repository: the repository's owner's, also where hob is root.

use std::fs;
use std::io;
use std::os::unix::fs::{MetadataExt as _, lchown};
use std::path::Path;

/// Gives what lies below `folder` and is on the way to `file` (which need not exist) to the owner of `folder`,
/// where this process may do that and it is not so already.
pub(crate) fn hand_over(folder: &Path, file: &Path) -> io::Result<()> {
    let owner = fs::metadata(folder)?;
    if !rustix::process::geteuid().is_root() || owner.uid() == 0 {
        return Ok(());
    }
    for path in file.ancestors().take_while(|path| path.starts_with(folder) && *path != folder) {
        match fs::symlink_metadata(path) {
            Ok(found) if found.uid() == 0 => lchown(path, Some(owner.uid()), Some(owner.gid()))?,
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}
