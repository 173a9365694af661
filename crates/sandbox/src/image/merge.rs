//! The layers of an image, merged to one tree without being unpacked: the top layer wins, whiteouts hide what lies below.
//!
//! ```text
//!   layers, bottom to top --first reading--> Tree: names, metadata, where each file's content lies
//!   layers again ---------second reading---> one tar, each path once, in which nothing is left to resolve
//! ```
//!
//! Links are resolved in the tree, where there is nothing above the root. What strangers can make large has a limit.

mod packed;
mod path;
mod tree;
mod write;

pub(super) use packed::Packed;
pub(super) use tree::Tree;

use super::Watch;
use super::error::ImageError;
use super::tar::{Kind, Malformed};

/// What a hostile image may cost at most.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limits {
    /// Layers.
    pub(super) layers: usize,
    /// Entries of all layers, with the folders that they need.
    pub(super) entries: usize,
    /// Bytes of all names, link targets and attributes.
    pub(super) text_bytes: usize,
    /// Bytes of one file.
    pub(super) file_bytes: u64,
    /// Bytes of all files of all layers.
    pub(super) bytes: u64,
    /// Bytes that come of one compressed byte, beyond `free_bytes` of a layer.
    pub(super) ratio: u64,
    /// Bytes of a layer to which the ratio does not matter.
    pub(super) free_bytes: u64,
}

impl Limits {
    /// What real images stay well below.
    pub(super) const USUAL: Self = Self {
        layers: 256,
        entries: 2_000_000,
        text_bytes: 256 * 1024 * 1024,
        file_bytes: 8 * 1024 * 1024 * 1024,
        bytes: 32 * 1024 * 1024 * 1024,
        ratio: 200,
        free_bytes: 256 * 1024 * 1024,
    };
}

/// Reads all layers, bottom first, and gives back the tree that they make.
pub(super) fn merge(
    layers: &[Packed],
    limits: &Limits,
    watch: Watch<'_>,
) -> Result<Tree, ImageError> {
    let mut tree = Tree::new(*limits);
    if layers.len() > limits.layers {
        return Err(refused(
            "the image",
            b"",
            &format!("it has more than {} layers", limits.layers),
        ));
    }
    for (at, layer) in layers.iter().enumerate() {
        watch.detail(&format!("reading {}", layer.name));
        let mut reader = layer.read(limits)?;
        let mut ordinal = 0;
        while let Some(entry) = reader.next().map_err(|error| unreadable(layer, &error))? {
            tree.apply(&entry, at, ordinal)
                .map_err(|why| refused(&layer.name, &entry.path, &why))?;
            ordinal += 1;
        }
        let seen = reader.finish().map_err(|error| unreadable(layer, &error))?;
        layer.check(seen)?;
    }
    Ok(tree)
}

fn unreadable(layer: &Packed, error: &Malformed) -> ImageError {
    ImageError::Unreadable { what: layer.name.clone(), why: error.to_string() }
}

fn refused(layer: &str, path: &[u8], why: &str) -> ImageError {
    let path: String = String::from_utf8_lossy(path).chars().take(200).collect();
    ImageError::Refused { layer: layer.to_owned(), path: format!("`{path}`"), why: why.to_owned() }
}

/// Whether a kind is kept at all.
fn kept(kind: &Kind) -> Result<(), String> {
    match kind {
        Kind::Device => Err("it is a device node".to_owned()),
        Kind::Sparse => Err("it is a sparse file".to_owned()),
        Kind::Folder | Kind::File | Kind::Link(_) | Kind::HardLink(_) | Kind::Pipe => Ok(()),
    }
}

#[cfg(test)]
mod tests;
