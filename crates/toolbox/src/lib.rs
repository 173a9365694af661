//! The deterministic knowledge of the use cases: dependencies, registries, advisories, CI files, standards, coverage, ownership.
//!
//! It reads files that it is shown ([`files::FileSet`]) and asks registries through one caching client for
//! all runs; it executes nothing. The commands that it needs run are returned as [`domain::exec::Exec`]
//! and run in the machine by whoever asked.

pub mod advisories;
pub mod checks;
pub mod dependencies;
pub mod files;
pub mod registry;
