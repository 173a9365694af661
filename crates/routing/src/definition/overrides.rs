//! Settings given for one run: `--set level=major`.

use super::front::Front;

/// One setting, `key=value`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Setting {
    text: String,
    key: String,
    value: String,
}

/// Why a setting is not one.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OverrideError {
    /// Not of the form `key=value`.
    #[error("`{text}` is not of the form `key=value`")]
    Form {
        /// What was given.
        text: String,
    },
    /// No such key.
    #[error("`{key}` cannot be set{}; what can: {}", nearest.as_ref().map(|n| format!("; did you mean `{n}`?")).unwrap_or_default(), KEYS.join(", "))]
    UnknownKey {
        /// What was given.
        key: String,
        /// The key that comes nearest.
        nearest: Option<String>,
    },
    /// The value does not fit.
    #[error("`{key}={value}`: {reason}")]
    Value {
        /// The key.
        key: String,
        /// The value.
        value: String,
        /// Why not.
        reason: String,
    },
}

/// What can be set for one run.
pub const KEYS: [&str; 13] = [
    "level",
    "group",
    "min_release_age",
    "ignore",
    "ignore_advisories",
    "development",
    "ecosystems",
    "checks",
    "memory",
    "disk",
    "time",
    "cpus",
    "attempts",
];

/// A value that can be given, for each key.
const EXAMPLES: [(&str, &str); 13] = [
    ("level", "minor"),
    ("group", "by-ecosystem"),
    ("min_release_age", "3d"),
    ("ignore", "serde,tokio"),
    ("ignore_advisories", "RUSTSEC-2022-0013"),
    ("development", "false"),
    ("ecosystems", "cargo,npm"),
    ("checks", "cargo test --locked"),
    ("memory", "4GiB"),
    ("disk", "8GiB"),
    ("time", "30m"),
    ("cpus", "2"),
    ("attempts", "2"),
];

impl OverrideError {
    /// A setting that would be taken: of the key that was meant, where that can be told.
    pub fn example(&self) -> String {
        let meant = match self {
            Self::Form { text } => nearest(text.trim(), KEYS),
            Self::UnknownKey { nearest, .. } => nearest.clone(),
            Self::Value { key, .. } => Some(key.clone()),
        };
        let of_key = |(key, _): &&(&str, &str)| meant.as_deref() == Some(*key);
        let (key, value) = EXAMPLES.iter().find(of_key).unwrap_or(&EXAMPLES[0]);
        if value.contains(' ') { format!("'{key}={value}'") } else { format!("{key}={value}") }
    }
}

impl std::str::FromStr for Setting {
    type Err = OverrideError;

    fn from_str(text: &str) -> Result<Self, OverrideError> {
        let form = || OverrideError::Form { text: text.to_owned() };
        let (key, value) = text.split_once('=').ok_or_else(form)?;
        let key = key.trim().trim_start_matches("playbook.").trim_start_matches("sandbox.");
        if !KEYS.contains(&key) {
            let nearest = nearest(key, KEYS);
            return Err(OverrideError::UnknownKey { key: key.to_owned(), nearest });
        }
        Ok(Self { text: text.to_owned(), key: key.to_owned(), value: value.trim().to_owned() })
    }
}

impl Setting {
    /// As it was given.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Puts the value into the front matter.
    pub(super) fn apply(&self, front: &mut Front) -> Result<(), OverrideError> {
        let playbook = &mut front.playbook;
        match self.key.as_str() {
            "level" => playbook.level = Some(self.read()?),
            "group" => playbook.group = Some(self.read()?),
            "min_release_age" => playbook.min_release_age = Some(self.read()?),
            "ignore" => playbook.ignore = self.list()?,
            "ignore_advisories" => playbook.ignore_advisories = self.list()?,
            "development" => playbook.development = Some(self.read()?),
            "ecosystems" => playbook.ecosystems = self.list()?,
            "checks" => front.checks = self.commands()?,
            "memory" => front.sandbox.memory = Some(self.read()?),
            "disk" => front.sandbox.disk = Some(self.read()?),
            "time" => front.sandbox.time = Some(self.read()?),
            "cpus" => front.sandbox.cpus = Some(self.read()?),
            "attempts" => front.budget.attempts = Some(self.read()?),
            _ => unreachable!("a setting's key is one of KEYS from its making on"),
        }
        Ok(())
    }

    fn read<T: serde::de::DeserializeOwned>(&self) -> Result<T, OverrideError> {
        self.yaml(&self.value)
    }

    /// A YAML list, or words with commas between them.
    fn list<T: serde::de::DeserializeOwned>(&self) -> Result<Vec<T>, OverrideError> {
        if self.value.starts_with('[') {
            return self.yaml(&self.value);
        }
        self.value
            .split(',')
            .map(str::trim)
            .filter(|w| !w.is_empty())
            .map(|w| self.yaml(w))
            .collect()
    }

    /// A YAML list of commands, or one command.
    fn commands(&self) -> Result<Vec<String>, OverrideError> {
        if self.value.starts_with('[') {
            self.yaml(&self.value)
        } else {
            Ok(vec![self.value.clone()])
        }
    }

    fn yaml<T: serde::de::DeserializeOwned>(&self, text: &str) -> Result<T, OverrideError> {
        serde_saphyr::from_str(text).map_err(|error| OverrideError::Value {
            key: self.key.clone(),
            value: self.value.clone(),
            reason: super::read::first_line(&error),
        })
    }
}

/// The nearest of some words, where one is near at all.
pub(super) fn nearest<'a>(word: &str, among: impl IntoIterator<Item = &'a str>) -> Option<String> {
    among
        .into_iter()
        .map(|candidate| (strsim::damerau_levenshtein(word, candidate), candidate))
        .filter(|(distance, candidate)| *distance <= 2.max(candidate.chars().count() / 3))
        .min()
        .map(|(_, candidate)| candidate.to_owned())
}
