//! What goes into the ledger, and how it gets there: with the state it belongs to, or at once.

use std::collections::BTreeMap;
use std::sync::Arc;

use domain::{Actor, Clock, Digest, RunId};
use serde_json::{Value, json};
use store::record::payload::PAYLOAD_MAX_BYTES;
use store::record::{NewLedgerRow, Payload};

/// The longest reason that an entry carries, in characters; of a longer one the whole text is a payload.
const REASON_MAX_CHARS: usize = 1_000;

/// The most bytes of facts that an entry carries; more of them become a payload.
const FACTS_MAX_BYTES: usize = 16 * 1024;

/// One thing that happened, before it is an entry.
#[derive(Debug, Clone)]
pub(crate) struct Note {
    action: &'static str,
    reason: String,
    facts: BTreeMap<String, Value>,
    payloads: Vec<(&'static str, Vec<u8>)>,
}

impl Note {
    /// `action` happened because of `reason`.
    pub(crate) fn new(action: &'static str, reason: impl Into<String>) -> Self {
        Self { action, reason: reason.into(), facts: BTreeMap::new(), payloads: Vec::new() }
    }

    /// With a small fact.
    pub(crate) fn fact(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.facts.insert(name.to_owned(), value.into());
        self
    }

    /// With content that can be erased later; the entry names it by its salted digest. What is longer than a payload may
    /// be is cut, and a fact says how long it was.
    pub(crate) fn payload(mut self, name: &'static str, bytes: Vec<u8>) -> Self {
        self.payloads.push((name, bytes));
        self
    }

    /// What it says happened.
    pub(crate) const fn action(&self) -> &'static str {
        self.action
    }

    /// Whether it is a machine's request to the network.
    pub(crate) fn is_request(&self) -> bool {
        self.action.starts_with("egress.")
    }

    /// How many bytes its payloads hold.
    pub(crate) fn bytes(&self) -> usize {
        self.payloads.iter().map(|(_, bytes)| bytes.len()).sum()
    }

    /// One of its facts.
    #[cfg(test)]
    pub(crate) fn value(&self, name: &str) -> Option<&Value> {
        self.facts.get(name)
    }
}

/// Who writes about what: everything about one run carries the same head.
#[derive(Debug, Clone)]
pub(crate) struct Scribe {
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) actor: Actor,
    pub(crate) run: Option<RunId>,
    pub(crate) agent: Option<(String, Digest)>,
    pub(crate) repository: Option<String>,
}

/// Entries and payloads, ready for a transaction.
#[derive(Debug, Default)]
pub(crate) struct Written {
    pub(crate) ledger: Vec<NewLedgerRow>,
    pub(crate) payloads: Vec<Payload>,
}

impl Scribe {
    /// The same head with another hand: a person who answers.
    pub(crate) fn by(&self, actor: &Actor) -> Self {
        Self { actor: actor.clone(), ..self.clone() }
    }

    /// Turns notes into entries.
    pub(crate) fn write(&self, notes: Vec<Note>) -> Written {
        let mut written = Written::default();
        for note in notes {
            self.write_one(note, &mut written);
        }
        written
    }

    fn write_one(&self, note: Note, written: &mut Written) {
        let mut facts = note.facts;
        if let Some((_, version)) = &self.agent {
            facts.insert("definition".to_owned(), json!(version.to_string()));
        }
        let mut payloads = note.payloads;
        let reason = domain::limit::head_chars(&note.reason, REASON_MAX_CHARS);
        if reason != note.reason {
            let mut whole = note.reason.into_bytes();
            whole.truncate(store::record::payload::PAYLOAD_MAX_BYTES);
            payloads.push(("reason", whole));
        }
        let large = facts.values().map(|fact| fact.to_string().len()).sum::<usize>();
        if large > FACTS_MAX_BYTES {
            let all = Value::Object(std::mem::take(&mut facts).into_iter().collect());
            payloads.push(("facts", all.to_string().into_bytes()));
        }
        for (name, bytes) in &mut payloads {
            if bytes.len() > PAYLOAD_MAX_BYTES {
                facts.insert(format!("{name}_bytes"), json!(bytes.len()));
                bytes.truncate(PAYLOAD_MAX_BYTES);
            }
        }
        let mut entry = ledger::Entry {
            at: self.clock.now(),
            actor: cut(&self.actor.name),
            action: note.action.to_owned(),
            run: self.run,
            agent: self.agent.as_ref().map(|(name, _)| name.clone()),
            repository: self.repository.as_deref().map(cut),
            reason,
            facts,
            payloads: self.keep(payloads, written),
        };
        let bytes = entry.to_bytes().unwrap_or_else(|error| {
            // A value that has no canonical form: what happened is told all the same.
            entry.facts = BTreeMap::from([("unsaid".to_owned(), json!(error.to_string()))]);
            entry.to_bytes().expect("short texts and plain words make an entry")
        });
        let leaf_hash = ledger::leaf_hash(&bytes);
        written.ledger.push(NewLedgerRow { bytes, leaf_hash, run: self.run });
    }

    fn keep(
        &self,
        payloads: Vec<(&'static str, Vec<u8>)>,
        written: &mut Written,
    ) -> Vec<ledger::PayloadRef> {
        let mut references = Vec::new();
        for (name, bytes) in payloads {
            let mut salt = [0_u8; store::record::payload::SALT_BYTES];
            self.clock.fill_random(&mut salt);
            let length = bytes.len() as u64;
            let payload = Payload::new(salt, bytes, self.run);
            let digest = payload.digest();
            references.push(ledger::PayloadRef { name: name.to_owned(), digest, bytes: length });
            written.payloads.push(payload);
        }
        references
    }
}

fn cut(text: &str) -> String {
    text.chars().take(250).collect()
}
