//! Everything that comes from outside the command: read once, here.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use crate::exit::Failure;
use crate::usage::Global;
use crate::wire_up::Opened;

/// How long a registry has for one answer where nothing else is said, in milliseconds.
const REGISTRY_TIMEOUT_MS: u64 = 60_000;

/// The longest that may be said, in seconds.
const REGISTRY_TIMEOUT_MAX_S: u64 = 3600;

/// What the process was given.
#[derive(Debug, Clone)]
pub(crate) struct Settings {
    /// The data folder.
    pub(crate) data: PathBuf,
    /// How a person calls this hob again: with the data folder where a flag named it.
    pub(crate) hob: String,
    /// The person's home folder.
    pub(crate) home: PathBuf,
    /// Where programs are looked for.
    pub(crate) path: OsString,
    /// Where the process was started.
    pub(crate) cwd: PathBuf,
    /// The person's name on this host, as the kernel and the user database know it: who acts is never taken from the
    /// environment, which everybody writes for themselves.
    pub(crate) user: String,
    /// No colours.
    pub(crate) no_color: bool,
    /// What to log.
    pub(crate) log: Option<String>,
    /// How long a registry has for one answer, in milliseconds.
    pub(crate) registry_timeout_ms: u64,
    /// The socket of the SSH agent that may be asked for a repository elsewhere: named for hob, never found.
    pub(crate) ssh_auth_sock: Option<String>,
    /// Where a test lets the process die.
    pub(crate) failpoint: Option<String>,
    /// The whole environment, for the package managers' own configuration.
    pub(crate) environment: BTreeMap<String, String>,
    /// The house that the command opens.
    pub(crate) opened: Opened,
}

impl Settings {
    /// Reads the environment under the flags.
    pub(crate) fn read(global: &Global) -> Result<Self, Failure> {
        let mut environment: BTreeMap<String, String> = std::env::vars_os()
            .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
            .collect();
        let path = absolute(&std::env::var_os("PATH").unwrap_or_default());
        environment.insert("PATH".to_owned(), path.to_string_lossy().into_owned());
        let variable = |name: &str| environment.get(name).filter(|v| !v.is_empty()).cloned();
        let cwd = std::env::current_dir().map_err(|error| {
            Failure::fixable(
                format!("the current folder cannot be read: {error}"),
                "change into a folder that exists",
            )
        })?;
        let home = variable("HOME").map_or_else(|| PathBuf::from("/nonexistent"), PathBuf::from);
        let data = global
            .data
            .clone()
            .or_else(|| variable("HOB_DATA").map(PathBuf::from))
            .or_else(|| variable("XDG_DATA_HOME").map(|d| Path::new(&d).join("hob")))
            .unwrap_or_else(|| home.join(".local/share/hob"));
        let data = cwd.join(data);
        let hob = match &global.data {
            Some(_) => format!("hob --data {}", data.display()),
            None => "hob".to_owned(),
        };
        Ok(Self {
            data,
            hob,
            home,
            path,
            cwd,
            user: user_of(rustix::process::getuid().as_raw()),
            no_color: variable("NO_COLOR").is_some(),
            log: variable("HOB_LOG"),
            registry_timeout_ms: registry_timeout_ms(variable("HOB_REGISTRY_TIMEOUT").as_deref())?,
            ssh_auth_sock: variable("HOB_SSH_AUTH_SOCK"),
            failpoint: variable("HOB_FAILPOINT"),
            environment,
            opened: Opened::default(),
        })
    }

    /// Makes the data folder where it is missing, for this user alone.
    pub(crate) fn make_data(&self) -> Result<(), Failure> {
        use std::os::unix::fs::DirBuilderExt as _;
        std::fs::DirBuilder::new().recursive(true).mode(0o700).create(&self.data).map_err(|error| {
            let what = format!("the data folder `{}` cannot be made", self.data.display());
            Failure::of_data(&what, &self.data, &error)
        })
    }

    /// The repository as an absolute path, or the URL as it is.
    pub(crate) fn place(&self, repo: &str) -> String {
        if forge::place::is_url(repo, &self.cwd) {
            return repo.to_owned();
        }
        let path = self.cwd.join(repo);
        std::fs::canonicalize(&path).unwrap_or(path).display().to_string()
    }

    /// Whether only this user can reach the data folder.
    pub(crate) fn alone(&self) -> bool {
        std::fs::metadata(&self.data).is_ok_and(|data| {
            data.uid() == rustix::process::getuid().as_raw() && data.mode() & 0o077 == 0
        })
    }
}

/// The absolute folders of a search path. The others are folders of wherever hob was started, which is somebody's repository:
/// nothing there is ever run on the host.
fn absolute(path: &OsStr) -> OsString {
    let folders = std::env::split_paths(path).filter(|folder| folder.is_absolute());
    let path = std::env::join_paths(folders).unwrap_or_default();
    // An empty path means the current folder too.
    if path.is_empty() { "/usr/local/bin:/usr/bin:/bin".into() } else { path }
}

/// The name of a user of this host; its number where it has no name that can be said.
fn user_of(uid: u32) -> String {
    uzers::get_user_by_uid(uid)
        .and_then(|user| user.name().to_str().map(str::to_owned))
        .filter(|name| !name.is_empty() && !name.chars().any(char::is_control))
        .unwrap_or_else(|| format!("uid-{uid}"))
}

fn registry_timeout_ms(seconds: Option<&str>) -> Result<u64, Failure> {
    let Some(text) = seconds else { return Ok(REGISTRY_TIMEOUT_MS) };
    let seconds = text.parse().ok().filter(|s| (1..=REGISTRY_TIMEOUT_MAX_S).contains(s));
    seconds.map(|seconds: u64| seconds * 1000).ok_or_else(|| {
        Failure::fixable(
            format!("HOB_REGISTRY_TIMEOUT is `{text}`"),
            format!("it is a number of seconds from 1 to {REGISTRY_TIMEOUT_MAX_S}"),
        )
    })
}

#[cfg(test)]
mod tests {
    use super::{absolute, user_of};

    #[test]
    fn only_absolute_folders_are_searched_for_programs() {
        for (path, expected) in [
            (".:/a:/b/c", "/a:/b/c"),
            ("/a::b:../c:/d:", "/a:/d"),
            (".", "/usr/local/bin:/usr/bin:/bin"),
            ("", "/usr/local/bin:/usr/bin:/bin"),
        ] {
            assert_eq!(absolute(path.as_ref()), expected, "{path}");
        }
    }

    #[test]
    fn a_user_is_named_by_the_user_database_and_else_by_number() {
        assert_eq!(user_of(0), "root");
        assert_eq!(user_of(3_999_999_999), "uid-3999999999");
    }
}
