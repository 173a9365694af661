//! From text to an agent, or to an error that names the line and the fix.

use domain::Digest;
use domain::agent::{
    Agent, Brain, Budget, ChecksGate, Gates, Grouping, NetworkGrant, Outputs, Playbook,
    RemediationSettings, RunLimits, SandboxLimits, Scope, Semantic, UpdateLevel, UpdateSettings,
};
use domain::dependency::Ecosystem;

use super::front::{
    ChecksName, EcosystemName, Front, GroupName, LevelName, NetworkFront, PlaybookFront,
    PlaybookName, SandboxFront, ScopeFront, SemanticName,
};
use super::overrides::{OverrideError, Setting};

/// The largest definition, in bytes.
pub(super) const DEFINITION_MAX_BYTES: usize = 256 * 1024;

/// The most approvals that a definition may ask for.
const APPROVALS_MAX: u32 = 100;

/// Why a text is no definition.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DefinitionError {
    /// Larger than any definition needs to be.
    #[error("{bytes} bytes are more than a definition may have ({DEFINITION_MAX_BYTES})")]
    TooLarge {
        /// How many it has.
        bytes: usize,
    },
    /// No front matter.
    #[error("a definition begins with a line `---`, YAML, and another line `---`")]
    NoFrontMatter,
    /// The YAML is not one of a definition.
    #[error("line {line}: {reason}{}", nearest.as_ref().map(|n| format!("; did you mean `{n}`?")).unwrap_or_default())]
    Front {
        /// The line in the file, from 1.
        line: u64,
        /// What is wrong.
        reason: String,
        /// The known key or value that comes nearest.
        nearest: Option<String>,
    },
    /// A value that no agent can have.
    #[error("`{key}`: {reason}")]
    Value {
        /// The key.
        key: String,
        /// What is wrong, and what is possible.
        reason: String,
    },
    /// A setting given for one run.
    #[error(transparent)]
    Override(#[from] OverrideError),
}

/// Reads a definition, with settings given for this run on top.
pub fn read(text: &str, settings: &[Setting]) -> Result<Agent, DefinitionError> {
    let (front_text, instructions) = parts(text)?;
    let mut front: Front = serde_saphyr::from_str(front_text).map_err(|error| in_front(&error))?;
    for setting in settings {
        setting.apply(&mut front)?;
    }
    let version = Digest::of_parts(
        std::iter::once(text.as_bytes()).chain(settings.iter().map(|s| s.text().as_bytes())),
    );
    build(front, version, instructions.trim().to_owned())
}

/// The front matter alone.
pub(super) fn front_text(text: &str) -> Result<&str, DefinitionError> {
    parts(text).map(|(front, _)| front)
}

fn parts(text: &str) -> Result<(&str, &str), DefinitionError> {
    if text.len() > DEFINITION_MAX_BYTES {
        return Err(DefinitionError::TooLarge { bytes: text.len() });
    }
    split(text).ok_or(DefinitionError::NoFrontMatter)
}

fn split(text: &str) -> Option<(&str, &str)> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let rest = text.strip_prefix("---\n").or_else(|| text.strip_prefix("---\r\n"))?;
    let mut at = 0;
    for line in rest.split_inclusive('\n') {
        if line.trim_end() == "---" {
            return Some((rest.get(..at)?, rest.get(at + line.len()..)?));
        }
        at += line.len();
    }
    None
}

pub(super) fn in_front(error: &serde_saphyr::Error) -> DefinitionError {
    // The front matter begins on the second line of the file.
    let line = error.location().map_or(1, |at| at.line()) + 1;
    let reason = first_line(error);
    let nearest = nearest_in(&reason);
    DefinitionError::Front { line, reason, nearest }
}

/// The message alone: its place is told apart, the excerpt that follows is left out.
pub(super) fn first_line(error: &serde_saphyr::Error) -> String {
    let whole = error.to_string();
    let line = whole.lines().next().unwrap_or_default().trim_start_matches("error: ");
    match line.split_once(": ") {
        Some((place, message)) if place.starts_with("line ") => message.to_owned(),
        _ => line.to_owned(),
    }
}

/// The message is ``unknown field `x`, expected one of a, b``: the nearest of what is expected.
fn nearest_in(reason: &str) -> Option<String> {
    let (unknown, expected) = reason.split_once("expected ")?;
    let unknown = unknown.split('`').nth(1)?;
    let expected = expected.strip_prefix("one of ").unwrap_or(expected);
    let words = expected.split([',', ' ', '`']).filter(|word| !word.is_empty());
    super::overrides::nearest(unknown, words)
}

fn value_error(key: &str, reason: impl Into<String>) -> DefinitionError {
    DefinitionError::Value { key: key.to_owned(), reason: reason.into() }
}

/// Every value of a front matter that no agent can have: the first of each part.
pub(super) fn value_errors(front: &Front) -> Vec<DefinitionError> {
    let count = front.gates.approvals.as_ref().map_or(1, |approvals| approvals.count);
    let parts = [
        well_named(&front.name).err(),
        check_globs("repositories", &front.repositories).err(),
        within("gates.approvals.count", count, 1..=APPROVALS_MAX).err(),
        playbook(&front.playbook).err(),
        sandbox(&front.sandbox).err(),
        network(front.network.clone()).err(),
        scope(front.scope.clone()).err(),
        attempts(front).err(),
    ];
    parts.into_iter().flatten().collect()
}

fn well_named(name: &str) -> Result<(), DefinitionError> {
    let holds = name.len() <= 63
        && name.starts_with(|c: char| c.is_ascii_lowercase())
        && name.bytes().all(|b| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'-'));
    if holds {
        Ok(())
    } else {
        Err(value_error("name", "lower-case letters, digits and `-`, at most 63"))
    }
}

fn attempts(front: &Front) -> Result<u32, DefinitionError> {
    within("budget.attempts", front.budget.attempts.unwrap_or(3), 1..=20)
}

fn build(front: Front, version: Digest, instructions: String) -> Result<Agent, DefinitionError> {
    well_named(&front.name)?;
    check_globs("repositories", &front.repositories)?;
    let count = front.gates.approvals.as_ref().map_or(1, |approvals| approvals.count);
    let gates = Gates {
        checks: match front.gates.checks.unwrap_or(ChecksName::Required) {
            ChecksName::Required => ChecksGate::Required,
            ChecksName::Reported => ChecksGate::Reported,
        },
        approvals: within("gates.approvals.count", count, 1..=APPROVALS_MAX)?,
    };
    let attempts = attempts(&front)?;
    let pull_request = front.outputs.pull_request;
    let hour_ms = 3_600_000;
    Ok(Agent {
        brain: Brain::Playbook(playbook(&front.playbook)?),
        sandbox: sandbox(&front.sandbox)?,
        network: network(front.network)?,
        scope: scope(front.scope)?,
        name: front.name,
        version,
        repositories: front.repositories,
        checks: front.checks,
        gates,
        outputs: Outputs { proposals_max: pull_request.and_then(|p| p.max).unwrap_or(1) },
        limits: RunLimits { open_proposals_max: front.limits.open_proposals.unwrap_or(5) },
        budget: Budget { time_ms: front.budget.time.map_or(2 * hour_ms, |d| d.0), attempts },
        instructions,
    })
}

fn playbook(front: &PlaybookFront) -> Result<Playbook, DefinitionError> {
    check_globs("playbook.ignore", &front.ignore)?;
    let ecosystems = front.ecosystems.iter().map(|e| ecosystem(*e)).collect();
    let not_here = |key: &str, name: &str| {
        Err(value_error(&format!("playbook.{key}"), format!("has no meaning for `{name}`")))
    };
    match front.name {
        PlaybookName::Dependencies => {
            if front.development.is_some() {
                return not_here("development", "dependencies");
            }
            if !front.ignore_advisories.is_empty() {
                return not_here("ignore_advisories", "dependencies");
            }
            Ok(Playbook::Updates(UpdateSettings {
                level: match front.level.unwrap_or(LevelName::Minor) {
                    LevelName::Patch => UpdateLevel::Patch,
                    LevelName::Minor => UpdateLevel::Minor,
                    LevelName::Major => UpdateLevel::Major,
                },
                group: match front.group.unwrap_or(GroupName::All) {
                    GroupName::Each => Grouping::Each,
                    GroupName::ByEcosystem => Grouping::ByEcosystem,
                    GroupName::All => Grouping::All,
                },
                min_release_age_ms: front.min_release_age.map_or(0, |d| d.0),
                ignore: front.ignore.clone(),
                ecosystems,
            }))
        }
        PlaybookName::Remediation => {
            if front.level.is_some() {
                return not_here("level", "remediation");
            }
            if front.group.is_some() {
                return not_here("group", "remediation");
            }
            if front.min_release_age.is_some() {
                return not_here("min_release_age", "remediation");
            }
            Ok(Playbook::Remediation(RemediationSettings {
                development: front.development.unwrap_or(true),
                ignore: front.ignore.clone(),
                ignore_advisories: front.ignore_advisories.clone(),
                ecosystems,
            }))
        }
    }
}

fn sandbox(front: &SandboxFront) -> Result<SandboxLimits, DefinitionError> {
    let gib = 1 << 30;
    let limits = SandboxLimits {
        image: front.image.clone().unwrap_or_else(|| "default".to_owned()),
        cpus: within("sandbox.cpus", front.cpus.unwrap_or(2), 1..=256)?,
        memory_bytes: front.memory.map_or(4 * gib, |s| s.0),
        disk_bytes: front.disk.map_or(8 * gib, |s| s.0),
        time_ms: front.time.map_or(45 * 60_000, |d| d.0),
    };
    if limits.image != "default" {
        return Err(value_error("sandbox.image", "only `default` exists"));
    }
    let mib = 1 << 20;
    if limits.memory_bytes < 64 * mib || limits.disk_bytes < 64 * mib {
        return Err(value_error("sandbox", "memory and disk are at least 64MiB"));
    }
    if limits.time_ms < 1_000 {
        return Err(value_error("sandbox.time", "at least 1s"));
    }
    Ok(limits)
}

fn network(front: Vec<NetworkFront>) -> Result<Vec<NetworkGrant>, DefinitionError> {
    let grant = |entry| match entry {
        NetworkFront::Preset(name) => Ok(NetworkGrant::Preset(ecosystem(name))),
        NetworkFront::Host(host) => {
            let plain = !host.host.is_empty()
                && host.host.bytes().all(|b| b.is_ascii_alphanumeric() || b"-.".contains(&b));
            if !plain {
                return Err(value_error("network.host", "one exact host name, without wildcards"));
            }
            check_globs("network.paths", &host.paths)?;
            let methods = if host.methods.is_empty() {
                vec!["GET".to_owned(), "HEAD".to_owned()]
            } else {
                host.methods.iter().map(|m| m.to_ascii_uppercase()).collect()
            };
            let host_name = host.host.to_ascii_lowercase();
            Ok(NetworkGrant::Host { host: host_name, methods, paths: host.paths })
        }
    };
    front.into_iter().map(grant).collect()
}

fn scope(front: ScopeFront) -> Result<Scope, DefinitionError> {
    check_globs("scope.paths", &front.paths)?;
    check_globs("scope.deny", &front.deny)?;
    Ok(Scope {
        paths: front.paths,
        denied: front.deny,
        semantic: front
            .semantic
            .map(|SemanticName::DependencyVersionsOnly| Semantic::DependencyVersionsOnly),
        files_max: front.max.files.unwrap_or(40),
        lines_max: front.max.lines.unwrap_or(5_000),
        bytes_max: front.max.bytes.map_or(1 << 20, |s| s.0),
    })
}

const fn ecosystem(name: EcosystemName) -> Ecosystem {
    match name {
        EcosystemName::Cargo => Ecosystem::Cargo,
        EcosystemName::Npm => Ecosystem::Npm,
        EcosystemName::Python => Ecosystem::Python,
    }
}

fn within(
    key: &str,
    value: u32,
    range: std::ops::RangeInclusive<u32>,
) -> Result<u32, DefinitionError> {
    if range.contains(&value) {
        Ok(value)
    } else {
        let reason = format!("{value} is not between {} and {}", range.start(), range.end());
        Err(value_error(key, reason))
    }
}

fn check_globs(key: &str, globs: &[String]) -> Result<(), DefinitionError> {
    for glob in globs {
        globset::Glob::new(glob)
            .map_err(|error| value_error(key, format!("`{glob}` is no glob: {}", error.kind())))?;
    }
    Ok(())
}
