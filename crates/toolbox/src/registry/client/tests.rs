//! The client against a real local server that misbehaves in every way that registries do.

use std::io::Write as _;

use domain::dependency::Ecosystem;

use super::*;
use crate::registry::scripted_server::{Reply, ScriptedServer, Seen, settings};

/// A clock that stands still where it is put.
#[derive(Debug)]
struct StillClock(Mutex<u64>);

impl Clock for StillClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(*self.0.lock().unwrap())
    }

    fn fill_random(&self, bytes: &mut [u8]) {
        bytes.fill(0);
    }
}

struct Scene {
    folder: tempfile::TempDir,
    server: ScriptedServer,
    clock: Arc<StillClock>,
    settings: Settings,
}

impl Scene {
    fn new(script: impl Fn(usize, &Seen) -> Reply + Send + Sync + 'static) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let settings = settings(folder.path());
        let clock = Arc::new(StillClock(Mutex::new(1_000_000)));
        Self { folder, server: ScriptedServer::start(script), clock, settings }
    }

    /// A client of its own, as another process would have one.
    fn client(&self) -> Client {
        Client::with_backoff(self.settings.clone(), self.clock.clone(), 2).unwrap()
    }

    async fn ask(&self, client: &Client) -> Result<String, String> {
        let endpoint = self.server.endpoint(Ecosystem::Cargo);
        let answer = client.get(&endpoint, "demo", "de/mo/demo", "*/*").await;
        answer.map(|f| String::from_utf8(f.body.to_vec()).unwrap()).map_err(|e| e.to_string())
    }
}

#[tokio::test]
async fn a_fresh_answer_is_not_asked_for_again_and_an_older_one_conditionally() {
    let mut scene = Scene::new(|_, seen| match seen.header("if-none-match") {
        Some("\"one\"") => Reply::new(304, ""),
        _ => Reply::new(200, "body").with("etag", "\"one\""),
    });
    scene.settings.fresh_ms = 1_000;
    assert_eq!(scene.ask(&scene.client()).await.unwrap(), "body");
    assert_eq!(scene.ask(&scene.client()).await.unwrap(), "body");
    assert_eq!(scene.server.seen().len(), 1);

    *scene.clock.0.lock().unwrap() += 1_000;
    assert_eq!(scene.ask(&scene.client()).await.unwrap(), "body");
    assert_eq!(scene.server.seen()[1].header("if-none-match"), Some("\"one\""));
    assert_eq!(scene.ask(&scene.client()).await.unwrap(), "body");
    assert_eq!(scene.server.seen().len(), 2, "the confirmation was kept");

    *scene.clock.0.lock().unwrap() -= 5_000;
    scene.ask(&scene.client()).await.unwrap();
    assert_eq!(scene.server.seen().len(), 3, "a clock that jumped back makes nothing fresh");
}

#[tokio::test]
async fn whoever_counts_is_told_what_was_asked_in_their_name_and_nobody_else() {
    let mut scene = Scene::new(|n, _| match n {
        0 => Reply::new(503, ""),
        1 => Reply::new(200, "body"),
        _ => Reply::new(500, ""),
    });
    scene.settings.fresh_ms = 1_000;
    let client = scene.client();
    let (mine, other) = (client.counting(), client.counting());
    for _ in 0..2 {
        assert_eq!(scene.ask(&mine).await.unwrap(), "body");
    }
    let endpoint = scene.server.endpoint(Ecosystem::Cargo);
    mine.get(&endpoint, "..", "../secret", "*/*").await.unwrap_err();
    mine.clone().get(&endpoint, "gone", "go/ne/gone", "*/*").await.unwrap_err();
    let asked: Vec<Asked> = mine.take_asked().into_values().collect();
    let sent = scene.server.seen().len() as u64;
    assert_eq!(sent, 2 + u64::from(TRIES_MAX));
    assert_eq!(asked, [Asked { sent, kept: 1, refused: 1, failed: 1 }]);
    assert!(mine.take_asked().is_empty() && other.take_asked().is_empty());
}

#[tokio::test]
async fn last_modified_serves_where_there_is_no_entity_tag() {
    let date = "Wed, 21 Oct 2015 07:28:00 GMT";
    let scene = Scene::new(move |_, seen| match seen.header("if-modified-since") {
        Some(_) => Reply::new(304, ""),
        None => Reply::new(200, "body").with("last-modified", date),
    });
    scene.ask(&scene.client()).await.unwrap();
    assert_eq!(scene.ask(&scene.client()).await.unwrap(), "body");
    assert_eq!(scene.server.seen()[1].header("if-modified-since"), Some(date));
}

#[tokio::test]
async fn a_registry_that_is_down_is_never_replaced_by_what_was_kept() {
    let scene = Scene::new(|before, _| match before {
        0 => Reply::new(200, "body").with("etag", "\"one\""),
        _ => Reply::new(503, "sorry"),
    });
    scene.ask(&scene.client()).await.unwrap();
    insta::assert_snapshot!(
        scene.ask(&scene.client()).await.unwrap_err(),
        @"the registry could not be asked about `demo`: it answered HTTP 503 Service Unavailable, 4 times"
    );
    assert_eq!(scene.server.seen().len(), 1 + TRIES_MAX as usize);
}

#[tokio::test]
async fn a_package_that_vanished_is_no_package_and_is_forgotten() {
    let scene = Scene::new(|before, _| match before {
        0 => Reply::new(200, "body").with("etag", "\"one\""),
        1 => Reply::new(410, ""),
        _ => Reply::new(404, ""),
    });
    scene.ask(&scene.client()).await.unwrap();
    for _ in 0..2 {
        let error = scene.ask(&scene.client()).await.unwrap_err();
        assert_eq!(error, "the registry has no package `demo`");
    }
    assert_eq!(scene.server.seen()[2].header("if-none-match"), None);
}

#[tokio::test]
async fn load_is_waited_out_and_a_broken_connection_is_tried_again() {
    let scene = Scene::new(|before, _| match before {
        0 => Reply::new(429, "").with("retry-after", "0"),
        1 => Reply { cut_off: true, ..Reply::new(200, "bo") },
        _ => Reply::new(200, "body"),
    });
    assert_eq!(scene.ask(&scene.client()).await.unwrap(), "body");
    assert_eq!(scene.server.seen().len(), 3);
}

#[tokio::test]
async fn a_wait_longer_than_a_run_can_bear_is_an_answer_at_once() {
    for retry_after in ["3600", "Wed, 21 Oct 2015 08:28:00 GMT"] {
        let scene = Scene::new(move |_, _| {
            let date = "Wed, 21 Oct 2015 07:28:00 GMT";
            Reply::new(429, "").with("retry-after", retry_after).with("date", date)
        });
        let error = scene.ask(&scene.client()).await.unwrap_err();
        assert!(error.ends_with("Too Many Requests; it asks to wait 3600 s"), "{error}");
        assert_eq!(scene.server.seen().len(), 1);
    }
}

#[tokio::test]
async fn a_redirect_that_never_ends_is_named() {
    let scene = Scene::new(|before, _| Reply::new(302, "").with("location", format!("/{before}")));
    let error = scene.ask(&scene.client()).await.unwrap_err();
    assert!(error.ends_with("it redirects more than 5 times"), "{error}");
    assert_eq!(scene.server.seen().len(), 6);
}

#[tokio::test]
async fn a_redirect_to_another_host_loses_the_credential() {
    let other = ScriptedServer::start(|_, _| Reply::new(200, "moved"));
    let target = format!("{}/there", other.base());
    let scene = Scene::new(move |_, _| Reply::new(301, "").with("location", target.clone()));
    let mut endpoint = scene.server.endpoint(Ecosystem::Cargo);
    endpoint.authorization = Some(Secret::new("canary"));
    let answer = scene.client().get(&endpoint, "demo", "demo", "*/*").await.unwrap();
    assert_eq!(answer.url, format!("{}/there", other.base()));
    assert_eq!(scene.server.seen()[0].header("authorization"), Some("canary"));
    assert_eq!(other.seen()[0].header("authorization"), None);
}

#[tokio::test]
async fn an_answer_that_unpacks_beyond_the_limit_is_cut() {
    let mut scene = Scene::new(|_, _| {
        let mut gzip = Gzip::default();
        gzip.write_all(&[b'a'; 4_096]).unwrap();
        Reply::new(200, gzip.finish()).with("content-encoding", "gzip")
    });
    assert_eq!(scene.ask(&scene.client()).await.unwrap().len(), 4_096);
    scene.settings.response_max_bytes = 4_095;
    scene.settings.cache_dir = scene.folder.path().join("other");
    insta::assert_snapshot!(
        scene.ask(&scene.client()).await.unwrap_err(),
        @"the registry's answer about `demo` is not understood: the answer is larger than 4095 bytes"
    );
}

#[tokio::test]
async fn what_is_no_gzip_is_garbage() {
    let scene = Scene::new(|_, _| Reply::new(200, "plain").with("content-encoding", "gzip"));
    let error = scene.ask(&scene.client()).await.unwrap_err();
    assert!(error.contains("is not understood"), "{error}");
}

#[tokio::test]
async fn a_server_that_never_answers_is_given_up() {
    let mut scene = Scene::new(|_, _| Reply { silent: true, ..Reply::new(200, "") });
    scene.settings.timeout_ms = 50;
    insta::assert_snapshot!(
        scene.ask(&scene.client()).await.unwrap_err(),
        @"the registry could not be asked about `demo`: no whole answer within 50 ms, 4 times"
    );
}

#[tokio::test]
async fn nobody_at_the_address_is_unreachable() {
    let scene = Scene::new(|_, _| Reply::new(200, ""));
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let base = format!("http://{}", free.local_addr().unwrap());
    drop(free);
    let endpoint = Endpoint { ecosystem: Ecosystem::Npm, base, authorization: None };
    let error = scene.client().get(&endpoint, "demo", "demo", "*/*").await.unwrap_err();
    assert!(matches!(error, RegistryError::Unreachable { .. }), "{error}");
    let endpoint = Endpoint { base: "file:///etc".to_owned(), ..endpoint };
    let error = scene.client().get(&endpoint, "demo", "demo", "*/*").await.unwrap_err();
    assert!(error.to_string().ends_with("is no http(s) address"), "{error}");
}

#[tokio::test]
async fn equal_questions_at_once_are_one_request() {
    let scene = Scene::new(|_, _| Reply::new(200, "body"));
    let client = scene.client();
    let answers = futures_util::future::join_all((0..20).map(|_| scene.ask(&client))).await;
    assert!(answers.iter().all(|answer| answer.as_deref() == Ok("body")));
    assert_eq!(scene.server.seen().len(), 1);
}

#[tokio::test]
async fn a_name_that_would_leave_the_registry_is_not_asked_for() {
    let scene = Scene::new(|_, _| Reply::new(200, "body"));
    let endpoint = scene.server.endpoint(Ecosystem::Npm);
    let client = scene.client();
    for path in ["../x", "a/../../b", "a/%2E%2e/b", "a?b", "a#b", "a b", "a\nb", "", "/x", "a\\b"] {
        let error = client.get(&endpoint, path, path, "*/*").await.unwrap_err();
        assert!(matches!(error, RegistryError::InvalidName { .. }), "{path:?}: {error}");
    }
    assert_eq!(scene.server.seen().len(), 0);
    client.get(&endpoint, "@a/b", "@a%2fb", "*/*").await.unwrap();
    client.get(&endpoint, "a", "simple/a/", "*/*").await.unwrap();
    let paths: Vec<_> = scene.server.seen().into_iter().map(|seen| seen.path).collect();
    assert_eq!(paths, ["/@a%2fb", "/simple/a/"]);
}

#[tokio::test]
async fn two_credentials_do_not_share_an_answer() {
    let mut scene = Scene::new(|_, seen| {
        Reply::new(200, seen.header("authorization").unwrap_or("nobody").to_owned())
    });
    scene.settings.fresh_ms = 1_000;
    let client = scene.client();
    let mut endpoint = scene.server.endpoint(Ecosystem::Cargo);
    for secret in ["one", "two"] {
        endpoint.authorization = Some(Secret::new(secret));
        let answer = client.get(&endpoint, "demo", "demo", "*/*").await.unwrap();
        assert_eq!(answer.body, secret);
    }
}

/// Stored (uncompressed) gzip, enough to be a valid one: RFC 1952 around RFC 1951 section 3.2.4.
#[derive(Default)]
struct Gzip(Vec<u8>);

impl std::io::Write for Gzip {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl Gzip {
    fn finish(self) -> Vec<u8> {
        let length = u16::try_from(self.0.len()).unwrap();
        let mut out = vec![0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255, 1];
        out.extend(length.to_le_bytes());
        out.extend((!length).to_le_bytes());
        out.extend(&self.0);
        let crc = self.0.iter().fold(u32::MAX, |crc, &byte| {
            (0..8).fold(crc ^ u32::from(byte), |crc, _| {
                if crc & 1 == 1 { (crc >> 1) ^ 0xedb8_8320 } else { crc >> 1 }
            })
        });
        out.extend((!crc).to_le_bytes());
        out.extend(u32::from(length).to_le_bytes());
        out
    }
}
