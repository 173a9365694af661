//! One run's part of the log, with a proof for each entry: what is handed to somebody who has not the log.
//!
//! It shows that each of its entries is in the signed log, at its place. It cannot show that the run has
//! no further entries; for that one needs the log.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use domain::RunId;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::checkpoint::{CheckpointError, KeyError, VerifierKey};
use crate::entry::{Entry, EntryError};
use crate::export::{carried, carry, hash};
use crate::proof::{Inclusion, PROOF_HASHES_MAX};
use crate::tree::{Hash, leaf_hash};

/// The version of the shape that is written.
pub const VERSION: u32 = 1;

/// The largest bundle that is read, in bytes.
pub const BUNDLE_MAX_BYTES: usize = 256 * 1024 * 1024;

/// A run's entries and their proofs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bundle {
    /// Which run.
    pub run: RunId,
    /// The key that signed the checkpoint.
    pub key: VerifierKey,
    /// The signed note that the proofs lead to.
    pub checkpoint: String,
    /// The entries, in order.
    pub entries: Vec<Proven>,
}

/// An entry and the path from it to the root.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proven {
    /// Its place in the log.
    pub index: u64,
    /// Its bytes.
    pub bytes: Vec<u8>,
    /// The audit path.
    pub path: Vec<Hash>,
}

/// What a bundle that holds came to.
#[derive(Debug, Clone, PartialEq)]
pub struct Shown {
    /// How many entries the log had.
    pub size: u64,
    /// Its root.
    pub root: Hash,
    /// The run's entries, by place.
    pub entries: Vec<(u64, Entry)>,
}

/// Why a bundle cannot be read, or does not hold.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BundleError {
    /// Not a bundle.
    #[error("it is no proof of a run: {why}")]
    Malformed {
        /// What is wrong.
        why: String,
    },
    /// Written by a newer hob.
    #[error("the proof has version {found}, this hob reads version {VERSION}")]
    TooNew {
        /// Its version.
        found: u32,
    },
    /// The key in it is none.
    #[error("the key in the proof cannot be used")]
    Key(#[from] KeyError),
    /// The checkpoint does not count.
    #[error("the checkpoint in the proof does not count")]
    Checkpoint(#[from] CheckpointError),
    /// An entry that is not in the signed log at its place.
    #[error("entry {index} is not in the signed log as given")]
    NotInLog {
        /// Which.
        index: u64,
    },
    /// An entry that is none.
    #[error("entry {index} cannot be read")]
    Entry {
        /// Which.
        index: u64,
        /// Why.
        source: EntryError,
    },
    /// An entry of another run.
    #[error("entry {index} is not about {run}")]
    OtherRun {
        /// Which.
        index: u64,
        /// The run that the bundle is about.
        run: RunId,
    },
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Shape {
    v: u32,
    run: RunId,
    key: String,
    checkpoint: String,
    entries: Vec<EntryShape>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct EntryShape {
    index: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    data: Option<Box<RawValue>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    raw: Option<String>,
    path: Vec<String>,
}

impl Bundle {
    /// One JSON document.
    pub fn to_json(&self) -> String {
        let entries = self.entries.iter().map(|entry| {
            let (data, raw) = carry(&entry.bytes);
            let path = entry.path.iter().map(|hash| STANDARD.encode(hash)).collect();
            EntryShape { index: entry.index, data, raw, path }
        });
        let shape = Shape {
            v: VERSION,
            run: self.run,
            key: self.key.to_string(),
            checkpoint: self.checkpoint.clone(),
            entries: entries.collect(),
        };
        serde_json::to_string(&shape).expect("texts, numbers and JSON are JSON")
    }

    /// Reads one JSON document; nothing of it is verified yet.
    ///
    /// # Errors
    /// Where it is too large, too new, or not a bundle.
    pub fn parse(text: &str) -> Result<Self, BundleError> {
        let malformed = |why: String| BundleError::Malformed { why };
        if text.len() > BUNDLE_MAX_BYTES {
            return Err(malformed(format!("it has more than {BUNDLE_MAX_BYTES} bytes")));
        }
        let shape: Shape = serde_json::from_str(text).map_err(|e| malformed(e.to_string()))?;
        if shape.v > VERSION {
            return Err(BundleError::TooNew { found: shape.v });
        }
        let entries = shape.entries.into_iter().map(|entry| {
            let at = |why: &str| malformed(format!("entry {}: {why}", entry.index));
            if entry.path.len() > PROOF_HASHES_MAX {
                return Err(at("its path is longer than any log is deep"));
            }
            let bytes = carried(entry.data.as_deref(), entry.raw.as_deref()).map_err(at)?;
            let path = entry.path.iter().map(|text| hash(text).map_err(at));
            Ok(Proven { index: entry.index, bytes, path: path.collect::<Result<_, _>>()? })
        });
        let entries = entries.collect::<Result<_, _>>()?;
        let key = VerifierKey::parse(&shape.key)?;
        Ok(Self { run: shape.run, key, checkpoint: shape.checkpoint, entries })
    }

    /// Verifies it offline: by `key`, or by the key that it names itself.
    ///
    /// # Errors
    /// Where the checkpoint does not count, or an entry is not in the log, unreadable or of another run.
    pub fn verify(&self, key: Option<&VerifierKey>) -> Result<Shown, BundleError> {
        let checkpoint = key.unwrap_or(&self.key).open(&self.checkpoint)?;
        let (size, root) = (checkpoint.size, checkpoint.root);
        let entries = self.entries.iter().map(|proven| {
            let index = proven.index;
            let inclusion = Inclusion { index, size, hashes: proven.path.clone() };
            inclusion
                .check(leaf_hash(&proven.bytes), root)
                .map_err(|_no| BundleError::NotInLog { index })?;
            let entry = Entry::parse(&proven.bytes)
                .map_err(|source| BundleError::Entry { index, source })?;
            if entry.run != Some(self.run) {
                return Err(BundleError::OtherRun { index, run: self.run });
            }
            Ok((index, entry))
        });
        Ok(Shown { size, root, entries: entries.collect::<Result<_, _>>()? })
    }
}

#[cfg(test)]
mod tests;
