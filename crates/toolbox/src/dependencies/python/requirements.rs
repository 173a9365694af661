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
const OPTIONS: [(&str, &str); 6] = [
    ("-r", "--requirement"),
    ("-c", "--constraint"),
    ("-e", "--editable"),
    ("-i", "--index-url"),
    ("--extra-index-url", "--extra-index-url"),
    ("--no-index", "--no-index"),
];

/// One requirements file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct RequirementsFile {
    pub(super) path: RepoPath,
    pub(super) asks: Vec<Ask>,
    pub(super) includes: Vec<Include>,
    /// The first index it names that is not the public one.
    pub(super) foreign_index: Option<String>,
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
    pub(super) line: u64,
    /// Needed for tests, builds or documents alone.
    pub(super) development: bool,
    pub(super) source: Source,
}

/// A `-r` or `-c`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Include {
    pub(super) target: String,
    pub(super) line: u64,
}

/// Reads a file.
pub(super) fn read(files: &FileSet, path: &RepoPath) -> Result<RequirementsFile, ReadError> {
    let mut file = parse(path, files.text(path)?)?;
    for ask in &mut file.asks {
        ask.development = super::discover::is_development(path);
    }
    Ok(file)
}

/// Reads a file's text.
pub(super) fn parse(path: &RepoPath, text: &str) -> Result<RequirementsFile, ReadError> {
    let mut file = RequirementsFile {
        path: path.clone(),
        asks: Vec::new(),
        includes: Vec::new(),
        foreign_index: None,
        has_local: false,
    };
    for logical in logical_lines(text) {
        file.line(&logical)?;
    }
    if let Some(index) = &file.foreign_index {
        for ask in file.asks.iter_mut().filter(|ask| ask.source == Source::Registry) {
            ask.source = Source::Other(index.clone());
        }
    }
    Ok(file)
}

/// A line with its continuations; every byte stands where it stands in the file, escapes are blanks.
struct Logical {
    start: usize,
    text: String,
    line: u64,
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
        } else {
            lines.push(Logical { start, text: shown, line: number });
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
    fn line(&mut self, logical: &Logical) -> Result<(), ReadError> {
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
        let malformed = |reason: String| ReadError::Malformed {
            path: self.path.clone(),
            line: Some(logical.line),
            reason,
        };
        let requirement = super::requirement::parse(spec).map_err(|error| {
            malformed(format!("`{}` is not a requirement: {error}", shown(spec)))
        })?;
        let package = requirement.name.to_string();
        if let Some(VersionOrUrl::Url(_)) = requirement.version_or_url {
            let mut ask = other(spec, "a URL or a path".to_owned(), logical.line);
            ask.package = package;
            self.asks.push(ask);
            return Ok(());
        }
        let span = specifier(spec)
            .ok_or_else(|| malformed(format!("`{}` is not understood", shown(spec))))?;
        self.asks.push(Ask {
            package,
            range: spec.get(span.clone()).unwrap_or_default().to_owned(),
            span: base + span.start..base + span.end,
            hashes: hashes(options, base + options_at),
            extras: requirement.extras.iter().map(ToString::to_string).collect(),
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
            "--no-index" => self.foreign_index = Some("places named by --find-links".to_owned()),
            _ => {
                let index = format!("the index {}", without_credentials(value));
                self.foreign_index.get_or_insert(index);
            }
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
