//! A path inside a repository, as git writes it.

use std::fmt;

/// Why a path is not one that a repository of ours may hold.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{path}` is not a path inside a repository: {reason}")]
pub struct InvalidPath {
    /// The path, made printable.
    pub path: String,
    /// What is wrong with it.
    pub reason: &'static str,
}

/// A relative path with `/` between its parts: never absolute, no `..`, no empty part, UTF-8.
/// The empty path is the repository's root.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct RepoPath(String);

impl RepoPath {
    /// The repository's root.
    pub const fn root() -> Self {
        Self(String::new())
    }

    /// Checks and wraps a path.
    pub fn new(path: impl Into<String>) -> Result<Self, InvalidPath> {
        let path = path.into();
        let bad = |reason| Err(InvalidPath { path: path.escape_debug().to_string(), reason });
        if path.is_empty() {
            return Ok(Self(path));
        }
        if path.len() > 4096 {
            return bad("longer than 4096 bytes");
        }
        if path.contains('\0') {
            return bad("holds a NUL byte");
        }
        for part in path.split('/') {
            match part {
                "" => return bad("absolute, or with an empty part"),
                "." | ".." => return bad("holds `.` or `..`"),
                _ => {}
            }
        }
        Ok(Self(path))
    }

    /// The path as git writes it.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether this is the root.
    pub fn is_root(&self) -> bool {
        self.0.is_empty()
    }

    /// The last part.
    pub fn file_name(&self) -> &str {
        self.0.rsplit('/').next().unwrap_or("")
    }

    /// The folder that holds this path; the root's own folder is the root.
    #[must_use]
    pub fn parent(&self) -> Self {
        Self(self.0.rsplit_once('/').map_or("", |(folder, _)| folder).to_owned())
    }

    /// `relative` as seen from this folder, `.` and `..` resolved; an error where it leaves the repository.
    pub fn join(&self, relative: &str) -> Result<Self, InvalidPath> {
        let outside = || InvalidPath {
            path: relative.escape_debug().to_string(),
            reason: "leaves the repository",
        };
        if relative.starts_with('/') {
            return Err(outside());
        }
        let mut parts: Vec<&str> = self.0.split('/').filter(|p| !p.is_empty()).collect();
        for part in relative.split('/') {
            match part {
                "" | "." => {}
                ".." => {
                    parts.pop().ok_or_else(outside)?;
                }
                part => parts.push(part),
            }
        }
        Self::new(parts.join("/"))
    }

    /// Whether this path is `folder` or lies below it.
    pub fn is_within(&self, folder: &Self) -> bool {
        folder.is_root()
            || self.0 == folder.0
            || self.0.strip_prefix(&folder.0).is_some_and(|rest| rest.starts_with('/'))
    }
}

impl fmt::Display for RepoPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for RepoPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

impl serde::Serialize for RepoPath {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de> serde::Deserialize<'de> for RepoPath {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::new(String::deserialize(deserializer)?).map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn joining_never_leaves_the_repository(base in "[a-c/.]{0,12}", relative in "[a-c/.]{0,16}") {
            if let Ok(base) = RepoPath::new(base)
                && let Ok(joined) = base.join(&relative)
            {
                prop_assert!(RepoPath::new(joined.as_str()).is_ok());
            }
        }
    }

    #[test]
    fn hostile_paths_are_refused() {
        for path in ["/etc/passwd", "a/../b", "a//b", "./a", "a/\0"] {
            assert!(RepoPath::new(path).is_err(), "{path:?}");
        }
    }

    #[test]
    fn a_sibling_with_the_same_beginning_is_not_within() {
        let folder = RepoPath::new("a/b").unwrap();
        assert!(RepoPath::new("a/b/c").unwrap().is_within(&folder));
        assert!(!RepoPath::new("a/bc").unwrap().is_within(&folder));
    }
}
