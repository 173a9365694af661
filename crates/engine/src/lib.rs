//! Performs actions: asks governance first, drives sandbox, agent and forge, writes the store, supervises every task.
//!
//! Every request enters through [`House`] and names who asks. The run machine (`runs`) decides; the
//! [`driver`](House::drive) claims what it decided under a lease, the performers do it, and what came of
//! it goes back as the next command, in one transaction with the state, the journal and the ledger.

mod answers;
mod audit;
mod baseline;
mod claims;
mod commit;
mod drain;
mod driver;
mod error;
mod facts;
pub mod failpoint;
mod house;
mod intent;
mod keeper;
mod knowledge;
mod machines;
mod meter;
mod open_proposals;
mod outbox;
mod pages;
mod pending;
mod perform;
mod persist;
pub mod progress;
mod proposal_text;
mod reconcile;
mod recorded;
mod report;
pub mod request;
mod space;
mod spent_branch;
#[cfg(test)]
mod stored;
mod stuck;
pub mod supervise;
mod took;
mod unsealed;
mod worker;
mod workspace;

pub use driver::Rest;
pub use error::{BUG_HINT, HouseError, data_hint};
pub use house::{House, Parts, Settings, Workshop};
pub use report::{RunLine, check_words};

/// An error with its causes, each told once: `what was tried: why it failed`.
pub fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let more = error.to_string();
        if !text.ends_with(&more) {
            text.push_str(": ");
            text.push_str(&more);
        }
        cause = error.source();
    }
    text
}
