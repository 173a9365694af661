//! Stands before the HTTP machinery on a connection and lets it see only heads that were judged.
//!
//! It follows the stream from head to head as long as requests have no body. After a head with a body, or a
//! CONNECT, it lets everything through: the connection is closed after that answer, so no later head passes unseen.

use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::{Buf as _, BytesMut};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::Sleep;

use super::Limits;
use super::head::{self, Framing, Malformed};

/// Where the gate tells why it closed.
#[derive(Debug, Clone, Default)]
pub(crate) struct Notice(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    malformed: Option<Malformed>,
    begun: bool,
}

impl Notice {
    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Why the gate closed, once.
    pub(crate) fn take(&self) -> Option<Malformed> {
        self.lock().malformed.take()
    }

    /// Whether part of a head had arrived that never became whole.
    pub(crate) fn begun(&self) -> bool {
        self.lock().begun
    }
}

/// A stream whose request heads are judged before they are read.
#[derive(Debug)]
pub(crate) struct Gate<S> {
    inner: S,
    arrived: BytesMut,
    passed: usize,
    open: bool,
    head_max_bytes: usize,
    /// How long the other side may leave what is written unread.
    idle: Duration,
    stalled: Option<Pin<Box<Sleep>>>,
    notice: Notice,
}

impl<S> Gate<S> {
    pub(crate) fn new(inner: S, limits: &Limits, notice: Notice) -> Self {
        Self {
            inner,
            arrived: BytesMut::new(),
            passed: 0,
            open: false,
            head_max_bytes: limits.head_max_bytes,
            idle: Duration::from_millis(limits.idle_ms),
            stalled: None,
            notice,
        }
    }

    /// What became of a write, or that it has waited for too long.
    fn unless_stalled<T>(
        &mut self,
        cx: &mut Context<'_>,
        wrote: Poll<io::Result<T>>,
    ) -> Poll<io::Result<T>> {
        if wrote.is_ready() {
            self.stalled = None;
            return wrote;
        }
        let idle = self.idle;
        let stalled = self.stalled.get_or_insert_with(|| Box::pin(tokio::time::sleep(idle)));
        ready!(stalled.as_mut().poll(cx));
        Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
    }

    /// What follows a CONNECT: `read` was taken from the gate already and comes first.
    pub(crate) fn into_tunnel(mut self, read: &[u8]) -> Self {
        let rest = self.arrived.split();
        self.arrived.extend_from_slice(read);
        self.arrived.extend_from_slice(&rest);
        self.open = true;
        self
    }

    /// The stream below, for a last word.
    pub(crate) fn into_inner(self) -> S {
        self.inner
    }

    fn refuse(&self, malformed: Malformed) -> io::Error {
        let reason = malformed.reason;
        let mut state = self.notice.lock();
        state.malformed = Some(malformed);
        state.begun = false;
        io::Error::new(io::ErrorKind::InvalidData, reason)
    }

    /// Judges what has arrived; `true` when a whole head may pass.
    fn judge(&mut self) -> io::Result<bool> {
        self.notice.lock().begun = !self.arrived.is_empty();
        match memchr::memmem::find(&self.arrived, b"\r\n\r\n") {
            Some(at) if at + 4 <= self.head_max_bytes => {
                let head = self.arrived.get(..at + 4).unwrap_or_default();
                let framing = head::inspect(head).map_err(|malformed| self.refuse(malformed))?;
                self.passed = at + 4;
                self.open = framing != Framing::Empty;
                self.notice.lock().begun = false;
                Ok(true)
            }
            None if self.arrived.len() < self.head_max_bytes => {
                head::plausible(&self.arrived).map_err(|malformed| self.refuse(malformed))?;
                Ok(false)
            }
            _ => Err(self.refuse(Malformed::unread("the head is too large"))),
        }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Gate<S> {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let gate = self.get_mut();
        loop {
            let free = if gate.open { gate.arrived.len() } else { gate.passed };
            if free > 0 {
                let count = free.min(buf.remaining());
                buf.put_slice(gate.arrived.get(..count).unwrap_or_default());
                gate.arrived.advance(count);
                gate.passed = gate.passed.saturating_sub(count);
                return Poll::Ready(Ok(()));
            }
            if gate.open {
                return Pin::new(&mut gate.inner).poll_read(cx, buf);
            }
            if !gate.arrived.is_empty() && gate.judge()? {
                continue;
            }
            let mut chunk = [0_u8; 8 * 1024];
            let mut chunk = ReadBuf::new(&mut chunk);
            ready!(Pin::new(&mut gate.inner).poll_read(cx, &mut chunk))?;
            if chunk.filled().is_empty() {
                if gate.arrived.is_empty() {
                    return Poll::Ready(Ok(()));
                }
                let malformed = Malformed::unread("the connection ended within a head");
                return Poll::Ready(Err(gate.refuse(malformed)));
            }
            gate.arrived.extend_from_slice(chunk.filled());
        }
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Gate<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        let wrote = Pin::new(&mut self.inner).poll_write(cx, buf);
        self.unless_stalled(cx, wrote)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let flushed = Pin::new(&mut self.inner).poll_flush(cx);
        self.unless_stalled(cx, flushed)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(cx)
    }
}
