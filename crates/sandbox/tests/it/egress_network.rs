//! What the tests of the egress proxy stand on: a machine's side of a door, and an upstream of one's own.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::{Arc, Mutex};

use domain::machine::EgressRecord;
use sandbox::egress::{Door, Gateway, Settings};
use sandbox::port::{EgressAudit, EgressRule, NetworkPolicy};
use sandbox::preset::Surroundings;
use tokio::net::TcpListener;
use tokio::task::JoinSet;

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
    }
}
