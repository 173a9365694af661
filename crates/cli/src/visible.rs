//! Foreign text for a person: what would act on a terminal, or would not be seen, is shown as an escape.

use std::borrow::Cow;
use std::fmt::Write as _;

/// The text with controls, escape sequences, bidi controls and invisible characters shown (`\x1b`,
/// `\u{202e}`); line ends and tabs stay.
pub(crate) fn text(text: &str) -> Cow<'_, str> {
    if !text.chars().any(acts) {
        return Cow::Borrowed(text);
    }
    let mut shown = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        if !acts(c) {
            shown.push(c);
        } else if c.is_ascii() {
            write!(shown, "\\x{:02x}", u32::from(c)).expect("a text takes every text");
        } else {
            write!(shown, "\\u{{{:x}}}", u32::from(c)).expect("a text takes every text");
        }
    }
    Cow::Owned(shown)
}

/// A single line: line ends and tabs are shown too.
pub(crate) fn line(line: &str) -> Cow<'_, str> {
    match text(line) {
        shown if shown.contains(['\n', '\t']) => {
            Cow::Owned(shown.replace('\n', "\\n").replace('\t', "\\t"))
        }
        shown => shown,
    }
}

/// JSON of the same value in which the same characters are escaped as JSON escapes them: they can only
/// stand in its strings.
pub(crate) fn json(written: &str) -> Cow<'_, str> {
    if !written.chars().any(acts) {
        return Cow::Borrowed(written);
    }
    let mut shown = String::with_capacity(written.len() + 16);
    for c in written.chars() {
        if acts(c) {
            for unit in c.encode_utf16(&mut [0; 2]) {
                write!(shown, "\\u{unit:04x}").expect("a text takes every text");
            }
        } else {
            shown.push(c);
        }
    }
    Cow::Owned(shown)
}

/// Whether a terminal acts on a character, or shows nothing of it (Unicode's Cc, Cf and the
/// `Default_Ignorable_Code_Points`, separators of lines, and blanks that pass for nothing).
fn acts(c: char) -> bool {
    match c {
        '\n' | '\t' => false,
        _ => {
            c.is_control()
                || matches!(c,
                    '\u{ad}' | '\u{34f}' | '\u{600}'..='\u{605}' | '\u{61c}' | '\u{6dd}' | '\u{70f}'
                    | '\u{890}' | '\u{891}' | '\u{8e2}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}'
                    | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
                    | '\u{2060}'..='\u{206f}' | '\u{2800}' | '\u{3164}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}'
                    | '\u{ffa0}' | '\u{fff0}'..='\u{fffb}' | '\u{110bd}' | '\u{110cd}'
                    | '\u{13430}'..='\u{1343f}' | '\u{1bca0}'..='\u{1bca3}' | '\u{1d173}'..='\u{1d17a}'
                    | '\u{e0000}'..='\u{e0fff}')
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_acts_on_a_terminal_is_shown_and_the_rest_stays() {
        for (given, shown) in [
            ("a\tb\nä 漢 ✓", "a\tb\nä 漢 ✓"),
            ("\u{1b}]52;c;eA==\u{7}", "\\x1b]52;c;eA==\\x07"),
            ("50%\r100%\u{8}\u{7f}\0", "50%\\x0d100%\\x08\\x7f\\x00"),
            ("\u{9b}31m", "\\u{9b}31m"),
            ("cod\u{202e}sj.exe", "cod\\u{202e}sj.exe"),
            ("a\u{200b}b\u{2066}c\u{feff}\u{e0041}", "a\\u{200b}b\\u{2066}c\\u{feff}\\u{e0041}"),
        ] {
            assert_eq!(text(given), shown);
        }
        assert_eq!(line("a\nb\t\u{1b}"), "a\\nb\\t\\x1b");
    }

    #[test]
    fn json_stays_the_same_value() {
        let value = serde_json::json!({ "a\u{202e}": "\u{1b}[2J\u{7f}\u{9b}\u{e0041}\u{feff}ä\n" });
        let written = serde_json::to_string_pretty(&value).unwrap();
        let shown = json(&written);
        assert!(!shown.chars().any(acts), "{shown}");
        assert_eq!(serde_json::from_str::<serde_json::Value>(&shown).unwrap(), value);
    }
}
