//! Values of the port as SQLite holds them, and back.

use std::str::FromStr;

use rusqlite::Row;

use super::fault::Fault;
use crate::error::Error;
use crate::record::{
    AgentVersion, JournalEntry, JournalRow, LedgerRow, NewLedgerRow, NewOutboxRow, OutboxRow,
    Record as _, Run, RunRow,
};

/// SQLite's integers have a sign; an instant beyond them is the end of time.
pub(super) fn int(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

/// A damaged cell.
pub(super) fn damaged(place: impl Into<String>, detail: impl std::fmt::Display) -> Fault {
    Fault::from(Error::Corrupt { place: place.into(), detail: detail.to_string() })
}

/// A cell that holds an id, a digest or a commit as text.
pub(super) fn parsed<T>(row: &Row<'_>, column: &str) -> Result<T, Fault>
where
    T: FromStr,
    T::Err: std::fmt::Display,
{
    let text: String = row.get(column)?;
    text.parse().map_err(|e: T::Err| damaged(column, e))
}

/// A cell that holds an instant.
pub(super) fn instant(row: &Row<'_>, column: &str) -> Result<domain::Timestamp, Fault> {
    Ok(domain::Timestamp::from_millis(row.get(column)?))
}

/// A cell that holds a JSON document of the engine's own.
pub(super) fn json(row: &Row<'_>, column: &str) -> Result<serde_json::Value, Fault> {
    let text: String = row.get(column)?;
    serde_json::from_str(&text).map_err(|e| damaged(column, e))
}

/// A cell that holds 32 bytes.
pub(super) fn hash(row: &Row<'_>, column: &str) -> Result<[u8; 32], Fault> {
    let bytes: Vec<u8> = row.get(column)?;
    bytes.try_into().map_err(|_wrong| damaged(column, "it is not 32 bytes long"))
}

pub(super) fn run(row: &Row<'_>) -> Result<RunRow, Fault> {
    let doc: String = row.get("doc")?;
    let id = parsed(row, "id")?;
    let run = Run::from_json(&doc)?;
    let ended: bool = row.get("ended")?;
    if ended != run.state.is_ended() {
        let detail = format!("its column `ended` says {ended}, its record {}", run.state.name());
        return Err(damaged(format!("run {id}"), detail));
    }
    Ok(RunRow {
        id,
        revision: row.get("revision")?,
        agent: AgentVersion { name: row.get("agent")?, digest: parsed(row, "agent_digest")? },
        repository: row.get("repository")?,
        identity: row.get("identity")?,
        run,
        facts: json(row, "facts")?,
        updated: instant(row, "updated")?,
    })
}

pub(super) fn journal(row: &Row<'_>) -> Result<JournalRow, Fault> {
    Ok(JournalRow {
        seq: row.get("seq")?,
        entry: JournalEntry {
            run: parsed(row, "run")?,
            at: instant(row, "at")?,
            command: json(row, "command")?,
            before: row.get("before")?,
            after: row.get("after")?,
            actions: json(row, "actions")?,
        },
    })
}

pub(super) fn outbox(row: &Row<'_>) -> Result<OutboxRow, Fault> {
    let worker: Option<String> = row.get("worker")?;
    let (token, until) = (row.get("token")?, instant(row, "ready_at")?);
    Ok(OutboxRow {
        id: row.get("id")?,
        new: NewOutboxRow {
            run: parsed(row, "run")?,
            action: row.get("action")?,
            body: json(row, "body")?,
            due: instant(row, "due")?,
        },
        lease: worker.map(|worker| crate::queue::Lease { worker, token, until }),
        claims: row.get("claims")?,
    })
}

pub(super) fn ledger(row: &Row<'_>) -> Result<LedgerRow, Fault> {
    let index: u64 = row.get("idx")?;
    let run: Option<String> = row.get("run")?;
    let place = || format!("ledger entry {index}, column `run`");
    let run = run.map(|text| text.parse().map_err(|e| damaged(place(), e))).transpose()?;
    Ok(LedgerRow {
        index,
        entry: NewLedgerRow { bytes: row.get("bytes")?, leaf_hash: hash(row, "leaf_hash")?, run },
    })
}
