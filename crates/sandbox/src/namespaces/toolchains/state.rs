//! What the toolchains that machines are shown are at this moment, as one digest.

use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use domain::Digest;

use super::Toolchains;

/// How deep below a shown folder files are looked at: `toolchains/stable/bin/rustc`, `versions/node/v20.1.0/bin/node`.
const DEPTH: usize = 4;

/// The most files that are looked at below one folder.
const FILES_MAX: usize = 50_000;

impl Toolchains {
    /// A digest of the programs on the machine's search path and of what lies in the folders that are shown: names, link
    /// targets, sizes and times of change. Another compiler, interpreter or package manager is another digest. Blocks.
    pub fn state(&self) -> Digest {
        let mut seen = Vec::new();
        for folder in &self.path {
            look(folder, 1, &mut seen);
        }
        for shown in &self.shown {
            look(shown, DEPTH, &mut seen);
        }
        let env = self.env.iter().map(|(name, value)| format!("{name}={value}").into_bytes());
        seen.extend(env);
        Digest::of_parts(seen.iter().map(Vec::as_slice))
    }
}

/// Notes a path and what lies below it, in the order of names.
fn look(path: &Path, depth: usize, seen: &mut Vec<Vec<u8>>) {
    let limit = seen.len() + FILES_MAX;
    let mut pending = vec![(path.to_owned(), depth)];
    while let Some((path, left)) = pending.pop() {
        // The target counts: `cc` stays `cc` while what it names is another one.
        let Ok(found) = std::fs::metadata(&path) else { continue };
        let mut line = path.as_os_str().as_bytes().to_vec();
        if !found.is_dir() {
            let target = std::fs::canonicalize(&path).unwrap_or_default();
            line.push(0);
            line.extend(target.as_os_str().as_bytes());
            let numbers = format!("\0{} {} {}", found.len(), found.mtime(), found.mtime_nsec());
            line.extend(numbers.into_bytes());
        }
        seen.push(line);
        if seen.len() >= limit {
            return;
        }
        // Never through a link below the first: it may lead anywhere, round in circles too.
        let is_link = std::fs::symlink_metadata(&path).is_ok_and(|path| path.is_symlink());
        if left > 0 && found.is_dir() && (!is_link || left == depth) {
            let entries = std::fs::read_dir(&path).into_iter().flatten().flatten();
            let mut below: Vec<_> = entries.map(|entry| (entry.path(), left - 1)).collect();
            below.sort_unstable_by(|a, b| b.cmp(a));
            pending.extend(below);
        }
    }
}
