//! Answers one request of a machine: judges it, asks the upstream, and carries the answer back.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::StreamExt as _;
use http::header::{self, HeaderMap, HeaderValue};
use http::request::Parts;
use http::{Method, Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Limited};
use hyper::body::Incoming;
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::Instant;

use super::body::{self, Body, Terms};
use super::credential::Credential;
use super::door::Inner;
use super::entry::{Entry, Line};
use super::fields;
use super::kept;
use super::policy::Rule;
use super::target::{self, Asked};
use super::upstream::chain;

/// What is said to a machine that is refused.
pub(crate) struct Refusal {
    pub(crate) status: StatusCode,
    pub(crate) reason: String,
}

impl Refusal {
    pub(crate) fn new(status: StatusCode, reason: impl Into<String>) -> Self {
        Self { status, reason: reason.into() }
    }

    /// The answer; the connection ends with it.
    pub(crate) fn response(&self) -> Response<Body> {
        text(self.status, &format!("egress refused: {}\n", self.reason))
    }
}

/// A plain answer of the proxy itself, after which the connection ends.
pub(crate) fn text(status: StatusCode, text: &str) -> Response<Body> {
    let mut response = Response::new(body::whole(text.to_owned()));
    *response.status_mut() = status;
    let fields = response.headers_mut();
    fields.insert(header::CONNECTION, HeaderValue::from_static("close"));
    fields.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    response
}

/// Answers a request that is no CONNECT. Never fails: what goes wrong is the answer.
pub(crate) async fn answer(
    door: &Arc<Inner>,
    request: Request<Incoming>,
    tunnel: Option<&target::Authority>,
) -> Response<Body> {
    let (parts, incoming) = request.into_parts();
    let asked = match target::asked(&parts, tunnel) {
        Ok(asked) => asked,
        Err(error) => {
            let host = parts.uri.host().map(str::to_owned);
            let host = host.or_else(|| tunnel.map(|tunnel| tunnel.host.clone()));
            let host = host.unwrap_or_default();
            let port = parts.uri.port_u16().or_else(|| tunnel.map(|tunnel| tunnel.port));
            let entry = door.entry(&Line {
                method: parts.method.as_str(),
                host: &host,
                port: port.unwrap_or_default(),
                target: parts.uri.path(),
                query: parts.uri.query(),
            });
            return refused(entry, &Refusal::new(StatusCode::BAD_REQUEST, error.to_string()));
        }
    };
    let mut entry = door.entry(&Line {
        method: &asked.method,
        host: &asked.authority.host,
        port: asked.authority.port,
        target: &asked.path,
        query: asked.query.as_deref(),
    });
    if let Some(reason) = entry.spent().map(str::to_owned).or_else(|| door.total.spent()) {
        let refusal = Refusal::new(StatusCode::TOO_MANY_REQUESTS, reason);
        return refused(entry, &refusal);
    }
    let rule = match door.policy.judge(&asked) {
        Ok(rule) => rule,
        Err(reason) => return refused(entry, &Refusal::new(StatusCode::FORBIDDEN, reason)),
    };
    let body = match request_body(door, &parts, incoming).await {
        Ok(body) => body,
        Err(refusal) => return refused(entry, &refusal),
    };
    entry.allow(&rule.rule.name);
    door.total.count(body.len());
    let mut response = forward(door, &parts, &asked, rule, (body, entry)).await;
    if is_framed(&parts.headers) {
        // Also a body of no bytes: the gate let everything after this head pass, so nothing more is read from this connection.
        response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    }
    response
}

fn refused(entry: Entry, refusal: &Refusal) -> Response<Body> {
    entry.refuse(&refusal.reason);
    refusal.response()
}

/// Whether a request says that a body follows its head, as the gate understands it.
fn is_framed(headers: &HeaderMap) -> bool {
    headers.contains_key(header::TRANSFER_ENCODING)
        || headers.get(header::CONTENT_LENGTH).is_some_and(|length| length != "0")
}

/// The request's body, whole; only where the method gives it a meaning.
async fn request_body(door: &Inner, parts: &Parts, incoming: Incoming) -> Result<Bytes, Refusal> {
    if !is_framed(&parts.headers) {
        return Ok(Bytes::new());
    }
    if !matches!(parts.method, Method::POST | Method::PUT | Method::PATCH) {
        let reason = format!("{} with a body", parts.method);
        return Err(Refusal::new(StatusCode::BAD_REQUEST, reason));
    }
    let limits = &door.gateway.settings.limits;
    let max = usize::try_from(limits.request_body_max_bytes).unwrap_or(usize::MAX);
    let whole = Limited::new(incoming, max).collect();
    let whole = tokio::time::timeout(Duration::from_millis(limits.idle_ms), whole).await;
    match whole {
        Err(_) => Err(Refusal::new(StatusCode::REQUEST_TIMEOUT, "the body did not arrive in time")),
        Ok(Ok(body)) => Ok(body.to_bytes()),
        Ok(Err(error)) if error.is::<http_body_util::LengthLimitError>() => {
            let reason = format!("a body of more than {max} bytes");
            Err(Refusal::new(StatusCode::PAYLOAD_TOO_LARGE, reason))
        }
        Ok(Err(_)) => Err(Refusal::new(StatusCode::BAD_REQUEST, "the body is malformed")),
    }
}

/// A request that a rule lets through.
pub(crate) struct Allowed<'a> {
    pub(crate) door: &'a Arc<Inner>,
    pub(crate) method: Method,
    pub(crate) headers: &'a HeaderMap,
    pub(crate) asked: &'a Asked,
    pub(crate) rule: &'a Rule,
    pub(crate) deadline: Instant,
}

impl Allowed<'_> {
    /// What must not reach the machine.
    pub(crate) fn credential(&self) -> Credential {
        self.rule.rule.authorization.as_ref().map(Credential::of).unwrap_or_default()
    }

    /// Asks the upstream.
    pub(crate) async fn ask(
        &self,
        headers: HeaderMap,
        body: Bytes,
    ) -> Result<reqwest::Response, String> {
        let request = self
            .door
            .gateway
            .client
            .request(self.method.clone(), address(self.asked))
            .headers(headers)
            .body(body)
            .send();
        match tokio::time::timeout_at(self.deadline, request).await {
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(error)) => Err(chain(&error.without_url())),
            Err(_) => Err("the upstream did not answer in time".into()),
        }
    }

    /// Carries an upstream's answer to the machine as it comes.
    pub(crate) fn relay(
        &self,
        upstream: reqwest::Response,
        slot: OwnedSemaphorePermit,
        mut entry: Entry,
    ) -> Response<Body> {
        let credential = self.credential();
        let Some(headers) = fields::answered(upstream.headers(), &credential) else {
            return failed(entry, "the upstream's answer has too many header fields");
        };
        let status = upstream.status();
        entry.note(|record| record.status = Some(status.as_u16()));
        let max_bytes = self.rule.rule.response_max_bytes;
        let too_large = declared(&headers).is_some_and(|length| length > max_bytes);
        if too_large && self.method != Method::HEAD {
            return failed(entry, &format!("cut: more than the rule's {max_bytes} bytes"));
        }
        let total = Some(Arc::clone(&self.door.total));
        let terms =
            Terms { max_bytes, deadline: self.deadline, credential, total, _slot: Some(slot) };
        let source =
            upstream.bytes_stream().map(|piece| piece.map_err(|error| chain(&error.without_url())));
        let mut response = Response::new(body::carry(source.boxed(), terms, entry));
        *response.status_mut() = status;
        *response.headers_mut() = headers;
        response
    }
}

/// Asks the upstream, or the cache, and carries the answer.
async fn forward(
    door: &Arc<Inner>,
    parts: &Parts,
    asked: &Asked,
    rule: &Rule,
    (body, mut entry): (Bytes, Entry),
) -> Response<Body> {
    let limits = &door.gateway.settings.limits;
    let deadline = Instant::now() + Duration::from_millis(limits.whole_ms);
    let slot = tokio::time::timeout_at(deadline, Arc::clone(&door.requests).acquire_owned());
    let Ok(Ok(slot)) = slot.await else {
        entry.fail("too many requests were under way for too long");
        return text(StatusCode::SERVICE_UNAVAILABLE, "egress failed: too many requests\n");
    };
    let method = parts.method.clone();
    let allowed = Allowed { door, method, headers: &parts.headers, asked, rule, deadline };
    let may_be_kept = rule.is_immutable(&asked.path)
        && asked.query.is_none()
        && matches!(parts.method, Method::GET | Method::HEAD);
    if may_be_kept {
        return kept::answer(&allowed, slot, entry).await;
    }
    let headers = fields::forwarded(&parts.headers, rule.rule.authorization.as_ref());
    match allowed.ask(headers, body).await {
        Ok(upstream) => allowed.relay(upstream, slot, entry),
        Err(reason) => failed(entry, &reason),
    }
}

pub(crate) fn failed(mut entry: Entry, reason: &str) -> Response<Body> {
    entry.fail(reason);
    text(StatusCode::BAD_GATEWAY, &format!("egress failed: {reason}\n"))
}

/// The address that an upstream is asked by: the parts that were judged, and nothing else.
pub(crate) fn address(asked: &Asked) -> String {
    let scheme = if asked.plain { "http" } else { "https" };
    let query = asked.query.as_ref().map(|query| format!("?{query}")).unwrap_or_default();
    format!("{scheme}://{}{}{query}", asked.authority.in_address(asked.plain), asked.path)
}

fn declared(headers: &HeaderMap) -> Option<u64> {
    headers.get(header::CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}
