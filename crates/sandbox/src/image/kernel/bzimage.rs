//! The uncompressed kernel inside a `bzImage`: what Firecracker wants, and what boots without unpacking itself.
//!
//! Offsets are those of the x86 boot protocol (the kernel's `Documentation/arch/x86/boot.rst`).

use crate::image::Watch;
use crate::image::error::ImageError;

use super::{unpack, unreadable};

/// The magic number of the setup header, and where it stands.
const HEADER: (usize, &[u8]) = (0x202, b"HdrS");
const SETUP_SECTORS: usize = 0x1f1;
const PAYLOAD_OFFSET: usize = 0x248;
const PAYLOAD_LENGTH: usize = 0x24c;

/// Setup sectors where the header says 0.
const SETUP_SECTORS_USUAL: usize = 4;

const SECTOR: usize = 512;

/// Takes it out.
pub(super) fn vmlinux(bzimage: &[u8], watch: Watch<'_>) -> Result<Vec<u8>, ImageError> {
    let broken = || unreadable("the kernel", "it is not a bzImage");
    let payload = payload(bzimage).ok_or_else(broken)?;
    let vmlinux = unpack::unpack(payload, watch)?;
    if vmlinux.starts_with(b"\x7fELF") { Ok(vmlinux) } else { Err(broken()) }
}

fn payload(bzimage: &[u8]) -> Option<&[u8]> {
    let (at, magic) = HEADER;
    bzimage.get(at..)?.starts_with(magic).then_some(())?;
    let sectors = match *bzimage.get(SETUP_SECTORS)? {
        0 => SETUP_SECTORS_USUAL,
        sectors => usize::from(sectors),
    };
    let start = ((sectors + 1) * SECTOR).checked_add(number(bzimage, PAYLOAD_OFFSET)?)?;
    bzimage.get(start..start.checked_add(number(bzimage, PAYLOAD_LENGTH)?)?)
}

fn number(bzimage: &[u8], at: usize) -> Option<usize> {
    let bytes = bzimage.get(at..at + 4)?;
    usize::try_from(u32::from_le_bytes(bytes.try_into().ok()?)).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::image::Watcher;

    fn bzimage(payload: &[u8]) -> Vec<u8> {
        let mut image = vec![0; 3 * SECTOR];
        image[0x202..0x206].copy_from_slice(b"HdrS");
        image[SETUP_SECTORS] = 1;
        image[PAYLOAD_OFFSET] = 4;
        image.truncate(2 * SECTOR);
        image[PAYLOAD_LENGTH..PAYLOAD_LENGTH + 4]
            .copy_from_slice(&u32::try_from(payload.len()).unwrap().to_le_bytes());
        image.extend([0; 4]);
        image.extend(payload);
        image
    }

    #[test]
    fn the_kernel_is_taken_out_of_lz4_as_the_kernel_has_it() {
        let kernel = [b"\x7fELF".as_slice(), &[7; 9000]].concat();
        let block = lz4_flex::block::compress(&kernel);
        let length = u32::try_from(block.len()).unwrap().to_le_bytes();
        let whole = u32::try_from(kernel.len()).unwrap().to_le_bytes();
        let payload = [[0x02, 0x21, 0x4c, 0x18].as_slice(), &length, &block, &whole].concat();
        assert_eq!(vmlinux(&bzimage(&payload), &Watcher::nobody()).unwrap(), kernel);
    }

    #[test]
    fn what_is_none_is_refused() {
        for image in [Vec::new(), vec![0; 4096], bzimage(b"nothing"), bzimage(b"")] {
            vmlinux(&image, &Watcher::nobody()).unwrap_err();
        }
        let mut cut = bzimage(b"\x02\x21\x4c\x18");
        cut.truncate(600);
        vmlinux(&cut, &Watcher::nobody()).unwrap_err();
    }
}
