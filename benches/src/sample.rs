//! A small repository for benches and stories: a crate with one dependency that is truly outdated, and its own tests.

use std::io;
use std::path::Path;

use crate::measure::program;

const MANIFEST: &str = r#"[package]
name = "sample"
version = "0.1.0"
edition = "2021"

[dependencies]
itoa = "1.0.1"
"#;

const LOCK: &str = r#"version = 3

[[package]]
name = "itoa"
version = "1.0.1"
source = "registry+https://github.com/rust-lang/crates.io-index"
checksum = "1aab8fc367588b89dcee83ab0fd66b72b50b72fa1904d7095045ace2b0c81c35"

[[package]]
name = "sample"
version = "0.1.0"
dependencies = [
 "itoa",
]
"#;

/// Makes the repository in a folder that is not there yet; its test takes `test_seconds` and a little more.
pub fn make(folder: &Path, test_seconds: u64) -> io::Result<()> {
    std::fs::create_dir_all(folder.join("src"))?;
    std::fs::write(folder.join("Cargo.toml"), MANIFEST)?;
    std::fs::write(folder.join("Cargo.lock"), LOCK)?;
    std::fs::write(folder.join(".gitignore"), "target\n")?;
    let source = format!(
        r#"//! A number as text.

/// The number as text.
pub fn text(number: u32) -> String {{
    itoa::Buffer::new().format(number).to_owned()
}}

#[test]
fn seven_is_seven() {{
    std::thread::sleep(std::time::Duration::from_secs({test_seconds}));
    assert_eq!(text(7), "7");
}}
"#
    );
    std::fs::write(folder.join("src/lib.rs"), source)?;
    git(folder, &["init", "-q", "-b", "main"])?;
    git(folder, &["add", "-A"])?;
    git(folder, &["commit", "-q", "-m", "as it is"])
}

/// Runs git in a folder, as a person would.
pub fn git(folder: &Path, arguments: &[&str]) -> io::Result<()> {
    let mut command = program("git");
    command.current_dir(folder).args([
        "-c",
        "user.name=sample",
        "-c",
        "user.email=sample@localhost",
    ]);
    let output = command.args(arguments).output()?;
    if output.status.success() {
        return Ok(());
    }
    let told = String::from_utf8_lossy(&output.stderr);
    Err(io::Error::other(format!("git {}: {}", arguments.join(" "), told.trim())))
}
