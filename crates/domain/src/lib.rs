//! The nouns everyone shares: ids, events, agents, runs, changes, findings, outputs, limits, and the `Clock`.
//!
//! This crate imports no other room. It holds words and their invariants, no behaviour of any layer.
//!
//! Glossary: an *event* happened; an *agent* is a definition; a *run* is one agent, one repository, one
//! cause; an *attempt* is one try of a run in one machine; a *change* is the diff an attempt produced;
//! a *finding* is what a governance rule says of a change; a *verdict* is the maximum over findings;
//! a *proposal* is a change as published; an *escalation* hands to people what the agent could not resolve.

pub mod actor;
pub mod agent;
pub mod change;
pub mod check;
pub mod clock;
pub mod dependency;
pub mod digest;
pub mod event;
pub mod exec;
pub mod fence;
pub mod finding;
pub mod id;
pub mod limit;
pub mod machine;
pub mod path;
pub mod report;
pub mod secret;

pub use actor::{Actor, Trust};
pub use clock::{Clock, Timestamp};
pub use digest::{CommitId, Digest, TreeId};
pub use fence::Fence;
pub use id::{EventId, MachineId, ProposalId, RunId};
pub use path::RepoPath;
pub use secret::Secret;
