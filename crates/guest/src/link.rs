//! The guest's end of the stream: frames in, frames out, one queue for each channel.
//!
//! The main thread reads; any thread writes, one frame at a time. The order of locks is writer, then
//! state; whoever waits for credit holds neither. If the stream ends or breaks, the machine ends.

use std::collections::{HashMap, VecDeque};
use std::fs::File;
use std::io::{ErrorKind, Read as _, Write as _};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use guest::frame::{self, HEADER_LEN, Header, Kind};
use guest::message::{self, Message, Open};
use guest::mux::{Incoming, Mux, PIECE_MAX, Side};

/// Something that came on a channel.
#[derive(Debug)]
pub(crate) enum Piece {
    /// Bytes of the main stream.
    Data(Vec<u8>),
    /// A message.
    Message(Message),
    /// The host is done.
    End,
    /// The host has given the channel up, or it is gone.
    Gone,
}

/// The channel is gone; nothing can be sent on it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Gone;

#[derive(Debug)]
struct Slot {
    pieces: VecDeque<(Kind, Vec<u8>)>,
    gone: bool,
    changed: Arc<Condvar>,
}

#[derive(Debug)]
struct State {
    mux: Mux,
    slots: HashMap<u32, Slot>,
}

/// The stream.
#[derive(Debug)]
pub(crate) struct Link {
    state: Mutex<State>,
    writer: Mutex<File>,
}

/// One open channel.
#[derive(Debug)]
pub(crate) struct Channel {
    id: u32,
    link: Arc<Link>,
    changed: Arc<Condvar>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Whether the other end is gone; a socket whose last bytes it has not read says so by a reset.
fn is_end(e: &std::io::Error) -> bool {
    matches!(e.kind(), ErrorKind::UnexpectedEof | ErrorKind::ConnectionReset)
}

/// Reads one frame; none at the end of the stream.
pub(crate) fn read_frame(stream: &mut File) -> Result<Option<(Header, Vec<u8>)>, String> {
    let mut head = [0; HEADER_LEN];
    match stream.read_exact(&mut head) {
        Ok(()) => {}
        Err(e) if is_end(&e) => return Ok(None),
        Err(e) => return Err(format!("reading the stream: {e}")),
    }
    let header = Header::parse(head).map_err(|e| e.to_string())?;
    let mut payload = vec![0; header.payload_len()];
    stream.read_exact(&mut payload).map_err(|e| format!("reading the stream: {e}"))?;
    Ok(Some((header, payload)))
}

impl Link {
    /// A link that writes to `writer`.
    pub(crate) fn new(writer: File) -> Arc<Self> {
        let state = State { mux: Mux::new(Side::Guest), slots: HashMap::new() };
        Arc::new(Self { state: Mutex::new(state), writer: Mutex::new(writer) })
    }

    /// Sends a frame of the stream itself.
    pub(crate) fn send_plain(&self, kind: Kind, payload: &[u8]) {
        Self::write(&mut lock(&self.writer), 0, kind, payload);
    }

    fn write(writer: &mut File, channel: u32, kind: Kind, payload: &[u8]) {
        if writer.write_all(&frame::encode(channel, kind, payload)).is_err() {
            // The reader sees the end of the stream too and ends the machine; there is nobody to tell.
            crate::leave(0);
        }
    }

    /// Reads and distributes frames until the stream ends. `opened` is called for each channel that the
    /// host opens and must not block.
    pub(crate) fn run(
        self: &Arc<Self>,
        stream: &mut File,
        opened: &dyn Fn(Channel, Open),
    ) -> Result<(), String> {
        while let Some((header, payload)) = read_frame(stream)? {
            let incoming = {
                let mut state = lock(&self.state);
                state.mux.receive(header, &payload).map_err(|v| v.to_string())?
            };
            let id = header.channel();
            match incoming {
                Incoming::Ping => self.send_plain(Kind::Pong, &payload),
                Incoming::Pong => {}
                Incoming::Opened => {
                    let open = message::from_json(&payload).map_err(|e| format!("open: {e}"))?;
                    opened(self.channel(id), open);
                }
                Incoming::Data | Incoming::DataErr | Incoming::Message | Incoming::Ended => {
                    self.deliver(id, header.kind(), payload);
                }
                Incoming::Credit => self.wake(id, false),
                Incoming::Reset { answer } => {
                    if answer {
                        Self::write(&mut lock(&self.writer), id, Kind::Reset, &[]);
                    }
                    self.wake(id, true);
                }
                Incoming::Discard => self.give_credit(id, payload.len()),
            }
        }
        Ok(())
    }

    fn channel(self: &Arc<Self>, id: u32) -> Channel {
        let changed = Arc::new(Condvar::new());
        let slot = Slot { pieces: VecDeque::new(), gone: false, changed: Arc::clone(&changed) };
        lock(&self.state).slots.insert(id, slot);
        Channel { id, link: Arc::clone(self), changed }
    }

    fn deliver(&self, id: u32, kind: Kind, payload: Vec<u8>) {
        if let Some(slot) = lock(&self.state).slots.get_mut(&id) {
            slot.pieces.push_back((kind, payload));
            slot.changed.notify_all();
        }
    }

    fn wake(&self, id: u32, gone: bool) {
        if let Some(slot) = lock(&self.state).slots.get_mut(&id) {
            slot.gone |= gone;
            slot.changed.notify_all();
        }
    }

    fn give_credit(&self, id: u32, len: usize) {
        let mut writer = lock(&self.writer);
        let credit = lock(&self.state).mux.used(id, len);
        if let Some(credit) = credit {
            Self::write(&mut writer, id, Kind::Credit, &credit.to_be_bytes());
        }
    }

    /// Opens a channel to the host; none where too many are open.
    pub(crate) fn open(self: &Arc<Self>, what: &Open) -> Option<Channel> {
        let mut writer = lock(&self.writer);
        let id = lock(&self.state).mux.open()?;
        let channel = self.channel(id);
        Self::write(&mut writer, id, Kind::Open, &message::to_json(what));
        Some(channel)
    }
}

impl Channel {
    /// Sends all bytes as frames of `kind`, waiting for credit.
    pub(crate) fn send(&self, kind: Kind, mut bytes: &[u8]) -> Result<(), Gone> {
        while !bytes.is_empty() {
            let wanted = bytes.len().min(PIECE_MAX);
            let sent = self.when_allowed(
                |mux| match mux.take_credit(self.id, wanted) {
                    None => Err(Gone),
                    Some(0) => Ok(None),
                    Some(granted) => Ok(Some(granted)),
                },
                |writer, granted| {
                    Link::write(writer, self.id, kind, bytes.get(..granted).unwrap_or(bytes));
                },
            )?;
            bytes = bytes.get(sent..).unwrap_or(&[]);
        }
        Ok(())
    }

    /// Sends a message, waiting for credit.
    pub(crate) fn message(&self, message: &Message) -> Result<(), Gone> {
        let json = message::to_json(message);
        self.when_allowed(
            |mux| match mux.take_whole(self.id, json.len()) {
                None => Err(Gone),
                Some(false) => Ok(None),
                Some(true) => Ok(Some(())),
            },
            |writer, ()| Link::write(writer, self.id, Kind::Message, &json),
        )
    }

    /// Writes as soon as `ask` grants something. No other frame comes between the grant and the write.
    fn when_allowed<T: Copy>(
        &self,
        ask: impl Fn(&mut Mux) -> Result<Option<T>, Gone>,
        write: impl FnOnce(&mut File, T),
    ) -> Result<T, Gone> {
        loop {
            let mut writer = lock(&self.link.writer);
            let mut state = lock(&self.link.state);
            if let Some(granted) = ask(&mut state.mux)? {
                drop(state);
                write(&mut writer, granted);
                return Ok(granted);
            }
            drop(writer);
            // Whatever changes the answer does so under the state's lock, so no wake-up is missed.
            drop(self.changed.wait(state).unwrap_or_else(PoisonError::into_inner));
        }
    }

    /// Waits for the next piece.
    pub(crate) fn receive(&self) -> Piece {
        let (kind, payload) = {
            let mut state = lock(&self.link.state);
            loop {
                let Some(slot) = state.slots.get_mut(&self.id) else { return Piece::Gone };
                if slot.gone {
                    return Piece::Gone;
                }
                if let Some(piece) = slot.pieces.pop_front() {
                    break piece;
                }
                state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
            }
        };
        if kind.is_metered() {
            self.link.give_credit(self.id, payload.len());
        }
        match kind {
            Kind::Data => Piece::Data(payload),
            Kind::Message => message::from_json(&payload).map_or(Piece::Gone, Piece::Message),
            _ => Piece::End,
        }
    }

    /// Tells the host that nothing more comes.
    pub(crate) fn end(&self) {
        let mut writer = lock(&self.link.writer);
        let tell = lock(&self.link.state).mux.end(self.id);
        if tell {
            Link::write(&mut writer, self.id, Kind::End, &[]);
        }
    }

    /// Gives the channel up.
    pub(crate) fn give_up(&self, reason: &str) {
        let mut writer = lock(&self.link.writer);
        let tell = lock(&self.link.state).mux.give_up(self.id);
        if tell {
            let reason = reason.as_bytes();
            Link::write(&mut writer, self.id, Kind::Reset, reason.get(..512).unwrap_or(reason));
        }
    }
}

/// A channel that nobody holds any more is given up, unless it has ended by itself.
impl Drop for Channel {
    fn drop(&mut self) {
        self.give_up("");
        lock(&self.link.state).slots.remove(&self.id);
    }
}
