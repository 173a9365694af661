//! A registry for tests: a real HTTP server on a free local port that answers as its script says.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

use domain::dependency::Ecosystem;

use super::{Endpoint, Settings};

/// One request as it came in.
#[derive(Debug, Clone)]
pub(crate) struct Seen {
    /// The path with its query.
    pub(crate) path: String,
    headers: Vec<(String, String)>,
}

impl Seen {
    /// A header's value.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(known, _)| known.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.as_str())
    }
}

/// What is answered: a status, headers, and a body.
#[derive(Debug, Clone)]
pub(crate) struct Reply {
    /// The status.
    pub(crate) status: u16,
    /// Headers besides the length.
    pub(crate) headers: Vec<(&'static str, String)>,
    /// The body.
    pub(crate) body: Vec<u8>,
    /// Close before the body is whole.
    pub(crate) cut_off: bool,
    /// Never answer at all, and hold the connection.
    pub(crate) silent: bool,
}

impl Reply {
    /// A plain answer.
    pub(crate) fn new(status: u16, body: impl Into<Vec<u8>>) -> Self {
        Self { status, headers: vec![], body: body.into(), cut_off: false, silent: false }
    }

    /// The same with one more header.
    pub(crate) fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }
}

/// The server; it serves for as long as the test's process lives.
#[derive(Debug, Clone)]
pub(crate) struct ScriptedServer {
    base: String,
    seen: Arc<Mutex<Vec<Seen>>>,
}

impl ScriptedServer {
    /// Answers every request by `script`, which is told how many came before.
    pub(crate) fn start(script: impl Fn(usize, &Seen) -> Reply + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let base = format!("http://{}", listener.local_addr().unwrap());
        let seen: Arc<Mutex<Vec<Seen>>> = Arc::default();
        let (script, log) = (Arc::new(script), seen.clone());
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let (script, log) = (script.clone(), log.clone());
                std::thread::spawn(move || serve(&stream.unwrap(), &*script, &log));
            }
        });
        Self { base, seen }
    }

    /// Every request so far.
    pub(crate) fn seen(&self) -> Vec<Seen> {
        self.seen.lock().unwrap().clone()
    }

    /// Where it is.
    pub(crate) fn base(&self) -> &str {
        &self.base
    }

    /// It as an ecosystem's registry.
    pub(crate) fn endpoint(&self, ecosystem: Ecosystem) -> Endpoint {
        Endpoint { ecosystem, base: self.base.clone(), authorization: None }
    }
}

/// Settings for a test: nothing is fresh, small limits.
pub(crate) fn settings(cache_dir: &std::path::Path) -> Settings {
    Settings {
        cache_dir: cache_dir.to_owned(),
        fresh_ms: 0,
        concurrency_max: 8,
        timeout_ms: 20_000,
        response_max_bytes: 1024 * 1024,
    }
}

fn serve(
    stream: &TcpStream,
    script: &dyn Fn(usize, &Seen) -> Reply,
    log: &Mutex<Vec<Seen>>,
) -> Option<()> {
    let mut lines = BufReader::new(stream).lines();
    loop {
        let first = lines.next()?.ok()?;
        let path = first.split(' ').nth(1)?.to_owned();
        let mut headers = Vec::new();
        loop {
            let line = lines.next()?.ok()?;
            let Some((name, value)) = line.split_once(':') else { break };
            headers.push((name.to_owned(), value.trim().to_owned()));
        }
        let seen = Seen { path, headers };
        let before = {
            let mut log = log.lock().unwrap();
            log.push(seen.clone());
            log.len() - 1
        };
        let reply = script(before, &seen);
        if reply.silent {
            // Holds the connection until the other side gives up.
            lines.next();
            return None;
        }
        answer(stream, &reply).ok()?;
        if reply.cut_off {
            return None;
        }
    }
}

fn answer(mut stream: &TcpStream, reply: &Reply) -> std::io::Result<()> {
    write!(stream, "HTTP/1.1 {} Scripted\r\n", reply.status)?;
    for (name, value) in &reply.headers {
        write!(stream, "{name}: {value}\r\n")?;
    }
    if reply.status != 304 {
        let length = reply.body.len() + if reply.cut_off { 10 } else { 0 };
        write!(stream, "content-length: {length}\r\n")?;
    }
    stream.write_all(b"\r\n")?;
    stream.write_all(&reply.body)
}
