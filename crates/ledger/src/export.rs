//! The log as text, one JSON document a line, complete in itself.
//!
//! ```text
//! {"header":{"v":1,"key":"<verifier key>","entries":2,"checkpoints":1}}
//! {"checkpoint":{"note":"<signed note>"}}
//! {"entry":{"index":0,"leaf":"<base64>","data":{...}}}
//! {"entry":{"index":1,"leaf":"<base64>","raw":"<base64>"}}
//! ```
//!
//! Checkpoints come first: a file that was cut off still says how much there should be. `data` holds the
//! entry's own bytes, character for character; `raw` is for bytes that are no entry.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::checkpoint::VerifierKey;
use crate::entry::{ENTRY_MAX_BYTES, Entry};
use crate::tree::{Hash, SIZE_MAX};
use crate::verify::{Fault, Seal, Verification, Verifier};

/// The version of the shape that is written.
pub const VERSION: u32 = 1;

/// The longest line that is read, in bytes.
pub const LINE_MAX_BYTES: usize = 2 * ENTRY_MAX_BYTES;

/// The most checkpoints that are read.
pub const CHECKPOINTS_MAX: u64 = 1_000_000;

/// Why a text is no export.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ExportError {
    /// A line that cannot be read.
    #[error("line {line} of the export cannot be read: {why}")]
    Line {
        /// Which, from 1.
        line: u64,
        /// Why.
        why: String,
    },
    /// Written by a newer hob.
    #[error("the export has version {found}, this hob reads version {VERSION}")]
    TooNew {
        /// Its version.
        found: u32,
    },
    /// Nothing, or nothing but entries.
    #[error("the export has no header line; it begins with `{{\"header\":`")]
    NoHeader,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "snake_case")]
enum Line {
    Header {
        v: u32,
        key: String,
        entries: u64,
        checkpoints: u64,
    },
    Checkpoint {
        note: String,
    },
    Entry {
        index: u64,
        leaf: String,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        data: Option<Box<RawValue>>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        raw: Option<String>,
    },
}

fn text(line: &Line) -> String {
    serde_json::to_string(line).expect("texts, numbers and JSON are JSON")
}

/// The first line.
pub fn header(key: &VerifierKey, entries: u64, checkpoints: u64) -> String {
    text(&Line::Header { v: VERSION, key: key.to_string(), entries, checkpoints })
}

/// The line of a checkpoint; all of them follow the header.
pub fn checkpoint(note: &str) -> String {
    text(&Line::Checkpoint { note: note.to_owned() })
}

/// The line of an entry, with the leaf hash that is kept beside it.
pub fn entry(index: u64, bytes: &[u8], leaf: &Hash) -> String {
    let (data, raw) = carry(bytes);
    text(&Line::Entry { index, leaf: STANDARD.encode(leaf), data, raw })
}

/// An entry's bytes as JSON where they are that, else as base64.
pub(crate) fn carry(bytes: &[u8]) -> (Option<Box<RawValue>>, Option<String>) {
    let data = Entry::parse(bytes)
        .ok()
        .and_then(|_| std::str::from_utf8(bytes).ok())
        .and_then(|text| RawValue::from_string(text.to_owned()).ok());
    let raw = data.is_none().then(|| STANDARD.encode(bytes));
    (data, raw)
}

/// What was carried.
pub(crate) fn carried(data: Option<&RawValue>, raw: Option<&str>) -> Result<Vec<u8>, &'static str> {
    match (data, raw) {
        (Some(data), None) => Ok(data.get().as_bytes().to_vec()),
        (None, Some(raw)) => STANDARD.decode(raw).map_err(|_bad| "`raw` is not base64"),
        _ => Err("an entry has either `data` or `raw`"),
    }
}

/// 32 bytes in base64.
pub(crate) fn hash(text: &str) -> Result<Hash, &'static str> {
    let bytes = STANDARD.decode(text).map_err(|_bad| "a hash is not base64")?;
    bytes.try_into().map_err(|_bad| "a hash is not 32 bytes long")
}

/// Reads an export line by line.
#[derive(Debug, Default)]
pub struct Import {
    line: u64,
    header: Option<(VerifierKey, u64, u64)>,
    seals: Vec<Seal>,
    verifier: Verifier,
}

/// What an export came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Imported {
    /// The key that the export names. Whether it is the right one only its reader can know.
    pub key: VerifierKey,
    /// What came out.
    pub verification: Verification,
}

impl Import {
    /// The next line, without its end.
    ///
    /// # Errors
    /// Where it cannot be read; the error names the line.
    pub fn push(&mut self, line: &str) -> Result<(), ExportError> {
        self.line += 1;
        if line.len() > LINE_MAX_BYTES {
            return Err(self.bad(format!("it has more than {LINE_MAX_BYTES} bytes")));
        }
        let parsed: Line = serde_json::from_str(line).map_err(|e| self.bad(e))?;
        match (parsed, self.header.is_some()) {
            (Line::Header { v, .. }, _) if v > VERSION => Err(ExportError::TooNew { found: v }),
            (Line::Header { v: _, key, entries, checkpoints }, false) => {
                let key = VerifierKey::parse(&key).map_err(|e| self.bad(e))?;
                self.header = Some((key, entries, checkpoints));
                Ok(())
            }
            (Line::Header { .. }, true) => Err(self.bad("there is a header already")),
            (_, false) => Err(ExportError::NoHeader),
            (Line::Checkpoint { note }, true) => {
                if self.verifier.taken() > 0 || self.seals.len() as u64 >= CHECKPOINTS_MAX {
                    return Err(self.bad("checkpoints come before entries, a million at most"));
                }
                self.seals.push(Seal { note, claimed: None });
                Ok(())
            }
            (Line::Entry { index, leaf, data, raw }, true) => {
                if index >= SIZE_MAX {
                    return Err(self.bad(format!("index {index} is beyond any log")));
                }
                let bytes = carried(data.as_deref(), raw.as_deref()).map_err(|e| self.bad(e))?;
                let leaf = hash(&leaf).map_err(|e| self.bad(e))?;
                self.verifier.push(index, &bytes, leaf);
                Ok(())
            }
        }
    }

    /// Verifies what was read: by `key`, or by the key that the export names. `elsewhere` are signed
    /// notes of this log that were kept outside it.
    ///
    /// # Errors
    /// Where there was no header.
    pub fn finish(
        mut self,
        key: Option<&VerifierKey>,
        elsewhere: &[String],
    ) -> Result<Imported, ExportError> {
        let (named, entries, checkpoints) = self.header.take().ok_or(ExportError::NoHeader)?;
        let given = self.seals.len();
        self.seals.extend(elsewhere.iter().map(|note| Seal { note: note.clone(), claimed: None }));
        let by = key.unwrap_or(&named);
        let mut verification = self.verifier.finish(None, &self.seals, by);
        let reported = verification
            .faults
            .iter()
            .any(|fault| matches!(fault, Fault::Truncated { .. } | Fault::Short { .. }));
        if verification.size < entries && !reported {
            verification.faults.push(Fault::Truncated { from: verification.size, to: entries });
        }
        if (given as u64) < checkpoints {
            let why = format!("the export names {checkpoints} checkpoints and holds {given}");
            verification.faults.push(Fault::Checkpoint { position: given, why });
        }
        Ok(Imported { key: named, verification })
    }

    fn bad(&self, why: impl std::fmt::Display) -> ExportError {
        ExportError::Line { line: self.line, why: why.to_string() }
    }
}

#[cfg(test)]
mod tests;
