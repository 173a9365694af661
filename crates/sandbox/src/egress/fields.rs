//! Which header fields cross the proxy, in either direction.

use domain::Secret;
use http::header::{self, HeaderMap, HeaderName, HeaderValue};

use super::credential::Credential;

/// What a machine's request may say to an upstream. Everything else stays behind: fields of this hop,
/// credentials, and whatever some server takes for another method, path or host than the one that was judged.
const REQUEST: [HeaderName; 16] = [
    header::ACCEPT,
    header::ACCEPT_CHARSET,
    header::ACCEPT_ENCODING,
    header::ACCEPT_LANGUAGE,
    header::CACHE_CONTROL,
    header::CONTENT_ENCODING,
    header::CONTENT_LANGUAGE,
    header::CONTENT_TYPE,
    header::IF_MATCH,
    header::IF_MODIFIED_SINCE,
    header::IF_NONE_MATCH,
    header::IF_RANGE,
    header::IF_UNMODIFIED_SINCE,
    header::PRAGMA,
    header::RANGE,
    header::USER_AGENT,
];

/// What an answer must not say to a machine: fields of the other hop (RFC 9110 section 7.6.1), cookies, and
/// invitations to come by another way.
const ANSWER_LEFT_OUT: [&str; 13] = [
    "connection",
    "keep-alive",
    "proxy-authenticate",
    "proxy-authentication-info",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "alt-svc",
    "set-cookie",
    "set-cookie2",
    "clear-site-data",
];

/// The most header fields and bytes of an answer.
const ANSWER_FIELDS_MAX: usize = 128;
const ANSWER_BYTES_MAX: usize = 64 * 1024;

/// The fields that go upstream for a request as the machine made it.
pub(crate) fn forwarded(from: &HeaderMap, authorization: Option<&Secret>) -> HeaderMap {
    let mut to = HeaderMap::new();
    for name in REQUEST {
        for value in from.get_all(&name) {
            to.append(name.clone(), value.clone());
        }
    }
    authorize(&mut to, authorization);
    to
}

/// The fields that go upstream for an answer that is kept for everyone: no machine has a say in them.
pub(crate) fn canonical(authorization: Option<&Secret>) -> HeaderMap {
    let mut to = HeaderMap::new();
    to.insert(header::ACCEPT, HeaderValue::from_static("*/*"));
    to.insert(header::ACCEPT_ENCODING, HeaderValue::from_static("identity"));
    to.insert(header::USER_AGENT, HeaderValue::from_static("hob"));
    authorize(&mut to, authorization);
    to
}

fn authorize(to: &mut HeaderMap, authorization: Option<&Secret>) {
    let value = authorization.and_then(|secret| HeaderValue::from_str(secret.reveal()).ok());
    if let Some(mut value) = value {
        value.set_sensitive(true);
        to.insert(header::AUTHORIZATION, value);
        // An answer is searched for the credential; it has to come in clear, and whole.
        to.insert(header::ACCEPT_ENCODING, HeaderValue::from_static("identity"));
        to.remove(header::RANGE);
        to.remove(header::IF_RANGE);
    }
}

/// The fields of an answer that reach the machine; `None` where there are too many.
pub(crate) fn answered(from: &HeaderMap, credential: &Credential) -> Option<HeaderMap> {
    let bytes: usize = from.iter().map(|(name, value)| name.as_str().len() + value.len()).sum();
    if from.len() > ANSWER_FIELDS_MAX || bytes > ANSWER_BYTES_MAX {
        return None;
    }
    let mut to = HeaderMap::new();
    for (name, value) in from {
        if !ANSWER_LEFT_OUT.contains(&name.as_str()) && !credential.is_in(value.as_bytes()) {
            to.append(name.clone(), value.clone());
        }
    }
    Some(to)
}
