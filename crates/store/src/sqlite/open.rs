//! Opening a data folder.

use std::path::Path;
use std::time::Duration;

use rusqlite::{Connection, OpenFlags};

use super::fault::error_of;
use super::migrate::{Migration, migrate};
use super::readers::Readers;
use super::writer::Writer;
use super::{Sqlite, migrate};
use crate::error::Error;

/// The file that holds everything.
const FILE: &str = "store.sqlite";

/// Held while the schema is looked at, so that two processes do not both make it.
const LOCK_FILE: &str = "store.lock";

/// How a store is opened.
#[derive(Debug, Clone)]
pub struct Options {
    /// Read-only connections.
    pub readers: usize,
    /// How long a write waits for another process, in milliseconds.
    pub busy_ms: u64,
    /// Requests that may wait for the writer; further ones wait outside.
    pub waiting_max: usize,
    /// Requests that share one flush.
    pub batch_max: usize,
    /// The most pages of 4 KiB that the file may grow to; nothing means the disk decides.
    pub pages_max: Option<u32>,
}

impl Default for Options {
    fn default() -> Self {
        Self { readers: 4, busy_ms: 15_000, waiting_max: 1024, batch_max: 256, pages_max: None }
    }
}

impl Sqlite {
    /// Opens the store in `dir`; folder, file and schema are made where they are missing.
    ///
    /// # Errors
    /// `Io` where the folder cannot be used, `TooNew` where a newer hob wrote it, `Corrupt` where the
    /// file is no store, `StorageFull`, `Busy`.
    pub fn open(dir: &Path, options: &Options) -> Result<Self, Error> {
        make_folder(dir)?;
        let place = dir.join(FILE);
        let lock = lock(&dir.join(LOCK_FILE))?;
        let mut conn = connect_writer(&place, options)?;
        migrate(&mut conn, &place.display().to_string()).map_err(|e| match e {
            Migration::Sqlite(e) => error_of(&e, &place),
            Migration::Refused(e) => e,
        })?;
        drop(lock);
        let readers = (0..options.readers.max(1))
            .map(|_| connect_reader(&place, options))
            .collect::<Result<Vec<_>, _>>()?;
        let writer = Writer::start(conn, &place, options)?;
        Ok(Self { readers: Readers::new(readers, &place), writer })
    }

    /// The schema version that this program writes.
    pub const fn schema_version() -> u32 {
        migrate::SCHEMA_VERSION
    }
}

fn io(place: &Path, e: &std::io::Error) -> Error {
    let place = place.display().to_string();
    if e.kind() == std::io::ErrorKind::StorageFull {
        Error::StorageFull { place }
    } else {
        Error::Io { place, detail: e.to_string() }
    }
}

fn make_folder(dir: &Path) -> Result<(), Error> {
    use std::os::unix::fs::DirBuilderExt as _;
    let made: Vec<&Path> = dir.ancestors().take_while(|folder| !folder.exists()).collect();
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(dir).map_err(|e| io(dir, &e))?;
    // A folder is only there after a power loss where the one above it was flushed.
    for above in made.into_iter().filter_map(Path::parent) {
        let above = if above.as_os_str().is_empty() { Path::new(".") } else { above };
        std::fs::File::open(above)
            .and_then(|folder| folder.sync_all())
            .map_err(|e| io(above, &e))?;
    }
    Ok(())
}

fn lock(path: &Path) -> Result<std::fs::File, Error> {
    let file = std::fs::File::options()
        .create(true)
        .truncate(false)
        .write(true)
        .open(path)
        .map_err(|e| io(path, &e))?;
    file.lock().map_err(|e| io(path, &e))?;
    Ok(file)
}

fn connect_writer(place: &Path, options: &Options) -> Result<Connection, Error> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE
        | OpenFlags::SQLITE_OPEN_CREATE
        | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let set_up = || -> Result<Connection, rusqlite::Error> {
        let conn = Connection::open_with_flags(place, flags)?;
        conn.busy_timeout(Duration::from_millis(options.busy_ms))?;
        conn.pragma_update(None, "journal_mode", "wal")?;
        conn.pragma_update(None, "synchronous", "full")?;
        conn.pragma_update(None, "foreign_keys", true)?;
        // Erased payloads leave no bytes behind in freed pages.
        conn.pragma_update(None, "secure_delete", true)?;
        if let Some(pages) = options.pages_max {
            conn.pragma_update(None, "max_page_count", pages)?;
        }
        conn.set_prepared_statement_cache_capacity(64);
        Ok(conn)
    };
    set_up().map_err(|e| error_of(&e, place))
}

fn connect_reader(place: &Path, options: &Options) -> Result<Connection, Error> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let set_up = || -> Result<Connection, rusqlite::Error> {
        let conn = Connection::open_with_flags(place, flags)?;
        conn.busy_timeout(Duration::from_millis(options.busy_ms))?;
        conn.pragma_update(None, "query_only", true)?;
        conn.set_prepared_statement_cache_capacity(64);
        Ok(conn)
    };
    set_up().map_err(|e| error_of(&e, place))
}
