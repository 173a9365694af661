//! Signals: whoever changes what a reconciler looks after says so, and it looks at once.
//!
//! A signal carries nothing but whom it is for. One that is lost with its process, or was given in another one, costs
//! time until the period is over, and nothing else.

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};

use store::record::RunState;
use store::transaction::{Transaction, Write};
use tokio::sync::Notify;

/// What looks after one kind of thing. They work in this order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Reconciler {
    /// Leases of processes that are gone.
    Leases,
    /// Machines that nobody holds.
    Machines,
    /// What runs that are over, or told to stop, still ask for.
    Ends,
    /// Answers to proposals.
    Proposals,
    /// What mirrors keep of runs.
    Mirrors,
    /// What is kept of baselines.
    Baselines,
    /// Runs that nothing brings on.
    Stuck,
    /// Ledger entries that no checkpoint covers.
    Ledger,
}

impl Reconciler {
    /// All of them.
    pub(crate) const ALL: [Self; 8] = [
        Self::Leases,
        Self::Machines,
        Self::Ends,
        Self::Proposals,
        Self::Mirrors,
        Self::Baselines,
        Self::Stuck,
        Self::Ledger,
    ];
}

/// The signals that were given and not yet heard.
#[derive(Debug, Default)]
pub(crate) struct Signals {
    given: Mutex<BTreeSet<Reconciler>>,
    woken: Notify,
}

impl Signals {
    /// Gives signals.
    pub(crate) fn give(&self, to: impl IntoIterator<Item = Reconciler>) {
        let mut given = self.given.lock().unwrap_or_else(PoisonError::into_inner);
        given.extend(to);
        if !given.is_empty() {
            self.woken.notify_one();
        }
    }

    /// Waits until there is at least one, and takes all there are.
    pub(crate) async fn heard(&self) -> BTreeSet<Reconciler> {
        loop {
            let given = self.take();
            if !given.is_empty() {
                return given;
            }
            self.woken.notified().await;
        }
    }

    /// Those there are.
    pub(crate) fn take(&self) -> BTreeSet<Reconciler> {
        std::mem::take(&mut *self.given.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Whom it concerns that this was written.
pub(crate) fn concerned(tx: &Transaction) -> BTreeSet<Reconciler> {
    let mut concerned = BTreeSet::new();
    for write in &tx.runs {
        let (Write::Insert(row) | Write::Update(row)) = write;
        match row.run.state {
            RunState::Ended { .. } => concerned.extend([Reconciler::Mirrors, Reconciler::Ledger]),
            RunState::Proposed { .. } => concerned.extend([Reconciler::Ledger]),
            RunState::Queued
            | RunState::Working { .. }
            | RunState::Waiting { .. }
            | RunState::Stopping { .. } => {}
        }
    }
    if tx.runs.is_empty() && !tx.completed.is_empty() {
        // Maybe the last thing that a run which is over has asked for.
        concerned.insert(Reconciler::Mirrors);
    }
    for write in &tx.proposals {
        let (Write::Insert(proposal) | Write::Update(proposal)) = write;
        if !proposal.state.is_open() {
            concerned.extend([Reconciler::Proposals, Reconciler::Mirrors]);
        }
    }
    if !tx.baselines.is_empty() {
        concerned.insert(Reconciler::Baselines);
    }
    concerned
}
