//! What Debian compresses kernels and modules with, undone.

use std::io::{Read as _, Write as _};
use std::process::Stdio;

use crate::image::Watch;
use crate::image::error::{ImageError, Needed};
use crate::image::tools::{self, Running};

use super::{FILE_MAX_BYTES, unreadable};

const GZIP: &[u8] = &[0x1f, 0x8b];
const LZ4: &[u8] = &[0x02, 0x21, 0x4c, 0x18];
const XZ: &[u8] = &[0xfd, b'7', b'z', b'X', b'Z', 0];
const ZSTD: &[u8] = &[0x28, 0xb5, 0x2f, 0xfd];

/// The most that a block of the kernel's LZ4 unpacks to, in bytes.
const LZ4_BLOCK_MAX: usize = 8 * 1024 * 1024;

/// Unpacks by what the bytes are; what is not compressed stays as it is.
pub(super) fn unpack(bytes: &[u8], watch: Watch<'_>) -> Result<Vec<u8>, ImageError> {
    if bytes.starts_with(LZ4) {
        return lz4(bytes.get(LZ4.len()..).unwrap_or_default())
            .ok_or_else(|| unreadable("the kernel", "its LZ4 is broken"));
    }
    if bytes.starts_with(GZIP) {
        let mut out = Vec::new();
        let mut from = flate2::bufread::GzDecoder::new(bytes).take(FILE_MAX_BYTES);
        from.read_to_end(&mut out).map_err(|error| unreadable("the kernel", &error.to_string()))?;
        return Ok(out);
    }
    if bytes.starts_with(XZ) {
        return by(tools::XZ, &["--decompress", "--stdout", "--single-stream"], bytes, watch);
    }
    if bytes.starts_with(ZSTD) {
        return by(tools::ZSTD, &["--decompress", "--stdout", "--long=31"], bytes, watch);
    }
    Ok(bytes.to_vec())
}

/// Blocks with their lengths before them; the kernel's build puts the length of the whole behind.
fn lz4(mut bytes: &[u8]) -> Option<Vec<u8>> {
    let mut out = Vec::new();
    while bytes.len() > 4 {
        let (length, rest) = bytes.split_at(4);
        let length = usize::try_from(u32::from_le_bytes(length.try_into().ok()?)).ok()?;
        let (block, rest) = rest.split_at_checked(length)?;
        out.extend(lz4_flex::block::decompress(block, LZ4_BLOCK_MAX).ok()?);
        bytes = rest;
    }
    let whole = u32::from_le_bytes(bytes.try_into().ok()?);
    (usize::try_from(whole).ok()? == out.len()).then_some(out)
}

/// Through a program of the host. What follows the stream (the kernel's build puts the length there) is nobody's.
fn by(
    needed: Needed,
    arguments: &[&str],
    bytes: &[u8],
    watch: Watch<'_>,
) -> Result<Vec<u8>, ImageError> {
    let mut command = tools::command(needed);
    command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut running = Running::start("unpacking", needed, &mut command, watch)?;
    let into = running.child.stdin.take();
    let mut out = Vec::new();
    std::thread::scope(|scope| {
        let writer = scope.spawn(move || into.map(|mut into| into.write_all(bytes)));
        if let Some(from) = running.child.stdout.take() {
            from.take(FILE_MAX_BYTES).read_to_end(&mut out)?;
        }
        // It may leave what follows unread.
        drop(writer.join());
        Ok(())
    })
    .map_err(|error: std::io::Error| running.failed(&error.to_string()))?;
    if needed == tools::XZ {
        running.end()?;
    } else {
        // The length behind the stream is an error to it, after all has been written.
        drop(running);
    }
    if out.is_empty() { Err(unreadable("the kernel", "nothing unpacks of it")) } else { Ok(out) }
}
