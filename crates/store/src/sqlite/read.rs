//! Reads, each within one snapshot.

use domain::{Digest, EventId, MachineId, ProposalId, RunId, Timestamp};
use rusqlite::types::Value;
use rusqlite::{Connection, OptionalExtension as _, Row, params, params_from_iter};

use super::fault::Fault;
use super::row::{self, damaged, int};
use crate::port::{EventFilter, HashRows, ProposalFilter, READ_ROWS_MAX, RunFilter};
use crate::record::event::EventRow;
use crate::record::{
    Checkpoint, Event, EventOutcome, JournalRow, LedgerRow, Machine, OutboxRow, Payload, Proposal,
    Record as _, RunRow, StoredPayload,
};

/// Conditions that all must hold, and their values.
struct Query {
    text: String,
    values: Vec<Value>,
}

impl Query {
    fn new(select: &str) -> Self {
        Self { text: format!("{select} WHERE 1"), values: Vec::new() }
    }

    fn and(&mut self, condition: &str, value: Option<impl Into<Value>>) {
        if let Some(value) = value {
            self.values.push(value.into());
            self.append(format_args!(" AND {condition} ?{}", self.values.len()));
        }
    }

    fn when(&mut self, condition: &str, wanted: bool) {
        if wanted {
            self.append(format_args!(" AND {condition}"));
        }
    }

    fn append(&mut self, what: std::fmt::Arguments<'_>) {
        use std::fmt::Write as _;
        self.text.write_fmt(what).expect("a text takes any text");
    }

    /// Newest first, at most `limit`.
    fn rows<T>(
        mut self,
        conn: &Connection,
        limit: usize,
        read: impl Fn(&Row<'_>) -> Result<T, Fault>,
    ) -> Result<Vec<T>, Fault> {
        self.values.push(Value::Integer(int(rows_max(limit) as u64)));
        self.append(format_args!(" ORDER BY id DESC LIMIT ?{}", self.values.len()));
        many(conn, &self.text, params_from_iter(self.values), read)
    }
}

fn rows_max(limit: usize) -> usize {
    if limit == 0 { READ_ROWS_MAX } else { limit.min(READ_ROWS_MAX) }
}

fn many<T>(
    conn: &Connection,
    text: &str,
    values: impl rusqlite::Params,
    read: impl Fn(&Row<'_>) -> Result<T, Fault>,
) -> Result<Vec<T>, Fault> {
    let mut statement = conn.prepare_cached(text)?;
    let mut rows = statement.query(values)?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        found.push(read(row)?);
    }
    Ok(found)
}

fn one<T>(
    conn: &Connection,
    text: &str,
    values: impl rusqlite::Params,
    read: impl Fn(&Row<'_>) -> Result<T, Fault>,
) -> Result<Option<T>, Fault> {
    Ok(many(conn, text, values, read)?.pop())
}

pub(super) fn event_row(row: &Row<'_>) -> Result<EventRow, Fault> {
    let (doc, outcome): (String, Option<String>) = (row.get("doc")?, row.get("outcome")?);
    let decided: Option<u64> = row.get("decided_at")?;
    let outcome = outcome.map(|text| EventOutcome::from_json(&text)).transpose()?;
    Ok(EventRow {
        event: Event::from_json(&doc)?,
        outcome: outcome.zip(decided.map(Timestamp::from_millis)),
    })
}

pub(super) fn event(conn: &Connection, id: EventId) -> Result<Option<EventRow>, Fault> {
    one(conn, "SELECT * FROM events WHERE id = ?1", [id.to_string()], event_row)
}

pub(super) fn events(conn: &Connection, filter: &EventFilter) -> Result<Vec<EventRow>, Fault> {
    let mut query = Query::new("SELECT * FROM events");
    query.when("outcome IS NULL", filter.undecided);
    query.and("id <", filter.before.map(|id| id.to_string()));
    query.rows(conn, filter.limit, event_row)
}

pub(super) fn run(conn: &Connection, id: RunId) -> Result<Option<RunRow>, Fault> {
    one(conn, "SELECT * FROM runs WHERE id = ?1", [id.to_string()], row::run)
}

pub(super) fn runs(conn: &Connection, filter: &RunFilter) -> Result<Vec<RunRow>, Fault> {
    let mut query = Query::new("SELECT * FROM runs");
    query.and("agent =", filter.agent.clone());
    query.and("repository =", filter.repository.clone());
    query.and("identity =", filter.identity.clone());
    query.when("ended = 0", filter.unfinished);
    query.and("id <", filter.before.map(|id| id.to_string()));
    query.rows(conn, filter.limit, row::run)
}

pub(super) fn journal(
    conn: &Connection,
    run: RunId,
    after: u64,
    limit: usize,
) -> Result<Vec<JournalRow>, Fault> {
    let text = "SELECT * FROM journal WHERE run = ?1 AND seq > ?2 ORDER BY seq LIMIT ?3";
    let values = params![run.to_string(), int(after), int(rows_max(limit) as u64)];
    many(conn, text, values, row::journal)
}

pub(super) fn outbox_of(conn: &Connection, run: RunId) -> Result<Vec<OutboxRow>, Fault> {
    let text = "SELECT * FROM outbox WHERE run = ?1 ORDER BY id LIMIT ?2";
    many(conn, text, params![run.to_string(), int(READ_ROWS_MAX as u64)], row::outbox)
}

pub(super) fn runs_with_actions(
    conn: &Connection,
    after: Option<RunId>,
    limit: usize,
) -> Result<Vec<RunId>, Fault> {
    // Every text is greater than the empty one.
    let after = after.map(|run| run.to_string()).unwrap_or_default();
    let text = "SELECT DISTINCT run FROM outbox WHERE run > ?1 ORDER BY run LIMIT ?2";
    many(conn, text, params![after, int(rows_max(limit) as u64)], |row| row::parsed(row, "run"))
}

pub(super) fn proposal_row(row: &Row<'_>) -> Result<Proposal, Fault> {
    let doc: String = row.get("doc")?;
    let proposal = Proposal { revision: row.get("revision")?, ..Proposal::from_json(&doc)? };
    let state: String = row.get("state")?;
    if state != proposal.state.name() {
        let detail =
            format!("its column `state` says {state}, its record {}", proposal.state.name());
        return Err(damaged(format!("proposal {}", proposal.id), detail));
    }
    Ok(proposal)
}

pub(super) fn proposal(conn: &Connection, id: ProposalId) -> Result<Option<Proposal>, Fault> {
    one(conn, "SELECT * FROM proposals WHERE id = ?1", [id.to_string()], proposal_row)
}

pub(super) fn proposals(
    conn: &Connection,
    filter: &ProposalFilter,
) -> Result<Vec<Proposal>, Fault> {
    let mut query = Query::new("SELECT * FROM proposals");
    query.and("run =", filter.run.map(|run| run.to_string()));
    query.and("agent =", filter.agent.clone());
    query.and("repository =", filter.repository.clone());
    let names: Vec<&str> = filter.states.iter().map(|state| state.name()).collect();
    // The names are ours, never a user's.
    query.when(&format!("state IN ('{}')", names.join("','")), !names.is_empty());
    query.and("id <", filter.before.map(|id| id.to_string()));
    query.rows(conn, filter.limit, proposal_row)
}

pub(super) fn machine_row(row: &Row<'_>) -> Result<Machine, Fault> {
    let doc: String = row.get("doc")?;
    Ok(Machine::from_json(&doc)?)
}

pub(super) fn machine(conn: &Connection, id: MachineId) -> Result<Option<Machine>, Fault> {
    one(conn, "SELECT * FROM machines WHERE id = ?1", [id.to_string()], machine_row)
}

pub(super) fn baseline(conn: &Connection, key: Digest) -> Result<Option<serde_json::Value>, Fault> {
    let text = "SELECT doc FROM baselines WHERE key = ?1";
    one(conn, text, [key.to_string()], |row| row::json(row, "doc"))
}

pub(super) fn payload_row(row: &Row<'_>) -> Result<StoredPayload, Fault> {
    let digest = Digest::from_bytes(row::hash(row, "digest")?);
    let erased: Option<u64> = row.get("erased_at")?;
    if let Some(at) = erased {
        return Ok(StoredPayload::Erased { at: Timestamp::from_millis(at) });
    }
    let run: Option<String> = row.get("run")?;
    let run = run.map(|text| text.parse().map_err(|e| damaged("payloads.run", e))).transpose()?;
    let payload = Payload::new(row::hash(row, "salt")?, row.get("bytes")?, run);
    if payload.digest() == digest {
        Ok(StoredPayload::Kept(payload))
    } else {
        Err(damaged(format!("payload {digest}"), "its bytes are not those that were stored"))
    }
}

pub(super) fn payload(conn: &Connection, digest: Digest) -> Result<Option<StoredPayload>, Fault> {
    one(conn, "SELECT * FROM payloads WHERE digest = ?1", [digest.as_bytes()], payload_row)
}

pub(super) fn payloads_of(
    conn: &Connection,
    run: RunId,
    after: Option<Digest>,
    limit: usize,
) -> Result<Vec<Digest>, Fault> {
    let text =
        "SELECT digest FROM payloads WHERE run = ?1 AND digest > ?2 ORDER BY digest LIMIT ?3";
    // Every digest is greater than no bytes.
    let after = after.map(|digest| digest.as_bytes().to_vec()).unwrap_or_default();
    let values = params![run.to_string(), after, int(rows_max(limit) as u64)];
    many(conn, text, values, |row| Ok(Digest::from_bytes(row::hash(row, "digest")?)))
}

pub(super) fn is_cleared(conn: &Connection) -> Result<bool, Fault> {
    let text = "SELECT NOT EXISTS (SELECT 1 FROM erasures_in_log)";
    Ok(conn.prepare_cached(text)?.query_row([], |row| row.get(0))?)
}

pub(super) fn ledger_size(conn: &Connection) -> Result<u64, Fault> {
    Ok(conn
        .prepare_cached("SELECT coalesce(max(idx), -1) + 1 FROM ledger")?
        .query_row([], |row| row.get(0))?)
}

pub(super) fn ledger_rows(
    conn: &Connection,
    from: u64,
    limit: usize,
) -> Result<Vec<LedgerRow>, Fault> {
    let text = "SELECT * FROM ledger WHERE idx >= ?1 ORDER BY idx LIMIT ?2";
    many(conn, text, params![int(from), int(rows_max(limit) as u64)], row::ledger)
}

pub(super) fn ledger_rows_of_run(
    conn: &Connection,
    run: RunId,
    from: u64,
    limit: usize,
) -> Result<Vec<LedgerRow>, Fault> {
    let text = "SELECT * FROM ledger WHERE run = ?1 AND idx >= ?2 ORDER BY idx LIMIT ?3";
    let values = params![run.to_string(), int(from), int(rows_max(limit) as u64)];
    many(conn, text, values, row::ledger)
}

pub(super) fn ledger_size_of_run(conn: &Connection, run: RunId) -> Result<u64, Fault> {
    Ok(conn
        .prepare_cached("SELECT count(*) FROM ledger WHERE run = ?1")?
        .query_row([run.to_string()], |row| row.get(0))?)
}

pub(super) fn ledger_hashes(
    conn: &Connection,
    indexes: &[u64],
) -> Result<Vec<Option<[u8; 32]>>, Fault> {
    let mut statement = conn.prepare_cached("SELECT hash FROM ledger_hashes WHERE idx = ?1")?;
    indexes
        .iter()
        .map(|index| {
            let found: Option<Vec<u8>> =
                statement.query_row([int(*index)], |row| row.get(0)).optional()?;
            found
                .map(|bytes| {
                    bytes.try_into().map_err(|_wrong| {
                        damaged(format!("ledger hash {index}"), "it is not 32 bytes long")
                    })
                })
                .transpose()
        })
        .collect()
}

pub(super) fn ledger_hash_rows(conn: &Connection) -> Result<HashRows, Fault> {
    // One statement is one snapshot.
    let text = "SELECT (SELECT coalesce(max(size), 0) FROM checkpoints),
        (SELECT coalesce(max(idx), -1) + 1 FROM ledger_hashes)";
    Ok(conn
        .prepare_cached(text)?
        .query_row([], |row| Ok(HashRows { sealed: row.get(0)?, end: row.get(1)? }))?)
}

pub(super) fn checkpoints(
    conn: &Connection,
    size: u64,
    limit: usize,
) -> Result<Vec<Checkpoint>, Fault> {
    let text = "SELECT * FROM checkpoints WHERE size >= ?1 ORDER BY size LIMIT ?2";
    many(conn, text, params![int(size), int(rows_max(limit) as u64)], checkpoint)
}

pub(super) fn newest_checkpoint(conn: &Connection) -> Result<Option<Checkpoint>, Fault> {
    one(conn, "SELECT * FROM checkpoints ORDER BY size DESC LIMIT 1", [], checkpoint)
}

fn checkpoint(row: &Row<'_>) -> Result<Checkpoint, Fault> {
    Ok(Checkpoint {
        size: row.get("size")?,
        root: row::hash(row, "root")?,
        note: row.get("note")?,
        at: row::instant(row, "at")?,
    })
}
