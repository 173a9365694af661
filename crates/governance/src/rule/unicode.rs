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
            if let Some((_, letter)) = hidden_in(text) {
                deny(Some(line), format!("a hidden character, U+{:04X}", u32::from(letter)));
            }
        }
        if let Some((_, letter)) = hidden_in(file.path.as_str())
            && file.before.is_none()
        {
            deny(None, format!("a hidden character in its name, U+{:04X}", u32::from(letter)));
        }
    }
    findings
}

/// The first character that a reader does not see or that moves what is seen, and where; nothing where there is
/// none.
pub(crate) fn hidden_in(text: &str) -> Option<(usize, char)> {
    let mut before = None;
    let mut letters = text.char_indices().peekable();
    while let Some((at, letter)) = letters.next() {
        let selects = matches!(letter, '\u{fe0e}' | '\u{fe0f}') && {
            let keycap = letters.peek().is_some_and(|(_, next)| *next == '\u{20e3}');
            before.is_some_and(|base| is_shown_as_chosen(base, keycap))
        };
        if hidden(letter) && !selects {
            return Some((at, letter));
        }
        before = Some(letter);
    }
    None
}

/// Format characters without a glyph, fillers, tags, variation selectors, unassigned places that are ignored,
/// and control characters that move a terminal's cursor.
const fn hidden(letter: char) -> bool {
    matches!(letter,
        '\0'..='\u{8}' | '\u{b}' | '\u{e}'..='\u{1f}' | '\u{7f}'..='\u{84}' | '\u{86}'..='\u{9f}'
        | '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}' | '\u{180b}'..='\u{180f}'
        | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{2800}' | '\u{3164}'
        | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}' | '\u{fff0}'..='\u{fffb}' | '\u{1bca0}'..='\u{1bca3}'
        | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e0fff}')
}

/// Whether a selector behind this character chooses between its look as text and as an emoji; digits have one
/// only on a keycap.
///
/// Source: `emoji-variation-sequences.txt` of Unicode's emoji data, <https://www.unicode.org/reports/tr51/>;
/// whole blocks are taken where nearly all of their characters are in it.
const fn is_shown_as_chosen(base: char, keycap: bool) -> bool {
    match base {
        '#' | '*' | '0'..='9' => keycap,
        _ => matches!(base,
            '\u{a9}' | '\u{ae}' | '\u{203c}' | '\u{2049}' | '\u{2122}' | '\u{2139}' | '\u{2194}'..='\u{2199}'
            | '\u{21a9}' | '\u{21aa}' | '\u{231a}' | '\u{231b}' | '\u{2328}' | '\u{23cf}' | '\u{23e9}'..='\u{23fa}'
            | '\u{24c2}' | '\u{25aa}' | '\u{25ab}' | '\u{25b6}' | '\u{25c0}' | '\u{25fb}'..='\u{25fe}'
            | '\u{2600}'..='\u{27bf}' | '\u{2934}' | '\u{2935}' | '\u{2b05}'..='\u{2b07}' | '\u{2b1b}' | '\u{2b1c}'
            | '\u{2b50}' | '\u{2b55}' | '\u{3030}' | '\u{303d}' | '\u{3297}' | '\u{3299}'
            | '\u{1f004}' | '\u{1f170}'..='\u{1f17f}' | '\u{1f202}' | '\u{1f21a}' | '\u{1f22f}' | '\u{1f237}'
            | '\u{1f300}'..='\u{1faff}'),
    }
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
            // Letters written as selectors, which show nothing.
            ("a\n", "a\u{fe00}\n", Deny),
            ("a\n", "a\u{fe0f}\n", Deny),
            ("a\n", "\u{fe0e}\n", Deny),
            ("a\n", "1\u{fe0f}\n", Deny),
            ("a\n", "\u{2764}\u{fe0f}\u{fe0f}\n", Deny),
            ("a\n", "\u{2764}\u{fe01}\n", Deny),
            ("a\n", "\u{2764}\u{fe0f} \u{a9}\u{fe0e} 1\u{fe0f}\u{20e3} \u{1f6e0}\u{fe0f}\n", Allow),
            ("a\n", "a\u{fff3}\n", Deny),
            ("a\n", "a\u{1bca2}\n", Deny),
            ("a\n", "a\u{e0080}\n", Deny),
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
