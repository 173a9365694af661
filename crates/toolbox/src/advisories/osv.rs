//! Advisories of the OSV schema (1.7), written as JSON or, in the PyPA layout, as YAML.
//!
//! Unknown fields are passed over, as the schema asks of readers; what decides a match is strict: an
//! event that names no border, or a range without events, is an error of the whole file.

use domain::Timestamp;
use domain::dependency::Ecosystem;
use serde::Deserialize;

use super::name;
use super::record::{Advisory, Affected, Event, Kind, Severity};

/// The longest summary in characters; some sources have none, and the first line of their text stands for it.
const SUMMARY_MAX_CHARS: usize = 200;

/// What a JSON or YAML file of an advisory folder is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum File {
    /// An advisory.
    Advisory(Box<Advisory>),
    /// Well-formed, and nothing of an advisory in it.
    SomethingElse,
}

/// Reads one JSON file.
pub(super) fn parse_json(bytes: &[u8]) -> Result<File, String> {
    let wire: Wire = serde_json::from_slice(bytes).map_err(|e| e.to_string())?;
    wire.read()
}

/// Reads one YAML file.
pub(super) fn parse_yaml(text: &str) -> Result<File, String> {
    let wire: Wire = serde_saphyr::from_str(text).map_err(|e| first_line(&e.to_string()))?;
    wire.read()
}

fn shortened(text: &str) -> String {
    let line = first_line(text.trim());
    if line.chars().count() <= SUMMARY_MAX_CHARS {
        return line;
    }
    let mut cut: String = line.chars().take(SUMMARY_MAX_CHARS).collect();
    cut.push('…');
    cut
}

fn first_line(text: &str) -> String {
    text.lines().next().unwrap_or_default().to_owned()
}

#[derive(Debug, Deserialize)]
struct Wire {
    id: Option<String>,
    schema_version: Option<String>,
    modified: Option<String>,
    withdrawn: Option<String>,
    summary: Option<String>,
    details: Option<String>,
    #[serde(default)]
    aliases: Option<Vec<String>>,
    #[serde(default)]
    severity: Option<Vec<WireSeverity>>,
    affected: Option<Vec<WireAffected>>,
    database_specific: Option<WireSpecific>,
}

#[derive(Debug, Deserialize)]
struct WireSeverity {
    #[serde(default)]
    score: String,
}

#[derive(Debug, Deserialize)]
struct WireAffected {
    package: Option<WirePackage>,
    #[serde(default)]
    severity: Option<Vec<WireSeverity>>,
    #[serde(default)]
    ranges: Option<Vec<WireRange>>,
    #[serde(default)]
    versions: Option<Vec<String>>,
    database_specific: Option<WireSpecific>,
}

#[derive(Debug, Deserialize)]
struct WirePackage {
    ecosystem: String,
    name: String,
}

#[derive(Debug, Deserialize)]
struct WireRange {
    r#type: String,
    events: Vec<WireEvent>,
}

#[derive(Debug, Deserialize)]
struct WireEvent {
    introduced: Option<String>,
    fixed: Option<String>,
    last_affected: Option<String>,
    limit: Option<String>,
}

/// What sources put beside the schema: GitHub's word for the severity, RustSec's kind.
#[derive(Debug, Deserialize)]
#[serde(from = "Loose")]
struct WireSpecific {
    severity: Option<String>,
    informational: Option<String>,
}

/// `database_specific` is free by the schema: any shape must be accepted.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Loose {
    Object { severity: Option<LooseText>, informational: Option<LooseText> },
    Other(serde::de::IgnoredAny),
}

#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum LooseText {
    Text(String),
    Other(serde::de::IgnoredAny),
}

impl LooseText {
    fn text(self) -> Option<String> {
        match self {
            Self::Text(text) => Some(text),
            Self::Other(_) => None,
        }
    }
}

impl From<Loose> for WireSpecific {
    fn from(loose: Loose) -> Self {
        match loose {
            Loose::Object { severity, informational } => Self {
                severity: severity.and_then(LooseText::text),
                informational: informational.and_then(LooseText::text),
            },
            Loose::Other(_) => Self { severity: None, informational: None },
        }
    }
}

impl Wire {
    fn read(self) -> Result<File, String> {
        let Some(id) = self.id.map(|id| id.trim().to_owned()).filter(|id| !id.is_empty()) else {
            return if self.affected.is_none() && self.schema_version.is_none() {
                Ok(File::SomethingElse)
            } else {
                Err("it has no `id`".to_owned())
            };
        };
        if self.affected.is_none() && self.modified.is_none() && self.withdrawn.is_none() {
            return Err("it has an `id`, and neither `affected` nor `modified`".to_owned());
        }
        let default = if id.starts_with("MAL-") { Kind::Malicious } else { Kind::Vulnerability };
        let mut severity = Severity::default();
        severity.read(self.severity.as_deref(), self.database_specific.as_ref());
        let (mut affected, mut foreign) = (Vec::new(), 0);
        for wire in self.affected.unwrap_or_default() {
            severity.read(wire.severity.as_deref(), None);
            let Some(package) = &wire.package else { continue };
            match name::ecosystem(&package.ecosystem) {
                Some(ecosystem) => affected.push(wire.read(ecosystem, &default)?),
                None => foreign += 1,
            }
        }
        let summary = self.summary.filter(|s| !s.trim().is_empty());
        let summary = summary.or(self.details);
        Ok(File::Advisory(Box::new(Advisory {
            id,
            aliases: self.aliases.unwrap_or_default(),
            summary: shortened(summary.as_deref().unwrap_or_default()),
            severity,
            modified: self.modified.as_deref().and_then(Timestamp::parse_rfc3339),
            withdrawn: self.withdrawn.is_some(),
            affected,
            foreign,
        })))
    }
}

impl WireAffected {
    fn read(self, ecosystem: Ecosystem, default: &Kind) -> Result<Affected, String> {
        let package = self.package.map(|p| p.name).unwrap_or_default();
        let informational = self.database_specific.and_then(|s| s.informational);
        let mut ranges = Vec::new();
        let mut unreadable_ranges = false;
        for range in self.ranges.unwrap_or_default() {
            match range.r#type.as_str() {
                "SEMVER" | "ECOSYSTEM" => ranges.push(events(range.events, &package)?),
                _ => unreadable_ranges = true,
            }
        }
        Ok(Affected {
            ecosystem,
            package: name::normalised(ecosystem, &package),
            kind: informational.map_or_else(|| default.clone(), Kind::Informational),
            ranges,
            versions: self.versions.unwrap_or_default(),
            unreadable_ranges,
        })
    }
}

fn events(wire: Vec<WireEvent>, package: &str) -> Result<Vec<Event>, String> {
    let mut events = Vec::new();
    for event in wire {
        let before = events.len();
        // The schema wants one border in each event; old files have two, and both count.
        events.extend(event.introduced.map(Event::Introduced));
        events.extend(event.fixed.map(Event::Fixed));
        events.extend(event.last_affected.map(Event::LastAffected));
        events.extend(event.limit.map(Event::Limit));
        if events.len() == before {
            return Err(format!("an event of a range of `{package}` names no border"));
        }
    }
    if events.is_empty() {
        return Err(format!("a range of `{package}` has no events"));
    }
    Ok(events)
}

impl Severity {
    fn read(&mut self, scores: Option<&[WireSeverity]>, specific: Option<&WireSpecific>) {
        for score in scores.unwrap_or_default() {
            if !score.score.is_empty() && !self.vectors.contains(&score.score) {
                self.vectors.push(score.score.clone());
            }
        }
        if let Some(word) = specific.and_then(|s| s.severity.as_deref()) {
            let word = word.trim().to_lowercase();
            self.word = Some(if word == "moderate" { "medium".to_owned() } else { word });
        }
    }
}
