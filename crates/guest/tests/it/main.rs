//! The real guest program as PID 1 of a pid namespace, against honest and hostile hosts.
#![cfg(test)]

use std::io::{Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use guest::frame::{self, HEADER_LEN, Header, Kind, PROTOCOL};
use guest::message::{self, Exec, GuestHello, HostHello, Message, Open, Setup};
use proptest::prelude::*;

/// A guest and the host's end of its stream.
struct Guest {
    child: Child,
    stream: UnixStream,
}

fn setup() -> Setup {
    Setup {
        user: None,
        env: vec![("PATH".to_owned(), "/usr/bin:/bin".to_owned())],
        writable: vec!["/tmp".to_owned()],
        proxy_port: None,
        processes_max: None,
        file_max_bytes: 1 << 20,
        process_memory_max_bytes: None,
        vm: None,
    }
}

impl Guest {
    fn start() -> Self {
        let (stream, theirs) = UnixStream::pair().unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
        #[expect(clippy::disallowed_methods, reason = "the program under test")]
        let child = Command::new("unshare")
            .args(["--user", "--map-root-user", "--pid", "--fork", "--mount-proc", "--kill-child"])
            .arg(env!("CARGO_BIN_EXE_hob-guest"))
            .stdin(Stdio::from(std::os::fd::OwnedFd::from(theirs)))
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        Self { child, stream }
    }

    fn ready() -> Self {
        let mut guest = Self::start();
        let hello = HostHello { protocol: PROTOCOL, setup: setup() };
        guest.send(0, Kind::Hello, &message::to_json(&hello));
        let (kind, payload) = guest.receive().unwrap();
        assert_eq!(kind, Kind::Hello);
        let hello: GuestHello = message::from_json(&payload).unwrap();
        assert_eq!(hello.protocol, PROTOCOL);
        guest
    }

    fn send(&mut self, channel: u32, kind: Kind, payload: &[u8]) {
        self.stream.write_all(&frame::encode(channel, kind, payload)).unwrap();
    }

    fn receive(&mut self) -> Option<(Kind, Vec<u8>)> {
        let mut head = [0; HEADER_LEN];
        self.stream.read_exact(&mut head).ok()?;
        let header = Header::parse(head).unwrap();
        let mut payload = vec![0; header.payload_len()];
        self.stream.read_exact(&mut payload).unwrap();
        Some((header.kind(), payload))
    }

    fn exec(&mut self, channel: u32, script: &str) {
        let exec = Exec {
            argv: ["sh", "-c", script].map(str::to_owned).to_vec(),
            cwd: "/tmp".to_owned(),
            env: Vec::new(),
            timeout_ms: 30_000,
        };
        self.send(channel, Kind::Open, &message::to_json(&Open::Exec(exec)));
    }

    /// The end of the guest: whether it ended well, and what it said.
    fn ended(mut self) -> (bool, String) {
        drop(self.stream);
        let mut said = String::new();
        self.child.stderr.take().unwrap().read_to_string(&mut said).unwrap();
        (self.child.wait().unwrap().success(), said)
    }
}

#[test]
fn a_command_obeys_a_signal_of_the_host() {
    let mut guest = Guest::ready();
    guest.exec(1, "trap 'echo heard; exit 7' USR1; echo ready; while :; do sleep 0.01; done");
    assert_eq!(guest.receive().unwrap(), (Kind::Data, b"ready\n".to_vec()));
    guest.send(1, Kind::Message, &message::to_json(&Message::Signal(10)));
    let mut said = Vec::new();
    let exited = loop {
        match guest.receive().unwrap() {
            (Kind::Data, bytes) => said.extend(bytes),
            (Kind::Message, json) => break message::from_json::<Message>(&json).unwrap(),
            (Kind::DataErr | Kind::Credit, _) => {}
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(said, b"heard\n");
    let Message::Exited(exited) = exited else { panic!("{exited:?}") };
    assert_eq!((exited.code, exited.signal, exited.timed_out), (Some(7), None, false));
    assert_eq!(guest.ended(), (true, String::new()));
}

#[test]
fn the_end_of_the_stream_ends_everything() {
    let mut guest = Guest::ready();
    let mark = format!("1000.{}", std::process::id());
    guest.exec(1, &format!("setsid sleep {mark} & echo ready; wait"));
    assert_eq!(guest.receive().unwrap(), (Kind::Data, b"ready\n".to_vec()));
    guest.ended();
    let alive = std::fs::read_dir("/proc").unwrap().flatten().any(|process| {
        let line = std::fs::read_to_string(process.path().join("cmdline")).unwrap_or_default();
        line.contains(&mark)
    });
    assert!(!alive);
}

#[test]
fn a_host_that_breaks_a_rule_is_told_which() {
    for (frames, said) in [
        (vec![0xff; 8], "hob-guest: unknown kind of frame 255\n"),
        (
            frame::encode(1, Kind::Data, b"x"),
            "hob-guest: protocol violation: a frame for a channel that is not open (channel 1)\n",
        ),
        (
            frame::encode(2, Kind::Open, b"{}"),
            "hob-guest: protocol violation: the other end opened a channel of ours (channel 2)\n",
        ),
        (
            frame::encode(0, Kind::Hello, b"{}"),
            "hob-guest: protocol violation: a second hello (channel 0)\n",
        ),
    ] {
        let mut guest = Guest::ready();
        guest.stream.write_all(&frames).unwrap();
        assert_eq!(guest.ended(), (false, said.to_owned()));
    }
}

#[test]
fn a_host_of_another_protocol_is_refused() {
    let mut guest = Guest::start();
    let hello = HostHello { protocol: PROTOCOL + 1, setup: setup() };
    guest.send(0, Kind::Hello, &message::to_json(&hello));
    let expected = format!("hob-guest: protocol {PROTOCOL} is spoken here, not {}\n", PROTOCOL + 1);
    assert_eq!(guest.ended(), (false, expected));
}

#[test]
fn a_host_cannot_make_the_guest_connect() {
    let mut guest = Guest::ready();
    guest.send(1, Kind::Open, &message::to_json(&Open::Connect));
    let (kind, reason) = guest.receive().unwrap();
    assert_eq!((kind, reason), (Kind::Reset, b"only the guest opens connections".to_vec()));
    guest.ended();
}

#[test]
fn outside_a_machine_the_program_does_nothing() {
    #[expect(clippy::disallowed_methods, reason = "the program under test")]
    let output = Command::new(env!("CARGO_BIN_EXE_hob-guest")).output().unwrap();
    assert!(!output.status.success());
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(said, "hob-guest: this program is PID 1 of a machine and does nothing elsewhere\n");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn any_bytes_end_the_guest_without_a_panic(
        greeted in any::<bool>(),
        bytes in proptest::collection::vec(any::<u8>(), 0..2000),
    ) {
        let mut guest = if greeted { Guest::ready() } else { Guest::start() };
        let _ended = guest.stream.write_all(&bytes);
        let (_, said) = guest.ended();
        prop_assert!(!said.contains("panicked"), "{said}");
    }
}
