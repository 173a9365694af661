//! Keys of a definition that are read strictly and have no effect in this version: they are told, never ignored.

use super::read::{DefinitionError, front_text};

/// A key without effect.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NoEffect {
    /// The key, with dots between its parts.
    pub key: &'static str,
    /// The one value that has no effect; nothing where none has.
    pub value: Option<&'static str>,
    /// What follows.
    pub weight: Weight,
    /// Why, for a person.
    pub why: &'static str,
}

/// What follows from a key without effect.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Weight {
    /// It promises safety: no run starts with it.
    Refused,
    /// Nothing is less safe without it: people are told.
    Told,
}

impl std::fmt::Display for NoEffect {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "`{}", self.key)?;
        if let Some(value) = self.value {
            write!(f, ": {value}")?;
        }
        write!(f, "` has no effect in this version: {}", self.why)
    }
}

const fn told(key: &'static str, why: &'static str) -> NoEffect {
    NoEffect { key, value: None, weight: Weight::Told, why }
}

const fn refused(key: &'static str, value: Option<&'static str>, why: &'static str) -> NoEffect {
    NoEffect { key, value, weight: Weight::Refused, why }
}

/// Every key without effect. A key stands here, or it changes the agent that is read.
pub const NO_EFFECT: [NoEffect; 13] = [
    told("on.schedule", "runs start with `hob run` only"),
    told("on.push", "runs start with `hob run` only"),
    told("on.advisory", "runs start with `hob run` only"),
    told("on.filter", "runs start with `hob run` only"),
    refused(
        "gates.approvals.from",
        Some("owners"),
        "a repository without a forge does not say who owns a path; leave it out, and anybody but the requester may approve",
    ),
    told("outputs.pull_request.draft", "reviews in hob have no drafts"),
    told("outputs.pull_request.labels", "reviews in hob have no labels"),
    refused("limits.concurrency", None, "it is not enforced; leave it out"),
    refused("limits.per_hour", None, "it is not enforced; leave it out"),
    told("budget.tokens", "a playbook uses no model and spends none"),
    told("budget.cost", "a playbook uses no model and spends none"),
    told("escalate.to.issue", "escalations are files in the data folder"),
    told("escalate.to.notify", "escalations are files in the data folder"),
];

/// The keys of a definition that have no effect, in the order of the table.
pub fn without_effect(text: &str) -> Result<Vec<NoEffect>, DefinitionError> {
    let front = front_text(text)?;
    // Read as it stands: a key that is written counts, also where its value is the one of a key left out.
    let written: serde_json::Value =
        serde_saphyr::from_str(front).map_err(|error| super::read::in_front(&error))?;
    let found = NO_EFFECT.iter().filter(|key| {
        let pointer = format!("/{}", key.key.replace('.', "/"));
        let value = written.pointer(&pointer).filter(|value| !value.is_null());
        value.is_some_and(|value| key.value.is_none_or(|only| value.as_str() == Some(only)))
    });
    Ok(found.copied().collect())
}

#[cfg(test)]
mod tests;
