//! A layer as it lies there: compressed or not, with the digest of what it unpacks to.

use std::fmt;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use domain::Digest;
use flate2::bufread::MultiGzDecoder;
use sha2::Digest as _;

use super::Limits;
use crate::image::error::ImageError;
use crate::image::tar::Reader;

const GZIP: &[u8] = &[0x1f, 0x8b];
const ZSTD: &[u8] = &[0x28, 0xb5, 0x2f, 0xfd];

/// The first four bytes of what zstd's decoders skip, but for the lowest four bits.
const ZSTD_SKIPPED: [u8; 3] = [0x2a, 0x4d, 0x18];

/// Where a layer's bytes come from, each time it is read.
type Open = dyn Fn() -> io::Result<Box<dyn Read + Send>> + Send + Sync;

/// A layer.
pub(in crate::image) struct Packed {
    /// How messages call it.
    pub(in crate::image) name: String,
    open: Box<Open>,
    /// What its unpacked bytes have to be.
    unpacked: Option<Digest>,
}

impl fmt::Debug for Packed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Packed")
            .field("name", &self.name)
            .field("unpacked", &self.unpacked)
            .finish_non_exhaustive()
    }
}

impl Packed {
    /// A file.
    pub(in crate::image) fn file(name: String, path: PathBuf, unpacked: Option<Digest>) -> Self {
        let open = move || File::open(&path).map(|file| Box::new(file) as Box<dyn Read + Send>);
        Self { name, open: Box::new(open), unpacked }
    }

    /// Bytes.
    #[cfg(test)]
    pub(in crate::image) fn bytes(name: &str, bytes: Vec<u8>) -> Self {
        let bytes: Arc<[u8]> = bytes.into();
        let open =
            move || Ok(Box::new(io::Cursor::new(Arc::clone(&bytes))) as Box<dyn Read + Send>);
        Self { name: name.to_owned(), open: Box::new(open), unpacked: None }
    }

    /// Reads it from its beginning.
    pub(super) fn read(&self, limits: &Limits) -> Result<Reader<Bounded>, ImageError> {
        let unreadable = |error: io::Error| ImageError::Unreadable {
            what: self.name.clone(),
            why: error.to_string(),
        };
        let packed = Arc::new(AtomicU64::new(0));
        let from = Counted { from: (self.open)().map_err(unreadable)?, count: Arc::clone(&packed) };
        let from = unpack(BufReader::with_capacity(256 * 1024, from)).map_err(unreadable)?;
        let hasher = self.unpacked.map(|_| sha2::Sha256::new());
        Ok(Reader::new(Bounded { from, packed, unpacked: 0, limits: *limits, hasher }))
    }

    /// Holds what was read to its end to the digest that was promised.
    pub(super) fn check(&self, seen: Bounded) -> Result<(), ImageError> {
        let Some((promised, hasher)) = self.unpacked.zip(seen.hasher) else { return Ok(()) };
        if Digest::from_bytes(hasher.finalize().into()) == promised {
            return Ok(());
        }
        let why =
            format!("it does not unpack to the {promised} that the image's configuration promises");
        Err(ImageError::Unreadable { what: self.name.clone(), why })
    }
}

/// What comes out of a layer, held to the limits of bombs.
pub(in crate::image) struct Bounded {
    from: Box<dyn Read + Send>,
    packed: Arc<AtomicU64>,
    unpacked: u64,
    limits: Limits,
    hasher: Option<sha2::Sha256>,
}

impl Read for Bounded {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let read = self.from.read(into)?;
        if let Some(hasher) = &mut self.hasher {
            hasher.update(into.get(..read).unwrap_or_default());
        }
        self.unpacked += read as u64;
        let limits = self.limits;
        // Headers and padding come on top of the files.
        if self.unpacked > limits.bytes.saturating_mul(2) {
            return Err(io::Error::other(format!(
                "it unpacks to more than {} bytes",
                limits.bytes
            )));
        }
        let by_ratio = self.packed.load(Ordering::Relaxed).saturating_mul(limits.ratio);
        if self.unpacked > limits.free_bytes && self.unpacked > by_ratio {
            let why = format!("it unpacks to more than {} times its size", limits.ratio);
            return Err(io::Error::other(why));
        }
        Ok(read)
    }
}

struct Counted<R> {
    from: R,
    count: Arc<AtomicU64>,
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let read = self.from.read(into)?;
        self.count.fetch_add(read as u64, Ordering::Relaxed);
        Ok(read)
    }
}

/// Unpacks by what the bytes are, whatever is said of them.
fn unpack(mut from: impl BufRead + Send + 'static) -> io::Result<Box<dyn Read + Send>> {
    let head = from.fill_buf()?;
    if head.starts_with(GZIP) {
        return Ok(Box::new(MultiGzDecoder::new(from)));
    }
    if is_zstd(head) {
        return Ok(Box::new(Frames { from: Some(from), now: None }));
    }
    Ok(Box::new(from))
}

fn is_zstd(head: &[u8]) -> bool {
    head.starts_with(ZSTD) || is_skipped(head)
}

fn is_skipped(head: &[u8]) -> bool {
    head.first().is_some_and(|first| first & 0xf0 == 0x50) && head.get(1..4) == Some(&ZSTD_SKIPPED)
}

/// The frames of a zstd stream, one after the other; a decoder knows only one.
struct Frames<R: BufRead> {
    from: Option<R>,
    now: Option<ruzstd::decoding::StreamingDecoder<R, ruzstd::decoding::FrameDecoder>>,
}

impl<R: BufRead> Frames<R> {
    /// Begins the next frame; `false` at the end.
    fn begin(&mut self) -> io::Result<bool> {
        let Some(mut from) = self.from.take() else { return Ok(false) };
        loop {
            let head = from.fill_buf()?;
            if head.is_empty() {
                return Ok(false);
            }
            if !is_skipped(head) {
                break;
            }
            let mut skipped = [0; 8];
            from.read_exact(&mut skipped)?;
            let [_, _, _, _, length @ ..] = skipped;
            let length = u64::from(u32::from_le_bytes(length));
            io::copy(&mut from.by_ref().take(length), &mut io::sink())?;
        }
        let decoder = ruzstd::decoding::StreamingDecoder::new(from);
        self.now = Some(decoder.map_err(io::Error::other)?);
        Ok(true)
    }
}

impl<R: BufRead> Read for Frames<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        if into.is_empty() {
            return Ok(0);
        }
        loop {
            if let Some(now) = &mut self.now {
                let read = now.read(into)?;
                if read > 0 {
                    return Ok(read);
                }
            }
            self.from = self
                .now
                .take()
                .map(ruzstd::decoding::StreamingDecoder::into_inner)
                .or_else(|| self.from.take());
            if !self.begin()? {
                return Ok(0);
            }
        }
    }
}
