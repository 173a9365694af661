//! The forms in which a credential that the host added to a request could come back in its answer.

use base64::Engine as _;
use domain::Secret;

/// Shorter ones than this are words that any answer may hold.
const SECRET_MIN_BYTES: usize = 8;

/// What must not appear in an answer; nothing where no credential was added.
#[derive(Clone, Default)]
pub(crate) struct Credential(Vec<Vec<u8>>);

impl std::fmt::Debug for Credential {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(if self.0.is_empty() { "Credential(none)" } else { "Credential(...)" })
    }
}

impl Credential {
    /// The forms of an `authorization` value: as it is sent, and for `Basic` what it stands for.
    pub(crate) fn of(authorization: &Secret) -> Self {
        let value = authorization.reveal();
        let (scheme, sent) = value.split_once(' ').unwrap_or(("", value));
        let sent = sent.trim();
        let mut forms = vec![sent.as_bytes().to_vec()];
        if scheme.eq_ignore_ascii_case("basic")
            && let Some(pair) = decode(sent)
        {
            // Tokens are sent as either half, the other one empty or a word that says so.
            let halves = pair.splitn(2, |byte| *byte == b':').map(<[u8]>::to_vec);
            let halves: Vec<_> = halves.collect();
            let password = halves.get(1).filter(|half| half.len() >= SECRET_MIN_BYTES);
            let user = halves.first().filter(|half| half.len() >= SECRET_MIN_BYTES);
            let secret = password.or(user).cloned();
            forms.extend(secret);
            forms.push(pair);
        }
        forms.retain(|form| !form.is_empty());
        Self(forms)
    }

    /// Whether there is nothing to look for.
    pub(crate) const fn is_none(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether one of the forms is in these bytes.
    pub(crate) fn is_in(&self, bytes: &[u8]) -> bool {
        self.0.iter().any(|form| memchr::memmem::find(bytes, form).is_some())
    }

    /// How many bytes may be the beginning of one without being it.
    pub(crate) fn edge(&self) -> usize {
        self.0.iter().map(|form| form.len().saturating_sub(1)).max().unwrap_or(0)
    }
}

fn decode(sent: &str) -> Option<Vec<u8>> {
    use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};
    let sent = sent.trim_end_matches('=');
    STANDARD_NO_PAD.decode(sent).or_else(|_| URL_SAFE_NO_PAD.decode(sent)).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn basic(pair: &str) -> Credential {
        let sent = base64::engine::general_purpose::STANDARD.encode(pair);
        Credential::of(&Secret::new(format!("Basic {sent}")))
    }

    #[test]
    fn what_basic_stands_for_is_looked_for_too() {
        let credential = basic("robot:s3cret-password");
        for text in
            ["x cm9ib3Q6czNjcmV0LXBhc3N3b3Jk x", "robot:s3cret-password", "=s3cret-password&"]
        {
            assert!(credential.is_in(text.as_bytes()), "{text}");
        }
        assert!(!credential.is_in(b"robot says s3cret"));
        assert!(basic("token-0123456789:").is_in(b"your token-0123456789 is"));
        assert!(basic("token-0123456789:x").is_in(b"your token-0123456789 is"));
        assert!(!basic("robot:x").is_in(b"a robot and an x"));
    }

    #[test]
    fn other_schemes_are_looked_for_as_they_are_sent() {
        let credential = Credential::of(&Secret::new("Bearer abcdefgh"));
        assert!(credential.is_in(b"xabcdefghx"));
        assert!(!credential.is_in(b"Bearer"));
        assert_eq!(credential.edge(), 7);
        assert!(Credential::of(&Secret::new("naked-token")).is_in(b"naked-token"));
        assert!(Credential::default().is_none());
    }
}
