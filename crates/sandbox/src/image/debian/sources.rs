//! Where the host gets its own packages: suite, mirrors, and how old what it knows of them is.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::image::error::{ImageError, io};

/// The time of an image where the host knows none of its mirrors yet: the first second of 2025.
const EPOCH_UNKNOWN: u32 = 1_735_689_600;

/// What a host's sources say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::image) struct Sources {
    /// The suite: `bookworm`.
    pub(in crate::image) suite: String,
    /// Sources as apt writes them, one a line.
    pub(in crate::image) lines: Vec<String>,
    /// When the newest of them was made, in seconds since 1970: no file of the image is later.
    pub(in crate::image) epoch: u32,
}

impl Sources {
    /// Those of the distribution itself, of the host whose root folder this is.
    pub(in crate::image) fn of(host: &Path) -> Result<Self, ImageError> {
        let release = read(&host.join("etc/os-release"))?.unwrap_or_default();
        let suite = release.lines().find_map(|line| line.strip_prefix("VERSION_CODENAME="));
        let suite =
            suite.map(|suite| suite.trim_matches('"').to_owned()).filter(|suite| !suite.is_empty());
        let none = |why: &str| {
            ImageError::None {
            kind: "source of Debian packages",
            name: why.to_owned(),
            hint: "this works on Debian and what is made of it; elsewhere, `hob image import` takes an image".to_owned(),
        }
        };
        let suite = suite.ok_or_else(|| none("VERSION_CODENAME in /etc/os-release"))?;
        let mut found = Vec::new();
        for path in files(&host.join("etc/apt"))? {
            let Some(text) = read(&path)? else { continue };
            if path.extension().is_some_and(|extension| extension == "sources") {
                stanzas(&text, &mut found);
            } else {
                found.extend(text.lines().filter_map(one_line));
            }
        }
        let mut lines: Vec<String> = Vec::new();
        for source in found.iter().filter(|source| source.is_of(&suite)) {
            let line = source.line();
            if !lines.contains(&line) {
                lines.push(line);
            }
        }
        if lines.is_empty() {
            return Err(none(&format!("{suite} in /etc/apt")));
        }
        let epoch = newest(&host.join("var/lib/apt/lists"), &suite).unwrap_or(EPOCH_UNKNOWN);
        Ok(Self { suite, lines, epoch })
    }
}

/// One archive.
#[derive(Debug)]
struct Source {
    signed_by: Option<String>,
    uri: String,
    suite: String,
    components: Vec<String>,
}

impl Source {
    /// Whether it is the distribution's own: foreign archives call their suites after themselves, or have no `main`.
    fn is_of(&self, suite: &str) -> bool {
        let rest = self.suite.strip_prefix(suite);
        let own =
            rest.is_some_and(|rest| matches!(rest, "" | "-updates" | "-security" | "/updates"));
        own && self.components.iter().any(|component| component == "main")
    }

    fn line(&self) -> String {
        let signed_by =
            self.signed_by.as_ref().map_or(String::new(), |key| format!("[signed-by={key}] "));
        format!("deb {signed_by}{} {} {}", self.uri, self.suite, self.components.join(" "))
    }
}

/// `deb [options] URI SUITE COMPONENT...`
fn one_line(line: &str) -> Option<Source> {
    let line = line.split('#').next()?.trim();
    let rest = line.strip_prefix("deb")?;
    let rest = rest.strip_prefix([' ', '\t'])?.trim_start();
    let (options, rest) = match rest.strip_prefix('[') {
        Some(rest) => rest.split_once(']')?,
        None => ("", rest),
    };
    let signed_by = options.split_whitespace().find_map(|option| option.strip_prefix("signed-by="));
    let mut words = rest.split_whitespace().map(str::to_owned);
    Some(Source {
        signed_by: signed_by.filter(|key| key.starts_with('/')).map(str::to_owned),
        uri: words.next()?,
        suite: words.next()?,
        components: words.collect(),
    })
}

/// The newer format: paragraphs of `Field: value`, whose values go on in indented lines.
fn stanzas(text: &str, found: &mut Vec<Source>) {
    let mut fields: BTreeMap<String, String> = BTreeMap::new();
    let mut last = String::new();
    for line in text.lines().chain([""]) {
        if line.trim().is_empty() {
            stanza(&fields, found);
            fields.clear();
        } else if line.starts_with([' ', '\t']) {
            fields.entry(last.clone()).or_default().extend([" ", line.trim()]);
        } else if let Some((field, value)) = line.split_once(':').filter(|_| !line.starts_with('#'))
        {
            last = field.trim().to_ascii_lowercase();
            fields.insert(last.clone(), value.trim().to_owned());
        }
    }
}

fn stanza(fields: &BTreeMap<String, String>, found: &mut Vec<Source>) {
    let words = |field: &str| {
        let value = fields.get(field).map_or("", String::as_str);
        value.split_whitespace().map(str::to_owned).collect::<Vec<_>>()
    };
    let is_off =
        words("enabled").iter().any(|word| matches!(word.as_str(), "no" | "false" | "off"));
    if is_off || !words("types").contains(&"deb".to_owned()) {
        return;
    }
    for uri in words("uris") {
        for suite in words("suites") {
            found.push(Source {
                // A key may stand there itself; the archive's keys are then among those that apt trusts anyway.
                signed_by: fields
                    .get("signed-by")
                    .filter(|key| key.starts_with('/') && !key.contains(' '))
                    .cloned(),
                uri: uri.clone(),
                suite,
                components: words("components"),
            });
        }
    }
}

/// `sources.list` and what lies in `sources.list.d`, in apt's order.
fn files(apt: &Path) -> Result<Vec<PathBuf>, ImageError> {
    let folder = apt.join("sources.list.d");
    let mut below = match std::fs::read_dir(&folder) {
        Ok(entries) => entries.flatten().map(|entry| entry.path()).collect(),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Vec::new(),
        Err(error) => return Err(io("reading", &folder)(error)),
    };
    below.retain(|path| {
        path.extension().is_some_and(|extension| extension == "list" || extension == "sources")
    });
    below.sort_unstable();
    below.insert(0, apt.join("sources.list"));
    Ok(below)
}

fn read(path: &Path) -> Result<Option<String>, ImageError> {
    match std::fs::read_to_string(path) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(io("reading", path)(error)),
    }
}

/// The latest `Date` of what apt has fetched of a suite.
fn newest(lists: &Path, suite: &str) -> Option<u32> {
    let entries = std::fs::read_dir(lists).ok()?.flatten();
    let dates = entries.filter_map(|entry| {
        let name = entry.file_name().into_string().ok()?;
        let is_release = name.ends_with("_InRelease") || name.ends_with("_Release");
        if !is_release || !name.contains(&format!("_dists_{suite}")) {
            return None;
        }
        let text = std::fs::read(entry.path()).ok()?;
        let text = String::from_utf8_lossy(&text);
        date(text.lines().find_map(|line| line.strip_prefix("Date:"))?.trim())
    });
    dates.max()
}

/// `Sat, 16 Nov 2024 10:17:03 UTC`
fn date(text: &str) -> Option<u32> {
    let date = jiff::civil::DateTime::strptime("%a, %d %b %Y %H:%M:%S UTC", text).ok()?;
    let date = date.to_zoned(jiff::tz::TimeZone::UTC).ok()?;
    u32::try_from(date.timestamp().as_second()).ok()
}

#[cfg(test)]
mod tests;
