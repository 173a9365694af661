//! Checkpoints: the root of the log at one size, signed.
//!
//! The text is a C2SP checkpoint (<https://c2sp.org/tlog-checkpoint>) in a C2SP signed note
//! (<https://c2sp.org/signed-note>), with Ed25519. The name of the key is the log's origin.

use std::fmt;

use base64::Engine as _;
use domain::Secret;
use signed_note::{Note, Signer as _, StandardSigner, StandardVerifier, Verifier as _};
use tlog_tiles::tlog;

use crate::tree::{Hash, SIZE_MAX};

/// The longest checkpoint, in bytes.
pub const NOTE_MAX_BYTES: usize = 16 * 1024;

/// The longest key text, in bytes.
pub const KEY_MAX_BYTES: usize = 1024;

/// The algorithm byte of Ed25519 in C2SP key texts.
const ED25519: u8 = 1;

/// Why a text is no key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// The name has spaces, a plus sign, or nothing in it.
    #[error("a key's name is not empty and holds no space and no `+`")]
    Name,
    /// Not the text of a signing key.
    #[error("it is no signing key; one looks like `PRIVATE+KEY+<name>+<id>+<base64>`")]
    Signing,
    /// Not the text of a verifier key.
    #[error("it is no verifier key; one looks like `<name>+<id>+<base64>`")]
    Verifier,
}

/// Why a note is no checkpoint of this log.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CheckpointError {
    /// Not a signed note, or larger than one may be.
    #[error("it is no signed note")]
    NotANote,
    /// The key did not sign it.
    #[error("it is not signed by {key}")]
    NotSigned {
        /// The verifier key.
        key: String,
    },
    /// Signed, but not a checkpoint.
    #[error("its text is no checkpoint")]
    NotACheckpoint,
    /// A checkpoint of some other log.
    #[error("its origin is `{found}`, not `{expected}`")]
    OtherOrigin {
        /// What it says.
        found: String,
        /// The log's own.
        expected: String,
    },
}

/// What is signed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checkpoint {
    /// Which log: the name of the key.
    pub origin: String,
    /// How many entries.
    pub size: u64,
    /// The root over them.
    pub root: Hash,
}

/// Signs checkpoints. Its text is a secret.
#[derive(Clone)]
pub struct SigningKey {
    signer: StandardSigner,
    text: String,
    verifier: VerifierKey,
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SigningKey").field("verifier", &self.verifier).finish_non_exhaustive()
    }
}

impl SigningKey {
    /// A key for the log `origin`, from 32 random bytes that nobody else has.
    ///
    /// # Errors
    /// Where the origin cannot be a key's name.
    pub fn generate(origin: &str, random: &[u8; 32]) -> Result<Self, KeyError> {
        if !signed_note::is_key_name_valid(origin) || origin.len() > KEY_MAX_BYTES / 2 {
            return Err(KeyError::Name);
        }
        let key = ed25519_dalek::SigningKey::from_bytes(random);
        let public = [[ED25519].as_slice(), key.verifying_key().as_bytes()].concat();
        let private = [[ED25519].as_slice(), random].concat();
        let id = signed_note::key_id(origin, &public);
        let private = base64::engine::general_purpose::STANDARD.encode(private);
        Self::parse(&format!("PRIVATE+KEY+{origin}+{id:08x}+{private}"))
    }

    /// Reads the text of a signing key.
    ///
    /// # Errors
    /// Where it is none.
    pub fn parse(text: &str) -> Result<Self, KeyError> {
        let text = text.trim_end();
        if text.len() > KEY_MAX_BYTES {
            return Err(KeyError::Signing);
        }
        let signer = StandardSigner::new(text).map_err(|_refused| KeyError::Signing)?;
        // `PRIVATE`, `KEY`, name, id; what follows may hold a plus sign of its own.
        let private = text.splitn(5, '+').nth(4).ok_or(KeyError::Signing)?;
        let private = base64::engine::general_purpose::STANDARD
            .decode(private)
            .map_err(|_refused| KeyError::Signing)?;
        let seed: [u8; 32] =
            private.get(1..).and_then(|seed| seed.try_into().ok()).ok_or(KeyError::Signing)?;
        let public = ed25519_dalek::SigningKey::from_bytes(&seed).verifying_key();
        let verifier = signed_note::new_ed25519_verifier_key(signer.name(), &public);
        Ok(Self { signer, text: text.to_owned(), verifier: VerifierKey::parse(&verifier)? })
    }

    /// The text that [`parse`](Self::parse) reads; for the key file only.
    pub fn to_secret(&self) -> Secret {
        Secret::new(self.text.clone())
    }

    /// The key that verifies what this one signs.
    pub const fn verifier(&self) -> &VerifierKey {
        &self.verifier
    }

    /// The log's name.
    pub fn origin(&self) -> &str {
        self.signer.name()
    }

    /// The signed note for a root.
    pub fn sign(&self, size: u64, root: Hash) -> String {
        let text = tlog_tiles::Checkpoint::new(self.origin(), size, tlog::Hash(root), "")
            .expect("the name of a key is not empty")
            .to_bytes();
        let mut note = Note::new(&text, &[]).expect("name, number and base64 make a note");
        note.add_sigs(&[&self.signer]).expect("Ed25519 signs any text");
        String::from_utf8_lossy(&note.to_bytes()).into_owned()
    }
}

/// Verifies checkpoints. Its text may be known to everybody.
#[derive(Clone)]
pub struct VerifierKey {
    verifier: StandardVerifier,
    text: String,
}

impl VerifierKey {
    /// Reads the text of a verifier key.
    ///
    /// # Errors
    /// Where it is none.
    pub fn parse(text: &str) -> Result<Self, KeyError> {
        let text = text.trim_end();
        if text.len() > KEY_MAX_BYTES {
            return Err(KeyError::Verifier);
        }
        let verifier = StandardVerifier::new(text).map_err(|_refused| KeyError::Verifier)?;
        Ok(Self { verifier, text: text.to_owned() })
    }

    /// The log's name.
    pub fn origin(&self) -> &str {
        self.verifier.name()
    }

    /// Opens a note: signed by this key, and a checkpoint of its log. Other signatures are passed over.
    ///
    /// # Errors
    /// Where it is not.
    pub fn open(&self, note: &str) -> Result<Checkpoint, CheckpointError> {
        if note.len() > NOTE_MAX_BYTES {
            return Err(CheckpointError::NotANote);
        }
        let note =
            Note::from_bytes(note.as_bytes()).map_err(|_refused| CheckpointError::NotANote)?;
        let known = signed_note::VerifierList::new(vec![Box::new(self.verifier.clone())]);
        note.verify(&known)
            .map_err(|_refused| CheckpointError::NotSigned { key: self.text.clone() })?;
        let checkpoint = tlog_tiles::Checkpoint::from_bytes(note.text())
            .map_err(|_refused| CheckpointError::NotACheckpoint)?;
        if checkpoint.origin() != self.origin() {
            return Err(CheckpointError::OtherOrigin {
                found: checkpoint.origin().chars().take(200).collect(),
                expected: self.origin().to_owned(),
            });
        }
        let (origin, size) = (checkpoint.origin().to_owned(), checkpoint.size());
        if size > SIZE_MAX {
            return Err(CheckpointError::NotACheckpoint);
        }
        Ok(Checkpoint { origin, size, root: checkpoint.hash().0 })
    }
}

impl fmt::Display for VerifierKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl fmt::Debug for VerifierKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "VerifierKey({})", self.text)
    }
}

impl PartialEq for VerifierKey {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl Eq for VerifierKey {}

#[cfg(test)]
mod tests;
