//! Reads everything and says what is wrong with it.

use rusqlite::{Connection, Row};

use super::fault::Fault;
use super::{read, row};
use crate::error::CommitError;
use crate::port::Damage;

/// The most damages that are listed.
const DAMAGES_MAX: usize = 1_000;

/// Gaps in numbers that must have none; each statement gives the place and what is wrong.
const NUMBERING: [&str; 4] = [
    "SELECT 'journal of ' || run, 'has ' || count(*) || ' rows, the last is ' || max(seq)
     FROM journal GROUP BY run HAVING min(seq) <> 1 OR max(seq) <> count(*)",
    "SELECT 'ledger', 'has ' || count(*) || ' entries, the last is ' || max(idx)
     FROM ledger HAVING count(*) > 0 AND (min(idx) <> 0 OR max(idx) <> count(*) - 1)",
    "SELECT 'ledger_hashes', 'has ' || count(*) || ' hashes, the last is ' || max(idx)
     FROM ledger_hashes HAVING count(*) > 0 AND (min(idx) <> 0 OR max(idx) <> count(*) - 1)",
    "SELECT 'checkpoints', 'covers ' || max(size) || ' entries, there are ' || (SELECT count(*) FROM ledger)
     FROM checkpoints HAVING max(size) > (SELECT count(*) FROM ledger)",
];

pub(super) fn check(conn: &Connection) -> Result<Vec<Damage>, Fault> {
    let mut found = Vec::new();
    structure(conn, &mut found)?;
    for text in NUMBERING {
        let mut statement = conn.prepare(text)?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            found.push(Damage { place: row.get(0)?, detail: row.get(1)? });
        }
    }
    each(conn, ("event", "events", "id"), &mut found, |row| read::event_row(row).map(drop))?;
    each(conn, ("run", "runs", "id"), &mut found, |row| row::run(row).map(drop))?;
    each(conn, ("journal of", "journal", "run"), &mut found, |row| row::journal(row).map(drop))?;
    each(conn, ("outbox row", "outbox", "id"), &mut found, |row| row::outbox(row).map(drop))?;
    each(conn, ("proposal", "proposals", "id"), &mut found, |row| {
        read::proposal_row(row).map(drop)
    })?;
    each(conn, ("machine", "machines", "id"), &mut found, |row| read::machine_row(row).map(drop))?;
    each(conn, ("payload", "payloads", "hex(digest)"), &mut found, |row| {
        read::payload_row(row).map(drop)
    })?;
    found.truncate(DAMAGES_MAX);
    Ok(found)
}

/// What SQLite itself finds: pages, indexes, foreign keys.
fn structure(conn: &Connection, found: &mut Vec<Damage>) -> Result<(), Fault> {
    let mut statement = conn.prepare("PRAGMA integrity_check(100)")?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let detail: String = row.get(0)?;
        if detail != "ok" {
            found.push(Damage { place: "database file".into(), detail });
        }
    }
    let mut statement = conn.prepare("PRAGMA foreign_key_check")?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let (table, parent): (String, String) = (row.get(0)?, row.get(2)?);
        found.push(Damage {
            place: table,
            detail: format!("names a row of {parent} that is not there"),
        });
    }
    Ok(())
}

/// Reads every row of a table.
fn each(
    conn: &Connection,
    (what, table, key): (&str, &str, &str),
    found: &mut Vec<Damage>,
    read: impl Fn(&Row<'_>) -> Result<(), Fault>,
) -> Result<(), Fault> {
    let mut statement =
        conn.prepare(&format!("SELECT *, CAST({key} AS TEXT) AS the_key FROM {table}"))?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let detail = match read(row) {
            Ok(()) => continue,
            Err(Fault::Refused(CommitError::Store(e))) => e.to_string(),
            Err(Fault::Refused(e)) => e.to_string(),
            Err(Fault::Sqlite(e)) if e.sqlite_error().is_some() => return Err(e.into()),
            Err(Fault::Sqlite(e)) => e.to_string(),
        };
        let key: String = row.get("the_key")?;
        found.push(Damage { place: format!("{what} {key}"), detail });
    }
    Ok(())
}
