//! The second reading: the tree as one tar.

use std::collections::HashMap;
use std::io::Write;

use super::tree::{Inode, ROOT, Tree};
use super::{Packed, unreadable};
use crate::image::Watch;
use crate::image::error::ImageError;
use crate::image::tar::{Entry, Kind, Meta, Writer};

/// How much of a file is in memory at once, in bytes.
const CHUNK_BYTES: usize = 256 * 1024;

/// The files whose content is still to come: their names, by layer and entry.
type Wanted = HashMap<(usize, usize), (usize, Vec<Vec<u8>>)>;

impl Tree {
    /// The latest time in it.
    pub(in crate::image) fn latest(&self) -> u32 {
        let mut latest = 1;
        self.each(|_, inode, _| latest = latest.max(inode.meta.mtime));
        latest
    }

    /// Writes the tree; `layers` are those it was made of.
    pub(in crate::image) fn write(
        &self,
        layers: &[Packed],
        into: impl Write,
        watch: Watch<'_>,
    ) -> Result<(), ImageError> {
        let broken =
            |source| ImageError::Io { action: "writing the merged image".to_owned(), source };
        let mut writer = Writer::new(into);
        let mut wanted = Wanted::new();
        let mut result = Ok(());
        self.each(|path, inode, at| match &inode.kind {
            Kind::File => {
                wanted.entry(inode.place).or_insert_with(|| (at, Vec::new())).1.push(path.to_vec());
            }
            Kind::Folder | Kind::Link(_) | Kind::Pipe => {
                if result.is_ok() {
                    result = writer.begin(&entry(path, inode));
                }
            }
            Kind::HardLink(_) | Kind::Device | Kind::Sparse => {}
        });
        result.map_err(broken)?;
        for (at, layer) in layers.iter().enumerate() {
            if wanted.keys().any(|(of, _)| *of == at) {
                watch.detail(&format!("packing {}", layer.name));
                self.write_files(at, layer, &wanted, &mut writer)?;
            }
        }
        let mut names: Vec<_> = wanted.values().collect();
        names.sort_unstable();
        for (_, paths) in names {
            let Some((first, others)) = paths.split_first() else { continue };
            for path in others {
                let kind = Kind::HardLink(first.clone());
                let link = Entry { path: path.clone(), kind, meta: Meta::default(), size: 0 };
                writer.begin(&link).map_err(broken)?;
            }
        }
        writer.end().map(drop).map_err(broken)
    }

    fn write_files(
        &self,
        at: usize,
        layer: &Packed,
        wanted: &Wanted,
        writer: &mut Writer<impl Write>,
    ) -> Result<(), ImageError> {
        let broken =
            |source| ImageError::Io { action: "writing the merged image".to_owned(), source };
        let changed = || ImageError::Unreadable {
            what: layer.name.clone(),
            why: "it has changed while it was read".to_owned(),
        };
        let mut reader = layer.read(&self.limits)?;
        let mut ordinal = 0;
        let mut chunk = vec![0; CHUNK_BYTES];
        let mut left = wanted.keys().filter(|(of, _)| *of == at).count();
        while left > 0 {
            let found =
                reader.next().map_err(|error| unreadable(layer, &error))?.ok_or_else(changed)?;
            let inode = wanted.get(&(at, ordinal));
            ordinal += 1;
            let Some((inode, paths)) = inode else { continue };
            left -= 1;
            let (Some(inode), Some(path)) = (self.inodes.get(*inode), paths.first()) else {
                continue;
            };
            if found.kind != Kind::File || found.size != inode.size {
                return Err(changed());
            }
            writer.begin(&entry(path, inode)).map_err(broken)?;
            loop {
                let read = reader.content(&mut chunk).map_err(|error| unreadable(layer, &error))?;
                let Some(bytes @ [_, ..]) = chunk.get(..read) else { break };
                writer.content(bytes).map_err(broken)?;
            }
        }
        Ok(())
    }

    /// Each name below the root with its path, a folder before what lies in it, in the order of names.
    fn each(&self, mut see: impl FnMut(&[u8], &Inode, usize)) {
        let mut pending = vec![(Vec::new(), ROOT)];
        while let Some((path, at)) = pending.pop() {
            if at != ROOT
                && let (Some(node), Some(inode)) = (self.nodes.get(at), self.inode_of(at))
            {
                see(&path, inode, node.inode);
            }
            let Some(below) = self.below(at) else { continue };
            for (name, child) in below.iter().rev() {
                let joined = if path.is_empty() {
                    name.to_vec()
                } else {
                    [&path, name.as_ref()].join(&b'/')
                };
                pending.push((joined, *child));
            }
        }
    }
}

fn entry(path: &[u8], inode: &Inode) -> Entry {
    Entry {
        path: path.to_vec(),
        kind: inode.kind.clone(),
        meta: inode.meta.clone(),
        size: inode.size,
    }
}
