//! What `hob run --json` prints: the contract of DESIGN.md section 9, one object a run.

use crate::dependency::{Left, Update};
use crate::finding::Verdict;
use crate::machine::{Backend, Isolation};
use crate::{CommitId, Digest, MachineId, ProposalId, RunId};

/// What a foreground run came to.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct RunReport {
    /// The run.
    pub run: RunId,
    /// The agent's name.
    pub agent: String,
    /// What it came to; nothing where it is not over: it was interrupted, or is still under way.
    pub outcome: Option<Outcome>,
    /// Where it stands, as `hob runs list` says it.
    #[serde(default)]
    pub state: String,
    /// Why, in one sentence.
    pub reason: String,
    /// False when anything could not be read or checked; `left` says what.
    pub complete: bool,
    /// The proposal, where there is one.
    pub proposal: Option<ProposalReport>,
    /// What the proposal updates.
    pub updates: Vec<Update>,
    /// What was seen and not done.
    pub left: Vec<Left>,
    /// The checks, before and after.
    pub checks: Vec<CheckReport>,
    /// What of the tree is not checked, and what a person should know of how checks were found.
    #[serde(default)]
    pub check_notes: Vec<String>,
    /// What governance says.
    pub verdict: Option<Verdict>,
    /// The machines it ran in.
    pub machine: Option<MachineReport>,
    /// How many attempts were used.
    pub attempts: u32,
    /// What it cost.
    pub cost: Cost,
    /// Where the time went.
    pub seconds: Seconds,
    /// Where the audit log stands.
    pub ledger: LedgerReport,
}

/// What a foreground run came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// A change waits for people.
    Proposed,
    /// There is nothing to do.
    NoChange,
    /// A report was the result.
    Reported,
    /// People have to take over.
    Escalated,
    /// Governance refused the change.
    Denied,
    /// Somebody stopped it.
    Cancelled,
}

/// The change as published.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct ProposalReport {
    /// The proposal.
    pub id: ProposalId,
    /// Its branch.
    pub branch: String,
    /// The commit it starts from.
    pub base: CommitId,
    /// The commit it leads to.
    pub head: CommitId,
    /// What an approval binds to.
    pub digest: Digest,
    /// Its title.
    pub title: String,
    /// Where to look at it, on a forge.
    pub url: Option<String>,
    /// The git folder of hob's own that holds the branch, where the repository is elsewhere.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mirror: Option<String>,
}

/// One check on both trees.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct CheckReport {
    /// The command as a person would type it.
    pub command: String,
    /// On the base commit.
    pub base: Option<CheckSide>,
    /// With the change.
    pub after: Option<CheckSide>,
    /// What both say together.
    #[serde(default)]
    pub outcome: CheckOutcome,
    /// Tests that passed before and fail now; the command itself where tests have no names.
    pub newly_failing: Vec<String>,
    /// Tests that differed between two runs of the same tree.
    pub flaky: Vec<String>,
    /// Tests that passed before and were not run with the change.
    #[serde(default)]
    pub vanished: Vec<String>,
    /// Tests that passed before and are skipped with the change.
    #[serde(default)]
    pub skipped: Vec<String>,
    /// What a person should know besides.
    #[serde(default)]
    pub notes: Vec<String>,
    /// The first failing lines with the change, for quoting.
    pub excerpt: String,
    /// Wall time with the change.
    pub seconds: f64,
}

/// What a check's results on both trees say together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CheckOutcome {
    /// It ran, and nothing newly fails.
    #[default]
    Held,
    /// Tests that passed before were not run, or are skipped.
    Vanished,
    /// It held on the base and was red in both runs with the change, by other tests each time.
    Unsteady,
    /// It is green and no test passes on either tree: it has none, or finds none.
    NothingTested,
    /// It is red on both trees and does not name what fails, or what holds tests could not be loaded on either.
    NotCompared,
    /// It could not be set up on either tree.
    NotRun,
    /// The change breaks it.
    NewlyFailing,
}

/// One check on one tree.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct CheckSide {
    /// How many tests passed.
    pub passed: u64,
    /// The names of those that failed, the first of them where there are many.
    pub failed: Vec<String>,
    /// How many more failed.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub failed_more: u64,
    /// The exit status; `null` where set-up failed and the check never ran.
    pub exit: Option<i32>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands over a reference")]
const fn is_zero(number: &u64) -> bool {
    *number == 0
}

/// The machines a run used.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct MachineReport {
    /// What ran them.
    pub backend: Backend,
    /// How far apart they were kept.
    pub isolation: Isolation,
    /// The machine the last attempt worked in.
    pub acted: Option<MachineId>,
    /// The machine that verified it.
    pub verified: Option<MachineId>,
}

/// What a run cost.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Cost {
    /// Tokens of models.
    pub tokens: u64,
    /// Money in US dollars, as a decimal text.
    pub usd: String,
}

/// Where the time of a run went, in seconds.
#[derive(Debug, Clone, Copy, PartialEq, Default, serde::Serialize, serde::Deserialize)]
pub struct Seconds {
    /// Until it was first over or proposed, as far as a process was at it.
    pub total: f64,
    /// Mirror and context.
    pub prepare: f64,
    /// The brain in its machine.
    pub act: f64,
    /// The checks in a fresh machine.
    pub verify: f64,
    /// Governance.
    pub judge: f64,
}

/// Where the audit log stands after the run.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct LedgerReport {
    /// Entries of this run.
    pub entries: u64,
    /// The log's root hash, base64.
    pub root: String,
    /// The log's size.
    pub size: u64,
}
