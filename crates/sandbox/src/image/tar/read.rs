//! Reads entries one after the other. What is not plainly a tar is an error, never a guess.

use std::io::{self, Read};

use super::{BLOCK, Entry, Kind, Meta, number};

/// The longest extended header that is read, in bytes.
const EXTENDED_MAX_BYTES: u64 = 1024 * 1024;

/// What is wrong with it.
#[derive(Debug, thiserror::Error)]
pub(in crate::image) enum Malformed {
    #[error("it is not a tar: {0}")]
    Not(&'static str),
    #[error("it cannot be read: {0}")]
    Io(#[from] io::Error),
}

/// Reads a tar.
#[derive(Debug)]
pub(in crate::image) struct Reader<R> {
    from: R,
    /// Bytes of the entry's content that were not read yet.
    left: u64,
    /// Bytes up to the next header after them.
    padding: u64,
    ended: bool,
}

/// The content of one entry.
#[derive(Debug)]
pub(in crate::image) struct Contents<'r, R>(&'r mut Reader<R>);

impl<R: Read> Read for Contents<'_, R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        self.0.content(into).map_err(io::Error::other)
    }
}

/// What extended headers say of the entry that follows.
#[derive(Debug, Default)]
struct Extended {
    path: Option<Vec<u8>>,
    link: Option<Vec<u8>>,
    size: Option<u64>,
    uid: Option<u64>,
    gid: Option<u64>,
    mtime: Option<u64>,
    attributes: super::Attributes,
    is_sparse: bool,
}

impl<R: Read> Reader<R> {
    pub(in crate::image) const fn new(from: R) -> Self {
        Self { from, left: 0, padding: 0, ended: false }
    }

    /// The next entry, past what was not read of the last one.
    pub(in crate::image) fn next(&mut self) -> Result<Option<Entry>, Malformed> {
        let mut said = Extended::default();
        loop {
            self.skip()?;
            let Some(head) = self.head()? else { return Ok(None) };
            let size =
                number::read(&head[124..136]).ok_or(Malformed::Not("a size is not a number"))?;
            match head[156] {
                b'x' => said.take(&self.extended(size)?)?,
                b'g' => {
                    let mut global = Extended::default();
                    global.take(&self.extended(size)?)?;
                    if global.path.is_some() || global.link.is_some() || global.size.is_some() {
                        return Err(Malformed::Not("a global header names a path or a size"));
                    }
                }
                b'L' => said.path = Some(until_zero(&self.extended(size)?).to_vec()),
                b'K' => said.link = Some(until_zero(&self.extended(size)?).to_vec()),
                kind => return self.entry(&head, kind, said.size.unwrap_or(size), said).map(Some),
            }
        }
    }

    /// Content of the entry that [`Self::next`] gave last.
    pub(in crate::image) fn content(&mut self, into: &mut [u8]) -> Result<usize, Malformed> {
        let most = usize::try_from(self.left).unwrap_or(usize::MAX).min(into.len());
        if most == 0 {
            return Ok(0);
        }
        let read = self.from.read(into.get_mut(..most).unwrap_or_default())?;
        if read == 0 {
            return Err(Malformed::Not("it ends within a file"));
        }
        self.left -= read as u64;
        Ok(read)
    }

    /// The rest of that content, as a stream.
    pub(in crate::image) const fn contents(&mut self) -> Contents<'_, R> {
        Contents(self)
    }

    /// Reads to the very end, so that whoever counts or digests has seen all.
    pub(in crate::image) fn finish(mut self) -> Result<R, Malformed> {
        io::copy(&mut self.from, &mut io::sink())?;
        Ok(self.from)
    }

    fn entry(
        &mut self,
        head: &[u8; BLOCK],
        kind: u8,
        size: u64,
        said: Extended,
    ) -> Result<Entry, Malformed> {
        let link = said.link.unwrap_or_else(|| until_zero(&head[157..257]).to_vec());
        let path = said.path.unwrap_or_else(|| whole_path(head));
        let field = |range: std::ops::Range<usize>| {
            number::read(head.get(range).unwrap_or_default())
                .ok_or(Malformed::Not("a field is not a number"))
        };
        let id = |said: Option<u64>, field: u64| {
            let id = u32::try_from(said.unwrap_or(field)).ok().filter(|id| *id != u32::MAX);
            id.ok_or(Malformed::Not("a user or group is not a number of 32 bits"))
        };
        let mtime = said.mtime.unwrap_or(field(136..148)?);
        let meta = Meta {
            mode: u32::try_from(field(100..108)? & 0o7777).unwrap_or_default(),
            uid: id(said.uid, field(108..116)?)?,
            gid: id(said.gid, field(116..124)?)?,
            mtime: u32::try_from(mtime).unwrap_or(u32::MAX),
            attributes: said.attributes,
        };
        // Before POSIX, a file whose path ends with a slash was a folder.
        let was_folder = kind == 0 && path.ends_with(b"/");
        let kind = match kind {
            _ if said.is_sparse => Kind::Sparse,
            b'5' => Kind::Folder,
            0 if was_folder => Kind::Folder,
            0 | b'0' | b'7' => Kind::File,
            b'1' => Kind::HardLink(link),
            b'2' => Kind::Link(link),
            b'3' | b'4' => Kind::Device,
            b'6' => Kind::Pipe,
            b'S' => Kind::Sparse,
            _ => return Err(Malformed::Not("an entry is of no known kind")),
        };
        // Some writers note a size where there is no content; others have content even there.
        let size = if kind == Kind::File { size } else { 0 };
        self.left = size;
        self.padding = padding(size);
        Ok(Entry { path, kind, meta, size })
    }

    /// A header; nothing at the end.
    fn head(&mut self) -> Result<Option<[u8; BLOCK]>, Malformed> {
        if self.ended {
            return Ok(None);
        }
        let mut head = [0; BLOCK];
        if !fill(&mut self.from, &mut head)? {
            return Err(Malformed::Not("it ends without the mark of its end"));
        }
        if head.iter().all(|byte| *byte == 0) {
            self.ended = true;
            return Ok(None);
        }
        let stated = number::read(&head[148..156]);
        let sum = |byte: fn(u8) -> i64| {
            head.iter()
                .enumerate()
                .map(|(at, b)| byte(if (148..156).contains(&at) { b' ' } else { *b }))
                .sum::<i64>()
        };
        let (unsigned, signed) = (sum(i64::from), sum(|byte| i64::from(byte.cast_signed())));
        let stated = stated.and_then(|stated| i64::try_from(stated).ok());
        if stated != Some(unsigned) && stated != Some(signed) {
            return Err(Malformed::Not("a header's checksum is wrong"));
        }
        Ok(Some(head))
    }

    fn extended(&mut self, size: u64) -> Result<Vec<u8>, Malformed> {
        if size > EXTENDED_MAX_BYTES {
            return Err(Malformed::Not("an extended header is longer than 1 MiB"));
        }
        let mut text = vec![0; usize::try_from(size).unwrap_or_default()];
        if size > 0 && !fill(&mut self.from, &mut text)? {
            return Err(Malformed::Not("it ends within a header"));
        }
        self.padding = padding(size);
        Ok(text)
    }

    fn skip(&mut self) -> Result<(), Malformed> {
        let wanted = self.left + self.padding;
        let skipped = io::copy(&mut self.from.by_ref().take(wanted), &mut io::sink())?;
        if skipped < wanted {
            return Err(Malformed::Not("it ends within an entry"));
        }
        (self.left, self.padding) = (0, 0);
        Ok(())
    }
}

impl Extended {
    /// The records of a PAX header: `LENGTH KEY=VALUE\n`.
    fn take(&mut self, mut text: &[u8]) -> Result<(), Malformed> {
        const BROKEN: Malformed = Malformed::Not("an extended header is broken");
        while !text.is_empty() {
            let space = text.iter().take(20).position(|byte| *byte == b' ').ok_or(BROKEN)?;
            let (digits, _) = text.split_at(space);
            let length =
                std::str::from_utf8(digits).ok().and_then(|digits| digits.parse::<usize>().ok());
            let length = length.filter(|length| *length > space + 1).ok_or(BROKEN)?;
            let (record, rest) = text.split_at_checked(length).ok_or(BROKEN)?;
            let record = record
                .get(space + 1..)
                .and_then(|record| record.strip_suffix(b"\n"))
                .ok_or(BROKEN)?;
            let equals = record.iter().position(|byte| *byte == b'=').ok_or(BROKEN)?;
            let (key, value) = (
                record.get(..equals).unwrap_or_default(),
                record.get(equals + 1..).unwrap_or_default(),
            );
            self.record(key, value)?;
            text = rest;
        }
        Ok(())
    }

    fn record(&mut self, key: &[u8], value: &[u8]) -> Result<(), Malformed> {
        let number = || {
            let text = std::str::from_utf8(value).ok();
            text.and_then(|text| text.parse::<u64>().ok())
                .ok_or(Malformed::Not("an extended number is none"))
        };
        match key {
            b"path" => self.path = Some(value.to_vec()),
            b"linkpath" => self.link = Some(value.to_vec()),
            b"size" => self.size = Some(number()?),
            b"uid" => self.uid = Some(number()?),
            b"gid" => self.gid = Some(number()?),
            b"mtime" => {
                // A decimal fraction may follow, and a sign stand before it.
                let whole = value.split(|byte| *byte == b'.').next().unwrap_or_default();
                let text = std::str::from_utf8(whole).unwrap_or_default();
                let seconds =
                    text.parse::<i64>().map_err(|_| Malformed::Not("a time is not a number"))?;
                self.mtime = Some(u64::try_from(seconds).unwrap_or(0));
            }
            _ if key.starts_with(b"GNU.sparse.") => self.is_sparse = true,
            _ => {
                if let Some(name) = key.strip_prefix(b"SCHILY.xattr.") {
                    self.attributes.push((name.to_vec(), value.to_vec()));
                }
            }
        }
        Ok(())
    }
}

const fn padding(size: u64) -> u64 {
    size.wrapping_neg() % BLOCK as u64
}

fn until_zero(field: &[u8]) -> &[u8] {
    field.split(|byte| *byte == 0).next().unwrap_or_default()
}

/// The name, after the prefix that POSIX has for long ones.
fn whole_path(head: &[u8; BLOCK]) -> Vec<u8> {
    let name = until_zero(&head[..100]);
    let prefix = until_zero(&head[345..500]);
    if &head[257..263] == b"ustar\0" && !prefix.is_empty() {
        return [prefix, name].join(&b'/');
    }
    name.to_vec()
}

/// Fills it whole; `false` where nothing more is there at all.
fn fill(from: &mut impl Read, into: &mut [u8]) -> Result<bool, Malformed> {
    let mut filled = 0;
    while let Some(rest) = into.get_mut(filled..).filter(|rest| !rest.is_empty()) {
        match from.read(rest) {
            Ok(0) if filled == 0 => return Ok(false),
            Ok(0) => return Err(Malformed::Not("it ends within a header")),
            Ok(read) => filled += read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(true)
}
