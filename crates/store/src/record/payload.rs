//! Payloads: content that the ledger names by a salted digest, so that it can be erased and stay named.

use domain::{Digest, RunId, Timestamp};

/// The largest payload, in bytes.
pub const PAYLOAD_MAX_BYTES: usize = 16 * 1024 * 1024;

/// How many bytes of salt a payload carries. Without it, short content could be guessed from its digest.
pub const SALT_BYTES: usize = 32;

/// Content to be kept. The digest always is that of salt and bytes.
#[derive(Clone, PartialEq, Eq)]
pub struct Payload {
    digest: Digest,
    salt: [u8; SALT_BYTES],
    bytes: Vec<u8>,
    run: Option<RunId>,
}

impl std::fmt::Debug for Payload {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Payload")
            .field("digest", &self.digest)
            .field("bytes", &self.bytes.len())
            .field("run", &self.run)
            .finish_non_exhaustive()
    }
}

impl Payload {
    /// `bytes` under a fresh random `salt`, belonging to `run` where there is one.
    pub fn new(salt: [u8; SALT_BYTES], bytes: Vec<u8>, run: Option<RunId>) -> Self {
        Self { digest: salted_digest(&salt, &bytes), salt, bytes, run }
    }

    /// What names it: SHA-256 over the salt, then the bytes.
    pub const fn digest(&self) -> Digest {
        self.digest
    }

    /// The salt.
    pub const fn salt(&self) -> &[u8; SALT_BYTES] {
        &self.salt
    }

    /// The content.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The run it belongs to.
    pub const fn run(&self) -> Option<RunId> {
        self.run
    }
}

/// SHA-256 over `salt`, then `bytes`.
pub fn salted_digest(salt: &[u8], bytes: &[u8]) -> Digest {
    use sha2::Digest as _;
    let mut hasher = sha2::Sha256::new();
    hasher.update(salt);
    hasher.update(bytes);
    Digest::from_bytes(hasher.finalize().into())
}

/// What the store has under a payload's digest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StoredPayload {
    /// The content.
    Kept(Payload),
    /// Bytes and salt are gone; only the digest is left.
    Erased {
        /// When that was done.
        at: Timestamp,
    },
}
