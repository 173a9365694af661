//! The books hold against any peer.

use proptest::prelude::*;

use super::*;

fn header(channel: u32, kind: Kind, len: usize) -> Header {
    Header::new(channel, kind, len).unwrap()
}

fn rule(result: Result<Incoming, Violation>) -> &'static str {
    result.unwrap_err().rule
}

#[derive(Debug, Clone, Copy)]
enum Step {
    Open,
    Send(u8, usize),
    Use,
    End(u8),
    GiveUp(u8),
}

fn steps() -> impl Strategy<Value = Vec<(bool, Step)>> {
    let step = prop_oneof![
        Just(Step::Open),
        (0..6_u8, 1..PAYLOAD_MAX).prop_map(|(channel, len)| Step::Send(channel, len)),
        Just(Step::Use),
        (0..6_u8).prop_map(Step::End),
        (0..6_u8).prop_map(Step::GiveUp),
    ];
    proptest::collection::vec((any::<bool>(), step), 0..200)
}

/// Two ends and the frames under way between them.
struct Pair {
    ends: [Mux; 2],
    wires: [std::collections::VecDeque<(Header, Vec<u8>)>; 2],
    unread: [Vec<(u32, usize)>; 2],
}

impl Pair {
    fn new() -> Self {
        Self {
            ends: [Mux::new(Side::Host), Mux::new(Side::Guest)],
            wires: Default::default(),
            unread: Default::default(),
        }
    }

    fn send(&mut self, end: usize, channel: u32, kind: Kind, payload: Vec<u8>) {
        self.wires[end].push_back((header(channel, kind, payload.len()), payload));
    }

    fn step(&mut self, end: usize, step: Step) {
        match step {
            Step::Open => {
                if let Some(channel) = self.ends[end].open() {
                    self.send(end, channel, Kind::Open, vec![b'x']);
                }
            }
            Step::Send(channel, len) => {
                if let Some(len @ 1..) = self.ends[end].take_credit(channel.into(), len) {
                    self.send(end, channel.into(), Kind::Data, vec![0; len]);
                }
            }
            Step::Use => {
                for (channel, len) in std::mem::take(&mut self.unread[end]) {
                    if let Some(credit) = self.ends[end].used(channel, len) {
                        self.send(end, channel, Kind::Credit, credit.to_be_bytes().to_vec());
                    }
                }
            }
            Step::End(channel) => {
                if self.ends[end].end(channel.into()) {
                    self.send(end, channel.into(), Kind::End, Vec::new());
                }
            }
            Step::GiveUp(channel) => {
                if self.ends[end].give_up(channel.into()) {
                    self.send(end, channel.into(), Kind::Reset, Vec::new());
                }
            }
        }
    }

    fn deliver(&mut self, from: usize) -> Result<(), Violation> {
        let to = 1 - from;
        while let Some((header, payload)) = self.wires[from].pop_front() {
            match self.ends[to].receive(header, &payload)? {
                Incoming::Data | Incoming::Discard => {
                    self.unread[to].push((header.channel(), payload.len()));
                }
                Incoming::Reset { answer: true } => {
                    self.send(to, header.channel(), Kind::Reset, Vec::new());
                }
                _ => {}
            }
        }
        Ok(())
    }
}

proptest! {
    #[test]
    fn any_frames_are_taken_or_refused(
        frames in proptest::collection::vec((0..8_u32, 1..=10_u8, 0..5000_usize), 0..200),
    ) {
        let mut mux = Mux::new(Side::Host);
        let _ = mux.open();
        for (channel, kind, len) in frames {
            let kind = Kind::from_byte(kind).unwrap();
            if let Ok(header) = Header::new(channel, kind, len) {
                let _ = mux.receive(header, &vec![0; len]);
            }
        }
    }

    #[test]
    fn two_honest_ends_never_accuse_each_other(steps in steps()) {
        let mut pair = Pair::new();
        for (end, step) in steps {
            pair.step(usize::from(end), step);
            if matches!(step, Step::Use) {
                prop_assert_eq!(pair.deliver(0), Ok(()));
                prop_assert_eq!(pair.deliver(1), Ok(()));
            }
        }
        for _ in 0..3 {
            prop_assert_eq!(pair.deliver(0), Ok(()));
            prop_assert_eq!(pair.deliver(1), Ok(()));
        }
        let open = |mux: &Mux| mux.channels.keys().copied().collect::<std::collections::BTreeSet<_>>();
        prop_assert_eq!(open(&pair.ends[0]), open(&pair.ends[1]));
    }
}

#[test]
fn a_flood_is_stopped_by_the_window() {
    let mut mux = Mux::new(Side::Host);
    let channel = mux.open().unwrap();
    let sent = (0..10_000)
        .take_while(|_| mux.receive(header(channel, Kind::Data, 1), b"x").is_ok())
        .count();
    assert_eq!(sent, 4032);
}

#[test]
fn a_replayed_open_is_refused() {
    let mut mux = Mux::new(Side::Host);
    mux.receive(header(2, Kind::Open, 1), b"x").unwrap();
    assert_eq!(rule(mux.receive(header(2, Kind::Open, 1), b"x")), "a channel was opened twice");
}

#[test]
fn a_channel_of_ours_is_opened_by_us_only() {
    let mut mux = Mux::new(Side::Host);
    let result = mux.receive(header(1, Kind::Open, 1), b"x");
    assert_eq!(rule(result), "the other end opened a channel of ours");
}

#[test]
fn a_flood_of_channels_is_refused() {
    let mut mux = Mux::new(Side::Guest);
    let opened = (0..1000)
        .take_while(|i| mux.receive(header(i * 2 + 1, Kind::Open, 1), b"x").is_ok())
        .count();
    assert_eq!(opened, CHANNELS_MAX);
}

#[test]
fn credit_beyond_the_window_is_refused() {
    let mut mux = Mux::new(Side::Host);
    let channel = mux.open().unwrap();
    let result = mux.receive(header(channel, Kind::Credit, 4), &1_u32.to_be_bytes());
    assert_eq!(rule(result), "more credit than the window");
}

#[test]
fn a_frame_after_the_end_is_refused() {
    let mut mux = Mux::new(Side::Host);
    let channel = mux.open().unwrap();
    mux.receive(header(channel, Kind::End, 0), &[]).unwrap();
    assert_eq!(rule(mux.receive(header(channel, Kind::Data, 1), b"x")), "a frame after the end");
}

#[test]
fn a_channel_without_credit_waits_while_another_sends() {
    let mut mux = Mux::new(Side::Host);
    let (busy, idle) = (mux.open().unwrap(), mux.open().unwrap());
    while mux.take_credit(busy, PIECE_MAX) != Some(0) {}
    assert_eq!(mux.take_credit(idle, PIECE_MAX), Some(PIECE_MAX));
}

#[test]
fn what_arrives_after_giving_up_is_discarded_until_the_other_end_agrees() {
    let mut mux = Mux::new(Side::Host);
    let channel = mux.open().unwrap();
    assert!(mux.give_up(channel));
    assert_eq!(mux.receive(header(channel, Kind::Data, 1), b"x"), Ok(Incoming::Discard));
    let last = mux.receive(header(channel, Kind::Reset, 0), &[]);
    assert_eq!(last, Ok(Incoming::Reset { answer: false }));
    assert!(mux.receive(header(channel, Kind::Data, 1), b"x").is_err());
}
