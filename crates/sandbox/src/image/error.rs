//! What can go wrong with images, and what a person does about it.

use std::path::{Path, PathBuf};

/// Why an image could not be made, found or removed.
#[derive(Debug, thiserror::Error)]
pub enum ImageError {
    /// Programs of the host are missing.
    #[error("missing on this host: {}", programs(.0))]
    Missing(Vec<Needed>),
    /// A program of the host failed.
    #[error("{what} failed: {detail}")]
    Failed {
        /// What was done.
        what: String,
        /// What the program said.
        detail: String,
        /// What to do.
        hint: String,
    },
    /// A layer holds what no image may hold.
    #[error("{layer} is refused: {path}: {why}")]
    Refused {
        /// Which layer.
        layer: String,
        /// Which entry of it.
        path: String,
        /// Why.
        why: String,
    },
    /// What was given is not an image that can be read.
    #[error("{what} cannot be read as an image: {why}")]
    Unreadable {
        /// What was given.
        what: String,
        /// Why.
        why: String,
    },
    /// It is larger than an artefact may be.
    #[error("{what} is larger than {limit} allows ({max_bytes} bytes)")]
    TooLarge {
        /// What.
        what: String,
        /// The limit's name.
        limit: &'static str,
        /// Its value.
        max_bytes: u64,
    },
    /// There is none of this name or digest.
    #[error("there is no {kind} `{name}`")]
    None {
        /// What was looked for.
        kind: &'static str,
        /// By which name.
        name: String,
        /// How to get it.
        hint: String,
    },
    /// What every machine needs was not made yet.
    #[error("there is no {what} yet")]
    NotYet {
        /// What.
        what: &'static str,
        /// How to get it.
        hint: &'static str,
    },
    /// A name or reference that cannot be one.
    #[error("`{text}` is not {expected}")]
    Malformed {
        /// What was given.
        text: String,
        /// What was expected.
        expected: String,
    },
    /// A registry did not give what was asked for.
    #[error("the registry `{registry}`: {why}")]
    Registry {
        /// Which one.
        registry: String,
        /// What is wrong.
        why: String,
        /// What to do.
        hint: String,
    },
    /// The host's own files failed.
    #[error("{action}")]
    Io {
        /// What was tried.
        action: String,
        /// What the kernel said.
        #[source]
        source: std::io::Error,
    },
}

/// A program, and the package of Debian that brings it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Needed {
    /// The program.
    pub program: &'static str,
    /// The package.
    pub package: &'static str,
}

fn programs(needed: &[Needed]) -> String {
    needed.iter().map(|one| format!("`{}`", one.program)).collect::<Vec<_>>().join(", ")
}

impl ImageError {
    /// What a person does about it.
    pub fn hint(&self) -> String {
        match self {
            Self::Missing(needed) => {
                let mut packages: Vec<_> = needed.iter().map(|one| one.package).collect();
                packages.sort_unstable();
                packages.dedup();
                format!("apt-get install {}", packages.join(" "))
            }
            Self::Failed { hint, .. } | Self::Registry { hint, .. } | Self::None { hint, .. } => {
                hint.clone()
            }
            Self::NotYet { hint, .. } => (*hint).to_owned(),
            Self::Refused { .. } => {
                "such an entry has no place in an image of a machine; build the image without it"
                    .to_owned()
            }
            Self::Unreadable { .. } => {
                "give an OCI image layout (a folder or a tar of it) or a tar of a root file system"
                    .to_owned()
            }
            Self::TooLarge { .. } => "make the image of less".to_owned(),
            Self::Malformed { expected, .. } => format!("give {expected}"),
            Self::Io { .. } => {
                "look at the space and the permissions of the data folder".to_owned()
            }
        }
    }
}

/// An action on a path, for an I/O error of it.
pub(super) fn io(action: &'static str, path: &Path) -> impl FnOnce(std::io::Error) -> ImageError {
    let path: PathBuf = path.to_owned();
    move |source| ImageError::Io { action: format!("{action} {}", path.display()), source }
}
