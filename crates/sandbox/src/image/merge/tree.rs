//! The tree that layers make, in memory: names and metadata, and where each file's content lies.

use std::collections::BTreeMap;

use super::Limits;
use super::path::{self, Last, PATH_MAX_BYTES};
use crate::image::tar::{Attributes, Entry, Kind, Meta};

/// How many links one path may lead through.
const LINKS_MAX: usize = 40;

/// The root's place among the nodes.
pub(super) const ROOT: usize = 0;

/// The largest extended attributes of one entry, in bytes.
const ATTRIBUTES_MAX_BYTES: usize = 64 * 1024;

/// A merged tree.
#[derive(Debug)]
pub(in crate::image) struct Tree {
    pub(super) nodes: Vec<Node>,
    pub(super) inodes: Vec<Inode>,
    pub(super) limits: Limits,
    text: usize,
    bytes: u64,
}

/// A name in the tree. Nodes that were taken away stay where they are, and nothing leads to them.
#[derive(Debug)]
pub(super) struct Node {
    /// The layer that named it last.
    layer: usize,
    pub(super) inode: usize,
    /// What lies in it, where it is a folder.
    pub(super) below: Option<BTreeMap<Box<[u8]>, usize>>,
    /// Bytes of its whole path.
    path_bytes: usize,
    /// How many folders it lies below.
    depth: usize,
}

/// What names stand for; a file may have several.
#[derive(Debug)]
pub(super) struct Inode {
    pub(super) kind: Kind,
    pub(super) meta: Meta,
    pub(super) size: u64,
    /// Where its content lies: which layer, which entry of it.
    pub(super) place: (usize, usize),
}

impl Tree {
    pub(super) fn new(limits: Limits) -> Self {
        let mut tree = Self { nodes: Vec::new(), inodes: Vec::new(), limits, text: 0, bytes: 0 };
        tree.inodes.push(folder());
        tree.nodes.push(Node {
            layer: 0,
            inode: 0,
            below: Some(BTreeMap::new()),
            path_bytes: 0,
            depth: 0,
        });
        tree
    }

    /// Takes an entry of a layer into the tree. Says why, where it is refused.
    pub(super) fn apply(
        &mut self,
        entry: &Entry,
        layer: usize,
        ordinal: usize,
    ) -> Result<(), String> {
        super::kept(&entry.kind)?;
        let parts = path::parts(&entry.path)?;
        let Some((name, parents)) = parts.split_last() else {
            // The root itself: it is what it is.
            let is_folder = entry.kind == Kind::Folder;
            return if is_folder { Ok(()) } else { Err("the root is a folder".to_owned()) };
        };
        let name = match path::last(name)? {
            Last::Nothing => return Ok(()),
            Last::Opaque => {
                if let Some(folder) = self.find_folder(parents)? {
                    self.hide_below(folder, layer);
                }
                return Ok(());
            }
            Last::Whiteout(name) => {
                if let Some(folder) = self.find_folder(parents)? {
                    self.hide(folder, name, layer);
                }
                return Ok(());
            }
            Last::Name(name) => name,
        };
        let parent = self.make_folder(parents, layer)?;
        self.put(entry, parent, name, (layer, ordinal))
    }

    fn put(
        &mut self,
        entry: &Entry,
        parent: usize,
        name: &[u8],
        place: (usize, usize),
    ) -> Result<(), String> {
        let inode = match &entry.kind {
            Kind::HardLink(target) => self.linked(target)?,
            Kind::Folder
            | Kind::File
            | Kind::Link(_)
            | Kind::Pipe
            | Kind::Device
            | Kind::Sparse => {
                self.count_entry(entry)?;
                if let Kind::Link(target) = &entry.kind {
                    path::check_target(
                        target,
                        self.nodes.get(parent).map_or(0, |node| node.depth),
                    )?;
                }
                let meta = Meta { attributes: attributes(&entry.meta)?, ..entry.meta.clone() };
                self.inodes.push(Inode { kind: entry.kind.clone(), meta, size: entry.size, place });
                self.inodes.len() - 1
            }
        };
        let is_folder = entry.kind == Kind::Folder;
        let there = self.below(parent).and_then(|below| below.get(name)).copied();
        if let Some(node) = there
            .and_then(|at| self.nodes.get_mut(at))
            .filter(|node| is_folder && node.below.is_some())
        {
            // What lies in it stays.
            node.layer = place.0;
            node.inode = inode;
            return Ok(());
        }
        let below = is_folder.then(BTreeMap::new);
        self.add(parent, name, Node { layer: place.0, inode, below, path_bytes: 0, depth: 0 })
            .map(drop)
    }

    fn count_entry(&mut self, entry: &Entry) -> Result<(), String> {
        if entry.size > self.limits.file_bytes {
            return Err(format!("it is larger than {} bytes", self.limits.file_bytes));
        }
        self.bytes = self.bytes.saturating_add(entry.size);
        if self.bytes > self.limits.bytes {
            return Err(format!("the image is larger than {} bytes", self.limits.bytes));
        }
        let target = if let Kind::Link(target) = &entry.kind { target.len() } else { 0 };
        let attributes: usize =
            entry.meta.attributes.iter().map(|(name, value)| name.len() + value.len()).sum();
        self.count_text(target + attributes)
    }

    fn count_text(&mut self, bytes: usize) -> Result<(), String> {
        self.text += bytes;
        let max = self.limits.text_bytes;
        if self.text > max {
            Err(format!("names and attributes are longer than {max} bytes"))
        } else {
            Ok(())
        }
    }

    /// Adds a name; where it lies is noted here.
    fn add(&mut self, parent: usize, name: &[u8], node: Node) -> Result<usize, String> {
        if self.nodes.len() >= self.limits.entries {
            return Err(format!("the image has more than {} entries", self.limits.entries));
        }
        self.count_text(name.len())?;
        let (above, depth) =
            self.nodes.get(parent).map_or((0, 0), |node| (node.path_bytes, node.depth + 1));
        let path_bytes = above + 1 + name.len();
        if path_bytes > PATH_MAX_BYTES {
            return Err(format!(
                "where its links lead, its path is longer than {PATH_MAX_BYTES} bytes"
            ));
        }
        let at = self.nodes.len();
        self.nodes.push(Node { path_bytes, depth, ..node });
        if let Some(below) = self.below_mut(parent) {
            below.insert(name.into(), at);
        }
        Ok(at)
    }

    pub(super) fn below(&self, node: usize) -> Option<&BTreeMap<Box<[u8]>, usize>> {
        self.nodes.get(node)?.below.as_ref()
    }

    fn below_mut(&mut self, node: usize) -> Option<&mut BTreeMap<Box<[u8]>, usize>> {
        self.nodes.get_mut(node)?.below.as_mut()
    }

    pub(super) fn inode_of(&self, node: usize) -> Option<&Inode> {
        self.inodes.get(self.nodes.get(node)?.inode)
    }

    /// The inode that a hard link is another name of.
    fn linked(&mut self, target: &[u8]) -> Result<usize, String> {
        let none = || "it is a hard link to what is not there".to_owned();
        let parts = path::parts(target)
            .map_err(|why| format!("it is a hard link, and of its target: {why}"))?;
        let (name, parents) = parts.split_last().ok_or_else(none)?;
        let folder = self.find_folder(parents)?.ok_or_else(none)?;
        let found = self.below(folder).and_then(|below| below.get(*name)).ok_or_else(none)?;
        let node = self.nodes.get(*found).ok_or_else(none)?;
        if node.below.is_some() {
            return Err("it is a hard link to a folder".to_owned());
        }
        Ok(node.inode)
    }

    /// The folder of a path, through links; nothing where there is none.
    fn find_folder(&mut self, parts: &[&[u8]]) -> Result<Option<usize>, String> {
        self.walk(parts, None)
    }

    /// The folder of a path, through links; what is missing of it is made.
    fn make_folder(&mut self, parts: &[&[u8]], layer: usize) -> Result<usize, String> {
        let found = self.walk(parts, Some(layer))?;
        found.ok_or_else(|| "its folder is not one, or a link that leads nowhere".to_owned())
    }

    fn walk(&mut self, parts: &[&[u8]], make: Option<usize>) -> Result<Option<usize>, String> {
        let mut stack = vec![ROOT];
        // Last first; whether a link said so.
        let mut pending: Vec<(Vec<u8>, bool)> =
            parts.iter().rev().map(|part| (part.to_vec(), false)).collect();
        let mut links = 0;
        while let Some((part, of_link)) = pending.pop() {
            let here = stack.last().copied().unwrap_or(ROOT);
            if part == b".." {
                stack.truncate(stack.len().saturating_sub(1).max(1));
                continue;
            }
            let next = self.below(here).and_then(|below| below.get(part.as_slice())).copied();
            let Some(next) = next else {
                let Some(layer) = make.filter(|_| !of_link) else { return Ok(None) };
                self.inodes.push(folder());
                let inode = self.inodes.len() - 1;
                let below = Some(BTreeMap::new());
                let node = Node { layer, inode, below, path_bytes: 0, depth: 0 };
                stack.push(self.add(here, &part, node)?);
                continue;
            };
            match self.inode_of(next).map(|inode| &inode.kind) {
                Some(Kind::Folder) => stack.push(next),
                Some(Kind::Link(target)) => {
                    links += 1;
                    if links > LINKS_MAX || pending.len() > PATH_MAX_BYTES {
                        return Err("its path leads through too many links".to_owned());
                    }
                    if target.starts_with(b"/") {
                        stack.truncate(1);
                    }
                    let parts = target
                        .split(|byte| *byte == b'/')
                        .filter(|part| !matches!(*part, b"" | b"."));
                    pending.extend(parts.rev().map(|part| (part.to_vec(), true)));
                }
                _ => return Ok(None),
            }
        }
        Ok(stack.last().copied())
    }

    /// Takes away what lower layers have of this name; what this layer itself has stays, with its folders.
    fn hide(&mut self, folder: usize, name: &[u8], layer: usize) {
        let Some(at) = self.below(folder).and_then(|below| below.get(name)).copied() else {
            return;
        };
        self.hide_below(at, layer);
        if !self.is_of(at, layer)
            && let Some(below) = self.below_mut(folder)
        {
            below.remove(name);
        }
    }

    /// The same for all that lies in a folder, deepest first.
    fn hide_below(&mut self, folder: usize, layer: usize) {
        let mut order = Vec::new();
        let mut pending = vec![folder];
        while let Some(at) = pending.pop() {
            if let Some(below) = self.below(at) {
                pending.extend(below.values().copied());
                order.push(at);
            }
        }
        for at in order.into_iter().rev() {
            let Some(mut below) = self.nodes.get_mut(at).and_then(|node| node.below.take()) else {
                continue;
            };
            below.retain(|_, child| self.is_of(*child, layer));
            if let Some(node) = self.nodes.get_mut(at) {
                node.below = Some(below);
            }
        }
    }

    /// Whether a node is this layer's, or (what lower layers have in it being gone) a folder of such.
    fn is_of(&self, at: usize, layer: usize) -> bool {
        self.nodes.get(at).is_some_and(|node| {
            node.layer == layer || node.below.as_ref().is_some_and(|below| !below.is_empty())
        })
    }
}

/// A folder that no entry describes.
const fn folder() -> Inode {
    let meta = Meta { mode: 0o755, uid: 0, gid: 0, mtime: 0, attributes: Vec::new() };
    Inode { kind: Kind::Folder, meta, size: 0, place: (0, 0) }
}

/// The attributes that mean something in a machine.
fn attributes(meta: &Meta) -> Result<Attributes, String> {
    let bytes: usize = meta.attributes.iter().map(|(name, value)| name.len() + value.len()).sum();
    if bytes > ATTRIBUTES_MAX_BYTES {
        return Err(format!("its attributes are longer than {ATTRIBUTES_MAX_BYTES} bytes"));
    }
    let is_overlay =
        |name: &[u8]| name.starts_with(b"trusted.overlay.") || name.starts_with(b"user.overlay.");
    if meta.attributes.iter().any(|(name, _)| is_overlay(name)) {
        return Err("its attributes steer an overlay".to_owned());
    }
    let is_kept = |name: &[u8]| {
        (name == b"security.capability" || name.starts_with(b"user."))
            && name.len() <= 255
            && !name.contains(&0)
    };
    Ok(meta.attributes.iter().filter(|(name, _)| is_kept(name)).cloned().collect())
}
