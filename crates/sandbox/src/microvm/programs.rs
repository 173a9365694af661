//! Finds programs of the host that virtual machines are made with.

use std::path::{Path, PathBuf};

use crate::port::SandboxError;

/// Where administrators' programs are, which ordinary users do not have on their search path.
pub(crate) const STANDARD: [&str; 6] =
    ["/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin"];

/// The program of this name on the search path or in a standard place. Of the search path only absolute folders count: another
/// would be one of whatever repository the process was started in.
pub(crate) fn find(name: &str, search: &[PathBuf]) -> Option<PathBuf> {
    let standard = STANDARD.map(PathBuf::from);
    let absolute = search.iter().filter(|folder| folder.is_absolute());
    let mut candidates = absolute.chain(&standard).map(|folder| folder.join(name));
    candidates.find(|path| path.is_file())
}

/// Runs a program to its end and gives its output.
pub(crate) fn output(program: &Path, arguments: &[&str]) -> Result<String, SandboxError> {
    let failed = |reason: String| SandboxError::Launch(format!("{}: {reason}", program.display()));
    #[expect(clippy::disallowed_methods, reason = "a program that ends by itself")]
    let output = std::process::Command::new(program)
        .args(arguments)
        .env_clear()
        .stdin(std::process::Stdio::null())
        .output()
        .map_err(|e| failed(e.to_string()))?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    let complaint = String::from_utf8_lossy(&output.stderr);
    Err(failed(format!("{} ({})", output.status, complaint.trim())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_of_the_folder_that_hob_was_started_in_is_a_program() {
        let here = PathBuf::from("src/microvm");
        assert!(here.join("programs.rs").is_file());
        assert_eq!(find("programs.rs", std::slice::from_ref(&here)), None);
        let absolute = here.canonicalize().unwrap();
        assert_eq!(
            find("programs.rs", &[here, absolute.clone()]),
            Some(absolute.join("programs.rs"))
        );
    }
}
