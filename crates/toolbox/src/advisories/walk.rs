//! Walks a folder of advisories, and the zips in it, and hands out one file after the other.
//!
//! Symbolic links are not followed, and everything that could have been an advisory and was not read is
//! named: a link, an archive of another kind, a folder that cannot be listed, a file over a limit.

use std::fs;
use std::io::Read as _;
use std::ops::ControlFlow;
use std::path::Path;

use super::database::Unreadable;

/// The largest single advisory in bytes.
const FILE_MAX_BYTES: u64 = 16 * 1024 * 1024;
/// The most files that are looked at.
const FILES_MAX: usize = 1_000_000;
/// The most bytes that are read.
const TOTAL_MAX_BYTES: u64 = 8 * 1024 * 1024 * 1024;
/// How deep folders may lie in each other.
const DEPTH_MAX: usize = 16;
/// The longest reason in characters.
const REASON_MAX_CHARS: usize = 500;
/// Endings of archives that are not opened.
const OTHER_ARCHIVES: [&str; 11] =
    ["tar", "gz", "tgz", "xz", "txz", "bz2", "tbz", "zst", "7z", "rar", "lz4"];

/// What a file's ending says that it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// OSV as JSON.
    Json,
    /// OSV as YAML.
    Yaml,
    /// RustSec's Markdown.
    Markdown,
}

/// One file that may be an advisory.
#[derive(Debug)]
pub(super) struct Found<'a> {
    /// Its path below the folder, `/` between the parts; entries of a zip stand below the zip.
    pub(super) place: &'a str,
    /// By its ending.
    pub(super) form: Form,
    /// Its content.
    pub(super) bytes: &'a [u8],
}

/// What was met on the way.
#[derive(Debug, Default)]
pub(super) struct Met {
    /// What could not be read.
    pub(super) unreadable: Vec<Unreadable>,
    /// Files that are no advisories by their name.
    pub(super) passed_over: usize,
}

/// Hands every file at or below `root` to `visit`, in the order of their names; what `visit` calls
/// wrong counts as not read.
pub(super) fn walk(root: &Path, visit: Visit<'_>) -> Met {
    let mut walk =
        Walk { visit, met: Met::default(), buffer: Vec::new(), files: 0, bytes: 0, full: false };
    if root.is_dir() {
        let absolute = fs::canonicalize(root).unwrap_or_else(|_| root.to_owned());
        walk.folder(&absolute, "", 0);
    } else {
        let place = root.file_name().map_or_else(String::new, |n| n.to_string_lossy().into_owned());
        walk.file(root, &place);
    }
    walk.met
}

/// What is done with a file; the answer says whether more are wanted.
pub(super) type Visit<'a> = &'a mut dyn FnMut(&Found<'_>) -> Result<ControlFlow<()>, String>;

struct Walk<'a> {
    visit: Visit<'a>,
    met: Met,
    buffer: Vec<u8>,
    files: usize,
    bytes: u64,
    full: bool,
}

impl Walk<'_> {
    fn folder(&mut self, path: &Path, place: &str, depth: usize) {
        if depth > DEPTH_MAX {
            return self.unread(place, &format!("more than {DEPTH_MAX} folders deep; not read"));
        }
        let entries = fs::read_dir(path).and_then(|entries| {
            entries
                .map(|entry| entry.and_then(|e| Ok((e.file_name(), e.file_type()?))))
                .collect::<std::io::Result<Vec<_>>>()
        });
        let mut entries = match entries {
            Ok(entries) => entries,
            Err(error) => {
                return self.unread(place, &format!("the folder cannot be listed: {error}"));
            }
        };
        entries.sort_by(|a, b| a.0.cmp(&b.0));
        for (name, kind) in entries {
            if self.full {
                return;
            }
            let shown = name.to_string_lossy();
            let inner =
                if place.is_empty() { shown.to_string() } else { format!("{place}/{shown}") };
            if shown.starts_with('.') {
                self.met.passed_over += 1;
            } else if kind.is_symlink() {
                let reason = "a symbolic link; hob does not follow those: put the files here";
                self.unread(&inner, reason);
            } else if kind.is_dir() {
                self.folder(&path.join(&name), &inner, depth + 1);
            } else if kind.is_file() {
                self.file(&path.join(&name), &inner);
            } else {
                self.met.passed_over += 1;
            }
        }
    }

    fn file(&mut self, path: &Path, place: &str) {
        let ending = ending(place);
        if ending == "zip" {
            return self.zip(path, place);
        }
        if OTHER_ARCHIVES.contains(&ending.as_str()) {
            return self.unread(place, "an archive that hob does not open; unpack it first");
        }
        let Some(form) = form(&ending) else {
            self.met.passed_over += 1;
            return;
        };
        match fs::File::open(path) {
            Ok(opened) => self.one(opened, place, form),
            Err(error) => self.unread(place, &error.to_string()),
        }
    }

    fn zip(&mut self, path: &Path, place: &str) {
        let opened = fs::File::open(path)
            .map_err(zip::result::ZipError::Io)
            .and_then(|file| zip::ZipArchive::new(std::io::BufReader::new(file)));
        let mut archive = match opened {
            Ok(archive) => archive,
            Err(error) => {
                return self.unread(place, &format!("the zip cannot be opened: {error}"));
            }
        };
        for at in 0..archive.len() {
            if self.full {
                return;
            }
            let entry = match archive.by_index(at) {
                Ok(entry) => entry,
                Err(error) => {
                    self.unread(place, &format!("entry {at} of the zip cannot be read: {error}"));
                    continue;
                }
            };
            let inner = format!("{place}/{}", entry.name().escape_debug());
            let ending = ending(&inner);
            if entry.is_dir() {
                continue;
            }
            match form(&ending) {
                Some(_) if entry.is_symlink() => self.unread(&inner, "a symbolic link in a zip"),
                Some(form) => self.one(entry, &inner, form),
                None if ending == "zip" => {
                    self.unread(&inner, "a zip inside a zip; unpack it first");
                }
                None => self.met.passed_over += 1,
            }
        }
    }

    fn one(&mut self, reader: impl std::io::Read, place: &str, form: Form) {
        let mut buffer = std::mem::take(&mut self.buffer);
        buffer.clear();
        if let Err(error) = reader.take(FILE_MAX_BYTES + 1).read_to_end(&mut buffer) {
            return self.unread(place, &error.to_string());
        }
        let size = u64::try_from(buffer.len()).unwrap_or(u64::MAX);
        self.files += 1;
        self.bytes += size;
        self.full = self.files > FILES_MAX || self.bytes > TOTAL_MAX_BYTES;
        if self.full {
            let limit = format!("{FILES_MAX} files or {TOTAL_MAX_BYTES} bytes");
            self.unread(place, &format!("over {limit}; this and all after it not read"));
        } else if size > FILE_MAX_BYTES {
            self.unread(place, &format!("larger than {FILE_MAX_BYTES} bytes; not read"));
        } else {
            let bytes = buffer.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&buffer);
            match (self.visit)(&Found { place, form, bytes }) {
                Ok(ControlFlow::Continue(())) => {}
                Ok(ControlFlow::Break(())) => self.full = true,
                Err(reason) => self.unread(place, &reason),
            }
        }
        self.buffer = buffer;
    }

    /// Names what could not be read.
    fn unread(&mut self, place: &str, reason: &str) {
        let reason = reason.split_whitespace().collect::<Vec<_>>().join(" ");
        self.met.unreadable.push(Unreadable {
            path: if place.is_empty() { ".".to_owned() } else { place.to_owned() },
            reason: domain::limit::head_chars(&reason, REASON_MAX_CHARS),
        });
    }
}

fn ending(place: &str) -> String {
    let name = place.rsplit('/').next().unwrap_or(place);
    name.rsplit_once('.').map_or_else(String::new, |(_, ending)| ending.to_lowercase())
}

fn form(ending: &str) -> Option<Form> {
    match ending {
        "json" => Some(Form::Json),
        "yaml" | "yml" => Some(Form::Yaml),
        "md" => Some(Form::Markdown),
        _ => None,
    }
}
