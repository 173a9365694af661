//! Random-looking values whose key's name says that they are secret, and passwords in addresses.

use std::collections::HashMap;
use std::sync::LazyLock;

use regex::{Captures, Regex};

use super::Found;

/// `key = value` in any language, where the key names a secret.
static ASSIGNED: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(concat!(
        r"(?i)(?P<key>[a-z0-9_.-]{0,64}(?:secret|token|passw(?:or)?d|passphrase|pwd|api[_.-]?key",
        r"|(?:access|auth|account|private|signing|encryption|master|service)[_.-]?key|credential)[a-z0-9_.-]{0,32})",
        r#"(?P<middle>\\?["'`]?\s{0,8}(?:=>|:=|=|:)\s{0,8})(?P<quote>\\?["'`]?)(?P<value>[^\s"'`<>,;\\]{10,512})"#,
    ))
    .expect("a constant")
});

/// `scheme://user:password@host`
static ADDRESS: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r#"[A-Za-z][A-Za-z0-9+.-]{1,20}://[^\s/:@"'<>]{0,64}:(?P<value>[^\s/@"'`<>]{8,256})@[A-Za-z0-9\[]"#)
        .expect("a constant")
});

/// A value that points to where the secret is, or is made by code.
static REFERENCE: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(concat!(
        r"(?i)^(?:\$|%|\{|\(|\[|&|\*|@|=|/|\./|~/|https?://|file:|vault:|ref\+|arn:|env[.:(!]|secrets?\.",
        r"|process\.|os\.|config\.|settings\.|self\.|this\.|import\.|sha(?:1|256|384|512)[:-]|md5[:-]|h1:|\^|v?[0-9]+\.[0-9]+)",
        r"|\$\{|\$\(|\{\{|\}\}|%\(|\(|\)|\[|::|->|=>",
    ))
    .expect("a constant")
});

/// What stands where a secret would: cut out before the rest is weighed.
static PLACEHOLDER: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(concat!(
        r"(?i)example|sample|placeholder|change[_-]?(?:me|it|this)|your|insert|replace|dummy|fake|redacted|not[_-]?a",
        r"|(?:my|the|some|super|a)?[_-]?(?:secret|token|password|passwd|api[_-]?key|key|credential)s?",
        r"|x{3,}|\*{3,}|\.{3,}|-{3,}|_{3,}|0{4,}|test|here|foo|bar|todo|none|null|true|false|undefined",
    ))
    .expect("a constant")
});

/// Keys that only sound secret: they name, count, locate or fingerprint one.
const HARMLESS_ENDS: [&str; 22] = [
    "_id",
    "-id",
    "id",
    "_url",
    "-url",
    "_uri",
    "_path",
    "-path",
    "_file",
    "-file",
    "_name",
    "-name",
    "_type",
    "_hash",
    "_sha256",
    "_digest",
    "_fingerprint",
    "_checksum",
    "_version",
    "_length",
    "_endpoint",
    "public_key",
];

/// The least length of a value, and of its part that is no placeholder.
const LENGTH_MIN: usize = 16;
/// The same for what is called a password: people make them.
const PASSWORD_LENGTH_MIN: usize = 10;
/// The least Shannon entropy, in bits per character.
const ENTROPY_MIN: f64 = 3.5;
/// The same for hexadecimal digits, of which there are at most four bits per character.
const HEX_ENTROPY_MIN: f64 = 3.0;
/// The same for passwords.
const PASSWORD_ENTROPY_MIN: f64 = 3.0;

/// Every such value.
pub(super) fn find(text: &str) -> Vec<Found> {
    let mut found = Vec::new();
    for parts in ASSIGNED.captures_iter(text) {
        let Some(value) = parts.name("value") else { continue };
        if is_secret(&parts, value.as_str()) {
            found.push(("a secret by its key's name", value.range(), value.as_str().to_owned()));
        }
    }
    for parts in ADDRESS.captures_iter(text) {
        let Some(value) = parts.name("value") else { continue };
        if !REFERENCE.is_match(value.as_str()) && random(value.as_str(), 8, PASSWORD_ENTROPY_MIN) {
            found.push(("a password in an address", value.range(), value.as_str().to_owned()));
        }
    }
    found.sort_by_key(|(_, range, _)| range.start);
    found.dedup_by(|later, earlier| later.1.start < earlier.1.end);
    found
}

fn is_secret(parts: &Captures<'_>, value: &str) -> bool {
    let part = |name: &str| parts.name(name).map_or("", |part| part.as_str());
    let (key, quoted) = (part("key").to_lowercase(), !part("quote").is_empty());
    if HARMLESS_ENDS.iter().any(|end| key.ends_with(end)) || REFERENCE.is_match(value) {
        return false;
    }
    // Without quotes it may be a name of the program: `token = next_token2` is code.
    let name = |value: &str| {
        value.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.'))
            && value.bytes().filter(u8::is_ascii_digit).count() < 3
    };
    if !quoted && name(value) {
        return false;
    }
    let password = ["passw", "pwd", "passphrase"].iter().any(|word| key.contains(word));
    if password {
        random(value, PASSWORD_LENGTH_MIN, PASSWORD_ENTROPY_MIN)
    } else {
        random(value, LENGTH_MIN, ENTROPY_MIN)
    }
}

/// Whether a value looks drawn, once what is a placeholder in it is taken away.
fn random(value: &str, length_min: usize, entropy_min: f64) -> bool {
    let rest = PLACEHOLDER.replace_all(value, "");
    let letters: Vec<char> = rest.chars().collect();
    let digits = letters.iter().filter(|letter| letter.is_ascii_digit()).count();
    if letters.len() < length_min || digits == 0 || digits == letters.len() {
        return false;
    }
    // `abcdefgh12345678` has much entropy and no secret.
    let steps = letters
        .windows(2)
        .filter(|pair| u32::from(pair[1]).abs_diff(u32::from(pair[0])) <= 1)
        .count();
    if steps * 2 >= letters.len() {
        return false;
    }
    let hex = letters.iter().all(|letter| letter.is_ascii_hexdigit() || *letter == '-');
    if hex && letters.len() < 32 {
        return false;
    }
    entropy(&letters) >= if hex { HEX_ENTROPY_MIN } else { entropy_min }
}

/// Shannon entropy in bits per character.
fn entropy(letters: &[char]) -> f64 {
    let mut counts: HashMap<char, u32> = HashMap::new();
    for letter in letters {
        *counts.entry(*letter).or_default() += 1;
    }
    let all = f64::from(u32::try_from(letters.len()).unwrap_or(u32::MAX));
    counts.values().map(|count| f64::from(*count) / all).map(|share| -share * share.log2()).sum()
}
