//! Reads `package-lock.json`, versions 2 and 3: what stands where in `node_modules`, and who finds whom.

use std::collections::BTreeMap;

use domain::RepoPath;
use serde::{Deserialize, Deserializer};

use super::json::{self, Unique, malformed};
use crate::dependencies::ReadError;

/// The most entries that a lock may have. The largest ones seen have some 5,000.
const ENTRIES_MAX: usize = 200_000;
/// The deepest place in `node_modules`, in folders; also bounds each search upwards.
const DEPTH_MAX: usize = 512;

/// A whole lock file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Lock {
    pub(super) version: u64,
    /// Whether entries say `resolved`; some configurations leave it out.
    pub(super) says_resolved: bool,
    entries: BTreeMap<String, Entry>,
}

/// One entry of `packages`. Its key, the location, is a folder seen from the project's root.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Entry {
    /// The package's name, where the location does not say it.
    pub(super) name: Option<String>,
    pub(super) version: Option<String>,
    #[serde(deserialize_with = "text_if_any")]
    pub(super) resolved: Option<String>,
    /// `resolved` is a folder of the project.
    pub(super) link: bool,
    /// Travels inside its parent's tarball.
    pub(super) in_bundle: bool,
    /// Brings a lock of its own for what is below it.
    pub(super) has_shrinkwrap: bool,
    dependencies: Unique<String>,
    optional_dependencies: Unique<String>,
    dev_dependencies: Unique<String>,
    peer_dependencies: Unique<String>,
}

/// How a locked package asks for another one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Normal,
    Optional,
    Peer,
}

/// `resolved` is `false` in some old files.
fn text_if_any<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Text {
        Yes(String),
        No(serde::de::IgnoredAny),
    }
    Ok(match Text::deserialize(deserializer)? {
        Text::Yes(text) => Some(text),
        Text::No(_) => None,
    })
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct File {
    lockfile_version: Option<u64>,
    packages: Option<Unique<Entry>>,
}

impl Lock {
    /// Parses a lock file's text.
    pub(super) fn parse(path: &RepoPath, text: &str) -> Result<Self, ReadError> {
        let file: File = json::parse(path, text)?;
        let line = text
            .lines()
            .position(|line| line.contains("\"lockfileVersion\""))
            .map(|at| at as u64 + 1);
        let version = file.lockfile_version.unwrap_or(1);
        match version {
            2 | 3 => {}
            0 | 1 => {
                return Err(malformed(
                    path,
                    line,
                    "lockfileVersion 1 (npm 6 and older) is not supported; \
                     `npm install --package-lock-only` with npm 7 or newer makes it version 2 or 3",
                ));
            }
            other => {
                let reason = format!("lockfileVersion {other} is not known; 2 and 3 are");
                return Err(malformed(path, line, reason));
            }
        }
        let Some(Unique(entries)) = file.packages else {
            return Err(malformed(
                path,
                None,
                "`packages` is missing; `npm install` writes it anew",
            ));
        };
        if entries.len() > ENTRIES_MAX {
            let reason = format!("{} packages, more than hob reads", entries.len());
            return Err(malformed(path, None, reason));
        }
        if let Some(deep) = entries.keys().find(|key| key.split('/').count() > DEPTH_MAX) {
            let start = domain::limit::head_chars(deep, 80);
            return Err(malformed(path, None, format!("`{start}` lies too deep")));
        }
        let says_resolved = entries
            .iter()
            .any(|(location, entry)| !is_own(location) && !entry.link && entry.resolved.is_some());
        Ok(Self { version, says_resolved, entries })
    }

    /// Every locked package: all entries but the root and links.
    pub(super) fn packages(&self) -> impl Iterator<Item = (&str, &Entry)> {
        self.entries
            .iter()
            .filter(|(location, entry)| !location.is_empty() && !entry.link)
            .map(|(location, entry)| (location.as_str(), entry))
    }

    /// The folders that are linked to, as seen from the project's root: workspaces, and what is asked for by `file:`.
    pub(super) fn links(&self) -> impl Iterator<Item = &str> {
        self.entries.values().filter(|entry| entry.link).filter_map(|e| e.resolved.as_deref())
    }

    /// The entry of a location.
    pub(super) fn entry(&self, location: &str) -> Option<&Entry> {
        self.entries.get(location)
    }

    /// Where the package at `location` finds `name`, by node's rule: in its own `node_modules`, else one folder
    /// further up, to the root. Links are followed.
    pub(super) fn resolve(&self, location: &str, name: &str) -> Option<&str> {
        let mut folder = location;
        loop {
            let candidate = if folder.is_empty() {
                format!("node_modules/{name}")
            } else {
                format!("{folder}/node_modules/{name}")
            };
            if let Some((found, entry)) = self.entries.get_key_value(&candidate) {
                return self.target(found, entry);
            }
            // Above a folder beside the project's the project's own packages are not found.
            if folder.is_empty() || folder == ".." || folder.ends_with("/..") {
                return None;
            }
            folder = folder.rsplit_once('/').map_or("", |(up, _)| up);
            if folder == "node_modules" {
                folder = "";
            }
            folder = folder.strip_suffix("/node_modules").unwrap_or(folder);
        }
    }

    fn target<'a>(&'a self, location: &'a str, entry: &'a Entry) -> Option<&'a str> {
        if !entry.link {
            return Some(location);
        }
        let folder = entry.resolved.as_deref()?;
        let (found, entry) = self.entries.get_key_value(folder)?;
        (!entry.link).then_some(found.as_str())
    }

    /// The package above whose own lock or tarball this location belongs to, if there is one.
    pub(super) fn owner_of<'a>(&'a self, location: &'a str) -> Option<(&'a str, &'a Entry)> {
        let entry = self.entry(location)?;
        let mut above = location;
        while let Some((up, _)) = above.rsplit_once("/node_modules/") {
            let owner = self.entry(up);
            if let Some(owner) = owner
                && (owner.has_shrinkwrap || (entry.in_bundle && !owner.in_bundle))
            {
                return Some((up, owner));
            }
            above = up;
        }
        None
    }
}

impl Entry {
    /// What the package asks for. An optional requirement stands in two lists and counts once.
    pub(super) fn asks(&self) -> impl Iterator<Item = (Kind, &str, &str)> {
        let optional = &self.optional_dependencies.0;
        let normal = self.dependencies.0.iter().filter(|(key, _)| !optional.contains_key(*key));
        normal
            .map(|(key, range)| (Kind::Normal, key.as_str(), range.as_str()))
            .chain(optional.iter().map(|(k, r)| (Kind::Optional, k.as_str(), r.as_str())))
            .chain(
                self.peer_dependencies.0.iter().map(|(k, r)| (Kind::Peer, k.as_str(), r.as_str())),
            )
    }

    /// The development requirements; only the project's own packages have theirs installed.
    pub(super) fn development(&self) -> impl Iterator<Item = (&str, &str)> {
        self.dev_dependencies.0.iter().map(|(key, range)| (key.as_str(), range.as_str()))
    }
}

/// Whether a location is one of the project's own folders.
pub(super) fn is_own(location: &str) -> bool {
    !location.starts_with("node_modules/") && !location.contains("/node_modules/")
}

/// The real name of the package at a location.
pub(super) fn name_at<'a>(location: &'a str, entry: &'a Entry) -> &'a str {
    match &entry.name {
        Some(name) => name,
        None => match location.rsplit_once("node_modules/") {
            Some((_, name)) => name,
            None => location.rsplit('/').next().unwrap_or(location),
        },
    }
}
