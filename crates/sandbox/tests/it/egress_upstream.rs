//! An upstream of the tests' own, with or without TLS, that remembers what it was asked.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use futures_util::stream::{self, StreamExt as _};
use http::{HeaderMap, Request, Response, StatusCode};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt as _, StreamBody};
use hyper::body::{Frame, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use rcgen::{CertificateParams, KeyPair};
use sandbox::egress::{Gateway, Settings};
use sandbox::port::EgressRule;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;

/// The name under which the upstream is reached, and the certificate is made.
pub(crate) const HOST: &str = "localhost";

type Body = UnsyncBoxBody<Bytes, std::io::Error>;

/// One request as it arrived.
#[derive(Debug, Clone)]
pub(crate) struct Seen {
    pub(crate) line: String,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

/// What the upstream answers: a status, header fields, a body in pieces.
#[derive(Debug, Clone, Default)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) fields: Vec<(&'static str, String)>,
    pub(crate) pieces: Vec<Bytes>,
    /// Ends with an error instead of a proper end.
    pub(crate) broken: bool,
}

impl Answer {
    /// 200 with a body of known length.
    pub(crate) fn whole(body: impl Into<Bytes>) -> Self {
        let body = body.into();
        let length = ("content-length", body.len().to_string());
        Self { status: 200, fields: vec![length], pieces: vec![body], broken: false }
    }

    pub(crate) fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.fields.push((name, value.into()));
        self
    }

    pub(crate) fn status(mut self, status: u16) -> Self {
        self.status = status;
        self
    }

    /// A body of unknown length.
    pub(crate) fn pieces(pieces: Vec<Bytes>) -> Self {
        Self { status: 200, pieces, ..Self::default() }
    }

    fn response(self) -> Response<Body> {
        let mut response = Response::builder().status(StatusCode::from_u16(self.status).unwrap());
        for (name, value) in self.fields {
            response = response.header(name, value);
        }
        let end = self.broken.then(|| Err(std::io::Error::other("broken on purpose")));
        let frames = self.pieces.into_iter().map(|piece| Ok(Frame::data(piece))).chain(end);
        // Each piece leaves before the next is looked at.
        let frames = stream::iter(frames).then(|frame| async {
            tokio::task::yield_now().await;
            frame
        });
        response.body(StreamBody::new(frames).boxed_unsync()).unwrap()
    }
}

/// Decides what an upstream of this address answers to a path.
type Script = Box<dyn Fn(&str, &str) -> Answer + Send + Sync>;

struct Inner {
    script: Script,
    base: String,
    seen: Mutex<Vec<Seen>>,
    /// Answers wait for a permit, so that a test can hold them back.
    pace: Semaphore,
}

/// A running upstream.
pub(crate) struct Upstream {
    pub(crate) address: SocketAddr,
    ca_pem: Option<String>,
    inner: Arc<Inner>,
    _serving: JoinSet<()>,
}

impl Upstream {
    /// With TLS, under [`HOST`] and its address.
    pub(crate) async fn tls(script: impl Fn(&str) -> Answer + Send + Sync + 'static) -> Self {
        let key = KeyPair::generate().unwrap();
        let names = vec![HOST.to_owned(), "127.0.0.1".to_owned()];
        let certificate = CertificateParams::new(names).unwrap().self_signed(&key).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = rustls::ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![certificate.der().clone()], key.into())
            .unwrap();
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let script = Box::new(move |_: &str, path: &str| script(path));
        Self::start(Some(acceptor), Some(certificate.pem()), script).await
    }

    /// Without TLS.
    pub(crate) async fn plain(script: impl Fn(&str) -> Answer + Send + Sync + 'static) -> Self {
        Self::start(None, None, Box::new(move |_, path| script(path))).await
    }

    /// Without TLS; the script is also told the upstream's own address.
    pub(crate) async fn mirror(
        script: impl Fn(&str, &str) -> Answer + Send + Sync + 'static,
    ) -> Self {
        Self::start(None, None, Box::new(script)).await
    }

    async fn start(tls: Option<TlsAcceptor>, ca_pem: Option<String>, script: Script) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let pace = Semaphore::new(Semaphore::MAX_PERMITS);
        let base = format!("http://{address}");
        let inner = Arc::new(Inner { script, base, seen: Mutex::default(), pace });
        let mut serving = JoinSet::new();
        serving.spawn(accept(listener, tls, Arc::clone(&inner)));
        Self { address, ca_pem, inner, _serving: serving }
    }

    pub(crate) fn port(&self) -> u16 {
        self.address.port()
    }

    pub(crate) fn seen(&self) -> Vec<Seen> {
        self.inner.seen.lock().unwrap().clone()
    }

    /// The request lines that arrived.
    pub(crate) fn lines(&self) -> Vec<String> {
        self.seen().into_iter().map(|seen| seen.line).collect()
    }

    /// Holds answers back; `release` lets so many go.
    pub(crate) fn hold(&self) {
        self.inner.pace.forget_permits(Semaphore::MAX_PERMITS);
    }

    pub(crate) fn release(&self, count: usize) {
        self.inner.pace.add_permits(count);
    }

    /// A gateway that trusts this upstream, with its cache below `folder`.
    pub(crate) fn gateway(&self, folder: &Path) -> Arc<Gateway> {
        Arc::new(Gateway::new(self.settings(folder)).unwrap())
    }

    pub(crate) fn settings(&self, folder: &Path) -> Settings {
        let mut settings = Settings::new(folder.join("cache"), 1 << 30);
        settings.extra_roots_pem.extend(self.ca_pem.clone());
        settings
    }

    /// A rule that lets everything below `/open/` and `/kept/` be read; the latter never changes.
    pub(crate) fn rule(&self) -> EgressRule {
        EgressRule {
            name: "test".into(),
            host: HOST.into(),
            port: self.port(),
            plain_http: self.ca_pem.is_none(),
            methods: vec!["GET".into(), "HEAD".into()],
            paths: vec!["/open/**".into(), "/kept/**".into()],
            queries: true,
            immutable: vec!["/kept/**".into()],
            authorization: None,
            response_max_bytes: 1 << 20,
        }
    }
}

async fn accept(listener: TcpListener, tls: Option<TlsAcceptor>, inner: Arc<Inner>) {
    let mut connections = JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        let (tls, inner) = (tls.clone(), Arc::clone(&inner));
        connections.spawn(async move {
            match tls {
                Some(tls) => {
                    if let Ok(stream) = tls.accept(stream).await {
                        serve(stream, inner).await;
                    }
                }
                None => serve(stream, inner).await,
            }
        });
    }
}

async fn serve(stream: impl AsyncRead + AsyncWrite + Unpin, inner: Arc<Inner>) {
    let service = service_fn(|request: Request<Incoming>| {
        let inner = Arc::clone(&inner);
        async move {
            let (parts, body) = request.into_parts();
            let body = body.collect().await.map(|body| body.to_bytes()).unwrap_or_default();
            let line = format!("{} {}", parts.method, parts.uri);
            inner.seen.lock().unwrap().push(Seen { line, headers: parts.headers, body });
            inner.pace.acquire().await.unwrap().forget();
            Ok::<_, Infallible>((inner.script)(&inner.base, parts.uri.path()).response())
        }
    });
    http1::Builder::new().serve_connection(TokioIo::new(stream), service).await.ok();
}
