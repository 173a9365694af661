//! Tar as images have it: read strictly, because strangers wrote it, and written plainly.

mod number;
mod read;
mod write;

pub(super) use read::{Malformed, Reader};
pub(super) use write::Writer;

/// A block of tar, in bytes.
const BLOCK: usize = 512;

/// What an entry is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Kind {
    Folder,
    File,
    /// A symbolic link and its target.
    Link(Vec<u8>),
    /// Another name of the file at this path.
    HardLink(Vec<u8>),
    Pipe,
    /// A device node: read, never written.
    Device,
    /// A file with holes, in whichever way of saying so: read, never written.
    Sparse,
}

/// Extended attributes: names and values.
pub(super) type Attributes = Vec<(Vec<u8>, Vec<u8>)>;

/// One entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Entry {
    /// Its path as it stands there.
    pub(super) path: Vec<u8>,
    pub(super) kind: Kind,
    pub(super) meta: Meta,
    /// Bytes of its content.
    pub(super) size: u64,
}

/// What an entry says of who may do what with it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Meta {
    /// Permissions, with set-user-id and the like.
    pub(super) mode: u32,
    pub(super) uid: u32,
    pub(super) gid: u32,
    /// Seconds since 1970; what was before is 0.
    pub(super) mtime: u32,
    /// Extended attributes.
    pub(super) attributes: Attributes,
}

#[cfg(test)]
mod tests;
