//! Finds disks by the serial number that the host gave them, never by their order.

use std::path::{Path, PathBuf};

/// Where the kernel lists its disks.
const DISKS: &str = "/sys/block";

/// The device with this serial number.
pub(crate) fn find(serial: &str) -> Result<PathBuf, String> {
    let name = with_serial(Path::new(DISKS), serial);
    let name = name.ok_or_else(|| format!("there is no disk `{}`", serial.escape_debug()))?;
    Ok(Path::new("/dev").join(name))
}

fn with_serial(folder: &Path, serial: &str) -> Option<std::ffi::OsString> {
    let mut entries = std::fs::read_dir(folder).ok()?.flatten();
    let is_it = |path: &Path| {
        std::fs::read_to_string(path.join("serial")).is_ok_and(|found| found.trim() == serial)
    };
    entries.find(|entry| is_it(&entry.path())).map(|entry| entry.file_name())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_disk_is_found_by_its_serial_number_only() {
        let folder = std::env::temp_dir().join(format!("hob-disks-{}", std::process::id()));
        for (disk, serial) in [("vda", "scratch"), ("vdb", "root"), ("vdc", "layer0")] {
            std::fs::create_dir_all(folder.join(disk)).unwrap();
            std::fs::write(folder.join(disk).join("serial"), serial).unwrap();
        }
        std::fs::create_dir_all(folder.join("loop0")).unwrap();
        assert_eq!(with_serial(&folder, "root").unwrap(), "vdb");
        assert_eq!(with_serial(&folder, "layer"), None);
        std::fs::remove_dir_all(&folder).unwrap();
    }
}
