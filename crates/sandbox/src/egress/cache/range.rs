//! Which part of a kept answer a machine wants (RFC 9110 section 14).

/// What a `Range` field comes to for a body of known length.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Part {
    /// Everything: no range, one that is not understood, or several.
    Whole,
    /// These bytes, first and last included.
    Bytes(u64, u64),
    /// None of it.
    Unsatisfiable,
}

/// Reads a `Range` field. What is malformed is ignored, as the RFC has it.
pub(crate) fn part(field: Option<&str>, length: u64) -> Part {
    let Some(spec) = field.and_then(|field| field.strip_prefix("bytes=")) else {
        return Part::Whole;
    };
    let Some((first, last)) = spec.split_once('-') else { return Part::Whole };
    let number = |text: &str| -> Option<u64> {
        let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        digits.then(|| text.parse().ok()).flatten()
    };
    match (number(first), number(last)) {
        (Some(first), Some(last)) if last < first => Part::Whole,
        (Some(first), _) if first >= length && (last.is_empty() || number(last).is_some()) => {
            Part::Unsatisfiable
        }
        (Some(first), Some(last)) => Part::Bytes(first, last.min(length - 1)),
        (Some(first), None) if last.is_empty() => Part::Bytes(first, length - 1),
        (None, Some(0)) if first.is_empty() => Part::Unsatisfiable,
        (None, Some(_)) if first.is_empty() && length == 0 => Part::Unsatisfiable,
        (None, Some(count)) if first.is_empty() => {
            Part::Bytes(length.saturating_sub(count), length - 1)
        }
        _ => Part::Whole,
    }
}
