//! Texts that leave the host or are kept: what they may not hold is made visible or blacked out.

use std::fmt::Write as _;

use crate::rule::hidden_in;
use crate::secrets::{redact, scan};

/// The text without secrets, and with each hidden character written out as `U+202E`.
pub fn plain(text: &str) -> String {
    let text = redact(text);
    let mut plain = String::with_capacity(text.len());
    let mut rest = text.as_str();
    while let Some((at, letter)) = hidden_in(rest) {
        let (before, after) = rest.split_at(at);
        plain.push_str(before);
        write!(plain, "U+{:04X}", u32::from(letter)).expect("a text takes every text");
        rest = after.strip_prefix(letter).unwrap_or_default();
    }
    plain.push_str(rest);
    // What was hidden may have kept a secret from being seen.
    redact(&plain)
}

/// Why a text may not be proposed, as the rules `secrets` and `unicode` see it; nothing where it may.
pub fn objection(text: &str) -> Option<String> {
    if let Some((_, letter)) = hidden_in(text) {
        return Some(format!("unicode: a hidden character, U+{:04X}", u32::from(letter)));
    }
    let hit = scan(text).into_iter().next()?;
    Some(format!("secrets: line {}: {}", hit.line, hit.kind))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_text_is_kept_without_secrets_and_hidden_characters() {
        let token = format!("ghp_{}", "a1B2c3D4e5F6".repeat(3));
        let text = format!("log: {token}\n\u{1b}[31mred\u{202e} \u{2764}\u{fe0f}\n");
        let plain = plain(&text);
        assert!(objection(&text).is_some() && objection(&plain).is_none(), "{plain}");
        assert!(!plain.contains(&token), "{plain}");
        assert!(plain.ends_with("\nU+001B[31mredU+202E \u{2764}\u{fe0f}\n"), "{plain}");
        assert!(objection(&format!("log: {token}")).is_some_and(|said| !said.contains(&token)));
    }

    proptest! {
        #[test]
        fn no_text_keeps_a_hidden_character(text in ".{0,40}") {
            let said = objection(&plain(&text));
            prop_assert!(said.is_none_or(|said| !said.starts_with("unicode")));
        }
    }
}
