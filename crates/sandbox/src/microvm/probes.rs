//! What came of booting probe guests on this host, kept until the host, the kernel or the VMM is another.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use domain::Digest;
use serde::{Deserialize, Serialize};

use crate::host::scratch;

/// How many results are kept.
const KEPT_MAX: usize = 64;

/// What a probe guest showed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Probed {
    /// Whether it booted to the point where it waits for its host.
    pub(crate) ok: bool,
    /// How long it took, or what was wrong.
    pub(crate) detail: String,
}

/// The results below a state folder.
#[derive(Debug)]
pub(crate) struct Probes {
    file: PathBuf,
}

/// What a result depends on: this boot of the host, and all that is booted with.
pub(crate) fn key(with: &[&[u8]]) -> String {
    let boot = scratch::boot_id();
    Digest::of_parts([boot.as_bytes()].into_iter().chain(with.iter().copied())).to_string()
}

impl Probes {
    /// Those below this folder.
    pub(crate) fn of(state_dir: &Path) -> Self {
        Self { file: state_dir.join("probes.json") }
    }

    /// The result under a key, where there is one.
    pub(crate) fn get(&self, key: &str) -> Option<Probed> {
        self.read().remove(key)
    }

    /// Keeps a result.
    pub(crate) fn put(&self, key: &str, probed: &Probed) -> io::Result<()> {
        let mut all = self.read();
        if all.len() >= KEPT_MAX {
            // Mostly of earlier boots; each costs one probe to know again.
            all.clear();
        }
        all.insert(key.to_owned(), probed.clone());
        let folder = self.file.parent().unwrap_or(&self.file);
        let mut new = tempfile::NamedTempFile::new_in(folder)?;
        serde_json::to_writer_pretty(&mut new, &all)?;
        new.persist(&self.file).map_err(|e| e.error)?;
        Ok(())
    }

    /// What cannot be read or understood is nothing: it is made again.
    fn read(&self) -> BTreeMap<String, Probed> {
        let text = std::fs::read(&self.file).unwrap_or_default();
        serde_json::from_slice(&text).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_result_is_kept_under_its_key_only() {
        let folder = tempfile::tempdir().unwrap();
        let probes = Probes::of(folder.path());
        let (mine, other) = (key(&[b"kernel", b"10.0"]), key(&[b"kernel", b"10.1"]));
        assert_eq!(probes.get(&mine), None);
        let probed = Probed { ok: false, detail: "it was not ready in time".to_owned() };
        probes.put(&mine, &probed).unwrap();
        assert_eq!(probes.get(&mine), Some(probed));
        assert_eq!(probes.get(&other), None);
        std::fs::write(folder.path().join("probes.json"), "garbage").unwrap();
        assert_eq!(probes.get(&mine), None);
    }
}
