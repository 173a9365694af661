//! Carries an answer's body to the machine: counted, capped, timed, and on record before its last byte leaves.

use std::collections::VecDeque;
use std::sync::Arc;

use bytes::Bytes;
use futures_util::stream::{BoxStream, StreamExt as _};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt as _, Full, StreamBody};
use hyper::body::Frame;
use tokio::time::Instant;

use super::credential::Credential;
use super::entry::Entry;
use super::total::Total;

/// The body of every answer.
pub(crate) type Body = UnsyncBoxBody<Bytes, Cut>;

/// Bytes on their way, or why there are no more.
pub(crate) type Source = BoxStream<'static, Result<Bytes, String>>;

/// The answer was cut; the connection ends without the body's proper end, so that no reader takes it for whole.
#[derive(Debug, Clone, Copy, thiserror::Error)]
#[error("the answer was cut")]
pub(crate) struct Cut;

/// A body that is known whole.
pub(crate) fn whole(bytes: impl Into<Bytes>) -> Body {
    Full::new(bytes.into()).map_err(|never| match never {}).boxed_unsync()
}

/// What holds while a body is carried.
#[derive(Debug)]
pub(crate) struct Terms {
    /// The most bytes.
    pub(crate) max_bytes: u64,
    /// When it has to be over.
    pub(crate) deadline: Instant,
    /// What must not appear in it: the credential that the host added to the request.
    pub(crate) credential: Credential,
    /// What counts its bytes, where they are not counted yet.
    pub(crate) total: Option<Arc<Total>>,
    /// What it occupies while it lasts.
    pub(crate) _slot: Option<tokio::sync::OwnedSemaphorePermit>,
}

struct Carrier {
    source: Source,
    terms: Terms,
    entry: Entry,
    /// What has not left yet, oldest first.
    held: VecDeque<Bytes>,
    count: u64,
    over: bool,
}

/// Carries `source` under these terms.
pub(crate) fn carry(source: Source, terms: Terms, entry: Entry) -> Body {
    let carrier = Carrier { source, terms, entry, held: VecDeque::new(), count: 0, over: false };
    let frames = futures_util::stream::unfold(carrier, |mut carrier| async move {
        let next = carrier.next().await?;
        Some((next.map(Frame::data), carrier))
    });
    StreamBody::new(frames).boxed_unsync()
}

impl Carrier {
    /// One piece is always held back: the last leaves only after the end was seen and put on record. With a credential to
    /// look for, so much is held back that no part of one leaves before the rest was seen.
    async fn next(&mut self) -> Option<Result<Bytes, Cut>> {
        while !self.over {
            if let Some(ready) = self.ready() {
                return Some(Ok(ready));
            }
            match self.pull().await {
                Ok(Some(bytes)) => self.held.push_back(bytes),
                Ok(None) => {
                    self.over = true;
                    self.entry.close();
                }
                Err(reason) => {
                    self.over = true;
                    self.held.clear();
                    self.entry.fail(&format!("cut: {reason}"));
                    return Some(Err(Cut));
                }
            }
        }
        self.held.pop_front().map(Ok)
    }

    /// The oldest piece, where enough is held back behind it.
    fn ready(&mut self) -> Option<Bytes> {
        let behind: usize = self.held.iter().skip(1).map(Bytes::len).sum();
        let enough = self.held.len() > 1 && behind >= self.terms.credential.edge();
        if enough { self.held.pop_front() } else { None }
    }

    async fn pull(&mut self) -> Result<Option<Bytes>, String> {
        let next = tokio::time::timeout_at(self.terms.deadline, self.source.next());
        let Some(bytes) = next.await.map_err(|_| "the answer took too long".to_owned())? else {
            return Ok(None);
        };
        let bytes = bytes?;
        let length = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
        let count = self.count.saturating_add(length);
        if count > self.terms.max_bytes {
            return Err(format!("more than the rule's {} bytes", self.terms.max_bytes));
        }
        if let Some(total) = self.terms.total.as_ref().filter(|total| !total.count(length)) {
            return Err(total.reason());
        }
        if self.echoes(&bytes) {
            return Err("the upstream sent the credential back".into());
        }
        self.count = count;
        self.entry.note(|record| record.bytes = count);
        Ok(Some(bytes))
    }

    /// Whether the credential is in this piece, or begins in what is held back and ends in this.
    fn echoes(&self, bytes: &Bytes) -> bool {
        let credential = &self.terms.credential;
        if credential.is_none() {
            return false;
        }
        let mut seen: Vec<u8> = Vec::new();
        for held in &self.held {
            seen.extend_from_slice(held);
        }
        seen.drain(..seen.len().saturating_sub(credential.edge()));
        seen.extend_from_slice(bytes);
        credential.is_in(&seen)
    }
}
