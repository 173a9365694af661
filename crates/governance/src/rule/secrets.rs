//! A change brings no secret that the file did not hold before.

use domain::finding::{Finding, Severity};

use super::Rule;
use crate::case::{Case, finding};
use crate::{diff, secrets};

pub(super) const RULE: Rule = Rule {
    id: "secrets",
    about: "Added lines hold no private keys and no tokens that the file did not hold before.",
    check,
};

fn check(case: &Case<'_>) -> Vec<Finding> {
    let mut findings = Vec::new();
    for file in &case.change.files {
        let Some(after) = file.after.as_ref().and_then(|version| version.text()) else { continue };
        let before = file.before.as_ref().and_then(|version| version.text()).unwrap_or_default();
        for (line, text) in diff::added(before, after) {
            for hit in secrets::scan(text) {
                let known = text.get(hit.range).is_some_and(|secret| before.contains(secret));
                let severity = if known { Severity::Note } else { Severity::Deny };
                let reason =
                    format!("{}{}", hit.kind, if known { ", which was there before" } else { "" });
                findings.push(finding(RULE.id, severity, Some(&file.path), Some(line), reason));
            }
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use domain::finding::Decision::{Allow, Deny};

    use crate::sample::Sample;
    use crate::secrets::redact;

    #[test]
    fn a_new_secret_is_denied_and_never_quoted() {
        let token = format!("ghp_{}", "a1B2".repeat(9));
        let key = ["-----BEGIN RSA ", "PRIVATE KEY-----"].concat();
        for secret in [token.as_str(), key.as_str()] {
            let new = format!("x\nkey = {secret} # hob:allow\n");
            let verdict = Sample::default().file("a", "x\n", &new).judged("secrets");
            assert_eq!((verdict.decision, verdict.findings[0].line), (Deny, Some(2)));
            assert!(!verdict.findings[0].reason.contains(secret) && !redact(&new).contains(secret));
            let moved =
                Sample::default().file("a", &new, &format!("y {new}y {secret}")).judged("secrets");
            assert_eq!(moved.decision, Allow);
        }
    }

    #[test]
    fn checksums_are_no_secrets() {
        let sums =
            format!("checksum = \"{}\"\nsha512-{}==\n", "ab12".repeat(16), "Zz9/".repeat(21));
        assert_eq!(Sample::default().file("a", "", &sums).judged("secrets").findings, []);
    }
}
