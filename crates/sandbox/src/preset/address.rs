//! A registry's address: what rules, requests and machines need of it.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use domain::Secret;
use reqwest::Url;

use super::Index;
use crate::port::EgressRule;

/// An HTTP address without credentials, and the credential that goes with it.
#[derive(Debug, Clone)]
pub(super) struct Address {
    url: Url,
    pub(super) authorization: Option<Secret>,
}

/// What a rule lets through.
pub(super) struct Reading<'a> {
    pub(super) name: &'a str,
    pub(super) paths: Vec<String>,
    /// Whether the registry itself names addresses with a query.
    pub(super) queries: bool,
    pub(super) immutable: Vec<String>,
    pub(super) max_bytes: u64,
}

impl Address {
    /// Reads an address; a user name and password in it become the credential.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let mut url: Url =
            text.parse().map_err(|error| format!("an address is malformed: {error}"))?;
        if !matches!(url.scheme(), "http" | "https") || url.host_str().is_none() {
            return Err(format!("the address `{}` is not HTTP", redacted(&url)));
        }
        let password = url.password().unwrap_or_default();
        let authorization = (!url.username().is_empty() || !password.is_empty())
            .then(|| basic(&decoded(url.username()), &decoded(password)));
        url.set_username("").and_then(|()| url.set_password(None)).map_err(|()| {
            "an address is malformed: its user name cannot be separated".to_owned()
        })?;
        url.set_fragment(None);
        Ok(Self { url, authorization })
    }

    /// The same address with this credential, where it has none of its own.
    pub(super) fn or_authorization(mut self, authorization: Option<Secret>) -> Self {
        self.authorization = self.authorization.or(authorization);
        self
    }

    /// Where `reference` leads from here; the credential goes along only within this origin.
    pub(super) fn join(&self, reference: &str) -> Result<Self, String> {
        let url = self
            .url
            .join(reference)
            .map_err(|error| format!("a link of {} is malformed: {error}", self.base()))?;
        let joined = Self::parse(url.as_str())?;
        let own = self.same_origin(&joined).then(|| self.authorization.clone()).flatten();
        Ok(joined.or_authorization(own))
    }

    pub(super) fn same_origin(&self, other: &Self) -> bool {
        self.url.origin() == other.url.origin()
    }

    pub(super) fn url(&self) -> &Url {
        &self.url
    }

    pub(super) fn host(&self) -> &str {
        self.url.host_str().unwrap_or_default().trim_matches(['[', ']'])
    }

    pub(super) fn is_plain(&self) -> bool {
        self.url.scheme() == "http"
    }

    /// The address without a trailing slash.
    pub(super) fn base(&self) -> String {
        self.url.as_str().trim_end_matches('/').to_owned()
    }

    /// The path as the proxy spells it, without a trailing slash, ready to begin a glob.
    pub(super) fn glob(&self) -> String {
        globset::escape(&spelled(self.url.path().trim_end_matches('/')))
    }

    pub(super) fn index(&self) -> Index {
        Index { base: self.base(), authorization: self.authorization.clone() }
    }

    /// A read-only rule on this address' host.
    pub(super) fn rule(&self, reading: Reading<'_>) -> EgressRule {
        EgressRule {
            name: reading.name.to_owned(),
            host: self.host().to_ascii_lowercase(),
            port: self.url.port_or_known_default().unwrap_or(443),
            plain_http: self.is_plain(),
            methods: vec!["GET".into(), "HEAD".into()],
            paths: reading.paths,
            queries: reading.queries,
            immutable: reading.immutable,
            authorization: self.authorization.clone(),
            response_max_bytes: reading.max_bytes,
        }
    }
}

/// A path in the proxy's spelling; one that it would refuse stays as it is and matches nothing.
pub(super) fn spelled(path: &str) -> String {
    if path.is_empty() {
        return String::new();
    }
    crate::egress::normalise(path).unwrap_or_else(|| path.to_owned())
}

/// A user name and password as an `authorization` value (RFC 7617).
pub(super) fn basic(user: &str, password: &str) -> Secret {
    Secret::new(format!("Basic {}", BASE64_STANDARD.encode(format!("{user}:{password}"))))
}

fn redacted(url: &Url) -> String {
    format!("{}://{}", url.scheme(), url.host_str().unwrap_or("?"))
}

/// Percent-decodes what an address holds; bytes that are no text are kept as replacement characters.
fn decoded(text: &str) -> String {
    let mut out = Vec::with_capacity(text.len());
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        let mut ahead = bytes.clone();
        let mut digit = || ahead.next().and_then(|digit| char::from(digit).to_digit(16));
        let pair = if byte == b'%' { digit().zip(digit()) } else { None };
        match pair.and_then(|(high, low)| u8::try_from(high * 16 + low).ok()) {
            Some(value) => {
                out.push(value);
                bytes = ahead;
            }
            None => out.push(byte),
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}
