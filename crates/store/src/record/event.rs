//! Events as they are stored, and what became of each.

use domain::event::Lineage;
use domain::{Actor, EventId, RunId, Timestamp, Trust};
use serde::{Deserialize, Serialize};

use super::versioned::Record;

/// Something that happened, as it was accepted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Event {
    /// Our own name for it.
    pub id: EventId,
    /// Where it came from; unique together with `delivery`.
    pub source: String,
    /// The source's own name for this delivery.
    pub delivery: String,
    /// What kind of thing happened.
    pub kind: String,
    /// The repository concerned, as its user names it.
    pub repository: String,
    /// Who caused it: a stable name.
    pub actor: String,
    /// How far that one is trusted.
    pub trust: Trust,
    /// When it was accepted.
    pub at: Timestamp,
    /// The run of ours whose effect came back as this event, if one did.
    pub caused_by: Option<RunId>,
    /// How many runs of ours lie between this event and an outside cause.
    pub depth: u32,
    /// The source's own payload, as JSON text.
    pub payload: String,
}

impl Record for Event {
    const KIND: &'static str = "event";
    const VERSION: u32 = 1;
}

impl From<domain::event::Event> for Event {
    fn from(event: domain::event::Event) -> Self {
        Self {
            id: event.id,
            source: event.source,
            delivery: event.delivery,
            kind: event.kind,
            repository: event.repository,
            actor: event.actor.name,
            trust: event.actor.trust,
            at: event.at,
            caused_by: event.lineage.map(|lineage| lineage.run),
            depth: event.lineage.map_or(0, |lineage| lineage.depth),
            payload: event.payload,
        }
    }
}

impl From<Event> for domain::event::Event {
    fn from(event: Event) -> Self {
        Self {
            id: event.id,
            source: event.source,
            delivery: event.delivery,
            kind: event.kind,
            repository: event.repository,
            actor: Actor { name: event.actor, trust: event.trust },
            at: event.at,
            lineage: event.caused_by.map(|run| Lineage { run, depth: event.depth }),
            payload: event.payload,
        }
    }
}

/// What became of an event. Each has exactly one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "snake_case")]
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
    /// The same thing was accepted before.
    Duplicate {
        /// The event that stands for both.
        of: EventId,
    },
    /// A limit held it back for good.
    RateLimited {
        /// Which limit.
        limit: String,
    },
    /// It went into a run together with others.
    Coalesced {
        /// The run.
        run: RunId,
    },
    /// It was an echo, or one too many.
    Suppressed {
        /// Why.
        reason: String,
    },
    /// It was set aside for people.
    Parked {
        /// Why.
        reason: String,
    },
}

impl Record for EventOutcome {
    const KIND: &'static str = "outcome";
    const VERSION: u32 = 1;
}

/// An outcome and the event it belongs to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutcomeRow {
    /// The event.
    pub event: EventId,
    /// What became of it.
    pub outcome: EventOutcome,
    /// When that was decided.
    pub at: Timestamp,
}

/// An event with its outcome, where that was decided.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventRow {
    /// The event.
    pub event: Event,
    /// What became of it, and when that was decided.
    pub outcome: Option<(EventOutcome, Timestamp)>,
}
