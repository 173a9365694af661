//! What every backend has to pass, as functions over the port.
//!
//! Each case is given a store of its own, freshly made and empty, and panics where the store does not
//! keep its word. A backend's test walks through [`CASES`].

use std::pin::Pin;
use std::sync::Arc;

use crate::port::Store;

pub mod atomicity;
pub mod events;
pub mod ledger;
pub mod model;
pub mod payloads;
pub mod proposals;
pub mod queue;
pub mod runs;
pub mod sample;

/// A case while it runs.
pub type Checking = Pin<Box<dyn Future<Output = ()> + Send>>;

/// One thing that a store promises.
#[derive(Clone, Copy)]
pub struct Case {
    /// The promise, as a sentence in snake case.
    pub name: &'static str,
    /// Holds an empty store to it.
    pub check: fn(Arc<dyn Store>) -> Checking,
}

impl std::fmt::Debug for Case {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name)
    }
}

macro_rules! cases {
    ($($module:ident::$name:ident),* $(,)?) => {
        /// Every promise.
        pub const CASES: &[Case] = &[$(Case {
            name: stringify!($name),
            check: |store| Box::pin(async move { $module::$name(&store).await }),
        }),*];
    };
}

cases![
    events::an_event_is_kept_once,
    events::an_event_has_exactly_one_outcome,
    events::events_are_listed_newest_first_and_paged,
    runs::a_run_reads_back_in_every_state,
    runs::a_stale_revision_is_refused,
    runs::a_run_is_inserted_once_and_updated_only_if_there,
    runs::runs_are_found_by_what_they_are,
    runs::an_identity_can_be_guarded,
    runs::a_journal_has_no_gaps,
    atomicity::a_refused_transaction_leaves_nothing,
    atomicity::a_refusal_does_not_touch_its_neighbours,
    atomicity::one_of_many_writers_of_a_revision_wins,
    queue::a_row_is_claimed_when_it_is_due_and_not_before,
    queue::rows_come_in_the_order_they_are_due,
    queue::a_row_is_claimed_by_its_number_and_its_lease,
    queue::a_lease_that_ran_out_is_claimed_by_the_next,
    queue::a_stale_token_refuses_the_whole_transaction,
    queue::a_completed_row_is_gone_for_good,
    queue::a_renewed_lease_holds_and_a_lost_one_is_told,
    queue::a_released_row_waits_for_its_new_time_and_is_not_counted,
    queue::a_dead_workers_rows_are_free_and_its_tokens_stale,
    queue::a_worker_sees_only_the_runs_it_asks_for,
    queue::many_workers_never_hold_one_row_together,
    proposals::a_proposal_reads_back_and_moves_by_revision,
    proposals::proposals_are_found_by_what_they_are,
    proposals::a_machine_reads_back_as_it_was_written_last,
    proposals::a_baseline_is_kept_under_its_key,
    proposals::the_baselines_that_were_written_first_go,
    payloads::a_payload_is_kept_under_its_salted_digest,
    payloads::an_erased_payload_leaves_its_digest,
    ledger::entries_are_numbered_without_gaps,
    ledger::entries_of_a_run_are_found,
    ledger::a_seal_moves_the_log_on_once,
    ledger::a_seal_beyond_the_entries_is_refused,
    model::random_histories_agree_with_the_model,
];
