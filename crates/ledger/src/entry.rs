//! What the audit log says: who did what, why, about which run, with which content.

use std::collections::BTreeMap;

use domain::{Digest, RunId, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::canonical::{self, NotCanonical};

/// The version of the shape that is written.
pub const VERSION: u32 = 1;

/// The largest entry, in bytes of its canonical form. What is larger belongs into a payload.
pub const ENTRY_MAX_BYTES: usize = 1024 * 1024;

/// The longest name (actor, action, agent, payload), in characters.
pub const NAME_MAX_CHARS: usize = 256;

/// The longest reason or repository, in characters.
pub const TEXT_MAX_CHARS: usize = 16_384;

/// The most payloads of one entry.
pub const PAYLOADS_MAX: usize = 1_024;

/// One entry of the audit log.
#[derive(Debug, Clone, PartialEq)]
pub struct Entry {
    /// When.
    pub at: Timestamp,
    /// Who, by a stable name.
    pub actor: String,
    /// What was done, as `thing.verb`.
    pub action: String,
    /// About which run.
    pub run: Option<RunId>,
    /// By which agent's definition.
    pub agent: Option<String>,
    /// In which repository.
    pub repository: Option<String>,
    /// Why.
    pub reason: String,
    /// The particulars. Numbers are integers; a fraction is given in a smaller unit or as text.
    pub facts: BTreeMap<String, Value>,
    /// Content that is kept elsewhere and can be erased there.
    pub payloads: Vec<PayloadRef>,
}

/// Names content by a salted digest.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PayloadRef {
    /// What it is.
    pub name: String,
    /// SHA-256 over its salt, then its bytes.
    pub digest: Digest,
    /// Its size.
    pub bytes: u64,
}

/// Why bytes are no entry, or an entry has no bytes.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EntryError {
    /// Larger than any entry.
    #[error(
        "the entry has {bytes} bytes, at most {ENTRY_MAX_BYTES} are kept; put what is large into a payload"
    )]
    TooLarge {
        /// Its size.
        bytes: usize,
    },
    /// A text is longer than its field allows.
    #[error("`{field}` has {chars} characters, at most {max} are kept")]
    TooLong {
        /// Which.
        field: &'static str,
        /// Its length.
        chars: usize,
        /// The limit.
        max: usize,
    },
    /// More payloads than an entry may have.
    #[error("the entry names {count} payloads, at most {PAYLOADS_MAX} are kept")]
    TooMany {
        /// How many.
        count: usize,
    },
    /// Written by a newer hob.
    #[error("the entry has version {found}, this hob reads version {VERSION}")]
    TooNew {
        /// Its version.
        found: u64,
    },
    /// Not the shape of an entry.
    #[error("it is no entry: {detail}")]
    Malformed {
        /// What is wrong, with line and column.
        detail: String,
    },
    /// The right shape, but not the one byte form of it.
    #[error("the entry is not in canonical form (RFC 8785)")]
    NotInForm,
    /// A value that has no canonical form.
    #[error(transparent)]
    Value(#[from] NotCanonical),
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Shape {
    v: u64,
    at: u64,
    actor: String,
    action: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    run: Option<RunId>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    agent: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    repository: Option<String>,
    reason: String,
    facts: BTreeMap<String, Value>,
    payloads: Vec<PayloadRef>,
}

impl Entry {
    /// The one byte form: what is hashed, stored and shown.
    ///
    /// # Errors
    /// Where a field is beyond its limit, or a fact has no canonical form.
    pub fn to_bytes(&self) -> Result<Vec<u8>, EntryError> {
        self.check_limits()?;
        let shape = Shape {
            v: u64::from(VERSION),
            at: self.at.as_millis(),
            actor: self.actor.clone(),
            action: self.action.clone(),
            run: self.run,
            agent: self.agent.clone(),
            repository: self.repository.clone(),
            reason: self.reason.clone(),
            facts: self.facts.clone(),
            payloads: self.payloads.clone(),
        };
        let value = serde_json::to_value(&shape)
            .map_err(|e| EntryError::Malformed { detail: e.to_string() })?;
        let text = canonical::to_string(&value)?;
        if text.len() > ENTRY_MAX_BYTES {
            return Err(EntryError::TooLarge { bytes: text.len() });
        }
        Ok(text.into_bytes())
    }

    /// Reads an entry, from exactly its one byte form.
    ///
    /// # Errors
    /// Where it is too large, too new, of another shape, beyond a limit, or in another form.
    pub fn parse(bytes: &[u8]) -> Result<Self, EntryError> {
        if bytes.len() > ENTRY_MAX_BYTES {
            return Err(EntryError::TooLarge { bytes: bytes.len() });
        }
        let malformed = |e: serde_json::Error| EntryError::Malformed { detail: e.to_string() };
        let shape: Shape = match serde_json::from_slice(bytes) {
            Ok(shape) => shape,
            Err(e) => return Err(newer(bytes).unwrap_or_else(|| malformed(e))),
        };
        if shape.v != u64::from(VERSION) {
            return Err(EntryError::TooNew { found: shape.v });
        }
        let entry = Self {
            at: Timestamp::from_millis(shape.at),
            actor: shape.actor,
            action: shape.action,
            run: shape.run,
            agent: shape.agent,
            repository: shape.repository,
            reason: shape.reason,
            facts: shape.facts,
            payloads: shape.payloads,
        };
        if entry.to_bytes()? == bytes { Ok(entry) } else { Err(EntryError::NotInForm) }
    }

    fn check_limits(&self) -> Result<(), EntryError> {
        let texts = [
            ("actor", Some(&self.actor), NAME_MAX_CHARS),
            ("action", Some(&self.action), NAME_MAX_CHARS),
            ("agent", self.agent.as_ref(), NAME_MAX_CHARS),
            ("repository", self.repository.as_ref(), TEXT_MAX_CHARS),
            ("reason", Some(&self.reason), TEXT_MAX_CHARS),
        ];
        let names = self.payloads.iter().map(|p| ("payload", Some(&p.name), NAME_MAX_CHARS));
        for (field, text, max) in texts.into_iter().chain(names) {
            let chars = text.map_or(0, |text| text.chars().count());
            if chars > max {
                return Err(EntryError::TooLong { field, chars, max });
            }
        }
        let count = self.payloads.len();
        if count > PAYLOADS_MAX { Err(EntryError::TooMany { count }) } else { Ok(()) }
    }
}

/// Whether the bytes say of themselves that a newer hob wrote them.
fn newer(bytes: &[u8]) -> Option<EntryError> {
    #[derive(Deserialize)]
    struct Version {
        v: u64,
    }
    let found = serde_json::from_slice::<Version>(bytes).ok()?.v;
    (found > u64::from(VERSION)).then_some(EntryError::TooNew { found })
}

#[cfg(test)]
mod tests;
