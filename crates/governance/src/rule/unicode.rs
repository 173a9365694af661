//! What people review is what machines read: no hidden direction marks, no invisible characters.

use domain::finding::{Finding, Severity};

use super::Rule;
use crate::case::{Case, finding};
use crate::{diff, reading};

pub(super) const RULE: Rule = Rule {
    id: "unicode",
    about: "Added lines hold no bidirectional controls (Trojan Source, CVE-2021-42574) and no invisible characters.",
    check,
};

fn check(case: &Case<'_>) -> Vec<Finding> {
    let mut findings = Vec::new();
    for file in &case.change.files {
        let mut deny = |line, reason| {
            findings.push(finding(RULE.id, Severity::Deny, Some(&file.path), line, reason));
        };
        let (before, after) = reading::sides(file);
        let Some(after) = after else {
            deny(None, "was not read, so it cannot be searched for hidden characters".to_owned());
            continue;
        };
        for (line, text) in diff::added(&before.unwrap_or_default(), &after) {
            // A byte order mark that opens a file is no hidden character.
            let text = if line == 1 { text.strip_prefix('\u{feff}').unwrap_or(text) } else { text };
            if let Some(letter) = text.chars().find(|letter| hidden(*letter)) {
                deny(Some(line), format!("a hidden character, U+{:04X}", u32::from(letter)));
            }
        }
        if let Some(letter) = file.path.as_str().chars().find(|letter| hidden(*letter))
            && file.before.is_none()
        {
            deny(None, format!("a hidden character in its name, U+{:04X}", u32::from(letter)));
        }
    }
    findings
}

/// Format characters without a glyph, fillers, tags, the selectors that no emoji uses, and control characters
/// that move a terminal's cursor.
const fn hidden(letter: char) -> bool {
    matches!(letter,
        '\0'..='\u{8}' | '\u{b}' | '\u{e}'..='\u{1f}' | '\u{7f}'..='\u{84}' | '\u{86}'..='\u{9f}'
        | '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}' | '\u{180b}'..='\u{180f}'
        | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{2800}' | '\u{3164}'
        | '\u{feff}' | '\u{ffa0}' | '\u{fff9}'..='\u{fffb}' | '\u{1d173}'..='\u{1d17a}'
        | '\u{e0000}'..='\u{e007f}' | '\u{e0100}'..='\u{e01ef}')
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
            ("a\n", "a\n\u{1b}[2Kb\n", Deny),
            ("a\n", "a\u{e0101}\n", Deny),
            ("a\n", "a\tb\r\n", Allow),
            ("a\u{202e}\n", "a\u{202e}\nb\n", Allow),
            ("\u{feff}a\n", "\u{feff}b\n", Allow),
            ("a\n", "å 漢 😀\n", Allow),
        ] {
            let verdict = Sample::default().file("a.txt", before, after).judged("unicode");
            assert_eq!(verdict.decision, expected, "{after:?}");
        }
    }

    #[test]
    fn a_file_name_and_another_encoding_hide_nothing() {
        let name = Sample::default().change("a\u{202e}txt.rs", None, Some("x\n")).judged("unicode");
        assert_eq!(name.decision, Deny);
        let mixed = [b"x\n\xff ".as_slice(), "\u{2066}".as_bytes(), b"\n"].concat();
        let broken = Sample::default().bytes("a.txt", Some(b"x\n"), Some(&mixed)).judged("unicode");
        assert_eq!((broken.decision, broken.findings[0].line), (Deny, Some(2)));
    }
}
