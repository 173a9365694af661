//! What people review is what machines read: no hidden direction marks, no invisible characters.

use domain::finding::{Finding, Severity};

use super::Rule;
use crate::case::{Case, finding};
use crate::diff;

pub(super) const RULE: Rule = Rule {
    id: "unicode",
    about: "Added lines hold no bidirectional controls (Trojan Source, CVE-2021-42574) and no invisible characters.",
    check,
};

fn check(case: &Case<'_>) -> Vec<Finding> {
    let mut findings = Vec::new();
    for file in &case.change.files {
        let Some(after) = file.after.as_ref().and_then(|version| version.text()) else { continue };
        let before = file.before.as_ref().and_then(|version| version.text()).unwrap_or_default();
        for (line, text) in diff::added(before, after) {
            // A byte order mark that opens a file is no hidden character.
            let text = if line == 1 { text.strip_prefix('\u{feff}').unwrap_or(text) } else { text };
            if let Some(letter) = text.chars().find(|letter| hidden(*letter)) {
                let reason = format!("a hidden character, U+{:04X}", u32::from(letter));
                findings.push(finding(
                    RULE.id,
                    Severity::Deny,
                    Some(&file.path),
                    Some(line),
                    reason,
                ));
            }
        }
    }
    findings
}

const fn hidden(letter: char) -> bool {
    matches!(letter,
        '\u{ad}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{180e}' | '\u{200b}'..='\u{200f}'
        | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{3164}' | '\u{feff}' | '\u{ffa0}'
        | '\u{e0000}'..='\u{e007f}')
}

#[cfg(test)]
mod tests {
    use domain::finding::Decision::{Allow, Deny};

    use crate::sample::Sample;

    #[test]
    fn hidden_characters_are_denied_where_they_are_added() {
        for (before, after, expected) in [
            ("a\n", "a\nb \u{202e}c\n", Deny),
            ("a\n", "a\u{200b}\n", Deny),
            ("a\n", "a\n\u{feff}b\n", Deny),
            ("a\u{202e}\n", "a\u{202e}\nb\n", Allow),
            ("\u{feff}a\n", "\u{feff}b\n", Allow),
            ("a\n", "å 漢 😀\n", Allow),
        ] {
            let verdict = Sample::default().file("a.txt", before, after).judged("unicode");
            assert_eq!(verdict.decision, expected, "{after:?}");
        }
    }
}
