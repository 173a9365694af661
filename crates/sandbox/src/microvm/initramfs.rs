//! The file system that a kernel boots from: the guest program, and the modules that it loads. Nothing else.
//!
//! The format is `cpio -H newc` (Documentation/driver-api/early-userspace/buffer-format.rst): for each entry 110
//! bytes of hexadecimal digits, the name and the bytes, both filled up to a multiple of four.

use std::io;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

const FOLDER: u32 = 0o040_755;
const PROGRAM: u32 = 0o100_755;
const FILE: u32 = 0o100_644;

/// The archive. The same guest and modules give the same bytes.
pub(crate) fn archive(guest: &[u8], modules: &[PathBuf]) -> io::Result<Vec<u8>> {
    let mut archive = Archive::default();
    archive.add(b"init", PROGRAM, guest)?;
    if !modules.is_empty() {
        archive.add(b"modules", FOLDER, b"")?;
    }
    for (position, path) in modules.iter().enumerate() {
        let mut name = format!("modules/{position:03}-").into_bytes();
        name.extend_from_slice(path.file_name().unwrap_or(path.as_os_str()).as_bytes());
        archive.add(&name, FILE, &std::fs::read(path)?)?;
    }
    archive.add_with(b"TRAILER!!!", 0, b"", 0)?;
    Ok(archive.bytes)
}

#[derive(Debug, Default)]
struct Archive {
    bytes: Vec<u8>,
    entries: u32,
}

impl Archive {
    fn add(&mut self, name: &[u8], mode: u32, bytes: &[u8]) -> io::Result<()> {
        self.entries += 1;
        self.add_with(name, mode, bytes, self.entries)
    }

    fn add_with(&mut self, name: &[u8], mode: u32, bytes: &[u8], inode: u32) -> io::Result<()> {
        let too_long = |_| io::Error::other("too long for an initramfs");
        let len = u32::try_from(bytes.len()).map_err(too_long)?;
        let name_len = u32::try_from(name.len() + 1).map_err(too_long)?;
        // inode, mode, user, group, links, time, length, device (2), of device (2), length of the name, checksum
        let fields = [inode, mode, 0, 0, 1, 0, len, 0, 0, 0, 0, name_len, 0];
        self.bytes.extend_from_slice(b"070701");
        for field in fields {
            self.bytes.extend_from_slice(format!("{field:08x}").as_bytes());
        }
        self.bytes.extend_from_slice(name);
        self.bytes.push(0);
        self.fill_up();
        self.bytes.extend_from_slice(bytes);
        self.fill_up();
        Ok(())
    }

    fn fill_up(&mut self) {
        let len = self.bytes.len().next_multiple_of(4);
        self.bytes.resize(len, 0);
    }
}

/// Writes the archive below a state folder, named after what it holds, unless it is there already.
pub(crate) fn keep(state_dir: &Path, archive: &[u8]) -> io::Result<PathBuf> {
    let folder = state_dir.join("microvm");
    crate::host::scratch::make_private(&folder)?;
    let digest = domain::Digest::of(archive).to_string().replace(':', "-");
    let path = folder.join(format!("initramfs-{digest}"));
    if path.is_file() {
        return Ok(path);
    }
    let mut new = tempfile::NamedTempFile::new_in(&folder)?;
    io::Write::write_all(&mut new, archive)?;
    new.as_file().set_permissions(std::os::unix::fs::PermissionsExt::from_mode(0o644))?;
    new.as_file().sync_all()?;
    new.persist(&path).map_err(|e| e.error)?;
    Ok(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_is_digits_then_a_name_then_bytes_each_filled_up() {
        let folder = tempfile::tempdir().unwrap();
        let module = folder.path().join("virtio.ko");
        std::fs::write(&module, "abcde").unwrap();
        let archive = archive(b"guest", std::slice::from_ref(&module)).unwrap();
        assert_eq!(archive.len() % 4, 0);
        let text = String::from_utf8_lossy(&archive).replace('\0', ".");
        let entries: Vec<&str> = text.split("070701").skip(1).collect();
        assert!(entries[0].starts_with("00000001000081ed"), "{}", entries[0]);
        assert!(entries[0].ends_with("init..guest..."), "{}", entries[0]);
        assert!(entries[1].contains("000041ed") && entries[1].contains("modules."));
        assert!(entries[2].ends_with("modules/000-virtio.ko.abcde..."), "{}", entries[2]);
        assert!(entries[3].contains("TRAILER!!!"));
        assert_eq!(entries.len(), 4);
    }

    #[test]
    fn it_is_kept_once() {
        let folder = tempfile::tempdir().unwrap();
        let first = keep(folder.path(), b"bytes").unwrap();
        assert_eq!(keep(folder.path(), b"bytes").unwrap(), first);
        assert_ne!(keep(folder.path(), b"other").unwrap(), first);
        assert_eq!(std::fs::read(first).unwrap(), b"bytes");
    }
}
