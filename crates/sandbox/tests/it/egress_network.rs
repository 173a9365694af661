//! What the tests of the egress proxy stand on: a machine's side of a door, and an upstream of one's own.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::{Arc, Mutex};

use domain::machine::EgressRecord;
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, ServerName};
use sandbox::egress::{Door, Gateway, Settings};
use sandbox::port::{EgressAudit, EgressRule, NetworkPolicy};
use sandbox::preset::Surroundings;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio_rustls::TlsConnector;

/// Keeps every record.
#[derive(Debug, Default)]
pub(crate) struct Records(Mutex<Vec<EgressRecord>>);

impl EgressAudit for Records {
    fn record(&self, record: EgressRecord) {
        self.0.lock().unwrap().push(record);
    }
}

impl Records {
    pub(crate) fn all(&self) -> Vec<EgressRecord> {
        self.0.lock().unwrap().clone()
    }

    /// Returns once there are `count` records.
    pub(crate) async fn wait_for(&self, count: usize) {
        let enough = async {
            while self.all().len() < count {
                tokio::task::yield_now().await;
            }
        };
        let enough = tokio::time::timeout(std::time::Duration::from_secs(30), enough).await;
        enough.unwrap_or_else(|_| panic!("{count} records were expected: {:#?}", self.lines()));
    }

    /// One line a record: `GET host /path 200 cached allowed: rule`.
    pub(crate) fn lines(&self) -> Vec<String> {
        let line = |record: EgressRecord| {
            let status = record.status.map_or("-".to_owned(), |status| status.to_string());
            let cached = if record.cached { " cached" } else { "" };
            let allowed = if record.allowed { "allowed" } else { "refused" };
            let EgressRecord { method, host, path, rule, .. } = record;
            format!("{method} {host} {path} {status}{cached} {allowed}: {rule}")
        };
        self.all().into_iter().map(line).collect()
    }
}

/// A door behind a TCP listener, as a machine's forwarder would be.
pub(crate) struct Machine {
    pub(crate) proxy: SocketAddr,
    pub(crate) ca_pem: String,
    pub(crate) records: Arc<Records>,
    _serving: JoinSet<()>,
}

impl Machine {
    pub(crate) async fn new(gateway: &Arc<Gateway>, rules: Vec<EgressRule>) -> Self {
        let records = Arc::new(Records::default());
        let audit: Arc<dyn EgressAudit> = records.clone();
        let door = Arc::new(gateway.open(&NetworkPolicy { rules }, audit).unwrap());
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let proxy = listener.local_addr().unwrap();
        let ca_pem = door.ca_certificate_pem().to_owned();
        let mut serving = JoinSet::new();
        serving.spawn(accept(listener, door));
        Self { proxy, ca_pem, records, _serving: serving }
    }
}

/// What came back on a connection, and whether it ended properly.
#[derive(Debug, Clone)]
pub(crate) struct Said {
    pub(crate) text: String,
    pub(crate) whole: bool,
}

impl Said {
    /// The status of the first answer; 0 where there was none.
    pub(crate) fn status(&self) -> u16 {
        self.text.get(9..12).and_then(|status| status.parse().ok()).unwrap_or(0)
    }

    /// The body of the last answer.
    pub(crate) fn body(&self) -> &str {
        self.text.rsplit_once("\r\n\r\n").map_or("", |(_, body)| body)
    }
}

impl Machine {
    /// Sends bytes to the proxy and reads until it closes.
    pub(crate) async fn send(&self, bytes: impl AsRef<[u8]>) -> Said {
        let stream = TcpStream::connect(self.proxy).await.unwrap();
        exchange(stream, bytes.as_ref()).await
    }

    /// Opens a tunnel; the answer to the CONNECT where there is none.
    pub(crate) async fn connect(&self, authority: &str) -> Result<TcpStream, Said> {
        let mut stream = TcpStream::connect(self.proxy).await.unwrap();
        let head = format!("CONNECT {authority} HTTP/1.1\r\nHost: {authority}\r\n\r\n");
        stream.write_all(head.as_bytes()).await.unwrap();
        let mut answer = Vec::new();
        while !answer.ends_with(b"\r\n\r\n") {
            match stream.read_u8().await {
                Ok(byte) => answer.push(byte),
                Err(_) => break,
            }
        }
        if answer.starts_with(b"HTTP/1.1 200") {
            return Ok(stream);
        }
        let mut rest = String::new();
        let whole = stream.read_to_string(&mut rest).await.is_ok();
        Err(Said { text: String::from_utf8_lossy(&answer).into_owned() + &rest, whole })
    }

    /// Sends bytes through a tunnel with TLS for `name` (or without a name) inside.
    pub(crate) async fn send_tls(
        &self,
        authority: &str,
        name: Option<&str>,
        bytes: impl AsRef<[u8]>,
    ) -> std::io::Result<Said> {
        let stream = self.connect(authority).await.map_err(|said| {
            std::io::Error::other(format!("CONNECT was answered with {}", said.status()))
        })?;
        let mut roots = rustls::RootCertStore::empty();
        let ca = CertificateDer::from_pem_slice(self.ca_pem.as_bytes()).unwrap();
        roots.add(ca).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let mut config = rustls::ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        config.enable_sni = name.is_some();
        let named = name.or_else(|| authority.split(':').next()).unwrap_or_default();
        let named = ServerName::try_from(named.to_owned()).unwrap();
        let stream = TlsConnector::from(Arc::new(config)).connect(named, stream).await?;
        Ok(exchange(stream, bytes.as_ref()).await)
    }

    /// A GET through a tunnel to `authority`, with further header lines.
    pub(crate) async fn get(&self, authority: &str, path: &str, lines: &str) -> Said {
        let name = authority.split(':').next();
        let head =
            format!("GET {path} HTTP/1.1\r\nHost: {authority}\r\nConnection: close\r\n{lines}\r\n");
        self.send_tls(authority, name, head).await.unwrap()
    }
}

async fn exchange(mut stream: impl AsyncRead + AsyncWrite + Unpin, bytes: &[u8]) -> Said {
    stream.write_all(bytes).await.ok();
    let mut answer = Vec::new();
    let read = stream.read_to_end(&mut answer);
    let read = tokio::time::timeout(std::time::Duration::from_secs(30), read).await;
    let whole = read.expect("the proxy ends every connection").is_ok();
    Said { text: String::from_utf8_lossy(&answer).into_owned(), whole }
}

async fn accept(listener: TcpListener, door: Arc<Door>) {
    let mut connections = JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        let door = Arc::clone(&door);
        connections.spawn(async move { door.serve(stream).await });
    }
}

/// A gateway with its cache below `folder`.
pub(crate) fn gateway(folder: &Path) -> Arc<Gateway> {
    Arc::new(Gateway::new(Settings::new(folder.join("cache"), 1 << 30)).unwrap())
}

/// This host, as the package managers see it.
pub(crate) fn this_host() -> Surroundings {
    let env: BTreeMap<String, String> = std::env::vars().collect();
    Surroundings {
        home: env["HOME"].clone().into(),
        path: env["PATH"].clone(),
        env,
        extra_roots_pem: Vec::new(),
        registry_timeout: std::time::Duration::from_secs(30),
    }
}
