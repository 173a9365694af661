//! Speaks to GitHub, GitLab, Forgejo/Gitea and plain git: verifies their webhooks, clones, pushes, proposes.
//!
//! One change's way through this room:
//!
//! ```text
//! place -> view -> mirror -> tree (read in process)          what a repository holds
//!                    |
//!                    +-> pack    -> machine                  a checkout goes in
//!                    +<- ingest  <- export   <- machine      a bundle comes out, hostile
//!                    +-> local   -> branch, merge, withdraw  the proposal, fenced
//! ```
//!
//! Two things hold everywhere here. No configuration, hook, filter or attribute of a repository that is read or
//! proposed to is ever given a chance to run something: `git` sees such a repository only through a [`view`].
//! And nothing is ever checked out on the host.

pub mod export;
pub mod fence;
pub mod git;
pub mod ingest;
pub mod local;
pub mod mirror;
pub mod pack;
pub mod path_rule;
pub mod place;
pub mod slug;
pub mod tree;
pub mod view;

mod bundle;
mod careful;
mod ownership;
mod traps;

pub use git::Git;
pub use local::LocalForge;
pub use mirror::{Mirror, Mirrors, Refreshed};
pub use place::Source;
