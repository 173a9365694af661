//! The host's end of a machine's stream: frames in, frames out, one queue for each channel.
//!
//! What the machine sends is hostile. The reader never waits for a channel's user, because credit bounds
//! what can lie in its queue; the writer never waits for a single channel. Whoever breaks a rule of
//! [`guest::mux`] loses the stream, with the rule as the reason.

use std::collections::HashMap;
use std::io::ErrorKind;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use guest::frame::{self, HEADER_LEN, Header, Kind, PROTOCOL};
use guest::message::{self, GuestHello, HostHello, Message, Open, Setup};
use guest::mux::{CHANNELS_MAX, Incoming, Mux, PIECE_MAX, Side};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::sync::{Notify, mpsc};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

/// The most small frames that may wait for a machine that does not read.
const CONTROL_MAX: usize = 1024;

/// The most data frames that wait for the writer, of all channels together.
const DATA_MAX: usize = 16;

/// The stream is gone, and why.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub(crate) struct Broken(pub(crate) String);

/// Something that came on a channel.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Piece {
    /// Bytes of the main stream (`false`) or the second one (`true`).
    Data(bool, Vec<u8>),
    /// A message.
    Message(Message),
    /// The machine is done with the channel.
    End,
    /// The machine has given the channel up, and why.
    Reset(String),
}

#[derive(Debug)]
struct Frame {
    channel: u32,
    kind: Kind,
    payload: Vec<u8>,
}

#[derive(Debug)]
struct Slot {
    pieces: mpsc::UnboundedSender<(Kind, Vec<u8>)>,
    credit: Arc<Notify>,
}

#[derive(Debug)]
struct Books {
    mux: Mux,
    slots: HashMap<u32, Slot>,
}

#[derive(Debug)]
struct Shared {
    books: Mutex<Books>,
    control: mpsc::Sender<Frame>,
    data: mpsc::Sender<Frame>,
    connections: mpsc::Sender<Channel>,
    reason: OnceLock<String>,
    broken: CancellationToken,
}

/// A machine's stream. Dropping it closes it.
#[derive(Debug)]
pub(crate) struct Link {
    shared: Arc<Shared>,
    tasks: JoinSet<()>,
}

/// One open channel. Dropping it gives it up, unless it was ended.
#[derive(Debug)]
pub(crate) struct Channel {
    pub(crate) outgoing: Outgoing,
    pub(crate) incoming: IncomingPieces,
}

/// The sending half of a channel.
#[derive(Debug)]
pub(crate) struct Outgoing {
    id: u32,
    shared: Arc<Shared>,
    credit: Arc<Notify>,
    ended: bool,
}

/// The receiving half of a channel.
#[derive(Debug)]
pub(crate) struct IncomingPieces {
    id: u32,
    shared: Arc<Shared>,
    pieces: mpsc::UnboundedReceiver<(Kind, Vec<u8>)>,
}

/// A stream on which both ends have said hello.
#[derive(Debug)]
pub(crate) struct Greeted {
    /// The stream.
    pub(crate) link: Link,
    /// What the guest said.
    pub(crate) hello: GuestHello,
    /// The connections that the machine opens.
    pub(crate) connections: mpsc::Receiver<Channel>,
}

impl Link {
    /// Says hello, waits for the guest's, and then serves the stream. Has no time limit of its own.
    pub(crate) async fn greet<S>(stream: S, setup: Setup) -> Result<Greeted, Broken>
    where
        S: AsyncRead + AsyncWrite + Send + 'static,
    {
        let (mut reader, mut writer) = tokio::io::split(stream);
        let hello = message::to_json(&HostHello { protocol: PROTOCOL, setup });
        if hello.len() > frame::PAYLOAD_MAX {
            return Err(Broken("the machine's variables are too long".to_owned()));
        }
        let hello = frame::encode(0, Kind::Hello, &hello);
        writer.write_all(&hello).await.map_err(|e| Broken(format!("writing: {e}")))?;
        let Some((header, payload)) = read_frame(&mut reader).await? else {
            return Err(Broken("the guest ended before it was ready".to_owned()));
        };
        if header.kind() != Kind::Hello {
            return Err(Broken("the guest did not begin with a hello".to_owned()));
        }
        let hello: GuestHello =
            message::from_json(&payload).map_err(|e| Broken(format!("the guest's hello: {e}")))?;
        if hello.protocol != PROTOCOL {
            return Err(Broken(format!("the guest speaks protocol {}", hello.protocol)));
        }
        let (link, connections) = Self::start(reader, writer);
        Ok(Greeted { link, hello, connections })
    }

    fn start<R, W>(reader: R, writer: W) -> (Self, mpsc::Receiver<Channel>)
    where
        R: AsyncRead + Send + Unpin + 'static,
        W: AsyncWrite + Send + Unpin + 'static,
    {
        let (control, control_queue) = mpsc::channel(CONTROL_MAX);
        let (data, data_queue) = mpsc::channel(DATA_MAX);
        let (connections, accepted) = mpsc::channel(CHANNELS_MAX);
        let books = Books { mux: Mux::new(Side::Host), slots: HashMap::new() };
        let shared = Arc::new(Shared {
            books: Mutex::new(books),
            control,
            data,
            connections,
            reason: OnceLock::new(),
            broken: CancellationToken::new(),
        });
        let mut tasks = JoinSet::new();
        tasks.spawn(Arc::clone(&shared).read(reader));
        tasks.spawn(Arc::clone(&shared).write(writer, control_queue, data_queue));
        (Self { shared, tasks }, accepted)
    }

    /// Opens a channel.
    pub(crate) fn open(&self, what: &Open) -> Result<Channel, Broken> {
        let payload = message::to_json(what);
        if payload.len() > frame::PAYLOAD_MAX {
            return Err(Broken("the request is too long".to_owned()));
        }
        self.shared.check()?;
        let mut books = self.shared.lock();
        let id = books.mux.open().ok_or_else(|| Broken("too many channels".to_owned()))?;
        let channel = self.shared.channel(&mut books, id);
        // Under the lock, so that channels are opened in order.
        self.shared.control(Frame { channel: id, kind: Kind::Open, payload });
        Ok(channel)
    }

    /// Waits until the guest of a virtual machine has booted. Has no time limit of its own.
    pub(crate) async fn ready<S>(stream: &mut S) -> Result<(), Broken>
    where
        S: AsyncRead + Unpin,
    {
        match read_frame(stream).await? {
            Some((header, _)) if header.kind() == Kind::Ready => Ok(()),
            Some(_) => Err(Broken("the guest did not begin with being ready".to_owned())),
            None => Err(Broken("the guest ended before it was ready".to_owned())),
        }
    }

    /// Gives the stream up: what waits for it hears the reason, and the guest ends.
    pub(crate) fn break_off(&self, reason: &str) {
        self.shared.break_off(reason);
    }

    /// Closes the stream.
    pub(crate) fn close(&mut self, reason: &str) {
        self.shared.break_off(reason);
        self.tasks.abort_all();
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        self.close("the machine was taken away");
    }
}

async fn read_frame<R>(reader: &mut R) -> Result<Option<(Header, Vec<u8>)>, Broken>
where
    R: AsyncRead + Unpin,
{
    let mut head = [0; HEADER_LEN];
    match reader.read_exact(&mut head).await {
        Ok(_) => {}
        // A socket whose last bytes the other end has not read says by a reset that it is gone.
        Err(e) if matches!(e.kind(), ErrorKind::UnexpectedEof | ErrorKind::ConnectionReset) => {
            return Ok(None);
        }
        Err(e) => return Err(Broken(format!("reading: {e}"))),
    }
    let header = Header::parse(head).map_err(|e| Broken(format!("protocol violation: {e}")))?;
    let mut payload = vec![0; header.payload_len()];
    reader.read_exact(&mut payload).await.map_err(|e| Broken(format!("reading: {e}")))?;
    Ok(Some((header, payload)))
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Books> {
        self.books.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn reason(&self) -> Broken {
        Broken(self.reason.get().cloned().unwrap_or_else(|| "the stream ended".to_owned()))
    }

    fn check(&self) -> Result<(), Broken> {
        if self.broken.is_cancelled() { Err(self.reason()) } else { Ok(()) }
    }

    fn break_off(&self, reason: &str) {
        // The first reason counts.
        let _later = self.reason.set(reason.to_owned());
        self.broken.cancel();
        let slots = std::mem::take(&mut self.lock().slots);
        for slot in slots.into_values() {
            slot.credit.notify_one();
        }
    }

    fn channel(self: &Arc<Self>, books: &mut Books, id: u32) -> Channel {
        let (sender, pieces) = mpsc::unbounded_channel();
        let credit = Arc::new(Notify::new());
        books.slots.insert(id, Slot { pieces: sender, credit: Arc::clone(&credit) });
        Channel {
            outgoing: Outgoing { id, shared: Arc::clone(self), credit, ended: false },
            incoming: IncomingPieces { id, shared: Arc::clone(self), pieces },
        }
    }

    /// Queues a small frame; a machine that lets them pile up is cut off.
    fn control(&self, frame: Frame) {
        if self.control.try_send(frame).is_err() && !self.broken.is_cancelled() {
            let _later = self.reason.set("the guest does not read".to_owned());
            self.broken.cancel();
        }
    }

    async fn read<R>(self: Arc<Self>, mut reader: R)
    where
        R: AsyncRead + Send + Unpin,
    {
        let ended = loop {
            let frame = tokio::select! {
                frame = read_frame(&mut reader) => frame,
                () = self.broken.cancelled() => break Broken("the stream was closed".to_owned()),
            };
            match frame {
                Ok(Some((header, payload))) => {
                    if let Err(broken) = self.handle(header, payload) {
                        break broken;
                    }
                }
                Ok(None) => break Broken("the guest is gone".to_owned()),
                Err(broken) => break broken,
            }
        };
        self.break_off(&ended.0);
    }

    fn handle(self: &Arc<Self>, header: Header, payload: Vec<u8>) -> Result<(), Broken> {
        let id = header.channel();
        let mut books = self.lock();
        let incoming = books
            .mux
            .receive(header, &payload)
            .map_err(|violation| Broken(violation.to_string()))?;
        match incoming {
            Incoming::Ping => self.control(Frame { channel: 0, kind: Kind::Pong, payload }),
            Incoming::Pong => {}
            Incoming::Opened => {
                let open: Open = message::from_json(&payload)
                    .map_err(|e| Broken(format!("protocol violation: open: {e}")))?;
                if open != Open::Connect {
                    return Err(Broken("protocol violation: the guest asked to be served".into()));
                }
                let channel = self.channel(&mut books, id);
                drop(books);
                // A full queue drops the channel, which gives it up.
                let _full = self.connections.try_send(channel);
            }
            Incoming::Data | Incoming::DataErr | Incoming::Message | Incoming::Ended => {
                books.deliver(id, header.kind(), payload);
            }
            Incoming::Credit => books.wake(id),
            Incoming::Reset { answer } => {
                books.deliver(id, Kind::Reset, payload);
                books.wake(id);
                if answer {
                    self.control(Frame { channel: id, kind: Kind::Reset, payload: Vec::new() });
                }
            }
            Incoming::Discard => self.give_credit(&mut books, id, payload.len()),
        }
        Ok(())
    }

    fn give_credit(&self, books: &mut Books, id: u32, len: usize) {
        if let Some(credit) = books.mux.used(id, len) {
            let payload = credit.to_be_bytes().to_vec();
            self.control(Frame { channel: id, kind: Kind::Credit, payload });
        }
    }

    async fn write<W>(
        self: Arc<Self>,
        mut writer: W,
        mut control: mpsc::Receiver<Frame>,
        mut data: mpsc::Receiver<Frame>,
    ) where
        W: AsyncWrite + Send + Unpin,
    {
        loop {
            let frame = tokio::select! {
                biased;
                () = self.broken.cancelled() => break,
                Some(frame) = control.recv() => frame,
                Some(frame) = data.recv() => frame,
                else => break,
            };
            // Small frames overtake data, so a channel may have been given up since this was queued.
            let in_order = match frame.kind {
                Kind::Data | Kind::Message => self.lock().mux.may_send(frame.channel),
                Kind::End => self.lock().mux.end(frame.channel),
                _ => true,
            };
            if !in_order {
                continue;
            }
            let bytes = frame::encode(frame.channel, frame.kind, &frame.payload);
            let written = tokio::select! {
                written = writer.write_all(&bytes) => written,
                () = self.broken.cancelled() => break,
            };
            if let Err(e) = written {
                self.break_off(&format!("writing: {e}"));
                break;
            }
        }
        let _gone = writer.shutdown().await;
    }
}

impl Books {
    fn deliver(&mut self, id: u32, kind: Kind, payload: Vec<u8>) {
        if let Some(slot) = self.slots.get(&id) {
            let _unread = slot.pieces.send((kind, payload));
        }
    }

    fn wake(&self, id: u32) {
        if let Some(slot) = self.slots.get(&id) {
            slot.credit.notify_one();
        }
    }
}

impl Outgoing {
    /// Sends all bytes, waiting for credit.
    pub(crate) async fn send(&self, mut bytes: &[u8]) -> Result<(), Broken> {
        while !bytes.is_empty() {
            let permit = self.shared.data.reserve().await.map_err(|_| self.shared.reason())?;
            self.shared.check()?;
            let granted = self.shared.lock().mux.take_credit(self.id, bytes.len().min(PIECE_MAX));
            match granted {
                None => return Err(Broken("the guest has given the channel up".to_owned())),
                Some(0) => {
                    drop(permit);
                    self.credit.notified().await;
                }
                Some(granted) => {
                    let (piece, rest) = bytes.split_at(granted.min(bytes.len()));
                    let payload = piece.to_vec();
                    permit.send(Frame { channel: self.id, kind: Kind::Data, payload });
                    bytes = rest;
                }
            }
        }
        Ok(())
    }

    /// Sends a message behind what was sent before, waiting for credit.
    pub(crate) async fn message(&self, message: &Message) -> Result<(), Broken> {
        let payload = message::to_json(message);
        loop {
            let permit = self.shared.data.reserve().await.map_err(|_| self.shared.reason())?;
            self.shared.check()?;
            let granted = self.shared.lock().mux.take_whole(self.id, payload.len());
            match granted {
                None => return Err(Broken("the guest has given the channel up".to_owned())),
                Some(true) => {
                    permit.send(Frame { channel: self.id, kind: Kind::Message, payload });
                    return Ok(());
                }
                Some(false) => {
                    drop(permit);
                    self.credit.notified().await;
                }
            }
        }
    }

    /// Says that nothing more comes.
    pub(crate) async fn end(&mut self) -> Result<(), Broken> {
        self.ended = true;
        let frame = Frame { channel: self.id, kind: Kind::End, payload: Vec::new() };
        self.shared.data.send(frame).await.map_err(|_| self.shared.reason())
    }
}

impl IncomingPieces {
    /// Waits for the next piece.
    pub(crate) async fn receive(&mut self) -> Result<Piece, Broken> {
        let Some((kind, payload)) = self.pieces.recv().await else {
            return Err(self.shared.reason());
        };
        if kind.is_metered() {
            let mut books = self.shared.lock();
            self.shared.give_credit(&mut books, self.id, payload.len());
        }
        Ok(match kind {
            Kind::Data => Piece::Data(false, payload),
            Kind::DataErr => Piece::Data(true, payload),
            Kind::Message => match message::from_json(&payload) {
                Ok(message) => Piece::Message(message),
                Err(e) => {
                    let reason = format!("protocol violation: message: {e}");
                    self.shared.break_off(&reason);
                    return Err(Broken(reason));
                }
            },
            Kind::Reset => Piece::Reset(String::from_utf8_lossy(&payload).into_owned()),
            _ => Piece::End,
        })
    }
}

impl Drop for Outgoing {
    fn drop(&mut self) {
        let mut books = self.shared.lock();
        books.slots.remove(&self.id);
        if self.ended {
            // The end is on its way, behind the data; it must not be overtaken by a reset.
            books.mux.ignore(self.id);
        } else if books.mux.give_up(self.id) {
            let frame = Frame { channel: self.id, kind: Kind::Reset, payload: Vec::new() };
            self.shared.control(frame);
        }
    }
}

#[cfg(test)]
mod tests;
