//! The queue: claims, leases, tokens.

use domain::Timestamp;
use rusqlite::{Connection, OptionalExtension as _, params};

use super::fault::Fault;
use super::row::{self, int};
use crate::error::CommitError;
use crate::queue::{Claim, QueueFilter};

/// What a filter asks for, as JSON: the ids of runs, or a row and its token; nothing where every run is wanted.
fn wanted(filter: &QueueFilter) -> Option<String> {
    match filter {
        QueueFilter::All => None,
        QueueFilter::Runs(runs) => {
            Some(serde_json::Value::from_iter(runs.iter().map(ToString::to_string)).to_string())
        }
        QueueFilter::Row { id, token } => Some(serde_json::json!([id, token]).to_string()),
    }
}

/// The row that has been ready for longest.
fn readiest(filter: &QueueFilter) -> &'static str {
    match filter {
        QueueFilter::All => {
            "SELECT id, ready_at FROM outbox WHERE ?1 IS NULL ORDER BY ready_at, id LIMIT 1"
        }
        QueueFilter::Runs(_) => {
            "SELECT id, ready_at FROM outbox WHERE run IN (SELECT value FROM json_each(?1))
             ORDER BY ready_at, id LIMIT 1"
        }
        QueueFilter::Row { .. } => {
            "SELECT id, ready_at FROM outbox WHERE id = ?1 ->> 0
             AND iif(worker IS NULL, NULL, token) IS ?1 ->> 1"
        }
    }
}

fn next(conn: &Connection, filter: &QueueFilter) -> Result<Option<(i64, Timestamp)>, Fault> {
    let found = conn
        .prepare_cached(readiest(filter))?
        .query_row([wanted(filter)], |row| Ok((row.get(0)?, Timestamp::from_millis(row.get(1)?))))
        .optional()?;
    Ok(found)
}

pub(super) fn next_due(
    conn: &Connection,
    filter: &QueueFilter,
) -> Result<Option<Timestamp>, Fault> {
    Ok(next(conn, filter)?.map(|(_, ready)| ready))
}

pub(super) fn claim(
    conn: &Connection,
    worker: &str,
    now: Timestamp,
    lease_ms: u64,
    filter: &QueueFilter,
) -> Result<Option<Claim>, Fault> {
    let Some((id, ready)) = next(conn, filter)? else { return Ok(None) };
    // Who names a row has seen who held it: whether it may be taken is not for the clock to say.
    if ready > now && !matches!(filter, QueueFilter::Row { .. }) {
        return Ok(None);
    }
    let until = now.plus_millis(lease_ms);
    let mut update = conn.prepare_cached(
        "UPDATE outbox SET worker = ?2, token = token + 1, claims = claims + 1, ready_at = ?3
         WHERE id = ?1 RETURNING *",
    )?;
    let mut rows = update.query(params![id, worker, int(until.as_millis())])?;
    let Some(found) = rows.next()? else { return Ok(None) };
    let claimed = Claim { token: found.get("token")?, row: row::outbox(found)? };
    // An UPDATE with RETURNING has done its work only once it was read to its end.
    while rows.next()?.is_some() {}
    Ok(Some(claimed))
}

pub(super) fn renew(
    conn: &Connection,
    worker: &str,
    claims: &[(u64, u64)],
    until: Timestamp,
) -> Result<Vec<u64>, Fault> {
    let mut lost = Vec::new();
    let mut update = conn.prepare_cached(
        "UPDATE outbox SET ready_at = ?4 WHERE id = ?1 AND token = ?2 AND worker = ?3",
    )?;
    for (id, token) in claims {
        let held =
            update.execute(params![int(*id), int(*token), worker, int(until.as_millis())])?;
        if held == 0 {
            lost.push(*id);
        }
    }
    Ok(lost)
}

pub(super) fn release(conn: &Connection, id: u64, token: u64, due: Timestamp) -> Result<(), Fault> {
    let released = conn
        .prepare_cached(
            "UPDATE outbox SET worker = NULL, claims = claims - 1, due = ?3, ready_at = ?3
             WHERE id = ?1 AND token = ?2 AND worker IS NOT NULL",
        )?
        .execute(params![int(id), int(token), int(due.as_millis())])?;
    if released == 1 { Ok(()) } else { Err(CommitError::StaleLease { id, token }.into()) }
}

pub(super) fn expire_worker(
    conn: &Connection,
    worker: &str,
    now: Timestamp,
) -> Result<Vec<u64>, Fault> {
    let mut update = conn.prepare_cached(
        "UPDATE outbox SET worker = NULL, ready_at = ?2 WHERE worker = ?1 RETURNING id",
    )?;
    let mut ids = update
        .query_map(params![worker, int(now.as_millis())], |row| row.get(0))?
        .collect::<Result<Vec<u64>, _>>()?;
    ids.sort_unstable();
    Ok(ids)
}

pub(super) fn holds(conn: &Connection, id: u64, token: u64) -> Result<bool, Fault> {
    let held = conn
        .prepare_cached("SELECT 1 FROM outbox WHERE id = ?1 AND token = ?2 AND worker IS NOT NULL")?
        .exists(params![int(id), int(token)])?;
    Ok(held)
}
