//! What a registry says to whoever comes without a token, and the token that it then gives.

/// `Bearer realm="https://…",service="…"`
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Challenge {
    pub(super) realm: String,
    pub(super) service: Option<String>,
}

impl Challenge {
    /// Reads the header; nothing where it asks for something else than a token.
    pub(super) fn read(header: &str) -> Option<Self> {
        let (scheme, rest) = header.split_once(' ')?;
        if !scheme.eq_ignore_ascii_case("bearer") {
            return None;
        }
        let value = |name: &str| {
            fields(rest)
                .into_iter()
                .find(|(key, _)| key.eq_ignore_ascii_case(name))
                .map(|(_, value)| value)
        };
        Some(Self { realm: value("realm")?, service: value("service") })
    }
}

/// `key="value"` and `key=value`, with commas between them, and in quotes too.
fn fields(text: &str) -> Vec<(String, String)> {
    let mut found = Vec::new();
    let mut rest = text;
    while let Some((key, after)) = rest.split_once('=') {
        let (value, after) = match after.strip_prefix('"') {
            Some(quoted) => quoted.split_once('"').unwrap_or((quoted, "")),
            None => after.split_once(',').map_or((after, ""), |(value, after)| (value, after)),
        };
        found.push((key.trim_matches([',', ' ']).to_owned(), value.trim().to_owned()));
        rest = after;
    }
    found
}

/// The token of an answer, which has one of two names.
pub(super) fn token(text: &[u8]) -> Option<domain::Secret> {
    let answer: serde_json::Value = serde_json::from_slice(text).ok()?;
    let token = answer.get("token").or_else(|| answer.get("access_token"))?.as_str()?;
    let fits = !token.is_empty() && token.bytes().all(|byte| byte.is_ascii_graphic());
    fits.then(|| domain::Secret::new(token.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_challenge_is_read_as_registries_write_it() {
        let header = r#"Bearer realm="https://auth.example/token",service="registry.example",scope="repository:a:pull,push""#;
        let found = Challenge::read(header).unwrap();
        assert_eq!(found.realm, "https://auth.example/token");
        assert_eq!(found.service.as_deref(), Some("registry.example"));
        assert_eq!(Challenge::read("Basic realm=\"x\""), None);
        assert_eq!(Challenge::read("Bearer service=x"), None);
    }

    #[test]
    fn a_token_is_found_under_both_names_and_nonsense_is_none() {
        assert!(
            token(br#"{"token":"abc"}"#).is_some() && token(br#"{"access_token":"abc"}"#).is_some()
        );
        assert!(
            token(br#"{"token":"a\nb"}"#).is_none()
                && token(b"{}").is_none()
                && token(b"x").is_none()
        );
    }
}
