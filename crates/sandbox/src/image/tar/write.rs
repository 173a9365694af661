//! Writes entries as POSIX has them: `ustar`, with an extended header where that is too short.

use std::io::{self, Write};

use super::{BLOCK, Entry, Kind, number};

/// Writes a tar.
#[derive(Debug)]
pub(in crate::image) struct Writer<W> {
    into: W,
    /// Bytes of the entry's content that are still to come.
    left: u64,
    padding: usize,
}

impl<W: Write> Writer<W> {
    pub(in crate::image) const fn new(into: W) -> Self {
        Self { into, left: 0, padding: 0 }
    }

    /// Begins an entry. A file's content has to follow, as long as was said.
    pub(in crate::image) fn begin(&mut self, entry: &Entry) -> io::Result<()> {
        if self.left > 0 {
            return Err(io::Error::other("the last file is not whole"));
        }
        let records = records(entry);
        if !records.is_empty() {
            let meta = super::Meta::default();
            let size = records.len() as u64;
            self.head(&Head { path: b"extended", link: b"", kind: b'x', size, meta: &meta })?;
            self.into.write_all(&records)?;
            self.pad(records.len().wrapping_neg() % BLOCK)?;
        }
        let (kind, link): (u8, &[u8]) = match &entry.kind {
            Kind::File => (b'0', b""),
            Kind::HardLink(target) => (b'1', target),
            Kind::Link(target) => (b'2', target),
            Kind::Folder => (b'5', b""),
            Kind::Pipe => (b'6', b""),
            Kind::Device | Kind::Sparse => {
                return Err(io::Error::other("such an entry is not written"));
            }
        };
        let (size, meta) = (entry.size, &entry.meta);
        self.head(&Head { path: &entry.path, link, kind, size, meta })?;
        self.left = entry.size;
        self.padding =
            usize::try_from(entry.size.wrapping_neg() % BLOCK as u64).unwrap_or_default();
        if self.left == 0 { self.close() } else { Ok(()) }
    }

    /// Some of a file's content.
    pub(in crate::image) fn content(&mut self, bytes: &[u8]) -> io::Result<()> {
        let left = self.left.checked_sub(bytes.len() as u64);
        self.left = left.ok_or_else(|| io::Error::other("a file is longer than was said"))?;
        self.into.write_all(bytes)?;
        if self.left == 0 { self.close() } else { Ok(()) }
    }

    /// The end.
    pub(in crate::image) fn end(mut self) -> io::Result<W> {
        if self.left > 0 {
            return Err(io::Error::other("the last file is not whole"));
        }
        self.pad(2 * BLOCK)?;
        self.into.flush()?;
        Ok(self.into)
    }

    fn close(&mut self) -> io::Result<()> {
        let padding = std::mem::take(&mut self.padding);
        self.pad(padding)
    }

    fn pad(&mut self, bytes: usize) -> io::Result<()> {
        self.into.write_all([0; 2 * BLOCK].get(..bytes).unwrap_or_default())
    }

    fn head(&mut self, given: &Head<'_>) -> io::Result<()> {
        let Head { path, link, kind, size, meta } = *given;
        let mut head = [0; BLOCK];
        text(&mut head[..100], path);
        number::write(&mut head[100..108], u64::from(meta.mode));
        number::write(&mut head[108..116], u64::from(meta.uid));
        number::write(&mut head[116..124], u64::from(meta.gid));
        number::write(&mut head[124..136], size);
        number::write(&mut head[136..148], u64::from(meta.mtime));
        head[148..156].copy_from_slice(b"        ");
        head[156] = kind;
        text(&mut head[157..257], link);
        head[257..265].copy_from_slice(b"ustar\x0000");
        let sum: u64 = head.iter().map(|byte| u64::from(*byte)).sum();
        number::write(&mut head[148..155], sum);
        self.into.write_all(&head)
    }
}

/// What a header says.
#[derive(Debug)]
struct Head<'h> {
    path: &'h [u8],
    link: &'h [u8],
    kind: u8,
    size: u64,
    meta: &'h super::Meta,
}

/// As much of a text as fits; all of it is in the extended header then.
fn text(field: &mut [u8], text: &[u8]) {
    for (byte, given) in field.iter_mut().zip(text) {
        *byte = *given;
    }
}

/// What the header itself is too short for.
fn records(entry: &Entry) -> Vec<u8> {
    let mut records = Vec::new();
    if entry.path.len() > 100 {
        record(&mut records, b"path", &entry.path);
    }
    if let Kind::Link(target) | Kind::HardLink(target) = &entry.kind
        && target.len() > 100
    {
        record(&mut records, b"linkpath", target);
    }
    let long = [
        ("size", entry.size, 33),
        ("uid", entry.meta.uid.into(), 21),
        ("gid", entry.meta.gid.into(), 21),
    ];
    for (key, value, bits) in long {
        if value >= 1_u64 << bits {
            record(&mut records, key.as_bytes(), value.to_string().as_bytes());
        }
    }
    for (name, value) in &entry.meta.attributes {
        record(&mut records, &[b"SCHILY.xattr.", name.as_slice()].concat(), value);
    }
    records
}

/// `LENGTH KEY=VALUE\n`, where the length counts itself.
fn record(records: &mut Vec<u8>, key: &[u8], value: &[u8]) {
    let rest = key.len() + value.len() + 3;
    let mut length = rest + 1;
    while length != rest + length.to_string().len() {
        length = rest + length.to_string().len();
    }
    records.extend(length.to_string().into_bytes());
    records.push(b' ');
    records.extend(key);
    records.push(b'=');
    records.extend(value);
    records.push(b'\n');
}
