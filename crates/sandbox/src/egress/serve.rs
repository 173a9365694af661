//! Speaks the HTTP proxy protocol on one connection: plain requests, or one CONNECT with TLS inside.

use std::convert::Infallible;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use http::{Method, Request, Response, StatusCode};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio_rustls::LazyConfigAcceptor;

use super::answer::{self, Refusal};
use super::body::{self, Body};
use super::door::Inner;
use super::entry::Line;
use super::gate::{Gate, Notice};
use super::head::Malformed;
use super::target::{self, Authority};
use super::upstream::chain;

/// How much of an unwanted request is read so that its sender gets to read the answer, and for how long.
const LINGER_BYTES: u64 = 256 * 1024;
const LINGER: Duration = Duration::from_secs(2);

/// How one connection's conversation ended.
enum Ended<S> {
    /// Nothing more to say.
    Done,
    /// A CONNECT was answered with 200.
    Tunnel(Gate<S>, Authority),
}

/// Serves one connection of the machine.
pub(crate) async fn serve<S>(door: &Arc<Inner>, connection: S)
where
    S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    let Ok(_open) = door.connections.acquire().await else { return };
    if let Ended::Tunnel(stream, authority) = converse(door, connection, None).await {
        tunnel(door, stream, authority).await;
    }
}

/// Opens the TLS inside a tunnel and serves what comes through it.
async fn tunnel<S>(door: &Arc<Inner>, stream: S, authority: Authority)
where
    S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    let limit = Duration::from_millis(door.gateway.settings.limits.idle_ms);
    let entry = door.entry(&connect_line(&authority.host, authority.port));
    if let Some(reason) = entry.spent().map(str::to_owned) {
        return entry.refuse(&reason);
    }
    let handshake = async {
        let hello = LazyConfigAcceptor::new(rustls::server::Acceptor::default(), stream)
            .await
            .map_err(|error| format!("no TLS in the tunnel: {error}"))?;
        let named = hello.client_hello().server_name().map(str::to_ascii_lowercase);
        match named {
            Some(named) if named == authority.host => {}
            Some(_) => return Err("the TLS server name is not the tunnel's host".to_owned()),
            // An address is never sent as a server name (RFC 6066 section 3).
            None if authority.host.parse::<std::net::IpAddr>().is_ok() => {}
            None => return Err("the TLS handshake names no server".to_owned()),
        }
        let config = door.issuer.server_config(&authority.host).map_err(|error| chain(&error))?;
        hello
            .into_stream(config)
            .await
            .map_err(|error| format!("the TLS handshake failed: {error}"))
    };
    match tokio::time::timeout(limit, handshake).await {
        Ok(Ok(tls)) => {
            // A tunnel that opened is not a request; what comes through it is recorded.
            door.forget(entry);
            converse(door, tls, Some(&authority)).await;
        }
        Ok(Err(reason)) => entry.refuse(&reason),
        Err(_) => entry.refuse("the TLS handshake took too long"),
    }
}

/// Answers requests on a stream until it ends or becomes a tunnel.
async fn converse<S>(door: &Arc<Inner>, stream: S, tunnel: Option<&Authority>) -> Ended<S>
where
    S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    let limits = &door.gateway.settings.limits;
    let notice = Notice::default();
    let gate = Gate::new(stream, limits, notice.clone());
    let opened: Mutex<Option<Authority>> = Mutex::new(None);
    let service = service_fn(|request: Request<Incoming>| {
        let opened = &opened;
        Box::pin(async move {
            let response = if request.method() == Method::CONNECT {
                open(door, request, tunnel, opened)
            } else {
                answer::answer(door, request, tunnel).await
            };
            Ok::<_, Infallible>(response)
        })
    });
    let mut connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(Duration::from_millis(limits.idle_ms))
        .max_headers(64)
        .half_close(true)
        .serve_connection(TokioIo::new(gate), service);
    let ended = std::future::poll_fn(|cx| connection.poll_without_shutdown(cx)).await;
    let parts = connection.into_parts();
    let gate = parts.io.into_inner();
    let opened = opened.lock().unwrap_or_else(PoisonError::into_inner).take();
    if let (true, Some(authority)) = (ended.is_ok(), opened) {
        return Ended::Tunnel(gate.into_tunnel(&parts.read_buf), authority);
    }
    // A gate that closes between two requests looks like an orderly end from within.
    let (malformed, answered) = match (notice.take(), &ended) {
        (Some(malformed), _) => (Some(malformed), false),
        (None, Err(error)) if error.is_parse() => {
            (Some(Malformed::unread("the head is not well-formed")), true)
        }
        (None, _) if notice.begun() => {
            (Some(Malformed::unread("the head did not arrive in time")), false)
        }
        (None, _) => (None, true),
    };
    let mut stream = gate.into_inner();
    if let Some(malformed) = &malformed {
        record(door, malformed, tunnel);
        if !answered && stream.write_all(&bad_request(malformed)).await.is_err() {
            return Ended::Done;
        }
    }
    // Without a proper end, the machine must not take what it has for whole.
    if malformed.is_some() || ended.is_ok() {
        part(stream).await;
    }
    Ended::Done
}

/// Answers a CONNECT.
fn open(
    door: &Inner,
    request: Request<Incoming>,
    tunnel: Option<&Authority>,
    opened: &Mutex<Option<Authority>>,
) -> Response<Body> {
    let (parts, _) = request.into_parts();
    let refuse = |host: &str, port: u16, refusal: &Refusal| {
        door.entry(&connect_line(host, port)).refuse(&refusal.reason);
        refusal.response()
    };
    if let Some(tunnel) = tunnel {
        let refusal = Refusal::new(StatusCode::BAD_REQUEST, "CONNECT within a tunnel");
        return refuse(&tunnel.host, tunnel.port, &refusal);
    }
    let authority = match target::connect(&parts) {
        Ok(authority) => authority,
        Err(error) => {
            let refusal = Refusal::new(StatusCode::BAD_REQUEST, error.to_string());
            let port = parts.uri.port_u16().unwrap_or_default();
            return refuse(parts.uri.host().unwrap_or_default(), port, &refusal);
        }
    };
    if let Err(reason) = door.policy.tunnel(&authority) {
        let refusal = Refusal::new(StatusCode::FORBIDDEN, reason);
        return refuse(&authority.host, authority.port, &refusal);
    }
    *opened.lock().unwrap_or_else(PoisonError::into_inner) = Some(authority);
    Response::new(body::whole(""))
}

const fn connect_line(host: &str, port: u16) -> Line<'_> {
    Line { method: "CONNECT", host, port, target: "", query: None }
}

/// Puts on record what never became a request.
fn record(door: &Inner, malformed: &Malformed, tunnel: Option<&Authority>) {
    let own_port = tunnel.map_or(0, |tunnel| tunnel.port);
    let named = Authority::parse(&malformed.host, Some(own_port)).ok();
    let named = named.or_else(|| tunnel.cloned());
    let (host, port) = named.map_or((String::new(), 0), |named| (named.host, named.port));
    let (method, target) = (malformed.method.as_str(), malformed.target.as_str());
    door.entry(&Line { method, host: &host, port, target, query: None }).refuse(malformed.reason);
}

fn bad_request(malformed: &Malformed) -> Vec<u8> {
    let text = format!("egress refused: {}\n", malformed.reason);
    let head =
        "HTTP/1.1 400 Bad Request\r\nconnection: close\r\ncontent-type: text/plain; charset=utf-8";
    format!("{head}\r\ncontent-length: {}\r\n\r\n{text}", text.len()).into_bytes()
}

/// Ends a stream so that the other side can still read the last answer: closing with unread bytes would reset it.
async fn part<S: AsyncRead + AsyncWrite + Unpin>(mut stream: S) {
    let linger = async {
        if stream.shutdown().await.is_ok() {
            let mut rest = (&mut stream).take(LINGER_BYTES);
            let mut sink = tokio::io::sink();
            tokio::io::copy(&mut rest, &mut sink).await.ok();
        }
    };
    tokio::time::timeout(LINGER, linger).await.ok();
}
