//! One byte form for a JSON value: RFC 8785 (JSON Canonicalization Scheme), without fractions.
//!
//! Keys are sorted by their UTF-16 code units, nothing is optional, and a number is an integer that
//! every JSON reader holds exactly. Whatever reads JSON can therefore write the same bytes again.

use std::fmt::Write as _;

use serde_json::Value;

/// The deepest nesting that is written.
pub const DEPTH_MAX: usize = 32;

/// The greatest integer that every JSON reader holds exactly (2^53 - 1).
pub const INTEGER_MAX: u64 = 9_007_199_254_740_991;

/// Why a value has no canonical form.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotCanonical {
    /// A fraction, or too large.
    #[error(
        "`{place}` is {number}, which is no integer up to 2^53 - 1; write it in a smaller unit, or as text"
    )]
    Number {
        /// Where, as a path of keys.
        place: String,
        /// The number.
        number: String,
    },
    /// Too deep.
    #[error("`{place}` is nested more than {DEPTH_MAX} levels deep")]
    Depth {
        /// Where, as a path of keys.
        place: String,
    },
}

/// The canonical bytes of a value.
///
/// # Errors
/// Where it holds a number that is no integer up to 2^53 - 1, or is nested too deep.
pub fn to_string(value: &Value) -> Result<String, NotCanonical> {
    let mut out = String::new();
    write(value, &mut Vec::new(), &mut out)?;
    Ok(out)
}

fn place(path: &[String]) -> String {
    path.join(".")
}

fn write(value: &Value, path: &mut Vec<String>, out: &mut String) -> Result<(), NotCanonical> {
    if path.len() > DEPTH_MAX {
        return Err(NotCanonical::Depth { place: place(path) });
    }
    match value {
        Value::Null => out.push_str("null"),
        Value::Bool(true) => out.push_str("true"),
        Value::Bool(false) => out.push_str("false"),
        Value::String(text) => string(text, out),
        Value::Number(number) => {
            let exact = number.as_u64().is_some_and(|n| n <= INTEGER_MAX)
                || number.as_i64().is_some_and(|n| n < 0 && n.unsigned_abs() <= INTEGER_MAX);
            if !exact {
                return Err(NotCanonical::Number {
                    place: place(path),
                    number: number.to_string(),
                });
            }
            out.push_str(&number.to_string());
        }
        Value::Array(items) => {
            out.push('[');
            for (n, item) in items.iter().enumerate() {
                if n > 0 {
                    out.push(',');
                }
                path.push(n.to_string());
                write(item, path, out)?;
                path.pop();
            }
            out.push(']');
        }
        Value::Object(fields) => {
            let mut sorted: Vec<(&String, &Value)> = fields.iter().collect();
            sorted.sort_by(|(a, _), (b, _)| a.encode_utf16().cmp(b.encode_utf16()));
            out.push('{');
            for (n, (key, item)) in sorted.into_iter().enumerate() {
                if n > 0 {
                    out.push(',');
                }
                string(key, out);
                out.push(':');
                path.push(key.clone());
                write(item, path, out)?;
                path.pop();
            }
            out.push('}');
        }
    }
    Ok(())
}

fn string(text: &str, out: &mut String) {
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\u{8}' => out.push_str("\\b"),
            '\t' => out.push_str("\\t"),
            '\n' => out.push_str("\\n"),
            '\u{c}' => out.push_str("\\f"),
            '\r' => out.push_str("\\r"),
            c if c < ' ' => write!(out, "\\u{:04x}", u32::from(c)).expect("a text takes any text"),
            c => out.push(c),
        }
    }
    out.push('"');
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of RFC 8785, section 3.2.3, and its order of keys.
    #[test]
    fn keys_are_in_the_order_of_rfc_8785() {
        let value: Value = serde_json::from_str(
            r#"{"\u20ac":"Euro Sign","\r":"Carriage Return","\ufb33":"Hebrew Letter Dalet With Dagesh","1":"One","\ud83d\ude00":"Emoji: Grinning Face","\u0080":"Control","\u00f6":"Latin Small Letter O With Diaeresis"}"#,
        )
        .unwrap();
        let text = to_string(&value).unwrap();
        let back: serde_json::Map<String, Value> = serde_json::from_str(&text).unwrap();
        let order: Vec<&str> = back.values().filter_map(Value::as_str).collect();
        assert_eq!(
            order,
            [
                "Carriage Return",
                "One",
                "Control",
                "Latin Small Letter O With Diaeresis",
                "Euro Sign",
                "Emoji: Grinning Face",
                "Hebrew Letter Dalet With Dagesh"
            ]
        );
    }

    #[test]
    fn texts_are_escaped_as_rfc_8785_says() {
        let value = Value::String("\u{20ac}$\u{f}\u{a}A'\u{42}\u{22}\u{5c}\\\"/".into());
        assert_eq!(to_string(&value).unwrap(), r#""€$\u000f\nA'B\"\\\\\"/""#);
    }

    #[test]
    fn a_fraction_is_refused_with_its_place() {
        let value = serde_json::json!({ "checks": [{ "seconds": 1.5 }] });
        let refused = to_string(&value).unwrap_err().to_string();
        assert!(refused.starts_with("`checks.0.seconds` is 1.5"), "{refused}");
        for n in [INTEGER_MAX + 1, u64::MAX] {
            assert!(to_string(&serde_json::json!(n)).is_err());
        }
        assert_eq!(
            to_string(&serde_json::json!([INTEGER_MAX, -9, 0])).unwrap(),
            "[9007199254740991,-9,0]"
        );
    }
}
