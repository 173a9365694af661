//! The Merkle tree of RFC 6962, section 2.1, over leaves that are entries' bytes.
//!
//! Hashes are kept in one dense sequence, in the order of Crosby and Wallach, section 3.3
//! (<https://www.usenix.org/legacy/event/sec09/tech/full_papers/crosby.pdf>): each new leaf writes its own
//! hash and those of the subtrees it completes, and nothing is ever written over. Whoever has the hashes
//! elsewhere asks for the indexes that are needed, reads those, and hands them in as a [`HashReader`].

use std::cell::RefCell;
use std::collections::BTreeMap;

use tlog_tiles::tlog;

/// A SHA-256 hash of a leaf or a subtree.
pub type Hash = [u8; 32];

/// The largest log. Beyond it the arithmetic of indexes would not be exact; nobody writes that much.
pub const SIZE_MAX: u64 = 1 << 48;

/// Where stored hashes are read from.
pub trait HashReader {
    /// The hash at a stored index; nothing where there is none.
    fn hash(&self, index: u64) -> Option<Hash>;
}

/// All hashes from index 0 on.
impl HashReader for [Hash] {
    fn hash(&self, index: u64) -> Option<Hash> {
        usize::try_from(index).ok().and_then(|index| self.get(index)).copied()
    }
}

impl HashReader for Vec<Hash> {
    fn hash(&self, index: u64) -> Option<Hash> {
        self.as_slice().hash(index)
    }
}

/// Those that were asked for.
impl HashReader for BTreeMap<u64, Hash> {
    fn hash(&self, index: u64) -> Option<Hash> {
        self.get(&index).copied()
    }
}

/// Why the tree could not be computed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TreeError {
    /// A stored hash is not there.
    #[error("the stored hash {index} is missing")]
    Missing {
        /// Its index.
        index: u64,
    },
    /// Beyond what a log may hold.
    #[error("a log of {size} entries is beyond the limit of {SIZE_MAX}")]
    TooLarge {
        /// The size.
        size: u64,
    },
    /// What was asked for is not part of the tree.
    #[error("{what} is not within a log of {size} entries")]
    OutOfRange {
        /// What was asked for.
        what: String,
        /// The size.
        size: u64,
    },
}

/// The hash of an entry's bytes as a leaf.
pub fn leaf_hash(bytes: &[u8]) -> Hash {
    tlog::record_hash(bytes).0
}

/// The hash of a subtree over its two halves.
pub fn node_hash(left: Hash, right: Hash) -> Hash {
    tlog::node_hash(tlog::Hash(left), tlog::Hash(right)).0
}

/// How many hashes are stored for a log of `size` entries.
///
/// # Errors
/// Where the size is beyond [`SIZE_MAX`].
pub fn hash_count(size: u64) -> Result<u64, TreeError> {
    checked(size).map(tlog::stored_hash_count)
}

/// Where the hash of the `n`-th subtree of 2^`level` leaves is stored; beyond [`SIZE_MAX`] nowhere, which
/// is the last index there is.
pub fn hash_index(level: u8, n: u64) -> u64 {
    let within = u32::from(level) < 48 && n < SIZE_MAX >> level;
    if within { tlog::stored_hash_index(level, n) } else { u64::MAX }
}

/// What a log grew by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Appended {
    /// The hashes to be stored, following those that are.
    pub hashes: Vec<Hash>,
    /// The new size.
    pub size: u64,
    /// The root over it.
    pub root: Hash,
}

/// The stored hashes that [`append`] and [`root`] need at `size`.
///
/// # Errors
/// Where the size is beyond [`SIZE_MAX`].
pub fn needed_for_append(size: u64) -> Result<Vec<u64>, TreeError> {
    Ok(tlog::sub_tree_index(0, checked(size)?, Vec::new()))
}

/// Appends leaves to a log of `size` entries.
///
/// # Errors
/// Where a stored hash is missing, or the log would be too large.
pub fn append(
    stored: &dyn HashReader,
    size: u64,
    leaves: impl IntoIterator<Item = Hash>,
) -> Result<Appended, TreeError> {
    let first = hash_count(size)?;
    let mut grown = Grown { stored, first, hashes: Vec::new() };
    let mut next = size;
    for leaf in leaves {
        checked(next + 1)?;
        let new = reading(&grown, |reader| {
            tlog::stored_hashes_for_record_hash(next, tlog::Hash(leaf), reader)
        })?;
        grown.hashes.extend(new.into_iter().map(|hash| hash.0));
        next += 1;
    }
    let root = root(&grown, next)?;
    Ok(Appended { hashes: grown.hashes, size: next, root })
}

/// The root of the first `size` entries.
///
/// # Errors
/// Where a stored hash is missing, or the size is beyond [`SIZE_MAX`].
pub fn root(stored: &dyn HashReader, size: u64) -> Result<Hash, TreeError> {
    checked(size)?;
    reading(stored, |reader| tlog::tree_hash(size, reader)).map(|hash| hash.0)
}

pub(crate) fn checked(size: u64) -> Result<u64, TreeError> {
    if size <= SIZE_MAX { Ok(size) } else { Err(TreeError::TooLarge { size }) }
}

/// Stored hashes, followed by those that are about to be stored.
struct Grown<'a> {
    stored: &'a dyn HashReader,
    first: u64,
    hashes: Vec<Hash>,
}

impl HashReader for Grown<'_> {
    fn hash(&self, index: u64) -> Option<Hash> {
        match index.checked_sub(self.first) {
            Some(offset) => self.hashes.hash(offset),
            None => self.stored.hash(index),
        }
    }
}

/// Runs an algorithm of `tlog` over our reader; its only failure is a hash that is missing.
pub(crate) fn reading<T>(
    stored: &dyn HashReader,
    work: impl FnOnce(&Adapter<'_>) -> Result<T, tlog::Error>,
) -> Result<T, TreeError> {
    let adapter = Adapter { stored, missing: RefCell::new(None), asked: RefCell::new(Vec::new()) };
    let result = work(&adapter);
    let missing = *adapter.missing.borrow();
    match (result, missing) {
        (Ok(value), None) => Ok(value),
        (_, missing) => Err(TreeError::Missing { index: missing.unwrap_or(0) }),
    }
}

/// The indexes that an algorithm of `tlog` asks for.
pub(crate) fn asked_by<T>(work: impl FnOnce(&Adapter<'_>) -> Result<T, tlog::Error>) -> Vec<u64> {
    struct Zeros;
    impl HashReader for Zeros {
        fn hash(&self, _: u64) -> Option<Hash> {
            Some([0; 32])
        }
    }
    let adapter =
        Adapter { stored: &Zeros, missing: RefCell::new(None), asked: RefCell::new(Vec::new()) };
    drop(work(&adapter));
    adapter.asked.into_inner()
}

/// Our reader in the shape that `tlog` wants.
pub(crate) struct Adapter<'a> {
    stored: &'a dyn HashReader,
    missing: RefCell<Option<u64>>,
    asked: RefCell<Vec<u64>>,
}

impl tlog::HashReader for Adapter<'_> {
    fn read_hashes(&self, indexes: &[u64]) -> Result<Vec<tlog::Hash>, tlog::Error> {
        self.asked.borrow_mut().extend_from_slice(indexes);
        indexes
            .iter()
            .map(|index| {
                self.stored.hash(*index).map(tlog::Hash).ok_or_else(|| {
                    *self.missing.borrow_mut() = Some(*index);
                    tlog::Error::IndexesNotInTree
                })
            })
            .collect()
    }
}

#[cfg(test)]
pub(crate) mod tests;
