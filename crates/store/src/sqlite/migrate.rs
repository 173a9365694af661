//! Versioned migrations, embedded in the program and applied once, in order.

use rusqlite::{Connection, TransactionBehavior};

use crate::error::Error;

/// Marks a file as ours in its header ("hob1").
const APPLICATION_ID: i32 = 0x686f_6231;

const MIGRATIONS: [&str; 2] = [
    include_str!("../../migrations/0001-first-tables.sql"),
    include_str!("../../migrations/0002-erasures-that-wait.sql"),
];

/// The newest schema that this program knows.
pub(super) const SCHEMA_VERSION: u32 = 2;
const _: () = assert!(MIGRATIONS.len() == SCHEMA_VERSION as usize);

/// Why a file's schema could not be brought up to date.
#[derive(Debug)]
pub(super) enum Migration {
    Sqlite(rusqlite::Error),
    Refused(Error),
}

impl From<rusqlite::Error> for Migration {
    fn from(e: rusqlite::Error) -> Self {
        Self::Sqlite(e)
    }
}

/// Brings the schema up to the newest version, in one transaction.
pub(super) fn migrate(conn: &mut Connection, place: &str) -> Result<(), Migration> {
    let tx = conn.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let found: u32 = tx.pragma_query_value(None, "user_version", |row| row.get(0))?;
    let mark: i32 = tx.pragma_query_value(None, "application_id", |row| row.get(0))?;
    let tables: u64 = tx.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
    if mark != APPLICATION_ID && (mark != 0 || found != 0 || tables != 0) {
        return Err(Migration::Refused(Error::Corrupt {
            place: place.to_owned(),
            detail: "it is a database of some other program".into(),
        }));
    }
    if found > SCHEMA_VERSION {
        return Err(Migration::Refused(Error::TooNew { found, known: SCHEMA_VERSION }));
    }
    if found < SCHEMA_VERSION {
        for migration in MIGRATIONS.iter().skip(found as usize) {
            tx.execute_batch(migration)?;
        }
        tx.pragma_update(None, "application_id", APPLICATION_ID)?;
        tx.pragma_update(None, "user_version", SCHEMA_VERSION)?;
    }
    tx.commit()?;
    Ok(())
}
