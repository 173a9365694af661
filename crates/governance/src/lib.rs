//! Decides whether a change, an output, a tool call or a spend is within bounds, and says why. Pure. One rule, one file.
//!
//! A rule reads the [`Case`] and answers with findings; the verdict is the maximum over all of them. A rule
//! that cannot read what it has to judge denies: gates fail closed. `docs/reference/rules.md` lists the rules,
//! and a test compares it with [`rule::ALL`].

pub mod case;
mod dependency_file;
mod diff;
mod judge;
mod reading;
pub mod rule;
#[cfg(test)]
mod sample;
pub mod secrets;
pub mod text;
mod tree;

pub use case::{Background, Case, Registry, Standing};
pub use dependency_file::is_lock;
pub use judge::judge;
