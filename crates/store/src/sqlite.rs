//! The embedded backend: one SQLite file in the data folder.
//!
//! ```text
//! commit, claim, ... ──▶ bounded channel ──▶ writer thread ── BEGIN IMMEDIATE ─▶ savepoint per request
//!                                               ▲                                       │
//!                                               └── answers, after COMMIT (fsync) ◀─────┘
//! run, runs, ...     ──▶ one of N read-only connections, each read in one snapshot
//! ```
//!
//! WAL with `synchronous=FULL`: what was answered survives a power loss. Several processes may open the
//! same folder; SQLite's write lock orders them. After a failed flush the writer stops for good, because
//! the kernel may have dropped the pages and a second flush would then lie.

mod append;
mod baselines;
mod fault;
mod integrity;
mod migrate;
mod open;
mod queue;
mod read;
mod readers;
mod row;
mod seal;
mod store;
mod writer;

pub use open::Options;

/// A store in a folder.
#[derive(Debug)]
pub struct Sqlite {
    // Dropped first: the last connection to close tidies the log away, which a reader may not.
    readers: readers::Readers,
    writer: writer::Writer,
}
