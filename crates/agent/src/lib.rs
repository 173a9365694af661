//! The brains: playbooks, the model loop with its tools, external agent programs; model providers and the budget they spend.
//!
//! A brain works through [`port::Workspace`] and never hears of machines. What it hands back is an
//! [`outcome::Outcome`]: what it changed, what it left, and why.

pub mod context;
pub mod outcome;
pub mod playbook;
pub mod port;
