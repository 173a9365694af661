//! Known forms that were taken apart: over lines, over strings that are put together again, or into base64.

use std::sync::LazyLock;

use base64::Engine as _;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use regex::Regex;

use super::{Found, forms};

/// What stands between two halves of a token: quotes, an operator, a line break with the next line's indent and
/// comment sign.
static JOINT: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(concat!(
        r#"["'`]?[ \t]*[+.&\\]?[ \t]*\r?\n[ \t]*(?:#|//|\*|\+|\.)?[ \t]*["'`]?"#,
        r#"|["'`][ \t]*[+.&]?[ \t]*["'`]"#,
    ))
    .expect("a constant")
});

/// Base64, on one line or on several full ones.
static BLOCK: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"[0-9A-Za-z+/_-]{24,}(?:[ \t]*\r?\n[ \t]*[0-9A-Za-z+/_-]{4,})*")
        .expect("a constant")
});

const LENIENT: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_allow_trailing_bits(true)
        .with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// Every secret that only shows once the pieces are together.
pub(super) fn find(text: &str) -> Vec<Found> {
    let mut found = joined(text);
    found.extend(encoded(text));
    found
}

fn joined(text: &str) -> Vec<Found> {
    let mut whole = String::with_capacity(text.len());
    // Where each piece begins: in the whole, and in the text.
    let mut pieces = Vec::new();
    let mut at = 0;
    for joint in JOINT.find_iter(text) {
        pieces.push((whole.len(), at));
        whole.push_str(text.get(at..joint.start()).unwrap_or_default());
        at = joint.end();
    }
    pieces.push((whole.len(), at));
    whole.push_str(text.get(at..).unwrap_or_default());
    let piece =
        |place: usize| pieces.partition_point(|(start, _)| *start <= place).saturating_sub(1);
    let mut found = Vec::new();
    for (kind, range, value) in forms::find(&whole) {
        let (first, last) = (piece(range.start), piece(range.end.saturating_sub(1)));
        if first != last {
            let place = |piece: usize, at: usize| pieces[piece].1 + (at - pieces[piece].0);
            let end = place(last, range.end - 1) + 1;
            found.push((kind, place(first, range.start)..end, value));
        }
    }
    found
}

fn encoded(text: &str) -> Vec<Found> {
    let mut found = Vec::new();
    for block in BLOCK.find_iter(text) {
        let letters: Vec<u8> = block
            .as_str()
            .bytes()
            .filter(|byte| !byte.is_ascii_whitespace())
            .map(|byte| match byte {
                b'-' => b'+',
                b'_' => b'/',
                other => other,
            })
            .collect();
        // Something may stand right before the block, so each of the four alignments is read.
        for skipped in 0..4 {
            let mut aligned = letters.get(skipped..).unwrap_or_default();
            if aligned.len() % 4 == 1 {
                aligned = aligned.split_last().map_or(aligned, |(_, rest)| rest);
            }
            let Ok(plain) = LENIENT.decode(aligned) else { continue };
            if forms::possible(&plain) {
                let inner = forms::find(&String::from_utf8_lossy(&plain));
                found
                    .extend(inner.into_iter().map(|(kind, _, value)| (kind, block.range(), value)));
            }
        }
    }
    found
}
