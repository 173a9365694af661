//! What the engine knows of a run: one document, kept in the run's row and grown step by step.

use domain::dependency::{Asked, Left, Update};
use domain::finding::Verdict;
use domain::machine::Backend;
use domain::report::{CheckReport, ProposalReport};
use domain::{Actor, CommitId, Digest, EventId, MachineId, TreeId};
use runs::Step;
use serde::{Deserialize, Serialize};

/// The document. Its shape is versioned by `v`; a newer one than we know is refused. Whatever was added since the first
/// one has a default, so that older runs stay readable.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Facts {
    /// The version of this shape.
    pub(crate) v: u32,
    /// What was asked for, so that the run can go on in another process.
    pub(crate) request: Request,
    /// The branch that a merge would move; nothing where HEAD is detached.
    #[serde(default)]
    pub(crate) branch: Option<String>,
    /// The commit that the work starts from.
    #[serde(default)]
    pub(crate) base: Option<CommitId>,
    /// Whether the repository's history ends early.
    #[serde(default)]
    pub(crate) shallow: bool,
    /// Remarks for people: a dirty work tree, skipped paths.
    #[serde(default)]
    pub(crate) notes: Vec<String>,
    /// What the brain came to.
    #[serde(default)]
    pub(crate) outcome: Option<OutcomeFacts>,
    /// The change as the host read it.
    #[serde(default)]
    pub(crate) change: Option<ChangeFacts>,
    /// The checks, before and after.
    #[serde(default)]
    pub(crate) checks: Vec<CheckReport>,
    /// What a person should know of the checks that were found, or that there are none.
    #[serde(default)]
    pub(crate) check_notes: Vec<String>,
    /// What of the tree is not checked, or could not be read to find its checks.
    #[serde(default)]
    pub(crate) checks_left_out: Vec<String>,
    /// Whether something about the checks makes the result incomplete.
    #[serde(default)]
    pub(crate) checks_incomplete: bool,
    /// What governance says.
    #[serde(default)]
    pub(crate) verdict: Option<Verdict>,
    /// The proposal, own or found.
    #[serde(default)]
    pub(crate) proposal: Option<ProposalReport>,
    /// The machines.
    #[serde(default)]
    pub(crate) machines: MachineFacts,
    /// What the last attempt did and why it failed.
    #[serde(default)]
    pub(crate) previous: Option<PreviousFacts>,
    /// What people were told, where they were: a later run that comes to the same tells nobody again.
    #[serde(default)]
    pub(crate) told: Option<ToldFacts>,
    /// Where the time went, in milliseconds.
    #[serde(default)]
    pub(crate) spent: SpentMillis,
    /// How long it took until it first came to rest, in milliseconds; nothing before that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) took_ms: Option<u64>,
    /// The reason of the ending, in one sentence.
    #[serde(default)]
    pub(crate) reason: String,
}

/// What was asked for.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Request {
    /// The event that caused it.
    pub(crate) event: EventId,
    /// Who asked.
    pub(crate) actor: Actor,
    /// The repository as its user names it.
    pub(crate) source: String,
    /// The branch, where one was named.
    pub(crate) branch: Option<String>,
    /// The definition's text.
    pub(crate) definition: String,
    /// Settings on top of it.
    pub(crate) settings: Vec<String>,
    /// Where the advisories are.
    pub(crate) advisories: Option<String>,
}

/// What the brain came to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct OutcomeFacts {
    pub(crate) updates: Vec<Update>,
    #[serde(default)]
    pub(crate) asked: Vec<Asked>,
    pub(crate) left: Vec<Left>,
    pub(crate) complete: bool,
    pub(crate) title: String,
    pub(crate) body: String,
}

/// What is proposed where nothing was recorded of it.
impl Default for OutcomeFacts {
    fn default() -> Self {
        Self {
            updates: vec![],
            asked: vec![],
            left: vec![],
            complete: false,
            title: "Change".to_owned(),
            body: String::new(),
        }
    }
}

/// The change as the host read it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ChangeFacts {
    pub(crate) head: CommitId,
    pub(crate) tree: TreeId,
    pub(crate) digest: Digest,
}

/// The machines of the last attempt.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct MachineFacts {
    pub(crate) backend: Option<Backend>,
    pub(crate) acted: Option<MachineId>,
    pub(crate) verified: Option<MachineId>,
}

/// What the last attempt did and why it failed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct PreviousFacts {
    /// Which attempt it was; 0 where that was not kept.
    #[serde(default)]
    pub(crate) attempt: u32,
    pub(crate) updates: Vec<Update>,
    pub(crate) left: Vec<Left>,
    pub(crate) checks: Vec<CheckReport>,
    /// What a person should know of how its checks were found.
    #[serde(default)]
    pub(crate) check_notes: Vec<String>,
    /// Whether something about its checks makes the result incomplete.
    #[serde(default)]
    pub(crate) checks_incomplete: bool,
    /// The machine that ran them.
    #[serde(default)]
    pub(crate) verified: Option<MachineId>,
}

/// What people were told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ToldFacts {
    /// The run that told them: this one, or an earlier one that came to the same.
    pub(crate) by: domain::RunId,
    /// What it was about: equal for equal matters.
    pub(crate) matter: Digest,
}

/// Where the time went, in milliseconds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct SpentMillis {
    pub(crate) prepare: u64,
    pub(crate) act: u64,
    pub(crate) verify: u64,
    pub(crate) judge: u64,
}

impl SpentMillis {
    /// Adds the time that a step took.
    pub(crate) const fn add(&mut self, step: Step, millis: u64) {
        let of_step = match step {
            Step::Prepare => &mut self.prepare,
            Step::Act { .. } | Step::Export { .. } => &mut self.act,
            Step::Verify { .. } => &mut self.verify,
            Step::Judge => &mut self.judge,
            Step::Propose | Step::Escalate { .. } => return,
        };
        *of_step = of_step.saturating_add(millis);
    }

    /// All of it.
    pub(crate) const fn total(self) -> u64 {
        let Self { prepare, act, verify, judge } = self;
        prepare.saturating_add(act).saturating_add(verify).saturating_add(judge)
    }
}

/// Why a document is not one of ours.
#[derive(Debug, thiserror::Error)]
#[error("the facts of run {run} cannot be read: {reason}")]
pub(crate) struct FactsError {
    pub(crate) run: domain::RunId,
    pub(crate) reason: String,
}

impl Facts {
    const VERSION: u32 = 1;

    /// What is known of a run that was just accepted.
    pub(crate) fn new(request: Request) -> Self {
        Self {
            v: Self::VERSION,
            branch: request.branch.clone(),
            request,
            base: None,
            shallow: false,
            notes: Vec::new(),
            outcome: None,
            change: None,
            checks: Vec::new(),
            check_notes: Vec::new(),
            checks_left_out: Vec::new(),
            checks_incomplete: false,
            verdict: None,
            proposal: None,
            machines: MachineFacts::default(),
            previous: None,
            told: None,
            spent: SpentMillis::default(),
            took_ms: None,
            reason: String::new(),
        }
    }

    /// Reads the document of a run.
    pub(crate) fn read(
        run: domain::RunId,
        document: &serde_json::Value,
    ) -> Result<Self, FactsError> {
        let facts: Self = serde_json::from_value(document.clone())
            .map_err(|error| FactsError { run, reason: error.to_string() })?;
        if facts.v == Self::VERSION {
            Ok(facts)
        } else {
            let reason = format!("shape {} is not known here; use the newer hob", facts.v);
            Err(FactsError { run, reason })
        }
    }

    /// What of the tree is not checked, and what else a person should know of how checks were found.
    pub(crate) fn told_of_checks(&self) -> impl Iterator<Item = &String> {
        self.checks_left_out.iter().chain(&self.check_notes)
    }

    /// The document.
    pub(crate) fn document(&self) -> serde_json::Value {
        serde_json::to_value(self).expect("facts are plain data with text keys")
    }
}

#[cfg(test)]
mod tests;
