//! What governance says of a change: findings, and the verdict that is their maximum.

use crate::RepoPath;

/// What one rule says of one place.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Finding {
    /// The rule's id, as in `docs/reference/rules.md`.
    pub rule: String,
    /// How bad it is.
    pub severity: Severity,
    /// The file concerned, where there is one.
    pub path: Option<RepoPath>,
    /// The line concerned, from 1, in the file after the change (before it, for removals).
    pub line: Option<u64>,
    /// Why, in one sentence for a person.
    pub reason: String,
}

/// How bad a finding is, least first.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, serde::Deserialize,
)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// Worth knowing; changes nothing.
    Note,
    /// A person has to look at it.
    NeedsApproval,
    /// May not be proposed at all.
    Deny,
}

/// What may happen with a change, least strict first.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, serde::Deserialize,
)]
#[serde(rename_all = "snake_case")]
pub enum Decision {
    /// Within bounds.
    Allow,
    /// A person has to approve it.
    NeedsApproval,
    /// Out of bounds.
    Deny,
}

/// The maximum over all findings, with them.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Verdict {
    /// What may happen.
    pub decision: Decision,
    /// Why.
    pub findings: Vec<Finding>,
}

impl Verdict {
    /// The verdict that follows from `findings`.
    pub fn from_findings(findings: Vec<Finding>) -> Self {
        let worst = findings.iter().map(|f| f.severity).max().unwrap_or(Severity::Note);
        let decision = match worst {
            Severity::Note => Decision::Allow,
            Severity::NeedsApproval => Decision::NeedsApproval,
            Severity::Deny => Decision::Deny,
        };
        Self { decision, findings }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_worst_finding_decides() {
        let finding = |severity| Finding {
            rule: "r".into(),
            severity,
            path: None,
            line: None,
            reason: "because".into(),
        };
        let verdict = Verdict::from_findings(vec![
            finding(Severity::Note),
            finding(Severity::Deny),
            finding(Severity::NeedsApproval),
        ]);
        assert_eq!(verdict.decision, Decision::Deny);
        assert_eq!(Verdict::from_findings(vec![]).decision, Decision::Allow);
    }
}
