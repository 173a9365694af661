//! The `qemu-system-x86_64` program: where it is and how old it is.

use std::path::{Path, PathBuf};

use crate::microvm::programs;
use crate::port::SandboxError;

/// The oldest version that we were run with: Debian 12's.
const OLDEST: (u32, u32) = (7, 2);

const PROGRAM: &str = "qemu-system-x86_64";

fn unusable(reason: String) -> SandboxError {
    SandboxError::Unusable {
        reason,
        hint: "install QEMU 7.2 or newer: `apt-get install qemu-system-x86`".to_owned(),
    }
}

/// Finds the program on a search path.
pub(crate) fn find(search: &[PathBuf]) -> Result<PathBuf, SandboxError> {
    programs::find(PROGRAM, search).ok_or_else(|| unusable("QEMU is not installed".to_owned()))
}

/// Asks the program for its version and refuses one that is too old.
pub(crate) fn version(program: &Path) -> Result<String, SandboxError> {
    let text = programs::output(program, &["--version"]).map_err(|e| unusable(e.to_string()))?;
    let words = text.split_whitespace().skip_while(|word| *word != "version");
    let version = words.take(2).last().unwrap_or_default().to_owned();
    let mut numbers = version.split('.').map(|number| number.parse::<u32>().ok());
    match (numbers.next().flatten(), numbers.next().flatten()) {
        (Some(major), Some(minor)) if (major, minor) >= OLDEST => Ok(version),
        (Some(_), Some(_)) => Err(unusable(format!("QEMU {version} is too old"))),
        _ => Err(unusable(format!("{} does not tell its version", program.display()))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt as _;

    fn check(says: &str) -> Result<String, String> {
        let folder = tempfile::tempdir().unwrap();
        let program = folder.path().join(PROGRAM);
        std::fs::write(&program, format!("#!/bin/sh\necho '{says}'\n")).unwrap();
        std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).unwrap();
        version(&program).map_err(|e| e.to_string())
    }

    #[test]
    fn an_old_or_strange_qemu_is_refused() {
        let debian = "QEMU emulator version 7.2.22 (Debian 1:7.2+dfsg-7+deb12u18+b3)";
        assert_eq!(check(debian), Ok("7.2.22".to_owned()));
        assert_eq!(check("QEMU emulator version 10.0.2 (x)"), Ok("10.0.2".to_owned()));
        assert!(check("QEMU emulator version 6.2.0").unwrap_err().contains("6.2.0 is too old"));
        assert!(check("hello").unwrap_err().contains("does not tell its version"));
    }
}
