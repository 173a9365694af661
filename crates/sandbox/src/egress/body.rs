//! Carries an answer's body to the machine: counted, capped, timed, and on record before its last byte leaves.

use bytes::Bytes;
use futures_util::stream::{BoxStream, StreamExt as _};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt as _, Full, StreamBody};
use hyper::body::Frame;
use tokio::time::Instant;

use super::entry::Entry;

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
    pub(crate) credential: Option<Vec<u8>>,
    /// What it occupies while it lasts.
    pub(crate) _slot: Option<tokio::sync::OwnedSemaphorePermit>,
}

struct Carrier {
    source: Source,
    terms: Terms,
    entry: Entry,
    held: Option<Bytes>,
    count: u64,
    over: bool,
}

/// Carries `source` under these terms.
pub(crate) fn carry(source: Source, terms: Terms, entry: Entry) -> Body {
    let carrier = Carrier { source, terms, entry, held: None, count: 0, over: false };
    let frames = futures_util::stream::unfold(carrier, |mut carrier| async move {
        let next = carrier.next().await?;
        Some((next.map(Frame::data), carrier))
    });
    StreamBody::new(frames).boxed_unsync()
}

impl Carrier {
    /// One piece is always held back: the last leaves only after the end was seen and put on record.
    async fn next(&mut self) -> Option<Result<Bytes, Cut>> {
        while !self.over {
            match self.pull().await {
                Ok(Some(bytes)) => {
                    if let Some(ready) = self.held.replace(bytes) {
                        return Some(Ok(ready));
                    }
                }
                Ok(None) => {
                    self.over = true;
                    self.entry.close();
                }
                Err(reason) => {
                    self.over = true;
                    self.held = None;
                    self.entry.fail(&format!("cut: {reason}"));
                    return Some(Err(Cut));
                }
            }
        }
        self.held.take().map(Ok)
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
        if self.echoes(&bytes) {
            return Err("the upstream sent the credential back".into());
        }
        self.count = count;
        self.entry.note(|record| record.bytes = count);
        Ok(Some(bytes))
    }

    /// Whether the credential is in this piece, or lies across the held one and this.
    fn echoes(&self, bytes: &Bytes) -> bool {
        let Some(credential) = self.terms.credential.as_deref() else { return false };
        let find = |bytes: &[u8]| memchr::memmem::find(bytes, credential).is_some();
        let edge = credential.len().saturating_sub(1);
        let held = self.held.as_deref().unwrap_or_default();
        let tail = held.get(held.len().saturating_sub(edge)..).unwrap_or_default();
        let start = bytes.get(..edge.min(bytes.len())).unwrap_or_default();
        find(bytes) || find(&[tail, start].concat())
    }
}
