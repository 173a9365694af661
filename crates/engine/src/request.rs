//! The one door: every request names who asks, and leaves a ledger entry where it changes anything.

pub mod cancel_run;
pub mod definition;
pub mod ledger;
pub mod list_runs;
pub mod logs;
pub mod merge;
pub mod retry_run;
pub mod review;
pub mod start_run;
