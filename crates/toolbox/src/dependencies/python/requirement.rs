//! One requirement in the words of PEP 508, read so that no text makes the parser panic.

use std::str::FromStr as _;

use pep508_rs::{Requirement, VerbatimUrl};

/// Reads a requirement; the error is for a person.
pub(crate) fn parse(text: &str) -> Result<Requirement<VerbatimUrl>, String> {
    if !names_are_whole(text) {
        return Err("a name begins and ends with a letter or a digit (PEP 508)".to_owned());
    }
    Requirement::from_str(text).map_err(|error| error.message.to_string())
}

/// The condition of a requirement on a package of an index, as written.
pub(crate) fn marker(text: &str) -> Option<String> {
    let (_, marker) = text.split_once(';')?;
    Some(marker.trim().to_owned()).filter(|marker| !marker.is_empty())
}

/// `pep508_rs` 0.9.2 takes `name.` and `name[extra-]` for granted and panics on them.
fn names_are_whole(text: &str) -> bool {
    let of_name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
    let whole = |name: &str| name.is_empty() || name.ends_with(|c: char| c.is_ascii_alphanumeric());
    let text = text.trim_start();
    let rest = text.trim_start_matches(of_name);
    let name = text.strip_suffix(rest).unwrap_or(text);
    let extras = rest.trim_start().strip_prefix('[').and_then(|rest| rest.split(']').next());
    whole(name)
        && extras.unwrap_or_default().split(',').all(|extra| {
            // The parser ends an extra at the first character that is none of a name.
            let extra = extra.trim();
            let rest = extra.trim_start_matches(of_name);
            whole(extra.strip_suffix(rest).unwrap_or(extra))
        })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_name_with_a_loose_end_is_refused() {
        for text in ["g.", "g. ", "g.>=1", "g[a-]", "g[a, b_ ]"] {
            assert!(parse(text).is_err(), "{text}");
        }
        assert!(parse("g[a,b]>=1 ; python_version > '3'").is_ok());
    }

    proptest! {
        #[test]
        fn no_text_is_a_panic(text in "[a-z.\\[\\], ;=<>_-]{0,20}") {
            drop(parse(&text));
        }
    }
}
