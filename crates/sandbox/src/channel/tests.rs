//! The stream against hostile guests: a clear reason, no panic, bounded memory.

use proptest::prelude::*;
use tokio::io::DuplexStream;

use super::*;

fn setup() -> Setup {
    Setup {
        user: None,
        env: Vec::new(),
        writable: Vec::new(),
        proxy_port: None,
        processes_max: None,
        file_max_bytes: 0,
        process_memory_max_bytes: None,
        vm: None,
    }
}

fn hello() -> Vec<u8> {
    let hello = GuestHello { protocol: PROTOCOL, landlock: "not".to_owned(), notes: Vec::new() };
    frame::encode(0, Kind::Hello, &message::to_json(&hello))
}

fn open_connect(channel: u32) -> Vec<u8> {
    frame::encode(channel, Kind::Open, &message::to_json(&Open::Connect))
}

/// A stream whose guest has said hello; the guest's end is played by the test.
async fn greeted() -> (Greeted, DuplexStream) {
    let (ours, mut theirs) = tokio::io::duplex(1 << 20);
    theirs.write_all(&hello()).await.unwrap();
    (Link::greet(ours, setup()).await.unwrap(), theirs)
}

/// What becomes of a command whose guest sends these bytes.
async fn after(bytes: &[u8]) -> String {
    let (greeted, mut guest) = greeted().await;
    let mut channel = greeted.link.open(&Open::Metrics).unwrap();
    let _cut = guest.write_all(bytes).await;
    loop {
        match channel.incoming.receive().await {
            Ok(_) => {}
            Err(Broken(reason)) => return reason,
        }
    }
}

#[tokio::test]
async fn garbage_is_a_violation_that_names_the_rule() {
    for (bytes, reason) in [
        (vec![0xff; 64], "protocol violation: unknown kind of frame 255"),
        (hello(), "protocol violation: a second hello (channel 0)"),
        (
            frame::encode(3, Kind::Data, b"x"),
            "protocol violation: a frame for a channel that is not open (channel 3)",
        ),
        (open_connect(1), "protocol violation: the other end opened a channel of ours (channel 1)"),
        (
            [open_connect(2), open_connect(2)].concat(),
            "protocol violation: a channel was opened twice (channel 2)",
        ),
        (
            frame::encode(2, Kind::Open, b"\"metrics\""),
            "protocol violation: the guest asked to be served",
        ),
        (
            frame::encode(1, Kind::Data, &[0; 65_000]).repeat(5),
            "protocol violation: more sent than there was credit for (channel 1)",
        ),
    ] {
        let mut bytes = bytes;
        // Nobody reads the channel in the flood's case, so its window is used up.
        bytes.extend_from_slice(&[0xff; 8]);
        assert_eq!(after_unread(&bytes).await, reason);
    }
}

/// Like [`after`], but nothing is read before the stream is gone.
async fn after_unread(bytes: &[u8]) -> String {
    let (greeted, mut guest) = greeted().await;
    let _channel = greeted.link.open(&Open::Metrics).unwrap();
    let _cut = guest.write_all(bytes).await;
    greeted.link.shared.broken.cancelled().await;
    greeted.link.shared.reason().0
}

#[tokio::test]
async fn a_message_that_is_no_message_breaks_the_stream() {
    let reason = after(&frame::encode(1, Kind::Message, b"{}")).await;
    assert!(reason.starts_with("protocol violation: message: "), "{reason}");
}

#[tokio::test]
async fn a_guest_that_ends_is_told_apart_from_one_that_misbehaves() {
    let (greeted, guest) = greeted().await;
    let mut channel = greeted.link.open(&Open::Metrics).unwrap();
    drop(guest);
    assert_eq!(channel.incoming.receive().await, Err(Broken("the guest is gone".to_owned())));
    let refused = greeted.link.open(&Open::Metrics).map(drop);
    assert_eq!(refused, Err(Broken("the guest is gone".to_owned())));
}

#[tokio::test]
async fn a_guest_that_asks_and_never_reads_is_cut_off() {
    let (ours, mut guest) = tokio::io::duplex(4096);
    guest.write_all(&hello()).await.unwrap();
    let greeted = Link::greet(ours, setup()).await.unwrap();
    let ping = frame::encode(0, Kind::Ping, &[0; 8]);
    while guest.write_all(&ping).await.is_ok() {}
    greeted.link.shared.broken.cancelled().await;
    assert_eq!(greeted.link.shared.reason(), Broken("the guest does not read".to_owned()));
}

#[tokio::test]
async fn a_flood_of_connections_that_come_and_go_is_bounded() {
    let (greeted, guest) = greeted().await;
    let (mut from, mut to) = tokio::io::split(guest);
    let flood = async {
        for i in 1..=2000_u32 {
            to.write_all(&open_connect(i * 2)).await.unwrap();
            to.write_all(&frame::encode(i * 2, Kind::Reset, b"")).await.unwrap();
        }
        to.write_all(&frame::encode(0, Kind::Ping, &[7; 8])).await.unwrap();
    };
    let answered =
        async { while read_frame(&mut from).await.unwrap().unwrap().0.kind() != Kind::Pong {} };
    tokio::join!(flood, answered);
    assert_eq!(greeted.connections.len(), CHANNELS_MAX);
    assert_eq!(greeted.link.shared.lock().slots.len(), CHANNELS_MAX);
}

#[tokio::test]
async fn a_channel_that_is_dropped_is_given_up_and_one_that_ended_is_not() {
    let (greeted, mut guest) = greeted().await;
    let dropped = greeted.link.open(&Open::Metrics).unwrap();
    let mut ended = greeted.link.open(&Open::Metrics).unwrap();
    ended.outgoing.send(b"all of it").await.unwrap();
    ended.outgoing.end().await.unwrap();
    drop((dropped, ended));
    let mut seen = Vec::new();
    while seen.len() < 6 {
        let (header, _) = read_frame(&mut guest).await.unwrap().unwrap();
        seen.push((header.channel(), header.kind()));
    }
    let of = |channel: u32| {
        seen.iter().filter(|(id, _)| *id == channel).map(|(_, kind)| *kind).collect::<Vec<_>>()
    };
    assert_eq!(of(1), [Kind::Open, Kind::Reset]);
    assert_eq!(of(3), [Kind::Open, Kind::Data, Kind::End]);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn any_bytes_end_the_stream_with_a_reason(bytes in proptest::collection::vec(any::<u8>(), 0..4000)) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let reason = runtime.block_on(async {
            let (greeted, mut guest) = greeted().await;
            let _cut = guest.write_all(&bytes).await;
            drop(guest);
            greeted.link.shared.broken.cancelled().await;
            greeted.link.shared.reason().0
        });
        prop_assert!(!reason.is_empty());
    }

    #[test]
    fn any_first_bytes_are_refused(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let refused = runtime.block_on(async {
            let (ours, mut guest) = tokio::io::duplex(1 << 16);
            let _cut = guest.write_all(&bytes).await;
            drop(guest);
            Link::greet(ours, setup()).await.map(drop)
        });
        prop_assert!(refused.is_err());
    }
}
