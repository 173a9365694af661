//! One transaction of the port, written into the database transaction that is open.

use domain::RunId;
use rusqlite::{Connection, OptionalExtension as _, params};

use super::fault::Fault;
use super::row::int;
use crate::error::CommitError;
use crate::port::RunFilter;
use crate::record::payload::PAYLOAD_MAX_BYTES;
use crate::record::versioned::RECORD_MAX_BYTES;
use crate::record::{
    Event, JournalEntry, Machine, MachineState, NewLedgerRow, NewOutboxRow, OutcomeRow, Payload,
    Proposal, Record as _, RunRow, RunState,
};
use crate::transaction::{Committed, Guard, Transaction, Write};

/// Writes all of it; on an error the caller undoes what was written.
pub(super) fn append(conn: &Connection, tx: &Transaction) -> Result<Committed, Fault> {
    let mut done = Committed::default();
    for guard in &tx.guards {
        check(conn, guard)?;
    }
    for event in &tx.events {
        insert_event(conn, event)?;
        done.events.push(event.id);
    }
    for write in &tx.runs {
        done.run_revisions.push(match write {
            Write::Insert(row) => insert_run(conn, row)?,
            Write::Update(row) => update_run(conn, row)?,
        });
    }
    for row in &tx.outcomes {
        decide_event(conn, row)?;
    }
    for entry in &tx.journal {
        done.journal_seqs.push(insert_journal(conn, entry)?);
    }
    for (id, token) in &tx.completed {
        complete(conn, *id, *token)?;
    }
    for row in &tx.outbox {
        done.outbox_ids.push(insert_outbox(conn, row)?);
    }
    for write in &tx.proposals {
        done.proposal_revisions.push(match write {
            Write::Insert(proposal) => insert_proposal(conn, proposal)?,
            Write::Update(proposal) => update_proposal(conn, proposal)?,
        });
    }
    for machine in &tx.machines {
        put_machine(conn, machine)?;
    }
    for (key, doc) in &tx.baselines {
        conn.prepare_cached("INSERT OR REPLACE INTO baselines (key, doc) VALUES (?1, ?2)")?
            .execute(params![key.to_string(), document("baseline", doc)?])?;
    }
    for payload in &tx.payloads {
        insert_payload(conn, payload)?;
    }
    if !tx.ledger.is_empty() {
        done.ledger_indexes = insert_ledger(conn, &tx.ledger)?;
    }
    Ok(done)
}

fn document(what: &'static str, value: &serde_json::Value) -> Result<String, Fault> {
    let text = value.to_string();
    if text.len() > RECORD_MAX_BYTES {
        return Err(CommitError::TooLarge { what, bytes: text.len(), max: RECORD_MAX_BYTES }.into());
    }
    Ok(text)
}

fn check(conn: &Connection, guard: &Guard) -> Result<(), Fault> {
    match guard {
        Guard::NoUnfinishedRun { identity } => {
            let filter = RunFilter {
                identity: Some(identity.clone()),
                unfinished: true,
                ..RunFilter::default()
            };
            let existing = super::read::runs(conn, &filter)?
                .into_iter()
                .find(|row| !matches!(row.run.state, RunState::Proposed { .. }))
                .map(|row| row.id.to_string());
            existing.map_or(Ok(()), |existing| {
                Err(CommitError::Duplicate { what: "run", existing }.into())
            })
        }
    }
}

fn insert_event(conn: &Connection, event: &Event) -> Result<(), Fault> {
    let existing: Option<String> = conn
        .prepare_cached("SELECT id FROM events WHERE source = ?1 AND delivery = ?2 OR id = ?3")?
        .query_row(params![event.source, event.delivery, event.id.to_string()], |row| row.get(0))
        .optional()?;
    if let Some(existing) = existing {
        return Err(CommitError::Duplicate { what: "event", existing }.into());
    }
    conn.prepare_cached("INSERT INTO events (id, source, delivery, doc) VALUES (?1, ?2, ?3, ?4)")?
        .execute(params![event.id.to_string(), event.source, event.delivery, event.to_json()?])?;
    Ok(())
}

fn decide_event(conn: &Connection, row: &OutcomeRow) -> Result<(), Fault> {
    let id = row.event.to_string();
    let decided: Option<bool> = conn
        .prepare_cached("SELECT outcome IS NOT NULL FROM events WHERE id = ?1")?
        .query_row([&id], |found| found.get(0))
        .optional()?;
    match decided {
        None => Err(CommitError::Missing { what: "event", id }.into()),
        Some(true) => Err(CommitError::Duplicate { what: "outcome", existing: id }.into()),
        Some(false) => {
            conn.prepare_cached("UPDATE events SET outcome = ?2, decided_at = ?3 WHERE id = ?1")?
                .execute(params![id, row.outcome.to_json()?, int(row.at.as_millis())])?;
            Ok(())
        }
    }
}

fn insert_run(conn: &Connection, row: &RunRow) -> Result<u64, Fault> {
    let id = row.id.to_string();
    if revision_of(conn, "runs", &id)?.is_some() {
        return Err(CommitError::Duplicate { what: "run", existing: id }.into());
    }
    conn.prepare_cached(
        "INSERT INTO runs (id, revision, agent, agent_digest, repository, identity, ended, updated, doc, facts)
         VALUES (?1, 1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
    )?
    .execute(params![
        id,
        row.agent.name,
        row.agent.digest.to_string(),
        row.repository,
        row.identity,
        row.run.state.is_ended(),
        int(row.updated.as_millis()),
        row.run.to_json()?,
        document("facts", &row.facts)?,
    ])?;
    Ok(1)
}

fn update_run(conn: &Connection, row: &RunRow) -> Result<u64, Fault> {
    let next = next_revision(conn, ("run", "runs"), &row.id.to_string(), row.revision)?;
    conn.prepare_cached(
        "UPDATE runs SET revision = ?2, agent = ?3, agent_digest = ?4, repository = ?5, identity = ?6,
         ended = ?7, updated = ?8, doc = ?9, facts = ?10 WHERE id = ?1",
    )?
    .execute(params![
        row.id.to_string(),
        int(next),
        row.agent.name,
        row.agent.digest.to_string(),
        row.repository,
        row.identity,
        row.run.state.is_ended(),
        int(row.updated.as_millis()),
        row.run.to_json()?,
        document("facts", &row.facts)?,
    ])?;
    Ok(next)
}

fn revision_of(conn: &Connection, table: &str, id: &str) -> Result<Option<u64>, Fault> {
    let found = conn
        .prepare_cached(&format!("SELECT revision FROM {table} WHERE id = ?1"))?
        .query_row([id], |row| row.get(0))
        .optional()?;
    Ok(found)
}

/// The revision after `expected`, where that is what is stored.
fn next_revision(
    conn: &Connection,
    (what, table): (&'static str, &str),
    id: &str,
    expected: u64,
) -> Result<u64, Fault> {
    match revision_of(conn, table, id)? {
        None => Err(CommitError::Missing { what, id: id.to_owned() }.into()),
        Some(found) if found != expected => {
            Err(CommitError::StaleRevision { what, id: id.to_owned(), expected, found }.into())
        }
        Some(found) => Ok(found + 1),
    }
}

fn must_exist(conn: &Connection, run: RunId) -> Result<String, Fault> {
    let id = run.to_string();
    match revision_of(conn, "runs", &id)? {
        Some(_) => Ok(id),
        None => Err(CommitError::Missing { what: "run", id }.into()),
    }
}

fn insert_journal(conn: &Connection, entry: &JournalEntry) -> Result<u64, Fault> {
    let run = must_exist(conn, entry.run)?;
    let seq: u64 = conn
        .prepare_cached("SELECT coalesce(max(seq), 0) + 1 FROM journal WHERE run = ?1")?
        .query_row([&run], |row| row.get(0))?;
    conn.prepare_cached(
        "INSERT INTO journal (run, seq, at, command, before, after, actions) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
    )?
    .execute(params![
        run,
        int(seq),
        int(entry.at.as_millis()),
        document("command", &entry.command)?,
        entry.before,
        entry.after,
        document("actions", &entry.actions)?,
    ])?;
    Ok(seq)
}

fn complete(conn: &Connection, id: u64, token: u64) -> Result<(), Fault> {
    let deleted = conn
        .prepare_cached("DELETE FROM outbox WHERE id = ?1 AND token = ?2 AND worker IS NOT NULL")?
        .execute(params![int(id), int(token)])?;
    if deleted == 1 { Ok(()) } else { Err(CommitError::StaleLease { id, token }.into()) }
}

fn insert_outbox(conn: &Connection, row: &NewOutboxRow) -> Result<u64, Fault> {
    let run = must_exist(conn, row.run)?;
    let id = conn
        .prepare_cached(
            "INSERT INTO outbox (run, action, body, due, ready_at) VALUES (?1, ?2, ?3, ?4, ?4) RETURNING id",
        )?
        .query_row(
            params![run, row.action, document("action", &row.body)?, int(row.due.as_millis())],
            |found| found.get(0),
        )?;
    Ok(id)
}

fn insert_proposal(conn: &Connection, proposal: &Proposal) -> Result<u64, Fault> {
    let id = proposal.id.to_string();
    if revision_of(conn, "proposals", &id)?.is_some() {
        return Err(CommitError::Duplicate { what: "proposal", existing: id }.into());
    }
    conn.prepare_cached(
        "INSERT INTO proposals (id, revision, run, agent, repository, state, doc)
         VALUES (?1, 1, ?2, ?3, ?4, ?5, ?6)",
    )?
    .execute(params![
        id,
        must_exist(conn, proposal.run)?,
        proposal.agent,
        proposal.repository,
        proposal.state.name(),
        proposal.to_json()?,
    ])?;
    Ok(1)
}

fn update_proposal(conn: &Connection, proposal: &Proposal) -> Result<u64, Fault> {
    let id = proposal.id.to_string();
    let next = next_revision(conn, ("proposal", "proposals"), &id, proposal.revision)?;
    conn.prepare_cached(
        "UPDATE proposals SET revision = ?2, run = ?3, agent = ?4, repository = ?5, state = ?6, doc = ?7
         WHERE id = ?1",
    )?
    .execute(params![
        id,
        int(next),
        must_exist(conn, proposal.run)?,
        proposal.agent,
        proposal.repository,
        proposal.state.name(),
        proposal.to_json()?,
    ])?;
    Ok(next)
}

fn put_machine(conn: &Connection, machine: &Machine) -> Result<(), Fault> {
    conn.prepare_cached("INSERT OR REPLACE INTO machines (id, released, doc) VALUES (?1, ?2, ?3)")?
        .execute(params![
            machine.id.to_string(),
            machine.state == MachineState::Released,
            machine.to_json()?
        ])?;
    Ok(())
}

fn insert_payload(conn: &Connection, payload: &Payload) -> Result<(), Fault> {
    let (what, bytes) = ("payload", payload.bytes().len());
    if bytes > PAYLOAD_MAX_BYTES {
        return Err(CommitError::TooLarge { what, bytes, max: PAYLOAD_MAX_BYTES }.into());
    }
    let inserted = conn
        .prepare_cached(
            "INSERT OR IGNORE INTO payloads (digest, run, salt, bytes) VALUES (?1, ?2, ?3, ?4)",
        )?
        .execute(params![
            payload.digest().as_bytes(),
            payload.run().map(|run| run.to_string()),
            payload.salt(),
            payload.bytes()
        ])?;
    if inserted == 1 {
        Ok(())
    } else {
        Err(CommitError::Duplicate { what, existing: payload.digest().to_string() }.into())
    }
}

fn insert_ledger(conn: &Connection, rows: &[NewLedgerRow]) -> Result<Vec<u64>, Fault> {
    let first: u64 = conn
        .prepare_cached("SELECT coalesce(max(idx), -1) + 1 FROM ledger")?
        .query_row([], |row| row.get(0))?;
    let mut insert = conn.prepare_cached(
        "INSERT INTO ledger (idx, run, bytes, leaf_hash) VALUES (?1, ?2, ?3, ?4)",
    )?;
    let mut indexes = Vec::with_capacity(rows.len());
    for (index, row) in (first..).zip(rows) {
        let (what, bytes, max) = ("ledger entry", row.bytes.len(), RECORD_MAX_BYTES);
        if bytes > max {
            return Err(CommitError::TooLarge { what, bytes, max }.into());
        }
        insert.execute(params![
            int(index),
            row.run.map(|run| run.to_string()),
            row.bytes,
            row.leaf_hash
        ])?;
        indexes.push(index);
    }
    Ok(indexes)
}
