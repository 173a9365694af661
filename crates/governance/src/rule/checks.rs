//! What the checks said becomes part of the verdict.

use domain::finding::{Finding, Severity};

use super::Rule;
use crate::case::{Case, Standing, finding};

pub(super) const RULE: Rule = Rule {
    id: "checks",
    about: "Nothing may newly fail; where nothing was run or tested, tests vanished, results cannot be compared or differ from run to run, or what fails is reported only, a person decides.",
    check,
};

/// The most names that a finding lists.
const NAMES_MAX: usize = 20;

fn check(case: &Case<'_>) -> Vec<Finding> {
    let one = |standing| {
        let (severity, reason) = told(standing);
        finding(RULE.id, severity, None, None, reason)
    };
    case.checks.iter().map(one).collect()
}

fn told(standing: &Standing) -> (Severity, String) {
    let (severity, about, names) = match standing {
        Standing::NoChecks => {
            let reason =
                "no checks were found at the base commit, so nothing shows that the change works";
            return (Severity::NeedsApproval, reason.to_owned());
        }
        Standing::LeftOut(what) => (Severity::NeedsApproval, "not checked", what),
        Standing::NotRun(commands) => {
            (Severity::NeedsApproval, "could not be run, on the base neither", commands)
        }
        Standing::NothingTested(commands) => (
            Severity::NeedsApproval,
            "nothing was tested, no test passes before or after",
            commands,
        ),
        Standing::NotCompared(commands) => (
            Severity::NeedsApproval,
            "could not be compared, before and after are red and do not tell enough",
            commands,
        ),
        Standing::Unsteady(commands) => (
            Severity::NeedsApproval,
            "red in both runs with the change, by other tests each time, and not on the base",
            commands,
        ),
        Standing::Vanished(names) => {
            (Severity::NeedsApproval, "passed on the base and were not run, or are skipped", names)
        }
        Standing::Reported(names) => (
            Severity::NeedsApproval,
            "newly failing, which the definition has reported only (`gates.checks`)",
            names,
        ),
        Standing::NewlyFailing(names) => (Severity::Deny, "newly failing", names),
    };
    let listed = names.iter().take(NAMES_MAX).cloned().collect::<Vec<_>>().join(", ");
    let more = match names.len().saturating_sub(NAMES_MAX) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    (severity, format!("{about}: {listed}{more}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_newly_fails_is_refused_and_nothing_else_is_passed_over() {
        let names = || vec!["a".to_owned(), "b".to_owned()];
        for standing in [
            Standing::LeftOut(names()),
            Standing::NotRun(names()),
            Standing::NothingTested(names()),
            Standing::NotCompared(names()),
            Standing::Unsteady(names()),
            Standing::Vanished(names()),
            Standing::Reported(names()),
        ] {
            let (severity, reason) = told(&standing);
            assert_eq!(severity, Severity::NeedsApproval, "{standing:?}");
            assert!(reason.ends_with(": a, b"), "{reason}");
        }
        assert_eq!(told(&Standing::NoChecks).0, Severity::NeedsApproval);
        assert_eq!(told(&Standing::NewlyFailing(names())).0, Severity::Deny);
    }
}
