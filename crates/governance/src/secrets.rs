//! Finds secrets in text, and blacks them out. Says what kind and where, never the secret.

use std::ops::Range;
use std::sync::LazyLock;

use regex::Regex;

/// A secret that was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hit {
    /// What kind of secret.
    pub kind: &'static str,
    /// The line, from 1.
    pub line: u64,
    /// Where in the text, in bytes.
    pub range: Range<usize>,
}

/// The forms, as their issuers publish them.
const FORMS: [(&str, &str); 10] = [
    ("a private key", r"-----BEGIN (?:[A-Z0-9]+ )*PRIVATE KEY(?: BLOCK)?-----"),
    ("an AWS access key", r"\b(?:AKIA|ASIA)[A-Z2-7]{16}\b"),
    ("a Google API key", r"\bAIza[0-9A-Za-z_-]{35}"),
    ("a GitHub token", r"\b(?:gh[pousr]_[0-9A-Za-z]{36,}|github_pat_[0-9A-Za-z_]{60,})"),
    ("a GitLab token", r"\bglpat-[0-9A-Za-z_-]{20,}"),
    ("a Slack token", r"\bxox[abeoprs]-[0-9A-Za-z-]{10,}"),
    ("a Stripe key", r"\b[rs]k_live_[0-9A-Za-z]{16,}"),
    ("an npm token", r"\bnpm_[0-9A-Za-z]{36}\b"),
    ("a PyPI token", r"\bpypi-AgE[0-9A-Za-z_-]{50,}"),
    ("a JSON web token", r"\beyJ[0-9A-Za-z_-]{10,}\.eyJ[0-9A-Za-z_-]{10,}\.[0-9A-Za-z_-]{10,}"),
];

static READERS: LazyLock<Vec<(&str, Regex)>> = LazyLock::new(|| {
    let reader = |(kind, form)| {
        (kind, Regex::new(form).expect("the forms are constants, and a test reads each"))
    };
    FORMS.into_iter().map(reader).collect()
});

/// Every secret of a known form, in the order of the text.
pub fn scan(text: &str) -> Vec<Hit> {
    let mut hits = Vec::new();
    for (kind, reader) in READERS.iter() {
        for found in reader.find_iter(text) {
            let before = text.get(..found.start()).unwrap_or_default();
            let line = before.bytes().filter(|byte| *byte == b'\n').count() as u64 + 1;
            hits.push(Hit { kind, line, range: found.range() });
        }
    }
    hits.sort_by_key(|hit| hit.range.start);
    hits
}

/// The text with each secret of a known form replaced by what it was.
pub fn redact(text: &str) -> String {
    let (mut plain, mut at) = (String::with_capacity(text.len()), 0);
    for hit in scan(text) {
        if hit.range.start >= at {
            plain.push_str(text.get(at..hit.range.start).unwrap_or_default());
            plain.extend(["[", hit.kind, " was here]"]);
            at = hit.range.end;
        }
    }
    plain.push_str(text.get(at..).unwrap_or_default());
    plain
}
