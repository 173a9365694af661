//! The kernel's modules, where it has any: loaded in the order of their names, which is that of what they need.

use std::fs::File;
use std::path::{Path, PathBuf};

/// Where the initramfs has them.
const FOLDER: &str = "/modules";

/// Loads all of them and gives their memory back.
pub(crate) fn load() -> Result<(), String> {
    for path in ordered(Path::new(FOLDER)) {
        let failed = |e: std::io::Error| format!("loading {}: {e}", path.display());
        let file = File::open(&path).map_err(failed)?;
        match rustix::system::finit_module(&file, c"", 0) {
            // One of the kernel's own.
            Ok(()) | Err(rustix::io::Errno::EXIST) => {}
            Err(e) => return Err(failed(e.into())),
        }
        std::fs::remove_file(&path).map_err(failed)?;
    }
    Ok(())
}

/// The files of a folder in the order of their names.
fn ordered(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.path()).collect();
    paths.sort();
    paths
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn modules_come_in_the_order_of_their_names_and_may_be_none() {
        let folder = std::env::temp_dir().join(format!("hob-modules-{}", std::process::id()));
        std::fs::create_dir(&folder).unwrap();
        for name in ["010-b.ko", "002-c.ko", "001-z.ko"] {
            std::fs::write(folder.join(name), "").unwrap();
        }
        let names: Vec<_> =
            ordered(&folder).iter().map(|p| p.file_name().unwrap().to_owned()).collect();
        assert_eq!(names, ["001-z.ko", "002-c.ko", "010-b.ko"]);
        std::fs::remove_dir_all(&folder).unwrap();
        assert!(ordered(&folder).is_empty());
    }
}
