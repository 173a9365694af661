//! What the checks said becomes part of the verdict.

use domain::finding::{Finding, Severity};

use super::Rule;
use crate::case::{Case, Standing, finding};

pub(super) const RULE: Rule = Rule {
    id: "checks",
    about: "Nothing may newly fail; where nothing was run, or what fails is reported only, a person decides.",
    check,
};

fn check(case: &Case<'_>) -> Vec<Finding> {
    let (severity, reason) = match case.checks {
        Standing::Held => return Vec::new(),
        Standing::NoChecks => (
            Severity::NeedsApproval,
            "no checks were found at the base commit, so nothing shows that the change works"
                .into(),
        ),
        Standing::NotRun(commands) => (
            Severity::NeedsApproval,
            format!("could not be run, on the base neither: {}", commands.join(", ")),
        ),
        Standing::Reported(names) => (
            Severity::NeedsApproval,
            format!(
                "newly failing, which the definition has reported only (`gates.checks`): {}",
                names.join(", ")
            ),
        ),
        Standing::NewlyFailing(names) => {
            (Severity::Deny, format!("newly failing: {}", names.join(", ")))
        }
    };
    vec![finding(RULE.id, severity, None, None, reason)]
}
