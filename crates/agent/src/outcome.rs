//! What a brain hands back.

use domain::dependency::{Asked, Left, Update};

/// What a brain came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    /// What it did, where it did anything; the work tree holds it.
    pub updates: Vec<Update>,
    /// What it told the package managers to move; the rest of the updates came along.
    pub asked: Vec<Asked>,
    /// What it saw and did not do.
    pub left: Vec<Left>,
    /// False when anything could not be read; `left` says what.
    pub complete: bool,
    /// What kind of ending it asks for.
    pub ending: Ending,
    /// The title for a proposal, or the reason in one sentence.
    pub title: String,
    /// The text for a proposal, Markdown.
    pub body: String,
}

/// What kind of ending a brain asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// The work tree holds a change.
    Changed,
    /// There is nothing to do.
    NoChange,
    /// There is something to do and the brain cannot do it: people have to.
    HandOver,
}

/// Why a brain failed.
#[derive(Debug, thiserror::Error)]
pub enum BrainError {
    /// The machine or the registries failed it: to be tried again, not counted as an attempt.
    #[error("infrastructure: {0}")]
    Infrastructure(String),
    /// It could not do its work.
    #[error("{0}")]
    Failed(String),
    /// A budget is used up.
    #[error("budget: {0}")]
    Budget(String),
    /// The run is being stopped.
    #[error("stopped")]
    Stopped,
}
