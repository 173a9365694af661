//! Bounds what is kept of baselines: the newest, so many and so large together.

use rusqlite::{Connection, params};

use super::fault::Fault;
use super::row::int;

/// The newest baseline that is beyond one of the bounds; those that were written before it are too.
pub(super) fn beyond(
    conn: &Connection,
    (rows_max, bytes_max): (usize, u64),
) -> Result<Option<i64>, Fault> {
    // A key that is written again is a new row.
    let text = "SELECT max(at) FROM (
        SELECT rowid AS at, row_number() OVER newest AS rows, sum(octet_length(doc)) OVER newest AS bytes
        FROM baselines WINDOW newest AS (ORDER BY rowid DESC)
    ) WHERE rows > ?1 OR bytes > ?2";
    Ok(conn
        .prepare_cached(text)?
        .query_row(params![int(rows_max as u64), int(bytes_max)], |row| row.get(0))?)
}

pub(super) fn trim(conn: &Connection, bounds: (usize, u64)) -> Result<u64, Fault> {
    let Some(newest) = beyond(conn, bounds)? else { return Ok(0) };
    let text = "DELETE FROM baselines WHERE rowid <= ?1";
    Ok(conn.prepare_cached(text)?.execute([newest])? as u64)
}
