//! The only way out: a listener on loopback whose connections travel to the host as channels.

use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, Shutdown, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use guest::frame::Kind;
use guest::message::Open;
use guest::mux::PIECE_MAX;

use crate::link::{Channel, Link, Piece};

/// The most connections at one time; more are closed at once.
pub(crate) const CONNECTIONS_MAX: usize = 128;

/// Listens on 127.0.0.1 and forwards in threads of its own, for ever.
pub(crate) fn start(
    port: u16,
    link: &Arc<Link>,
    connections: &Arc<AtomicUsize>,
) -> Result<(), String> {
    loopback_up();
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port))
        .map_err(|e| format!("listening on port {port} of loopback: {e}"))?;
    let (link, connections) = (Arc::clone(link), Arc::clone(connections));
    crate::thread("forward", move || {
        for connection in listener.incoming().flatten() {
            if connections.load(Ordering::Relaxed) >= CONNECTIONS_MAX {
                continue;
            }
            let Some(channel) = link.open(&Open::Connect) else { continue };
            connections.fetch_add(1, Ordering::Relaxed);
            let counted = Arc::clone(&connections);
            let carried = crate::thread("connection", move || {
                carry(connection, channel);
                counted.fetch_sub(1, Ordering::Relaxed);
            });
            if carried.is_err() {
                connections.fetch_sub(1, Ordering::Relaxed);
            }
        }
    })
}

/// Copies both ways until both are done.
fn carry(connection: TcpStream, channel: Channel) {
    let channel = Arc::new(channel);
    let Ok(mut from) = connection.try_clone() else { return };
    let out = Arc::clone(&channel);
    let started = crate::thread("outward", move || {
        let mut buffer = vec![0; PIECE_MAX];
        while let Ok(len @ 1..) = from.read(&mut buffer) {
            if out.send(Kind::Data, buffer.get(..len).unwrap_or(&[])).is_err() {
                break;
            }
        }
        out.end();
    });
    if started.is_err() {
        return;
    }
    let mut to = &connection;
    loop {
        match channel.receive() {
            Piece::Data(data) if to.write_all(&data).is_ok() => {}
            Piece::End => {
                let _closed = connection.shutdown(Shutdown::Write);
                return;
            }
            Piece::Data(_) | Piece::Message(_) | Piece::Gone => {
                channel.give_up("the connection is gone");
                let _closed = connection.shutdown(Shutdown::Both);
                return;
            }
        }
    }
}

/// Brings loopback up where nobody has done so; where that fails, binding tells.
#[expect(unsafe_code, reason = "interface flags are set by ioctl, which no library wraps safely")]
fn loopback_up() {
    use std::os::fd::AsRawFd as _;
    let Ok(socket) =
        rustix::net::socket(rustix::net::AddressFamily::INET, rustix::net::SocketType::DGRAM, None)
    else {
        return;
    };
    // SAFETY: `ifreq` is plain data for which all zeroes are valid.
    let mut request: libc::ifreq = unsafe { std::mem::zeroed() };
    for (to, from) in request.ifr_name.iter_mut().zip(b"lo\0") {
        *to = from.cast_signed();
    }
    request.ifr_ifru.ifru_flags = 1; // IFF_UP
    // SAFETY: the request is a valid `ifreq` that outlives the call, which only reads it.
    unsafe { libc::ioctl(socket.as_raw_fd(), libc::SIOCSIFFLAGS, &raw const request) };
}
