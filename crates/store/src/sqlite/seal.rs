//! What is done to the ledger after its entries were written: sealing, and erasing what entries name.

use domain::{Digest, Timestamp};
use rusqlite::{Connection, params};

use super::fault::Fault;
use super::read;
use super::row::int;
use crate::error::CommitError;
use crate::record::Checkpoint;

pub(super) fn seal(
    conn: &Connection,
    expected_old_size: u64,
    new_hashes: &[[u8; 32]],
    checkpoint: &Checkpoint,
) -> Result<(), Fault> {
    let found: u64 = conn
        .prepare_cached("SELECT coalesce(max(size), 0) FROM checkpoints")?
        .query_row([], |row| row.get(0))?;
    if found != expected_old_size || checkpoint.size <= found {
        let (what, id) = ("ledger", format!("checkpoint of size {}", checkpoint.size));
        return Err(
            CommitError::StaleRevision { what, id, expected: expected_old_size, found }.into()
        );
    }
    let entries = read::ledger_size(conn)?;
    if checkpoint.size > entries {
        let id = (checkpoint.size - 1).to_string();
        return Err(CommitError::Missing { what: "ledger entry", id }.into());
    }
    let first: u64 = conn
        .prepare_cached("SELECT coalesce(max(idx), -1) + 1 FROM ledger_hashes")?
        .query_row([], |row| row.get(0))?;
    let mut insert =
        conn.prepare_cached("INSERT INTO ledger_hashes (idx, hash) VALUES (?1, ?2)")?;
    for (index, hash) in (first..).zip(new_hashes) {
        insert.execute(params![int(index), hash])?;
    }
    conn.prepare_cached("INSERT INTO checkpoints (size, root, note, at) VALUES (?1, ?2, ?3, ?4)")?
        .execute(params![
            int(checkpoint.size),
            checkpoint.root,
            checkpoint.note,
            int(checkpoint.at.as_millis())
        ])?;
    Ok(())
}

pub(super) fn erase(conn: &Connection, digests: &[Digest], now: Timestamp) -> Result<u64, Fault> {
    let mut update = conn.prepare_cached(
        "UPDATE payloads SET salt = NULL, bytes = NULL, erased_at = ?2 WHERE digest = ?1 AND bytes IS NOT NULL",
    )?;
    let mut erased = 0;
    for digest in digests {
        erased += update.execute(params![digest.as_bytes(), int(now.as_millis())])? as u64;
    }
    if erased > 0 {
        // The log holds the bytes until it is emptied: whoever comes next knows of it, whatever becomes of us.
        conn.prepare_cached("INSERT INTO erasures_in_log (at) VALUES (?1)")?
            .execute([int(now.as_millis())])?;
    }
    Ok(erased)
}
