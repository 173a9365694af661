//! Advisories of the RustSec layout: Markdown with TOML front matter, read by the `rustsec` crate.
//!
//! RustSec names what is *not* affected (`patched`, `unaffected`). The crate turns that into intervals of
//! affected versions, with the pre-release rules that its own tools go by; here they become OSV borders.

use domain::Timestamp;
use domain::dependency::Ecosystem;

use super::name::normalised;
use super::record::{Advisory, Affected, Event, Kind, Severity};

/// The largest number in a version. The `rustsec` crate counts versions up and would go over.
const NUMBER_MAX: &str = "18446744073709551615";

/// What a Markdown file of an advisory folder is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum File {
    /// An advisory.
    Advisory(Box<Advisory>),
    /// The template that the database ships, or an advisory without a number yet.
    Draft,
    /// Other prose.
    Prose,
}

/// Reads one Markdown file.
pub(super) fn parse(text: &str) -> Result<File, String> {
    if !text.starts_with("```toml") {
        return Ok(File::Prose);
    }
    if text.contains(NUMBER_MAX) {
        return Err(format!("it holds {NUMBER_MAX}, too large a number for a version"));
    }
    let parsed: rustsec::Advisory = text.parse().map_err(|e: rustsec::Error| reason(&e))?;
    if parsed.metadata.id.as_str() == "RUSTSEC-0000-0000" {
        return Ok(File::Draft);
    }
    let name = parsed.metadata.package.to_string();
    let mut ranges = Vec::new();
    for range in rustsec::osv::ranges_for_advisory(&parsed.versions) {
        let start = range.introduced.map_or_else(|| "0".to_owned(), |v| v.to_string());
        let mut events = vec![Event::Introduced(start)];
        events.extend(range.fixed.map(|v| Event::Fixed(v.to_string())));
        ranges.push(events);
    }
    let kind = match &parsed.metadata.informational {
        Some(word) => Kind::Informational(word.as_str().to_owned()),
        None => Kind::Vulnerability,
    };
    // "No version is affected" is a sentence too, while an advisory without any range is undecidable.
    if ranges.is_empty() {
        let lowest = "0.0.0-0".to_owned();
        ranges.push(vec![Event::Introduced("0".to_owned()), Event::Fixed(lowest)]);
    }
    let affected = Affected {
        ecosystem: Ecosystem::Cargo,
        package: normalised(Ecosystem::Cargo, &name),
        kind,
        ranges,
        versions: Vec::new(),
        unreadable_ranges: false,
    };
    let metadata = &parsed.metadata;
    Ok(File::Advisory(Box::new(Advisory {
        id: metadata.id.to_string(),
        aliases: metadata.aliases.iter().map(ToString::to_string).collect(),
        summary: metadata.title.clone(),
        severity: Severity {
            vectors: metadata.cvss.iter().map(ToString::to_string).collect(),
            word: parsed.severity().map(|word| word.as_str().to_owned()),
        },
        modified: Timestamp::parse_rfc3339(&format!("{}T00:00:00Z", metadata.date.as_str())),
        withdrawn: parsed.withdrawn(),
        affected: vec![affected],
        foreign: 0,
    })))
}

fn reason(error: &rustsec::Error) -> String {
    let mut text = error.to_string();
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        let cause_text = cause.to_string();
        if !text.contains(&cause_text) {
            text.push_str(": ");
            text.push_str(&cause_text);
        }
        source = cause.source();
    }
    text
}
