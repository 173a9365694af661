//! The one door: every request names who asks, and leaves a ledger entry where it changes anything, or was
//! refused to. Questions leave none (`docs/decisions/0008-questions-leave-no-entry.md`).

pub mod cancel_run;
pub mod definition;
pub mod ledger;
pub mod list_runs;
pub mod logs;
pub mod merge;
mod refused;
pub mod resume_run;
pub mod retry_run;
pub mod review;
pub mod start_run;
