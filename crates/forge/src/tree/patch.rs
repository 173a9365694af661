//! A change as text for people, made from the contents alone: no attribute of the change can hide a line.

use std::fmt::Write as _;
use std::time::Duration;

use domain::RepoPath;
use domain::change::{FileChange, FileMode, FileVersion};
use similar::{ChangeTag, TextDiff};

/// Lines around a change that are shown.
const CONTEXT_LINES: usize = 3;
/// How long the shortest description of one file's change is looked for, in milliseconds; then a longer one is shown.
const EFFORT_MAX_MS: u64 = 2_000;

/// How many lines a file's change adds and removes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NumStat {
    /// The file.
    pub path: RepoPath,
    /// Lines added; `None` for what is not text.
    pub added: Option<u64>,
    /// Lines removed; `None` for what is not text.
    pub removed: Option<u64>,
}

/// Counts the lines of each file.
pub fn numstat(files: &[FileChange]) -> Vec<NumStat> {
    files
        .iter()
        .map(|file| {
            let Some((before, after)) = texts(file) else {
                return NumStat { path: file.path.clone(), added: None, removed: None };
            };
            let (mut added, mut removed) = (0, 0);
            for change in diff(before, after).iter_all_changes() {
                match change.tag() {
                    ChangeTag::Insert => added += 1,
                    ChangeTag::Delete => removed += 1,
                    ChangeTag::Equal => {}
                }
            }
            NumStat { path: file.path.clone(), added: Some(added), removed: Some(removed) }
        })
        .collect()
}

/// The whole change in the form that `git diff` has. Bytes that are not UTF-8 are said to be binary.
pub fn unified(files: &[FileChange]) -> String {
    let mut text = String::new();
    for file in files {
        // Writing to a String cannot fail.
        let _always = write_file(&mut text, file);
    }
    text
}

fn write_file(text: &mut String, file: &FileChange) -> std::fmt::Result {
    let path = &file.path;
    writeln!(text, "diff --git a/{path} b/{path}")?;
    match (&file.before, &file.after) {
        (None, Some(after)) => writeln!(text, "new file mode {}", octal(after.mode))?,
        (Some(before), None) => writeln!(text, "deleted file mode {}", octal(before.mode))?,
        (Some(before), Some(after)) if before.mode != after.mode => {
            writeln!(text, "old mode {}\nnew mode {}", octal(before.mode), octal(after.mode))?;
        }
        _ => {}
    }
    let name = |side: &str, version: &Option<FileVersion>| match version {
        Some(_) => format!("{side}/{path}"),
        None => "/dev/null".to_owned(),
    };
    let (old, new) = (name("a", &file.before), name("b", &file.after));
    let Some((before, after)) = texts(file) else {
        let size = |v: &Option<FileVersion>| v.as_ref().map_or(0, |version| version.size);
        return writeln!(
            text,
            "Binary or unread files {old} ({} bytes) and {new} ({} bytes) differ",
            size(&file.before),
            size(&file.after)
        );
    };
    if before != after {
        let diff = diff(before, after);
        let mut unified = diff.unified_diff();
        write!(text, "{}", unified.context_radius(CONTEXT_LINES).header(&old, &new))?;
    }
    Ok(())
}

fn diff<'a>(before: &'a str, after: &'a str) -> TextDiff<'a, 'a, 'a, str> {
    TextDiff::configure().timeout(Duration::from_millis(EFFORT_MAX_MS)).diff_lines(before, after)
}

/// Both sides as text; a missing side is empty.
fn texts(file: &FileChange) -> Option<(&str, &str)> {
    fn side(version: Option<&FileVersion>) -> Option<&str> {
        let Some(version) = version else { return Some("") };
        version.text().filter(|text| !text.contains('\0'))
    }
    Some((side(file.before.as_ref())?, side(file.after.as_ref())?))
}

fn octal(mode: FileMode) -> &'static str {
    match mode {
        FileMode::Regular => "100644",
        FileMode::Executable => "100755",
        FileMode::Symlink => "120000",
        FileMode::Submodule => "160000",
    }
}
