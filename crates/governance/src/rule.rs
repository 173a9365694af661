//! The rules, one file each.

use domain::finding::Finding;

use crate::case::Case;

mod caps;
mod checks;
mod kind;
mod lock;
mod manifest;
mod paths;
mod protected;
mod secrets;
mod tests_weakened;
mod unicode;

pub(crate) use unicode::hidden_in;

/// A rule: its id, what it is for, and the rule itself.
#[derive(Debug, Clone, Copy)]
pub struct Rule {
    /// The id, as in findings and `docs/reference/rules.md`.
    pub id: &'static str,
    /// One sentence for people.
    pub about: &'static str,
    /// What it finds.
    pub(crate) check: fn(&Case<'_>) -> Vec<Finding>,
}

/// Every rule, in the order they are asked.
pub const ALL: &[Rule] = &[
    paths::RULE,
    protected::RULE,
    caps::RULE,
    kind::RULE,
    manifest::RULE,
    lock::RULE,
    secrets::RULE,
    unicode::RULE,
    tests_weakened::RULE,
    checks::RULE,
];
