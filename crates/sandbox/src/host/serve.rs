//! Serves the connections that a machine opens to its proxy.

use std::sync::Arc;

use tokio::sync::mpsc;
use tokio::task::JoinSet;

use crate::channel::{Channel, Piece};
use crate::egress::Door;

/// How many of a machine's connections are served at one time; more wait.
const SERVED_MAX: usize = 256;

/// Serves the connections that the machine opens, each in a task of its own.
pub(crate) async fn connections(mut connections: mpsc::Receiver<Channel>, door: Arc<Door>) {
    let mut serving = JoinSet::new();
    while let Some(channel) = connections.recv().await {
        while serving.try_join_next().is_some() {}
        // A machine may give channels up whose requests are still under way here.
        if serving.len() >= SERVED_MAX {
            serving.join_next().await;
        }
        let door = Arc::clone(&door);
        serving.spawn(async move {
            let (ours, theirs) = tokio::io::duplex(guest::mux::PIECE_MAX);
            tokio::join!(door.serve(theirs), carry(channel, ours));
        });
    }
}

/// Copies between a channel and what serves it, both ways, until both are done.
async fn carry(channel: Channel, served: tokio::io::DuplexStream) {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    let Channel { mut outgoing, mut incoming } = channel;
    let (mut from, mut to) = tokio::io::split(served);
    let inward = async {
        let mut buffer = vec![0; guest::mux::PIECE_MAX];
        while let Ok(len @ 1..) = from.read(&mut buffer).await {
            if outgoing.send(buffer.get(..len).unwrap_or(&[])).await.is_err() {
                return;
            }
        }
        let _gone = outgoing.end().await;
    };
    let outward = async {
        while let Ok(Piece::Data(_, bytes)) = incoming.receive().await {
            if to.write_all(&bytes).await.is_err() {
                break;
            }
        }
        let _gone = to.shutdown().await;
    };
    tokio::join!(inward, outward);
}
