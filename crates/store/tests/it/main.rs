//! The SQLite backend against the conformance suite, crashes, full disks and old records.

#[cfg(test)]
mod child;
#[cfg(test)]
mod conformance;
#[cfg(test)]
mod crash;
#[cfg(test)]
mod damage;
#[cfg(test)]
mod disk;
#[cfg(test)]
mod history;
#[cfg(test)]
mod opening;
#[cfg(test)]
mod records;

use std::path::Path;
use std::sync::Arc;

use store::Store;
use store::sqlite::{Options, Sqlite};

/// A store in `dir`, as the port.
fn open(dir: &Path) -> Arc<dyn Store> {
    Arc::new(Sqlite::open(dir, &Options::default()).expect("the store opens"))
}

/// An event loop for one test.
fn block_on<T>(work: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).build();
    runtime.expect("an event loop starts").block_on(work)
}
