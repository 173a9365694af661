//! This test binary, run again as a process of its own that can be killed.

use std::ffi::OsString;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};

/// Tells a process what it is to do; without it the entry below is a test that has nothing to do.
const PART: &str = "HOB_STORE_TEST_PART";
const FOLDER: &str = "HOB_STORE_TEST_FOLDER";

/// What precedes every line that the child says to its parent.
const MARK: &str = "child says ";

/// Starts a child that plays `part` in `dir`.
pub(crate) fn start(part: &str, dir: &Path) -> (Child, Lines) {
    #[expect(
        clippy::disallowed_methods,
        reason = "a process to be killed is the point of the test"
    )]
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", "child::plays_its_part", "--nocapture", "--test-threads=1"]);
    command.env(PART, part).env(FOLDER, dir).stdin(Stdio::null()).stdout(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let lines = Lines(BufReader::new(child.stdout.take().unwrap()));
    (child, lines)
}

/// What a child says.
pub(crate) struct Lines(BufReader<ChildStdout>);

impl Iterator for Lines {
    type Item = String;

    fn next(&mut self) -> Option<String> {
        loop {
            let mut line = String::new();
            if self.0.read_line(&mut line).unwrap() == 0 {
                return None;
            }
            // A line that was cut off by the kill was never said.
            let said = line.split_once(MARK).and_then(|(_, said)| said.strip_suffix('\n'));
            if let Some(said) = said {
                return Some(said.to_owned());
            }
        }
    }
}

/// Says something to the parent; it is on its way when this returns.
pub(crate) fn say(what: impl std::fmt::Display) {
    let mut out = std::io::stdout().lock();
    out.write_all(format!("\n{MARK}{what}\n").as_bytes()).unwrap();
    out.flush().unwrap();
}

#[test]
fn plays_its_part() {
    let part = std::env::var_os(PART).map(OsString::into_string);
    let dir = std::env::var_os(FOLDER).map(PathBuf::from);
    match (part, dir) {
        (None, _) => {}
        (Some(Ok(part)), Some(dir)) if part == "write" => super::crash::write_for_ever(&dir),
        (Some(Ok(part)), Some(dir)) if part == "work" => super::crash::work_until_empty(&dir),
        (Some(Ok(part)), Some(dir)) if part == "lose" => super::disk::lose_a_flush(&dir),
        (part, _) => panic!("nobody plays {part:?}"),
    }
}
