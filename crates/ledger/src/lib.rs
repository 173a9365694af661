//! Chains, signs, proves and verifies the audit log. Pure over bytes.
//!
//! An [`Entry`] has one canonical byte form. Its bytes are a leaf of an RFC 6962 Merkle tree ([`tree`]);
//! the root at some size, signed, is a [`Checkpoint`] in the C2SP signed-note form. A [`proof`] shows that
//! an entry is in a signed tree, or that one signed tree continues another. [`verify`] reads a whole log
//! and locates damage; [`export`] and [`bundle`] carry a log, or one run's part of it, elsewhere.
//!
//! What holds: entries that a valid checkpoint covers cannot be altered, dropped, swapped or added
//! without a fault that names the place. Entries after the newest checkpoint are protected by nothing yet,
//! and whoever holds the key and the only copy can write another history: keep checkpoints elsewhere too.

pub mod bundle;
pub mod canonical;
pub mod checkpoint;
pub mod entry;
pub mod export;
pub mod proof;
pub mod tree;
pub mod verify;

pub use bundle::Bundle;
pub use checkpoint::{Checkpoint, SigningKey, VerifierKey};
pub use entry::{Entry, PayloadRef};
pub use proof::{Consistency, Inclusion};
pub use tree::{Hash, HashReader, leaf_hash};
pub use verify::{Fault, Remark, Seal, Verification, Verifier};
