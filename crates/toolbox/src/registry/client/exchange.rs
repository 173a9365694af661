//! One request and what came of it: trust anchors, proxies, redirects, sizes, statuses.

use std::error::Error as _;
use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use domain::{Digest, Secret, Timestamp};
use reqwest::header::{
    ACCEPT, AUTHORIZATION, CONTENT_TYPE, ETAG, HeaderMap, HeaderName, HeaderValue,
    IF_MODIFIED_SINCE, IF_NONE_MATCH, LAST_MODIFIED, RETRY_AFTER,
};
use reqwest::redirect::Policy;
use reqwest::{Response, StatusCode, Url};

use super::SetUpError;
use super::cache::{Kept, Meta};

/// The most redirects that one request follows.
const REDIRECTS_MAX: usize = 5;
/// The longest time to wait for a connection, in milliseconds.
const CONNECT_TIMEOUT_MAX_MS: u64 = 15_000;

/// What to ask for.
#[derive(Debug)]
pub(super) struct Request<'a> {
    pub(super) url: Url,
    pub(super) accept: &'a str,
    pub(super) authorization: Option<&'a Secret>,
}

/// What one exchange came to.
#[derive(Debug)]
pub(super) enum Outcome {
    /// A whole body, status 200.
    Answered(Kept),
    /// What was kept still holds.
    Unchanged,
    /// Nobody knows it.
    Missing,
    /// An answer that no registry would give.
    Garbage(String),
    /// No answer, and asking again will not help.
    Refused(String),
    /// No answer this time; the registry may have said how long to wait.
    Later { reason: String, wait_ms: u64 },
}

/// The means to make requests.
#[derive(Debug)]
pub(super) struct Exchange {
    http: reqwest::Client,
    timeout_ms: u64,
    response_max_bytes: u64,
}

impl Exchange {
    /// Reads trust anchors (`SSL_CERT_FILE` and `SSL_CERT_DIR`, else the system's) and proxies of the host.
    pub(super) fn new(timeout_ms: u64, response_max_bytes: u64) -> Result<Self, SetUpError> {
        let failed = |reason: String| SetUpError::Http { reason };
        let mut anchors = rustls::RootCertStore::empty();
        let found = rustls_native_certs::load_native_certs();
        for error in &found.errors {
            tracing::warn!(%error, "a trust anchor of the host could not be read");
        }
        anchors.add_parsable_certificates(found.certs);
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let tls = rustls::ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|error| failed(error.to_string()))?
            .with_root_certificates(anchors)
            .with_no_client_auth();
        let http = reqwest::Client::builder()
            .tls_backend_preconfigured(tls)
            .redirect(Policy::custom(follow))
            .connect_timeout(Duration::from_millis(timeout_ms.min(CONNECT_TIMEOUT_MAX_MS)))
            .timeout(Duration::from_millis(timeout_ms))
            .user_agent(concat!("hob/", env!("CARGO_PKG_VERSION")))
            .referer(false)
            .build()
            .map_err(|error| failed(chain(&error)))?;
        Ok(Self { http, timeout_ms, response_max_bytes })
    }

    /// Makes the request once, at `now`. With `kept`, asks whether that still holds.
    pub(super) async fn run(
        &self,
        request: &Request<'_>,
        kept: Option<&Kept>,
        now: Timestamp,
    ) -> Outcome {
        let headers = match headers(request, kept) {
            Ok(headers) => headers,
            Err(reason) => return Outcome::Refused(reason),
        };
        match self.http.get(request.url.clone()).headers(headers).send().await {
            Ok(response) => self.read(response, now).await,
            Err(error) => self.failed(error),
        }
    }

    async fn read(&self, response: Response, now: Timestamp) -> Outcome {
        let status = response.status();
        match status {
            StatusCode::OK => self.body(response, now).await,
            StatusCode::NOT_MODIFIED => Outcome::Unchanged,
            // The sparse protocol allows all three for "no such crate":
            // <https://doc.rust-lang.org/cargo/reference/registry-index.html#nonexistent-crates>
            StatusCode::NOT_FOUND
            | StatusCode::GONE
            | StatusCode::UNAVAILABLE_FOR_LEGAL_REASONS => Outcome::Missing,
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => {
                Outcome::Refused(format!("it refuses the credential, or wants one (HTTP {status})"))
            }
            StatusCode::PROXY_AUTHENTICATION_REQUIRED => {
                Outcome::Refused(format!("the host's proxy wants a credential (HTTP {status})"))
            }
            StatusCode::TOO_MANY_REQUESTS | StatusCode::REQUEST_TIMEOUT => self.later(&response),
            status if status.is_server_error() => self.later(&response),
            status => Outcome::Garbage(format!("HTTP {status}")),
        }
    }

    fn later(&self, response: &Response) -> Outcome {
        let header = text(response.headers(), RETRY_AFTER);
        let wait_ms = header.and_then(|value| retry_after_ms(&value, response)).unwrap_or(0);
        Outcome::Later { reason: format!("it answered HTTP {}", response.status()), wait_ms }
    }

    /// Reads a body piece by piece, so that an endless one (or a small one that unpacks to an endless
    /// one) costs no more than the limit.
    async fn body(&self, mut response: Response, now: Timestamp) -> Outcome {
        let headers = response.headers().clone();
        let url = response.url().to_string();
        let max = self.response_max_bytes;
        let mut body = BytesMut::new();
        loop {
            match response.chunk().await {
                Ok(None) => break,
                Ok(Some(piece)) if (body.len() + piece.len()) as u64 > max => {
                    return Outcome::Garbage(format!("the answer is larger than {max} bytes"));
                }
                Ok(Some(piece)) => body.extend_from_slice(&piece),
                Err(error) => return self.failed(error),
            }
        }
        let body: Bytes = body.freeze();
        let meta = Meta {
            url,
            content_type: text(&headers, CONTENT_TYPE),
            etag: text(&headers, ETAG),
            last_modified: text(&headers, LAST_MODIFIED),
            confirmed_at: now,
            body_sha256: Digest::of(&body).hex(),
        };
        Outcome::Answered(Kept { meta, body })
    }

    fn failed(&self, error: reqwest::Error) -> Outcome {
        let error = error.without_url();
        if error.is_timeout() {
            let reason = format!("no whole answer within {} ms", self.timeout_ms);
            return Outcome::Later { reason, wait_ms: 0 };
        }
        let reason = chain(&error);
        if error.is_redirect() || error.is_builder() {
            return Outcome::Refused(reason);
        }
        if error.is_decode() && !is_cut_off(&error) {
            return Outcome::Garbage(reason);
        }
        Outcome::Later { reason, wait_ms: 0 }
    }
}

/// Follows a redirect where it leads on and not down: at most [`REDIRECTS_MAX`], never from TLS to plain.
/// (`reqwest` takes the credential away when host, port or scheme change.)
fn follow(attempt: reqwest::redirect::Attempt<'_>) -> reqwest::redirect::Action {
    let downgraded = attempt.url().scheme() != "https"
        && attempt.previous().last().is_some_and(|from| from.scheme() == "https");
    if attempt.previous().len() > REDIRECTS_MAX {
        attempt.error(format!("it redirects more than {REDIRECTS_MAX} times"))
    } else if downgraded {
        attempt.error("it redirects from https to plain http")
    } else {
        attempt.follow()
    }
}

fn headers(request: &Request<'_>, kept: Option<&Kept>) -> Result<HeaderMap, String> {
    let mut headers = HeaderMap::new();
    let accept = HeaderValue::from_str(request.accept).map_err(|error| error.to_string())?;
    headers.insert(ACCEPT, accept);
    if let Some(secret) = request.authorization {
        let mut value = HeaderValue::from_str(secret.reveal())
            .map_err(|_| "its credential holds characters that no header may hold".to_owned())?;
        value.set_sensitive(true);
        headers.insert(AUTHORIZATION, value);
    }
    // The entity tag is the stronger of the two; RFC 9110 section 13.1.3 lets it win where both are sent.
    for (name, value) in [
        (IF_NONE_MATCH, kept.and_then(|kept| kept.meta.etag.as_deref())),
        (IF_MODIFIED_SINCE, kept.and_then(|kept| kept.meta.last_modified.as_deref())),
    ] {
        if let Some(value) = value.and_then(|value| HeaderValue::from_str(value).ok()) {
            headers.insert(name, value);
        }
    }
    Ok(headers)
}

/// `retry-after` is a number of seconds or a date (RFC 9110 section 10.2.3). A date is measured against
/// the registry's own `date`, so that a wrong clock here does no harm.
fn retry_after_ms(value: &str, response: &Response) -> Option<u64> {
    if let Ok(seconds) = value.parse::<u64>() {
        return Some(seconds.saturating_mul(1_000));
    }
    let instant = |text: &str| jiff::fmt::rfc2822::parse(text).ok().map(|zoned| zoned.timestamp());
    let until = instant(value)?;
    let now = instant(&text(response.headers(), reqwest::header::DATE)?)?;
    u64::try_from(until.as_millisecond() - now.as_millisecond()).ok()
}

fn text(headers: &HeaderMap, name: HeaderName) -> Option<String> {
    headers.get(name)?.to_str().ok().map(str::to_owned)
}

/// Whether a body ended before its time, which is the network's doing and no garbage.
fn is_cut_off(error: &reqwest::Error) -> bool {
    let words = chain(error);
    ["end of file", "unexpected EOF", "connection", "incomplete", "reset"]
        .iter()
        .any(|sign| words.contains(sign))
}

/// An error with its causes, in one line.
fn chain(error: &reqwest::Error) -> String {
    let mut words = vec![error.to_string()];
    let mut source = error.source();
    while let Some(cause) = source {
        let cause_words = cause.to_string();
        if !words.contains(&cause_words) {
            words.push(cause_words);
        }
        source = cause.source();
    }
    words.join(": ")
}
