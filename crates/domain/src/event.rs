//! Something happened: the envelope that starts runs (a subset of CloudEvents 1.0).

use crate::{Actor, EventId, RunId, Timestamp};

/// What happened, as it was accepted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// Our own name for it.
    pub id: EventId,
    /// Where it came from; unique together with `delivery`.
    pub source: String,
    /// The source's own name for this delivery.
    pub delivery: String,
    /// What kind of thing happened: `ticket.run`, `push`, ...
    pub kind: String,
    /// The repository concerned, as its user names it.
    pub repository: String,
    /// Who caused it.
    pub actor: Actor,
    /// When it was accepted.
    pub at: Timestamp,
    /// What caused it, where one of our own runs did.
    pub lineage: Option<Lineage>,
    /// The source's own payload, as JSON text.
    pub payload: String,
}

/// How an event descends from one of our own runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Lineage {
    /// The run whose effect came back as this event.
    pub run: RunId,
    /// How many of our runs lie between this event and an outside cause.
    pub depth: u32,
}

/// What became of an event. Each event has exactly one.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(tag = "outcome", rename_all = "snake_case")]
pub enum EventOutcome {
    /// It started this run.
    Ran {
        /// The run.
        run: RunId,
    },
    /// No agent wanted it.
    Filtered {
        /// Why not.
        reason: String,
    },
    /// A limit held it back for good.
    RateLimited {
        /// Which limit.
        limit: String,
    },
}
