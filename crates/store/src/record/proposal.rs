//! Proposals as they are stored.

use domain::{CommitId, Digest, ProposalId, RunId, Timestamp};
use serde::{Deserialize, Serialize};

use super::versioned::Record;

/// A change as published.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Proposal {
    /// Its name.
    pub id: ProposalId,
    /// How often it was written: what was read, and what an update expects. 0 before the first insert.
    #[serde(skip)]
    pub revision: u64,
    /// Which run made it.
    pub run: RunId,
    /// Which agent.
    pub agent: String,
    /// In which repository, in canonical text.
    pub repository: String,
    /// The branch that holds it.
    pub branch: String,
    /// The commit it starts from.
    pub base: CommitId,
    /// The commit it leads to.
    pub head: CommitId,
    /// What approvals bind to.
    pub digest: Digest,
    /// Its title.
    pub title: String,
    /// Its text.
    pub body: String,
    /// What became of it.
    pub state: ProposalState,
    /// Who approved what.
    pub approvals: Vec<Approval>,
    /// When it was published.
    pub made: Timestamp,
    /// When it was last written.
    pub updated: Timestamp,
    /// The rest; a document of the engine's own.
    pub facts: serde_json::Value,
}

impl Record for Proposal {
    const KIND: &'static str = "proposal";
    const VERSION: u32 = 1;
}

/// What became of a proposal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ProposalState {
    /// Waits for people.
    Open,
    /// Has the approvals it needs, not merged yet.
    Approved,
    /// Merged.
    Merged,
    /// Refused.
    Rejected,
    /// Something newer took its place.
    Superseded,
    /// Taken back by hob.
    Withdrawn,
}

impl ProposalState {
    /// The state's name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Approved => "approved",
            Self::Merged => "merged",
            Self::Rejected => "rejected",
            Self::Superseded => "superseded",
            Self::Withdrawn => "withdrawn",
        }
    }

    /// Whether people may still answer it.
    pub const fn is_open(self) -> bool {
        matches!(self, Self::Open | Self::Approved)
    }
}

/// One person's yes to exactly these bytes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Approval {
    /// Who.
    pub actor: String,
    /// To what.
    pub digest: Digest,
    /// When.
    pub at: Timestamp,
}
