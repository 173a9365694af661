//! As whom git works in somebody's repository: as its owner, also where hob is root.
//!
//! Root that writes into a folder of somebody else's can be led by them anywhere, however often it looks first. So git
//! takes on the owner's rights before it starts, for reading too: what the owner may not read, no repository of theirs
//! can have read out to them. What git adds belongs to the owner for the same reason, and nothing is ever given away.

use std::fs;
use std::io;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, chown};
use std::path::{Path, PathBuf};

use domain::exec::Exec;

/// The group of nobody in particular.
const NO_GROUP: u32 = 65_534;
/// Where the groups of this host's users are said.
const USERS: &str = "/etc/passwd";
/// The largest such file that is read, in bytes.
const USERS_MAX_BYTES: u64 = 16 * 1024 * 1024;

/// The owner of a repository, who is somebody else than this process and whose rights it may take on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Owner {
    pub(crate) uid: u32,
    /// The user's own group. Never the folder's: below a folder that hands its group on, that may be any group.
    pub(crate) gid: u32,
}

impl Owner {
    /// Whose `folder` is, where git has to become them to work in it.
    pub(crate) fn of(folder: &Path) -> io::Result<Option<Self>> {
        let uid = fs::metadata(folder)?.uid();
        if !rustix::process::geteuid().is_root() || uid == 0 {
            return Ok(None);
        }
        let users = crate::careful::read(Path::new(USERS), USERS_MAX_BYTES).unwrap_or_default();
        let gid = own_group(&String::from_utf8_lossy(&users), uid).unwrap_or(NO_GROUP);
        Ok(Some(Self { uid, gid }))
    }

    /// The command line of git's server side as this user, for git's `--upload-pack`.
    pub(crate) fn upload_pack(self, program: &Path) -> String {
        let (uid, gid) = (format!("--reuid={}", self.uid), format!("--regid={}", self.gid));
        let program = program.display().to_string();
        // Whose view it is that is served is no question: it is ours.
        let own = ["setpriv", &uid, &gid, "--clear-groups", "--", &program];
        let words = own.into_iter().chain(["-c", "safe.directory=*", "upload-pack"]);
        Exec::new(words, "read a repository as its owner").display()
    }

    /// Lets the owner look into a folder of ours and at these files in it, and change nothing.
    pub(crate) fn may_look(self, folder: &Path, files: &[PathBuf]) -> io::Result<()> {
        for file in files {
            fs::set_permissions(file, fs::Permissions::from_mode(0o644))?;
        }
        chown(folder, None, Some(self.gid))?;
        fs::set_permissions(folder, fs::Permissions::from_mode(0o750))
    }

    /// Gives a copy of a file of the owner's back to them, and to nobody else. It lies in a folder of ours.
    pub(crate) fn may_keep(self, copy: &Path) -> io::Result<()> {
        fs::set_permissions(copy, fs::Permissions::from_mode(0o400))?;
        chown(copy, Some(self.uid), Some(self.gid))
    }
}

/// The group that a user is in from the start, by the lines of `/etc/passwd`.
fn own_group(users: &str, uid: u32) -> Option<u32> {
    let uid = uid.to_string();
    let mut lines = users.lines().map(|line| line.split(':'));
    let mut user = lines.find(|user| user.clone().nth(2) == Some(uid.as_str()))?;
    user.nth(3)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_group_is_the_users_own() {
        let users = "root:x:0:0:root:/root:/bin/sh\nann:x:1000:1001::/home/ann:/bin/sh\nodd:x:7\n";
        assert_eq!(own_group(users, 1000), Some(1001));
        assert_eq!(own_group(users, 7), None);
        assert_eq!(own_group(users, 1001), None);
    }

    #[test]
    fn the_server_side_is_run_with_the_owners_rights_alone() {
        let line = Owner { uid: 7, gid: 8 }.upload_pack(Path::new("/a b/git"));
        let words =
            "setpriv --reuid=7 --regid=8 --clear-groups -- '/a b/git' -c 'safe.directory=*'";
        assert_eq!(line, format!("{words} upload-pack"));
    }
}
