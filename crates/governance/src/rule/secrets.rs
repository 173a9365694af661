//! A change brings no secret that its base did not hold before.

use std::collections::{BTreeSet, HashSet};

use aho_corasick::AhoCorasick;
use domain::finding::{Finding, Severity};

use super::Rule;
use crate::case::{Case, finding};
use crate::reading;
use crate::secrets::{self, Hit};

pub(super) const RULE: Rule = Rule {
    id: "secrets",
    about: "No file or file name of the change holds a key, a token or a password that its base did not hold before.",
    check,
};

/// The most distinct values that are looked for in the base; more are new ones.
const VALUES_MAX: usize = 1_000;

fn check(case: &Case<'_>) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut before = Vec::new();
    let mut hits: Vec<(Option<&domain::RepoPath>, Hit)> = Vec::new();
    for file in &case.change.files {
        let (old, new) = reading::sides(file);
        before.extend(old);
        if file.before.is_some() {
            before.push(file.path.as_str().into());
        } else {
            // A secret in a name would be printed with the path: the finding bears none.
            hits.extend(secrets::scan(file.path.as_str()).into_iter().map(|hit| (None, hit)));
        }
        match new {
            Some(new) => {
                hits.extend(secrets::scan(&new).into_iter().map(|hit| (Some(&file.path), hit)));
            }
            None => findings.push(finding(
                RULE.id,
                Severity::Deny,
                Some(&file.path),
                None,
                "was not read, so it cannot be searched for secrets",
            )),
        }
    }
    let known = known(&hits, &before);
    for (path, hit) in hits.iter().filter(|(_, hit)| !known.contains(hit.value())) {
        let place = if path.is_some() { "" } else { ", in the name of a file" };
        let reason = format!("{}{place}", hit.masked());
        findings.push(finding(RULE.id, Severity::Deny, *path, path.map(|_| hit.line), reason));
    }
    findings
}

/// The values that the base held: as text, or behind the same disguises.
fn known(
    hits: &[(Option<&domain::RepoPath>, Hit)],
    before: &[std::borrow::Cow<'_, str>],
) -> HashSet<String> {
    let values: BTreeSet<&str> = hits.iter().map(|(_, hit)| hit.value()).collect();
    let values: Vec<&str> = values.into_iter().take(VALUES_MAX).collect();
    let mut known = HashSet::new();
    if values.is_empty() {
        return known;
    }
    let Ok(search) = AhoCorasick::new(&values) else { return known };
    for text in before {
        for found in search.find_overlapping_iter(text.as_ref()) {
            known.insert(values[found.pattern().as_usize()].to_owned());
        }
        known.extend(secrets::scan(text).iter().map(|hit| hit.value().to_owned()));
    }
    known
}

#[cfg(test)]
mod tests;
