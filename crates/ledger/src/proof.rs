//! Proofs of RFC 6962, sections 2.1.1 and 2.1.2: an entry is in a tree; a tree continues another.

use tlog_tiles::tlog;

use crate::tree::{Hash, HashReader, SIZE_MAX, TreeError, asked_by, reading};

/// The most hashes of a proof: one for each level of the largest tree, and one more.
pub const PROOF_HASHES_MAX: usize = 64;

/// Shows that a tree of `size` leaves has a certain leaf at `index`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Inclusion {
    /// Which leaf.
    pub index: u64,
    /// Of how many.
    pub size: u64,
    /// The audit path, from the leaf upwards.
    pub hashes: Vec<Hash>,
}

/// Shows that the tree of `new` leaves begins with the tree of `old` leaves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Consistency {
    /// The smaller size, at least 1.
    pub old: u64,
    /// The greater size.
    pub new: u64,
    /// The proof, in the order of the RFC.
    pub hashes: Vec<Hash>,
}

/// A proof does not show what it should.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the proof does not hold")]
pub struct DoesNotHold;

impl Inclusion {
    /// The stored hashes that [`prove`](Self::prove) needs.
    ///
    /// # Errors
    /// Where there is no such leaf.
    pub fn needed(index: u64, size: u64) -> Result<Vec<u64>, TreeError> {
        within(index, size)?;
        Ok(asked_by(|reader| tlog::prove_record(size, index, reader)))
    }

    /// Makes the proof.
    ///
    /// # Errors
    /// Where there is no such leaf, or a stored hash is missing.
    pub fn prove(stored: &dyn HashReader, index: u64, size: u64) -> Result<Self, TreeError> {
        within(index, size)?;
        let hashes = reading(stored, |reader| tlog::prove_record(size, index, reader))?;
        Ok(Self { index, size, hashes: hashes.into_iter().map(|hash| hash.0).collect() })
    }

    /// Checks it against the leaf and the root.
    ///
    /// # Errors
    /// Where it does not hold.
    pub fn check(&self, leaf: Hash, root: Hash) -> Result<(), DoesNotHold> {
        if within(self.index, self.size).is_err() || self.hashes.len() > PROOF_HASHES_MAX {
            return Err(DoesNotHold);
        }
        let (path, leaf, root) = (path(&self.hashes), tlog::Hash(leaf), tlog::Hash(root));
        tlog::check_record(&path, self.size, root, self.index, leaf).map_err(|_no| DoesNotHold)
    }
}

impl Consistency {
    /// The stored hashes that [`prove`](Self::prove) needs.
    ///
    /// # Errors
    /// Where the old size is 0, or greater than the new one.
    pub fn needed(old: u64, new: u64) -> Result<Vec<u64>, TreeError> {
        grows(old, new)?;
        Ok(asked_by(|reader| tlog::prove_tree(new, old, reader)))
    }

    /// Makes the proof.
    ///
    /// # Errors
    /// Where the old size is 0 or greater than the new one, or a stored hash is missing.
    pub fn prove(stored: &dyn HashReader, old: u64, new: u64) -> Result<Self, TreeError> {
        grows(old, new)?;
        let hashes = reading(stored, |reader| tlog::prove_tree(new, old, reader))?;
        Ok(Self { old, new, hashes: hashes.into_iter().map(|hash| hash.0).collect() })
    }

    /// Checks it against both roots.
    ///
    /// # Errors
    /// Where it does not hold.
    pub fn check(&self, old_root: Hash, new_root: Hash) -> Result<(), DoesNotHold> {
        if grows(self.old, self.new).is_err() || self.hashes.len() > PROOF_HASHES_MAX {
            return Err(DoesNotHold);
        }
        let (path, old, new) = (path(&self.hashes), tlog::Hash(old_root), tlog::Hash(new_root));
        tlog::check_tree(&path, self.new, new, self.old, old).map_err(|_no| DoesNotHold)
    }
}

fn path(hashes: &[Hash]) -> Vec<tlog::Hash> {
    hashes.iter().copied().map(tlog::Hash).collect()
}

fn within(index: u64, size: u64) -> Result<(), TreeError> {
    if size > SIZE_MAX {
        return Err(TreeError::TooLarge { size });
    }
    if index < size {
        Ok(())
    } else {
        Err(TreeError::OutOfRange { what: format!("entry {index}"), size })
    }
}

fn grows(old: u64, new: u64) -> Result<(), TreeError> {
    if new > SIZE_MAX {
        return Err(TreeError::TooLarge { size: new });
    }
    if (1..=new).contains(&old) {
        Ok(())
    } else {
        Err(TreeError::OutOfRange { what: format!("a tree of {old}"), size: new })
    }
}

#[cfg(test)]
mod tests;
