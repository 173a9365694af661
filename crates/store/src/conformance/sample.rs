//! Small records for the conformance cases, with ids from a clock that only counts.

use std::sync::atomic::{AtomicU64, Ordering};

use domain::{Clock, CommitId, Digest, EventId, MachineId, ProposalId, RunId, Timestamp, Trust};
use serde_json::json;

use crate::record::{
    AgentVersion, Event, JournalEntry, Limits, NewLedgerRow, NewOutboxRow, Proposal, ProposalState,
    Run, RunRow, RunState,
};
use crate::transaction::{Transaction, Write};

/// Makes records; each id is greater than the one before.
#[derive(Debug, Default)]
pub struct Sample {
    steps: AtomicU64,
}

impl Clock for Sample {
    fn now(&self) -> Timestamp {
        at(self.steps.fetch_add(1, Ordering::Relaxed))
    }

    fn fill_random(&self, bytes: &mut [u8]) {
        for byte in bytes {
            let step = self.steps.fetch_add(1, Ordering::Relaxed);
            *byte = u8::try_from(step % 251).unwrap_or(0);
        }
    }
}

/// An instant `millis` after the one where the cases begin.
pub fn at(millis: u64) -> Timestamp {
    Timestamp::from_millis(1_700_000_000_000 + millis)
}

impl Sample {
    /// A run that was just accepted.
    pub fn run(&self, identity: &str) -> RunRow {
        let id = RunId::fresh(self);
        RunRow {
            id,
            revision: 0,
            agent: AgentVersion {
                name: "cve-remediation".into(),
                digest: Digest::of(b"a definition"),
            },
            repository: "/srv/git/example".into(),
            identity: identity.to_owned(),
            run: Run {
                state: RunState::Queued,
                fence: 0,
                accepted: at(1),
                limits: Limits {
                    attempts_max: 3,
                    losses_max: 5,
                    time_ms: 60_000,
                    backoff_ms: 100,
                    backoff_max_ms: 10_000,
                },
                losses: 0,
                failures: vec![],
                attempts: 0,
            },
            facts: json!({ "asked": { "by": "local:anna", "n": 1.5 } }),
            updated: at(1),
        }
    }

    /// An event of a source, under a delivery name.
    pub fn event(&self, source: &str, delivery: &str) -> Event {
        Event {
            id: EventId::fresh(self),
            source: source.to_owned(),
            delivery: delivery.to_owned(),
            kind: "ticket.run".into(),
            repository: "/srv/git/example".into(),
            actor: "local:anna".into(),
            trust: Trust::Owner,
            at: at(1),
            caused_by: None,
            depth: 0,
            payload: "{\"text\":\"grüße\\u0000\"}".into(),
        }
    }

    /// An open proposal of a run.
    pub fn proposal(&self, run: &RunRow) -> Proposal {
        let commit = |digit: &str| digit.repeat(40).parse::<CommitId>().expect("forty digits");
        Proposal {
            id: ProposalId::fresh(self),
            revision: 0,
            run: run.id,
            agent: run.agent.name.clone(),
            repository: run.repository.clone(),
            branch: "hob/example".into(),
            base: commit("a"),
            head: commit("b"),
            digest: Digest::of(b"a change"),
            title: "raise regex to 1.5.5".into(),
            body: "why\nand how".into(),
            state: ProposalState::Open,
            approvals: vec![],
            made: at(2),
            updated: at(2),
            facts: json!({ "checks": [] }),
        }
    }

    /// A name for a machine.
    pub fn machine(&self) -> MachineId {
        MachineId::fresh(self)
    }
}

/// An action of a run.
pub fn action(run: RunId, name: &str, due: u64) -> NewOutboxRow {
    NewOutboxRow { run, action: name.to_owned(), body: json!({ "do": name }), due: at(due) }
}

/// A journal row of a run.
pub fn journal(run: RunId, command: &str) -> JournalEntry {
    JournalEntry {
        run,
        at: at(3),
        command: json!({ "command": command }),
        before: "queued".into(),
        after: "working".into(),
        actions: json!([]),
    }
}

/// A ledger entry; its hash is not that of a Merkle leaf, which no store looks at.
pub fn entry(text: &str, run: Option<RunId>) -> NewLedgerRow {
    NewLedgerRow {
        bytes: text.as_bytes().to_vec(),
        leaf_hash: *Digest::of(text.as_bytes()).as_bytes(),
        run,
    }
}

/// A transaction that inserts runs.
pub fn insert(runs: &[&RunRow]) -> Transaction {
    Transaction {
        runs: runs.iter().map(|run| Write::Insert((*run).clone())).collect(),
        ..Transaction::default()
    }
}
