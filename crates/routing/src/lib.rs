//! Decides which events start which runs, when, and with which context. Pure: no tokio, no I/O, no clock of its own.
//!
//! [`definition`] reads an agent as its user writes it; [`admission`] says whether a request may start a
//! run, and which unfinished work it joins instead.

pub mod admission;
pub mod definition;
