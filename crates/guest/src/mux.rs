//! The books of the channels: who may open, send and end what. Pure; both ends keep the same books.
//!
//! A channel has two directions. Each is open until its sender sends `End` or `Reset`; the channel is
//! gone when both are closed. Whoever receives a `Reset` closes its own direction too, by answering with
//! a `Reset`, so both ends agree on when a channel is gone, and a number is never used twice.
//!
//! ```text
//!             End / Reset sent                 End / Reset received
//!   open  ----------------------> receiving ----------------------> gone
//!     \--- End received ---> sending --- End / Reset sent -----------^
//!      \-- Reset received (answered with Reset) ---------------------^
//! ```
//!
//! Every metered frame costs its payload plus [`FRAME_COST`] of a window of [`WINDOW`]; the receiver
//! gives credit back when the bytes have been used. So a channel that nobody reads stalls itself alone, and
//! what it buffers is bounded, however small the frames are.

use std::collections::HashMap;

use crate::frame::{Header, Kind, PAYLOAD_MAX};

/// What the other end may have under way on one channel, in bytes.
pub const WINDOW: u32 = 256 * 1024;

/// What a metered frame costs besides its payload, in bytes.
pub const FRAME_COST: u32 = 64;

/// The most channels that one end may have open.
pub const CHANNELS_MAX: usize = 256;

/// The longest piece that one data frame should carry, so that channels take turns.
pub const PIECE_MAX: usize = 32 * 1024;

/// Which end keeps these books.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// Opens odd channels.
    Host,
    /// Opens even channels.
    Guest,
}

/// The other end broke a rule; the stream is of no use any more.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("protocol violation: {rule} (channel {channel})")]
pub struct Violation {
    /// Which rule.
    pub rule: &'static str,
    /// On which channel.
    pub channel: u32,
}

/// What a frame means for the channel it came on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Incoming {
    /// To be answered with the same bytes.
    Ping,
    /// An answer.
    Pong,
    /// The other end has opened the channel.
    Opened,
    /// Bytes for the channel's reader.
    Data,
    /// Bytes of the second stream for the channel's reader.
    DataErr,
    /// A message for the channel's reader.
    Message,
    /// There is credit again.
    Credit,
    /// The other end is done with the channel.
    Ended,
    /// The other end gave the channel up; `answer` says whether a `Reset` has to be sent back.
    Reset {
        /// Whether this end's direction was open.
        answer: bool,
    },
    /// For a channel that this end gave up: nothing to do but to return the credit.
    Discard,
}

#[derive(Debug)]
struct Channel {
    send_credit: u32,
    receive_credit: u32,
    used: u32,
    sending: bool,
    receiving: bool,
    given_up: bool,
}

/// The books of one stream.
#[derive(Debug)]
pub struct Mux {
    side: Side,
    next_own: u32,
    last_foreign: u32,
    channels: HashMap<u32, Channel>,
}

impl Side {
    const fn opens(self, channel: u32) -> bool {
        matches!((self, channel % 2), (Self::Host, 1) | (Self::Guest, 0))
    }
}

impl Mux {
    /// Books of a new stream.
    pub fn new(side: Side) -> Self {
        let next_own = match side {
            Side::Host => 1,
            Side::Guest => 2,
        };
        Self { side, next_own, last_foreign: 0, channels: HashMap::new() }
    }

    /// Opens a channel of our own; none where as many as allowed are open.
    pub fn open(&mut self) -> Option<u32> {
        if self.count(true) >= CHANNELS_MAX {
            return None;
        }
        let channel = self.next_own;
        self.next_own = channel.checked_add(2)?;
        self.channels.insert(channel, Channel::new());
        Some(channel)
    }

    /// Takes note of a frame of the other end.
    pub fn receive(&mut self, header: Header, payload: &[u8]) -> Result<Incoming, Violation> {
        let channel = header.channel();
        let broken = |rule| Err(Violation { rule, channel });
        match header.kind() {
            Kind::Hello => broken("a second hello"),
            Kind::Ready => broken("a guest is ready only once"),
            Kind::Ping => Ok(Incoming::Ping),
            Kind::Pong => Ok(Incoming::Pong),
            Kind::Open => self.foreign_open(channel),
            Kind::Data | Kind::DataErr | Kind::Message | Kind::Credit | Kind::End | Kind::Reset => {
                // Credit may cross with the end that it was for; it costs nothing, so it is let pass.
                let late_credit = header.kind() == Kind::Credit && self.was_open(channel);
                let Some(books) = self.channels.get_mut(&channel) else {
                    return if late_credit {
                        Ok(Incoming::Credit)
                    } else {
                        broken("a frame for a channel that is not open")
                    };
                };
                let incoming =
                    books.receive(header, payload).map_err(|rule| Violation { rule, channel })?;
                self.forget_if_gone(channel);
                Ok(incoming)
            }
        }
    }

    fn foreign_open(&mut self, channel: u32) -> Result<Incoming, Violation> {
        let broken = |rule| Err(Violation { rule, channel });
        if self.side.opens(channel) {
            return broken("the other end opened a channel of ours");
        }
        if channel <= self.last_foreign {
            return broken("a channel was opened twice");
        }
        if self.count(false) >= CHANNELS_MAX {
            return broken("too many channels");
        }
        self.last_foreign = channel;
        self.channels.insert(channel, Channel::new());
        Ok(Incoming::Opened)
    }

    /// How many bytes of payload may be sent now, at most `wanted`, and takes the credit for them. `Some(0)`
    /// means wait for credit, none that nothing may be sent on this channel any more.
    pub fn take_credit(&mut self, channel: u32, wanted: usize) -> Option<usize> {
        let books = self.channels.get_mut(&channel).filter(|c| c.sending)?;
        let room = books.send_credit.saturating_sub(FRAME_COST);
        let wanted = u32::try_from(wanted.min(PAYLOAD_MAX)).unwrap_or(0);
        let granted = wanted.min(room);
        if granted > 0 {
            books.send_credit -= granted + FRAME_COST;
        }
        usize::try_from(granted).ok()
    }

    /// Whether there is credit for a metered frame of exactly `len` bytes, and takes it; none that
    /// nothing may be sent on this channel any more.
    pub fn take_whole(&mut self, channel: u32, len: usize) -> Option<bool> {
        let books = self.channels.get_mut(&channel).filter(|c| c.sending)?;
        let left = books.send_credit.checked_sub(frame_cost(len));
        books.send_credit = left.unwrap_or(books.send_credit);
        Some(left.is_some())
    }

    /// Whether a frame may still be sent on this channel.
    pub fn may_send(&self, channel: u32) -> bool {
        self.channels.get(&channel).is_some_and(|c| c.sending)
    }

    /// The reader has used a metered frame of `len` bytes: how much credit to announce, if it is time to.
    pub fn used(&mut self, channel: u32, len: usize) -> Option<u32> {
        let books = self.channels.get_mut(&channel).filter(|c| c.receiving)?;
        books.used += frame_cost(len);
        if books.used < WINDOW / 4 {
            return None;
        }
        let credit = std::mem::take(&mut books.used);
        books.receive_credit += credit;
        Some(credit)
    }

    /// Closes our direction: whether an `End` has to be sent.
    pub fn end(&mut self, channel: u32) -> bool {
        let Some(books) = self.channels.get_mut(&channel) else { return false };
        let was = std::mem::replace(&mut books.sending, false);
        self.forget_if_gone(channel);
        was
    }

    /// Gives the channel up: whether a `Reset` has to be sent. What still arrives is discarded.
    pub fn give_up(&mut self, channel: u32) -> bool {
        let Some(books) = self.channels.get_mut(&channel) else { return false };
        books.given_up = true;
        let was = std::mem::replace(&mut books.sending, false);
        self.forget_if_gone(channel);
        was
    }

    /// What still arrives on this channel is discarded; our own direction stays as it is.
    pub fn ignore(&mut self, channel: u32) {
        if let Some(books) = self.channels.get_mut(&channel) {
            books.given_up = true;
        }
    }

    fn forget_if_gone(&mut self, channel: u32) {
        if self.channels.get(&channel).is_some_and(|c| !c.sending && !c.receiving) {
            self.channels.remove(&channel);
        }
    }

    const fn was_open(&self, channel: u32) -> bool {
        if self.side.opens(channel) {
            channel < self.next_own
        } else {
            channel <= self.last_foreign
        }
    }

    fn count(&self, own: bool) -> usize {
        self.channels.keys().filter(|channel| self.side.opens(**channel) == own).count()
    }
}

impl Channel {
    const fn new() -> Self {
        Self {
            send_credit: WINDOW,
            receive_credit: WINDOW,
            used: 0,
            sending: true,
            receiving: true,
            given_up: false,
        }
    }

    fn receive(&mut self, header: Header, payload: &[u8]) -> Result<Incoming, &'static str> {
        if header.kind() == Kind::Credit {
            return self.receive_credit(payload);
        }
        if !self.receiving {
            return Err("a frame after the end");
        }
        if header.kind().is_metered() {
            self.receive_credit = self
                .receive_credit
                .checked_sub(frame_cost(payload.len()))
                .ok_or("more sent than there was credit for")?;
        }
        let incoming = match header.kind() {
            Kind::Data => Incoming::Data,
            Kind::DataErr => Incoming::DataErr,
            Kind::Message => Incoming::Message,
            Kind::End => {
                self.receiving = false;
                Incoming::Ended
            }
            Kind::Reset => {
                self.receiving = false;
                Incoming::Reset { answer: std::mem::replace(&mut self.sending, false) }
            }
            Kind::Hello | Kind::Ready | Kind::Ping | Kind::Pong | Kind::Open | Kind::Credit => {
                return Err("a frame out of place");
            }
        };
        let keep = matches!(incoming, Incoming::Ended | Incoming::Reset { .. });
        Ok(if self.given_up && !keep { Incoming::Discard } else { incoming })
    }

    fn receive_credit(&mut self, payload: &[u8]) -> Result<Incoming, &'static str> {
        let bytes: [u8; 4] = payload.try_into().map_err(|_| "credit of a wrong length")?;
        let sum = self.send_credit.checked_add(u32::from_be_bytes(bytes));
        self.send_credit = sum.filter(|sum| *sum <= WINDOW).ok_or("more credit than the window")?;
        Ok(Incoming::Credit)
    }
}

fn frame_cost(len: usize) -> u32 {
    u32::try_from(len).unwrap_or(u32::MAX).saturating_add(FRAME_COST)
}

#[cfg(test)]
mod tests;
