//! The disks of a virtual machine: the image and the layers, shared and read-only, and a fresh scratch disk.

use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use super::programs;
use crate::host::usage::Usage;
use crate::port::SandboxError;

/// The serial numbers by which the guest finds its disks.
pub(crate) const ROOT: &str = "root";
/// Of the machine's own disk.
pub(crate) const SCRATCH: &str = "scratch";

/// The least that an ext4 with an overlay on it is of use with, in bytes.
const SCRATCH_MIN_BYTES: u64 = 8 * 1024 * 1024;

/// A disk as the VMM is told of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Disk {
    /// Its serial number, at most 20 bytes.
    pub(crate) serial: String,
    /// The file.
    pub(crate) file: PathBuf,
    /// Whether it is shared with other machines and must not be written.
    pub(crate) read_only: bool,
}

/// The serial number of a layer.
pub(crate) fn layer(position: usize) -> String {
    format!("layer{position}")
}

/// Makes a scratch disk that has never held anything: sparse, so it takes only what is written.
pub(crate) fn make_scratch(mke2fs: &Path, path: &Path, bytes: u64) -> Result<(), SandboxError> {
    let failed = |source| SandboxError::Io { action: format!("making {}", path.display()), source };
    let mut options = std::fs::OpenOptions::new();
    let file = options.write(true).create_new(true).mode(0o600).open(path).map_err(failed)?;
    file.set_len(bytes.max(SCRATCH_MIN_BYTES)).map_err(failed)?;
    let path = path.to_string_lossy();
    // It goes with its machine: no journal, no checks, nothing reserved; what is zero is not written.
    let options = "lazy_itable_init=1,nodiscard,root_owner=0:0";
    let arguments =
        ["-F", "-q", "-t", "ext4", "-m", "0", "-O", "^has_journal", "-E", options, path.as_ref()];
    programs::output(mke2fs, &arguments).map(drop)
}

/// What a scratch disk takes of the host's.
pub(crate) fn usage(scratch: &Path) -> Usage {
    let bytes = std::fs::metadata(scratch).map_or(0, |file| file.blocks().saturating_mul(512));
    Usage { bytes, too_deep: false }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scratch_disk_is_sparse_and_fresh() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("scratch");
        let mke2fs = programs::find("mke2fs", &[]).expect("e2fsprogs is installed");
        make_scratch(&mke2fs, &path, 8 << 30).unwrap();
        assert_eq!(path.metadata().unwrap().len(), 8 << 30);
        assert!(usage(&path).bytes < 16 << 20, "{:?}", usage(&path));
        assert!(make_scratch(&mke2fs, &path, 1 << 30).is_err(), "one that is there was taken");
    }
}
