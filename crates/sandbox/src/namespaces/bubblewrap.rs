//! The `bwrap` program: where it is, how old it is, and what it is told.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use guest::layout;

use super::view::{Entry, View};
use crate::port::SandboxError;

/// The oldest version whose options we use.
const OLDEST: (u32, u32) = (0, 8);

/// Room for the mount points in a covered folder, in bytes.
const COVER_BYTES: &str = "1048576";

/// Where the guest program is, in the machine.
const GUEST: &str = "/run/hob-guest";

fn unusable(reason: String) -> SandboxError {
    SandboxError::Unusable {
        reason,
        hint: "install bubblewrap 0.8 or newer: `apt-get install bubblewrap`".to_owned(),
    }
}

/// Finds the program on a search path. Of that only absolute folders count: another would be one of whatever repository the
/// process was started in.
pub(crate) fn find(search: &[PathBuf]) -> Result<PathBuf, SandboxError> {
    let absolute = search.iter().filter(|folder| folder.is_absolute());
    let candidates = absolute.map(|folder| folder.join("bwrap"));
    let standard = [PathBuf::from("/usr/bin/bwrap"), PathBuf::from("/bin/bwrap")];
    candidates
        .chain(standard)
        .filter_map(|path| path.canonicalize().ok())
        .find(|path| path.is_file())
        .ok_or_else(|| unusable("bubblewrap is not installed".to_owned()))
}

/// Asks the program for its version and refuses one that is too old.
pub(crate) fn version(program: &Path) -> Result<String, SandboxError> {
    #[expect(clippy::disallowed_methods, reason = "asks for a version and ends")]
    let output = std::process::Command::new(program)
        .arg("--version")
        .env_clear()
        .current_dir("/")
        .output()
        .map_err(|e| unusable(format!("{} cannot be run: {e}", program.display())))?;
    let text = String::from_utf8_lossy(&output.stdout);
    let version = text.trim().rsplit(' ').next().unwrap_or_default().to_owned();
    let mut numbers = version.split('.').map(|number| number.parse::<u32>().ok());
    match (numbers.next().flatten(), numbers.next().flatten()) {
        (Some(major), Some(minor)) if (major, minor) >= OLDEST => Ok(version),
        (Some(_), Some(_)) => Err(unusable(format!("bubblewrap {version} is too old"))),
        _ => Err(unusable(format!("{} does not tell its version", program.display()))),
    }
}

/// Where to find on the host what a view shows; as root not all of it is where it was.
pub(crate) trait Sources {
    /// The path that bubblewrap has to be given.
    fn source(&mut self, path: &Path) -> PathBuf;
}

fn text(path: &Path) -> OsString {
    path.as_os_str().to_owned()
}

/// The arguments that `--args` takes, each ended by NUL.
pub(crate) fn arguments(view: &View, sources: &mut dyn Sources) -> Result<Vec<u8>, SandboxError> {
    let mut all: Vec<OsString> = Vec::new();
    let mut add = |words: &[&str]| all.extend(words.iter().map(Into::into));
    for space in ["user", "ipc", "pid", "net", "uts"] {
        add(&[&format!("--unshare-{space}")]);
    }
    let id = layout::USER_ID.to_string();
    add(&["--unshare-cgroup-try", "--uid", &id, "--gid", &id, "--hostname", layout::USER]);
    add(&["--new-session", "--die-with-parent", "--as-pid-1", "--clearenv", "--cap-drop", "ALL"]);
    add(&["--proc", "/proc", "--dev", "/dev"]);
    for entry in &view.entries {
        let words: Vec<OsString> = match entry {
            Entry::Folder { at } => vec!["--dir".into(), text(at)],
            Entry::Covered { at } => {
                vec!["--size".into(), COVER_BYTES.into(), "--tmpfs".into(), text(at)]
            }
            Entry::Memory { at, bytes } => {
                let bytes = bytes.to_string().into();
                vec!["--size".into(), bytes, "--tmpfs".into(), text(at)]
            }
            Entry::Link { target, at } => vec!["--symlink".into(), text(target), text(at)],
            Entry::ReadOnly { from, at } => {
                vec!["--ro-bind".into(), text(&sources.source(from)), text(at)]
            }
            Entry::Writable { from, at } => {
                vec!["--bind".into(), text(&sources.source(from)), text(at)]
            }
        };
        all.extend(words);
    }
    let guest = sources.source(&view.guest);
    all.extend(["--ro-bind".into(), guest.into_os_string(), GUEST.into()]);
    // Made to be written into until here. `/dev` too: its devices, terminals and shared memory are mounts of their own.
    for entry in &view.entries {
        if let Entry::Covered { at } = entry {
            all.extend(["--remount-ro".into(), text(at)]);
        }
    }
    all.extend(["--remount-ro", "/dev", "--remount-ro", "/", "--chdir", "/"].map(Into::into));
    let mut bytes = Vec::new();
    for word in all {
        use std::os::unix::ffi::OsStrExt as _;
        if word.as_bytes().contains(&0) {
            return Err(SandboxError::Refused(format!("{} holds a NUL byte", word.display())));
        }
        bytes.extend_from_slice(word.as_bytes());
        bytes.push(0);
    }
    Ok(bytes)
}

/// The program that bubblewrap runs as PID 1.
pub(crate) const fn guest_path() -> &'static str {
    GUEST
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt as _;

    fn check(says: &str) -> Result<String, String> {
        let folder = tempfile::tempdir().unwrap();
        let program = folder.path().join("bwrap");
        std::fs::write(&program, format!("#!/bin/sh\necho '{says}'\n")).unwrap();
        std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).unwrap();
        version(&program).map_err(|e| e.to_string())
    }

    fn program_in(folder: &Path) {
        let program = folder.join("bwrap");
        std::fs::write(&program, "#!/bin/sh\n").unwrap();
        std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).unwrap();
    }

    #[test]
    fn a_folder_relative_to_where_the_process_was_started_is_never_searched() {
        let folder = tempfile::tempdir_in(".").unwrap();
        program_in(folder.path());
        let name = folder.path().file_name().unwrap();
        assert!(PathBuf::from(name).join("bwrap").is_file(), "it would be found");
        let planted = folder.path().canonicalize().unwrap().join("bwrap");
        let found = find(&[name.into(), Path::new(".").join(name)]);
        assert!(!found.is_ok_and(|found| found == planted));
    }

    #[test]
    fn what_is_found_is_named_by_what_it_leads_to() {
        let folder = tempfile::tempdir().unwrap();
        let real = folder.path().canonicalize().unwrap().join("real");
        std::fs::create_dir(&real).unwrap();
        program_in(&real);
        let link = folder.path().join("link");
        std::os::unix::fs::symlink(&real, &link).unwrap();
        assert_eq!(find(&[link]).unwrap(), real.join("bwrap"));
    }

    #[test]
    fn an_old_or_strange_bubblewrap_is_refused() {
        assert_eq!(check("bubblewrap 0.8.0"), Ok("0.8.0".to_owned()));
        assert_eq!(check("bubblewrap 1.0"), Ok("1.0".to_owned()));
        assert!(check("bubblewrap 0.6.2").unwrap_err().contains("0.6.2 is too old"));
        assert!(check("hello").unwrap_err().contains("does not tell its version"));
    }
}
