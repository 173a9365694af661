//! Checks: which commands show that a tree works, what their output says, and what a change broke.
//!
//! Pure text work in three steps: [`detect()`] names the commands from the files of the *base* commit (what an
//! agent wrote never decides how it is judged), somebody else runs them, [`read()`] turns the output of each
//! into results by test name, and [`compare()`] tells what was red before from what the change broke.
//!
//! Set-up (fetching, installing) stands apart from the check itself: only set-up needs the network, and a
//! set-up that fails is not a failing test.

mod compare;
mod detect;
mod disagreement;
mod format;
mod read;
mod text;
mod unreachable;

pub use compare::{COMMAND, Comparison, SETUP, compare};
pub use detect::{Detected, detect, from_commands, wants};
pub use disagreement::is_disagreement;
pub use read::{quote, read, setup_failed};
pub use unreachable::is_unreachable;
