//! Only paths that the definition names may change.

use domain::finding::{Finding, Severity};
use globset::{Glob, GlobSet, GlobSetBuilder};

use super::Rule;
use crate::case::{Case, finding};

pub(super) const RULE: Rule = Rule {
    id: "paths",
    about: "A change touches only paths that the definition's scope names, and none that it denies.",
    check,
};

fn check(case: &Case<'_>) -> Vec<Finding> {
    let (allowed, denied) = match (set(&case.scope.paths), set(&case.scope.denied)) {
        (Ok(allowed), Ok(denied)) => (allowed, denied),
        (Err(reason), _) | (_, Err(reason)) => {
            return vec![finding(RULE.id, Severity::Deny, None, None, reason)];
        }
    };
    let mut findings = Vec::new();
    for file in &case.change.files {
        let path = file.path.as_str();
        let reason = if denied.is_match(path) {
            "the definition's `scope.deny` names this path"
        } else if !allowed.is_match(path) {
            "the definition's `scope.paths` does not name this path"
        } else {
            continue;
        };
        findings.push(finding(RULE.id, Severity::Deny, Some(&file.path), None, reason));
    }
    findings
}

fn set(globs: &[String]) -> Result<GlobSet, String> {
    let mut builder = GlobSetBuilder::new();
    for glob in globs {
        let parsed = Glob::new(glob)
            .map_err(|error| format!("the scope's glob `{glob}` is none: {}", error.kind()))?;
        builder.add(parsed);
    }
    builder.build().map_err(|error| format!("the scope's globs cannot be used: {}", error.kind()))
}
