//! Only paths that the definition names may change.

use domain::finding::{Finding, Severity};
use globset::{GlobBuilder, GlobSet, GlobSetBuilder};

use super::Rule;
use crate::case::{Case, finding};

pub(super) const RULE: Rule = Rule {
    id: "paths",
    about: "A change touches only paths that the definition's scope names, and none that it denies; `*` stays in one folder, `**` does not.",
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
        // As in a shell and in the rules of the way out: only `**` goes into folders.
        let parsed = GlobBuilder::new(glob)
            .literal_separator(true)
            .build()
            .map_err(|error| format!("the scope's glob `{glob}` is none: {}", error.kind()))?;
        builder.add(parsed);
    }
    builder.build().map_err(|error| format!("the scope's globs cannot be used: {}", error.kind()))
}

#[cfg(test)]
mod tests {
    use domain::finding::Decision::{Allow, Deny};

    use crate::sample::Sample;

    #[test]
    fn a_star_stays_in_its_folder_and_two_go_into_all() {
        for (glob, path, expected) in [
            ("src/*.rs", "src/a.rs", Allow),
            ("src/*.rs", "src/hidden/a.rs", Deny),
            ("*.toml", "Cargo.toml", Allow),
            ("*.toml", "a/Cargo.toml", Deny),
            ("src/?a.rs", "src/xa.rs", Allow),
            ("src?a.rs", "src/a.rs", Deny),
            ("**/*.toml", "a/b/Cargo.toml", Allow),
            ("**/*.toml", "Cargo.toml", Allow),
            ("docs/**", "docs/a/b.md", Allow),
        ] {
            let verdict = Sample::default().within(glob).file(path, "a\n", "b\n").judged("paths");
            assert_eq!(verdict.decision, expected, "{glob} {path}");
        }
    }
}
