//! Answers a request for something that never changes: from the cache, or through it.

use std::sync::Arc;

use bytes::Bytes;
use http::header::{self, HeaderMap, HeaderValue};
use http::{Method, Response, StatusCode};
use tokio::sync::OwnedSemaphorePermit;

use super::answer::{Allowed, failed};
use super::body::{self, Body, Terms};
use super::cache::{Arrival, Found, Key, Meta, Part, part};
use super::entry::Entry;
use super::fields;
use super::total::Total;

/// Answers from what is kept, from what is arriving, or begins to fetch it.
pub(crate) async fn answer(
    allowed: &Allowed<'_>,
    slot: OwnedSemaphorePermit,
    mut entry: Entry,
) -> Response<Body> {
    let cache = &allowed.door.gateway.cache;
    let key = Key::new(allowed.asked, &allowed.rule.rule);
    let flight = cache.flight(&key);
    let Ok(_turn) = tokio::time::timeout_at(allowed.deadline, flight.lock()).await else {
        return failed(entry, "the upstream did not answer in time");
    };
    if let Some(found) = cache.find(&key).await {
        entry.note(|record| record.cached = true);
        return serve(allowed, found, (Some(slot), Some(Arc::clone(&allowed.door.total))), entry);
    }
    let canonical = fields::canonical(allowed.rule.rule.authorization.as_ref());
    let upstream = match allowed.ask(canonical, Bytes::new()).await {
        Ok(upstream) => upstream,
        Err(reason) => return failed(entry, &reason),
    };
    let meta = Meta::of(upstream.status(), upstream.headers())
        .filter(|meta| meta.length <= allowed.rule.rule.response_max_bytes)
        .filter(|_| allowed.method == Method::GET);
    let Some(meta) = meta else { return allowed.relay(upstream, slot, entry) };
    // Counted as it is fetched, which goes on without the machine.
    if !allowed.door.total.count(meta.length) {
        return failed(entry, &format!("cut: {}", allowed.door.total.reason()));
    }
    let arrival = Arrival { key, meta, answer: upstream, deadline: allowed.deadline, slot };
    match cache.keep(arrival).await {
        Ok(found) => serve(allowed, found, (None, None), entry),
        Err(arrival) => allowed.relay(arrival.answer, arrival.slot, entry),
    }
}

/// Serves what is kept or arriving, whole or the part that was asked for.
fn serve(
    allowed: &Allowed<'_>,
    found: Found,
    (slot, total): (Option<OwnedSemaphorePermit>, Option<Arc<Total>>),
    mut entry: Entry,
) -> Response<Body> {
    let length = found.meta.length;
    let max_bytes = allowed.rule.rule.response_max_bytes;
    if length > max_bytes {
        return failed(entry, &format!("cut: more than the rule's {max_bytes} bytes"));
    }
    let mut headers = found.meta.headers();
    let (status, first, end) = match wanted(allowed, &headers, length) {
        Part::Whole => (StatusCode::OK, 0, length),
        Part::Bytes(first, last) => {
            let range = format!("bytes {first}-{last}/{length}");
            insert(&mut headers, header::CONTENT_RANGE, &range);
            (StatusCode::PARTIAL_CONTENT, first, last + 1)
        }
        Part::Unsatisfiable => {
            insert(&mut headers, header::CONTENT_RANGE, &format!("bytes */{length}"));
            (StatusCode::RANGE_NOT_SATISFIABLE, 0, 0)
        }
    };
    headers.insert(header::CONTENT_LENGTH, HeaderValue::from(end - first));
    entry.note(|record| record.status = Some(status.as_u16()));
    let body = if allowed.method == Method::HEAD {
        entry.close();
        body::whole("")
    } else {
        let credential = allowed.credential();
        let terms = Terms { max_bytes, deadline: allowed.deadline, credential, total, _slot: slot };
        body::carry(found.read(first, end), terms, entry)
    };
    let mut response = Response::new(body);
    *response.status_mut() = status;
    *response.headers_mut() = headers;
    response
}

/// Which part is wanted; everything where it has to be searched for a credential. `If-Range` with another validator than the kept one asks for everything.
fn wanted(allowed: &Allowed<'_>, kept: &HeaderMap, length: u64) -> Part {
    let text =
        |name: header::HeaderName| allowed.headers.get(name).and_then(|value| value.to_str().ok());
    let same = |validator: &str| {
        let is = |name: header::HeaderName| {
            kept.get(name).is_some_and(|kept| kept.as_bytes() == validator.as_bytes())
        };
        !validator.starts_with("W/") && (is(header::ETAG) || is(header::LAST_MODIFIED))
    };
    if !allowed.credential().is_none() {
        return Part::Whole;
    }
    if allowed.method != Method::GET || text(header::IF_RANGE).is_some_and(|text| !same(text)) {
        return Part::Whole;
    }
    part(text(header::RANGE), length)
}

fn insert(headers: &mut HeaderMap, name: header::HeaderName, text: &str) {
    if let Ok(value) = text.parse() {
        headers.insert(name, value);
    }
}
