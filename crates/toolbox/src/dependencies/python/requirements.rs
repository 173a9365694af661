//! Reads one requirements file as pip does, with the place of every specifier and hash.
//!
//! The format: <https://pip.pypa.io/en/stable/reference/requirements-file-format/>.

use std::ops::Range;

use domain::RepoPath;
use pep508_rs::VersionOrUrl;

use super::version;
use crate::dependencies::{ReadError, Source};
use crate::files::FileSet;

/// Options of pip that name a file, a place or an index.
const OPTIONS: [(&str, &str); 7] = [
    ("-r", "--requirement"),
    ("-c", "--constraint"),
    ("-e", "--editable"),
    ("-i", "--index-url"),
    ("-f", "--find-links"),
    ("--extra-index-url", "--extra-index-url"),
    ("--no-index", "--no-index"),
];

/// One requirements file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct RequirementsFile {
    pub(super) path: RepoPath,
    pub(super) asks: Vec<Ask>,
    pub(super) includes: Vec<Include>,
    /// The indexes and places that it names itself.
    pub(super) indexes: Vec<Index>,
    /// What is no requirement.
    pub(super) unread: Vec<Unread>,
    /// Whether something of the checkout itself is to be installed.
    pub(super) has_local: bool,
}

/// One requirement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Ask {
    /// The normalised name; the text itself where it has none.
    pub(super) package: String,
    /// The specifier as written.
    pub(super) range: String,
    /// Where the specifier stands, in bytes.
    pub(super) span: Range<usize>,
    /// Where each `--hash` option stands.
    pub(super) hashes: Vec<Range<usize>>,
    /// The extras that are asked for.
    pub(super) extras: Vec<String>,
    /// The condition under which it counts, as written.
    pub(super) marker: Option<String>,
    pub(super) line: u64,
    /// Needed for tests, builds or documents alone.
    pub(super) development: bool,
    pub(super) source: Source,
}

/// An index, or a place of archives, that a file names itself: whatever it asks for may come from there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Index {
    /// The address without credentials, or the path.
    pub(super) address: String,
    /// Whether it speaks the simple repository protocol.
    pub(super) is_index: bool,
    pub(super) line: u64,
}

impl Index {
    /// Where packages come from, if this is not what the host's own package manager asks.
    pub(super) fn foreign(&self, own: Option<&str>) -> Option<Source> {
        let is_own = self.is_index && own.is_some_and(|own| same_address(own, &self.address));
        let kind = if self.is_index { "the index" } else { "the place" };
        (!is_own).then(|| Source::Other(format!("{kind} {}", self.address)))
    }
}

/// A line that is no requirement, with its continuations.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Unread {
    pub(super) first: u64,
    pub(super) last: u64,
    pub(super) reason: String,
}

/// A `-r` or `-c`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Include {
    pub(super) target: String,
    pub(super) line: u64,
}

/// Reads a file.
pub(super) fn read(files: &FileSet, path: &RepoPath) -> Result<RequirementsFile, ReadError> {
    let mut file = parse(path, files.text(path)?);
    for ask in &mut file.asks {
        ask.development = super::discover::is_development(path);
    }
    Ok(file)
}

/// Reads a file's text. What is no requirement is named; the rest is read all the same.
pub(super) fn parse(path: &RepoPath, text: &str) -> RequirementsFile {
    let mut file = RequirementsFile {
        path: path.clone(),
        asks: Vec::new(),
        includes: Vec::new(),
        indexes: Vec::new(),
        unread: Vec::new(),
        has_local: false,
    };
    for logical in logical_lines(text) {
        if let Err(reason) = file.line(&logical) {
            file.unread.push(Unread { first: logical.line, last: logical.last, reason });
        }
    }
    file
}

/// A line with its continuations; every byte stands where it stands in the file, escapes are blanks.
struct Logical {
    start: usize,
    text: String,
    line: u64,
    last: u64,
}

fn logical_lines(text: &str) -> Vec<Logical> {
    let mut lines: Vec<Logical> = Vec::new();
    let mut at = 0;
    let mut open = false;
    for (number, raw) in (1_u64..).zip(text.split_inclusive('\n')) {
        let start = at;
        at += raw.len();
        let body = raw.trim_end_matches(['\n', '\r']);
        let is_comment = body.trim_start().starts_with('#');
        let continues = body.ends_with('\\') && !is_comment;
        let mut shown =
            if start == 0 { body.replacen('\u{feff}', "   ", 1) } else { body.to_owned() };
        if continues {
            shown.pop();
            shown.push(' ');
        }
        if let Some(last) = lines.last_mut().filter(|_| open) {
            let gap = start - last.start - last.text.len();
            last.text.push_str(&" ".repeat(gap));
            last.text.push_str(&shown);
            last.last = number;
        } else {
            lines.push(Logical { start, text: shown, line: number, last: number });
        }
        open = continues;
    }
    for logical in &mut lines {
        let cut = comment_at(&logical.text);
        logical.text.truncate(cut);
    }
    lines.retain(|logical| !logical.text.trim().is_empty());
    lines
}

/// Where a comment starts: at a `#` in the first column or after a blank.
fn comment_at(text: &str) -> usize {
    let mut blank = true;
    for (at, c) in text.char_indices() {
        if c == '#' && blank {
            return at;
        }
        blank = c.is_whitespace();
    }
    text.len()
}

impl RequirementsFile {
    fn line(&mut self, logical: &Logical) -> Result<(), String> {
        let text = logical.text.trim();
        if text.starts_with('-') {
            self.option(text, logical.line);
            return Ok(());
        }
        let lead = logical.text.len() - logical.text.trim_start().len();
        let options_at = options_at(text);
        let (spec, options) = text.split_at_checked(options_at).unwrap_or((text, ""));
        let spec = spec.trim_end();
        let base = logical.start + lead;
        if let Some(what) = elsewhere(spec) {
            self.has_local |= !spec.contains("://");
            self.asks.push(other(spec, what, logical.line));
            return Ok(());
        }
        let requirement = super::requirement::parse(spec)
            .map_err(|error| format!("`{}` is not a requirement: {error}", shown(spec)))?;
        let package = requirement.name.to_string();
        if let Some(VersionOrUrl::Url(_)) = requirement.version_or_url {
            let mut ask = other(spec, "a URL or a path".to_owned(), logical.line);
            ask.package = package;
            self.asks.push(ask);
            return Ok(());
        }
        let span = specifier(spec).ok_or_else(|| format!("`{}` is not understood", shown(spec)))?;
        self.asks.push(Ask {
            package,
            range: spec.get(span.clone()).unwrap_or_default().to_owned(),
            span: base + span.start..base + span.end,
            hashes: hashes(options, base + options_at),
            extras: requirement.extras.iter().map(ToString::to_string).collect(),
            marker: super::requirement::marker(spec),
            line: logical.line,
            development: false,
            source: Source::Registry,
        });
        Ok(())
    }

    fn option(&mut self, text: &str, line: u64) {
        let Some((option, value)) = OPTIONS.iter().find_map(|(short, long)| {
            let value = text
                .strip_prefix(long)
                .or_else(|| text.strip_prefix(short).filter(|_| !text.starts_with("--")))?;
            let fits =
                value.is_empty() || value.starts_with([' ', '\t', '=']) || !text.starts_with("--");
            fits.then(|| (*long, value.trim_start_matches([' ', '\t', '=']).trim()))
        }) else {
            return;
        };
        let value = value.trim_matches(['"', '\'']);
        match option {
            "--requirement" | "--constraint" => {
                self.includes.push(Include { target: value.to_owned(), line });
            }
            "--editable" => {
                self.has_local |= !value.contains("://");
                self.asks.push(other(value, "an editable requirement".to_owned(), line));
            }
            // Its packages come from the places that `--find-links` names, which stand on lines of their own.
            "--no-index" => self.indexes.push(Index {
                address: "that `--find-links` names".to_owned(),
                is_index: false,
                line,
            }),
            _ => self.indexes.push(Index {
                address: without_credentials(value),
                is_index: option != "--find-links",
                line,
            }),
        }
    }
}

fn shown(text: &str) -> String {
    text.escape_debug().take(200).collect()
}

fn other(text: &str, what: String, line: u64) -> Ask {
    let named = text.split_once("#egg=").and_then(|(_, name)| {
        let end = name.find(['[', '&']).unwrap_or(name.len());
        version::normalised(name.get(..end)?)
    });
    Ask {
        package: named.unwrap_or_else(|| shown(&without_credentials(text))),
        range: String::new(),
        span: 0..0,
        hashes: Vec::new(),
        extras: Vec::new(),
        marker: None,
        line,
        development: false,
        source: Source::Other(what),
    }
}

/// What a requirement without a name is, where it is one.
fn elsewhere(spec: &str) -> Option<String> {
    let first = spec.split([' ', ';']).next().unwrap_or_default();
    let is_archive =
        || [".whl", ".tar.gz", ".zip", ".tar.bz2"].iter().any(|end| first.ends_with(end));
    if spec.contains("${") {
        Some("a place that an environment variable names".to_owned())
    } else if first.contains("://") && !spec.contains(" @ ") && !first.contains('@')
        || first.starts_with("git+")
    {
        Some("a URL".to_owned())
    } else if first.starts_with(['.', '/'])
        || (first.contains('/') && !first.contains('@'))
        || is_archive()
    {
        Some("a path".to_owned())
    } else {
        None
    }
}

/// Whether two addresses name the same index, however their host is spelled and whether or not they end in a slash.
pub(super) fn same_address(a: &str, b: &str) -> bool {
    let parts = |url: &str| {
        let url = without_credentials(url.trim());
        let (scheme, rest) = url.split_once("://")?;
        let (host, path) = rest.split_once('/').unwrap_or((rest, ""));
        Some((scheme.to_lowercase(), host.to_lowercase(), path.trim_end_matches('/').to_owned()))
    };
    parts(a).is_some_and(|a| parts(b).is_some_and(|b| a == b))
}

/// An address without the user and password that may stand in it.
pub(super) fn without_credentials(url: &str) -> String {
    let Some((scheme, rest)) = url.split_once("://") else { return url.to_owned() };
    let end = rest.find('/').unwrap_or(rest.len());
    let (host, path) = rest.split_at_checked(end).unwrap_or((rest, ""));
    let host = host.rsplit_once('@').map_or(host, |(_, host)| host);
    format!("{scheme}://{host}{path}")
}

/// Where the options of a requirement start: at the first word that begins with `-`.
fn options_at(text: &str) -> usize {
    let mut blank = false;
    for (at, c) in text.char_indices() {
        if c == '-' && blank {
            return at;
        }
        blank = c.is_whitespace();
    }
    text.len()
}

/// Where the specifier of a requirement stands; an empty place after name and extras where there is none.
pub(super) fn specifier(spec: &str) -> Option<Range<usize>> {
    let name = spec.find(|c: char| !(c.is_ascii_alphanumeric() || "._-".contains(c)));
    let mut at = name.unwrap_or(spec.len());
    let blanks = |at: usize| spec.get(at..).map_or(0, |rest| rest.len() - rest.trim_start().len());
    let after = at + blanks(at);
    if spec.get(after..)?.starts_with('[') {
        at = after + spec.get(after..)?.find(']')? + 1;
    }
    let start = at + blanks(at);
    let rest = spec.get(start..)?;
    let (start, rest) = match rest.strip_prefix('(') {
        Some(inner) => (start + 1, inner.split(')').next()?),
        None => (start, rest.split(';').next()?),
    };
    let rest = rest.trim_end();
    if rest.is_empty() { Some(at..at) } else { Some(start..start + rest.len()) }
}

fn hashes(options: &str, base: usize) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    let mut at = 0;
    while let Some(next) = options.get(at..).and_then(|rest| rest.find("--hash")) {
        let start = at + next;
        let Some(rest) = options.get(start..) else { break };
        let value =
            rest.trim_start_matches("--hash").trim_start_matches(['=', ' ', '\t', '\r', '\n']);
        let length = value.find(char::is_whitespace).unwrap_or(value.len());
        let end = start + (rest.len() - value.len()) + length;
        found.push(base + start..base + end);
        at = end;
    }
    found
}
