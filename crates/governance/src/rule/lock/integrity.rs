//! Checksums with their algorithms: `sha512-…` as npm writes them, `sha256:…` as Python's tools do.
//!
//! Source: Subresource Integrity, <https://www.w3.org/TR/sri-2/>; a text may hold several.

/// How strong the strongest checksum of the text is; nothing where its algorithm is not known.
pub(super) fn strength(text: &str) -> Option<u8> {
    text.split_whitespace().filter_map(|one| parts(one).map(|(algorithm, _)| rank(algorithm))).max()
}

/// What is wrong with one checksum text in the place of another: a digest that differs, or less strength.
pub(super) fn change(was: &str, now: &str) -> Option<&'static str> {
    if was == now || was.is_empty() {
        return None;
    }
    let old: Vec<_> = was.split_whitespace().filter_map(parts).collect();
    let mut common = false;
    for (algorithm, digest) in now.split_whitespace().filter_map(parts) {
        let mut same = old.iter().filter(|(name, _)| *name == algorithm).peekable();
        if same.peek().is_some() {
            common = true;
            if !same.any(|(_, was)| *was == digest) {
                return Some("changes");
            }
        }
    }
    match (strength(was), strength(now)) {
        (Some(was), Some(now)) if now < was => Some("becomes weaker"),
        (Some(was), Some(now)) if now > was || common => None,
        _ => Some("changes"),
    }
}

/// Algorithm and digest; options behind `?` are nobody's concern.
fn parts(one: &str) -> Option<(&str, &str)> {
    let (algorithm, digest) = one.split_once(['-', ':'])?;
    Some((algorithm, digest.split('?').next().unwrap_or(digest)))
}

fn rank(algorithm: &str) -> u8 {
    match algorithm {
        "sha512" => 4,
        "sha384" => 3,
        "sha256" => 2,
        "sha1" => 1,
        _ => 0,
    }
}
