//! What a machine does and what the ledger is told of it are compared.

use std::sync::{Arc, Mutex};

use domain::exec::Exit;
use serde_json::json;

use super::*;

/// Keeps a list of its own of every command that reached it, as a wrapper within would.
#[derive(Debug)]
struct Counting {
    id: MachineId,
    ran: Arc<Mutex<Vec<String>>>,
}

#[async_trait::async_trait]
impl Machine for Counting {
    fn id(&self) -> MachineId {
        self.id
    }

    async fn exec_signalled(
        &self,
        command: &Exec,
        _sink: &mut dyn OutputSink,
        _signals: &mut mpsc::Receiver<Signal>,
    ) -> Result<ExecResult, SandboxError> {
        self.ran.lock().unwrap().push(command.display());
        match command.purpose.as_str() {
            "hangs" => std::future::pending().await,
            "breaks" => Err(SandboxError::Lost("the stream broke".to_owned())),
            _ => Ok(ExecResult {
                exit: Exit::Code(3),
                stdout: b"said".to_vec(),
                stderr: Vec::new(),
                dropped_bytes: 0,
                millis: 5,
            }),
        }
    }

    async fn put(
        &self,
        _path: &MachinePath,
        _mode: u32,
        _max_bytes: u64,
        _from: &mut (dyn AsyncRead + Send + Unpin),
    ) -> Result<u64, SandboxError> {
        Ok(0)
    }

    async fn get(
        &self,
        _path: &MachinePath,
        _max_bytes: u64,
        _into: &mut (dyn AsyncWrite + Send + Unpin),
    ) -> Result<Option<u64>, SandboxError> {
        Ok(None)
    }

    async fn close(self: Box<Self>) -> Result<(), SandboxError> {
        Ok(())
    }
}

struct Silent;

impl OutputSink for Silent {
    fn output(&mut self, _stderr: bool, _bytes: &[u8]) {}
}

struct Bench {
    machine: Recorded,
    notes: Pending,
    ran: Arc<Mutex<Vec<String>>>,
    written: Vec<Note>,
}

impl Bench {
    fn new() -> Self {
        let (notes, ran) = (Pending::default(), Arc::default());
        let id = MachineId::fresh(&domain::clock::SystemClock);
        let inner = Box::new(Counting { id, ran: Arc::clone(&ran) });
        let machine = Recorded::new(inner, notes.clone(), Asked::default());
        Self { machine, notes, ran, written: Vec::new() }
    }

    /// Runs a command and writes what waits, as the heartbeat does; `false` where it was cut off.
    async fn run(&mut self, purpose: &str) -> bool {
        let command = Exec::new(["make", purpose], purpose);
        let mut sink = Silent;
        let mut work = std::pin::pin!(self.machine.exec(&command, &mut sink));
        loop {
            tokio::select! {
                _ = &mut work => return true,
                () = self.notes.wanted() => {
                    assert!(self.ran.lock().unwrap().len() * 2 <= self.written.len() + 1);
                    self.written.extend(self.notes.take().notes);
                    if purpose == "hangs" {
                        // It begins, and then nobody waits for it any more.
                        assert!(futures_util::poll!(&mut work).is_pending());
                        return false;
                    }
                }
            }
        }
    }

    fn told(&mut self) -> Vec<Note> {
        self.written.extend(self.notes.take().notes);
        std::mem::take(&mut self.written)
    }
}

#[tokio::test]
async fn every_command_that_reaches_a_machine_is_told_before_and_after() {
    let mut bench = Bench::new();
    for purpose in ["tests", "breaks", "tests again"] {
        assert!(bench.run(purpose).await);
    }
    let ran = bench.ran.lock().unwrap().clone();
    let told = bench.told();
    for action in ["command.begun", "command.ran"] {
        let of: Vec<&Note> = told.iter().filter(|note| note.action() == action).collect();
        let commands: Vec<_> = of.iter().filter_map(|n| n.value("command")?.as_str()).collect();
        assert_eq!(commands, ran, "{action}");
        let numbers: Vec<_> = of.iter().filter_map(|n| n.value("number")?.as_u64()).collect();
        assert_eq!(numbers, [1, 2, 3], "{action}");
    }
    assert_eq!(told.first().unwrap().action(), "command.begun");
    assert_eq!(told[1].value("exit"), Some(&json!(3)));
    assert!(told[3].value("failed").unwrap().as_str().unwrap().contains("the stream broke"));
}

#[tokio::test]
async fn a_command_that_nobody_waits_for_any_more_is_told_as_cut_off() {
    let mut bench = Bench::new();
    assert!(!bench.run("hangs").await);
    let told = bench.told();
    let actions: Vec<_> = told.iter().map(Note::action).collect();
    assert_eq!(actions, ["command.begun", "command.ran"]);
    assert!(told[1].value("failed").unwrap().as_str().unwrap().starts_with("cut off"));
}

#[test]
fn a_request_is_told_with_its_machine_its_port_and_the_digest_of_its_query() {
    let notes = Pending::default();
    let machine = MachineId::fresh(&domain::clock::SystemClock);
    let query = domain::Digest::of(b"a=b");
    Requests { machine, notes: notes.clone() }.record(EgressRecord {
        method: "GET".to_owned(),
        host: "a.example".to_owned(),
        port: 8443,
        path: "/x".to_owned(),
        query: Some(query),
        allowed: false,
        rule: "no rule".to_owned(),
        status: None,
        bytes: 0,
        cached: false,
    });
    let told = notes.take().notes;
    assert_eq!(told[0].value("machine"), Some(&json!(machine.to_string())));
    assert_eq!(told[0].value("port"), Some(&json!(8443)));
    assert_eq!(told[0].value("query_digest"), Some(&json!(query.to_string())));
}

#[test]
fn what_is_kept_of_an_output_holds_no_secret_and_is_exact_otherwise() {
    let token = format!("ghp_{}", "a1B2c3D4e5F6".repeat(3));
    let kept = super::end_of(format!("fetching with {token}\n").as_bytes());
    let kept = String::from_utf8(kept).unwrap();
    assert!(!kept.contains(&token) && kept.starts_with("fetching with ["), "{kept}");
    assert_eq!(super::end_of(b"\xff\x1b[1mred"), b"\xff\x1b[1mred");
}

#[test]
fn what_is_said_of_a_lost_machine_holds_no_secret_of_its_console() {
    let token = format!("ghp_{}", "a1B2c3D4e5F6".repeat(3));
    let error =
        || SandboxError::Lost(format!("it is gone; its console ends with: {token} \u{202e}"));
    let step = crate::perform::StepError::from(error()).reason;
    for said in [super::told(&error()), step] {
        assert!(!said.contains(&token) && said.contains("console ends with: ["), "{said}");
        assert!(said.ends_with("U+202E"), "{said}");
    }
}
