//! What never changes is kept on the host: shared, verified, and out of every machine's reach.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use domain::Secret;
use sandbox::egress::Gateway;
use sandbox::port::EgressRule;
use tempfile::TempDir;

use crate::egress_network::{Machine, Said};
use crate::egress_upstream::{Answer, HOST, Upstream};

const BODY: &str = "0123456789";

/// An upstream and a gateway with a cache.
struct Stage {
    upstream: Upstream,
    gateway: Arc<Gateway>,
    folder: TempDir,
}

impl Stage {
    async fn new(script: impl Fn(&str) -> Answer + Send + Sync + 'static) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let upstream = Upstream::tls(script).await;
        let gateway = upstream.gateway(folder.path());
        Self { upstream, gateway, folder }
    }

    async fn machine(&self) -> Machine {
        Machine::new(&self.gateway, vec![self.upstream.rule()]).await
    }

    async fn get(&self, machine: &Machine, path: &str, lines: &str) -> Said {
        machine.get(&format!("{HOST}:{}", self.upstream.port()), path, lines).await
    }

    fn objects(&self) -> Vec<PathBuf> {
        files(&self.folder.path().join("cache/objects"))
    }
}

fn files(folder: &Path) -> Vec<PathBuf> {
    std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect()
}

fn ten(_: &str) -> Answer {
    Answer::whole(BODY).with("etag", "\"v1\"").with("content-type", "application/x-ten")
}

/// Waits until the download's own task has kept what the machines have already read.
async fn kept(stage: &Stage, count: usize) {
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(20);
    while files(&stage.folder.path().join("cache/entries")).len() != count {
        assert!(std::time::Instant::now() < deadline, "{count} entries are not kept");
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn one_machine_s_answer_serves_the_next_machine_and_the_next_process() {
    let stage = Stage::new(ten).await;
    let (first, second) = (stage.machine().await, stage.machine().await);
    for machine in [&first, &second] {
        let said = stage.get(machine, "/kept/a", "").await;
        assert_eq!((said.status(), said.body(), said.whole), (200, BODY, true));
        assert!(said.text.contains("application/x-ten") && said.text.contains("etag: \"v1\""));
        kept(&stage, 1).await;
    }
    let other = stage.upstream.gateway(stage.folder.path());
    let third = Machine::new(&other, vec![stage.upstream.rule()]).await;
    assert_eq!(stage.get(&third, "/kept/a", "").await.body(), BODY);
    assert_eq!(stage.upstream.lines(), ["GET /kept/a"]);
    let cached = |machine: &Machine| machine.records.all()[0].cached;
    assert_eq!([cached(&first), cached(&second), cached(&third)], [false, true, true]);
    assert_eq!(second.records.all()[0].bytes, 10);
    // What may change is asked for every time.
    for _ in 0..2 {
        stage.get(&first, "/open/a", "").await;
    }
    assert_eq!(stage.upstream.lines().len(), 3);
}

#[tokio::test]
async fn a_machine_has_no_say_in_what_is_kept() {
    let stage = Stage::new(ten).await;
    let machine = stage.machine().await;
    let poison = "Range: bytes=3-4\r\nAccept: evil/*\r\nAccept-Encoding: gzip\r\nIf-None-Match: *\r\n\
                  Cookie: a=b\r\nX-Forwarded-Host: evil.example\r\nUser-Agent: evil\r\n";
    let part = stage.get(&machine, "/kept/a", poison).await;
    assert_eq!((part.status(), part.body()), (206, "34"));
    assert!(part.text.contains("content-range: bytes 3-4/10"), "{}", part.text);
    let seen = &stage.upstream.seen()[0].headers;
    for name in ["range", "if-none-match", "cookie", "x-forwarded-host"] {
        assert!(!seen.contains_key(name), "{name} was forwarded");
    }
    assert_eq!(seen["user-agent"], "hob");
    assert_eq!(seen["accept"], "*/*");
    kept(&stage, 1).await;
    assert_eq!(stage.get(&machine, "/kept/a", "").await.body(), BODY);
    assert_eq!(stage.upstream.lines().len(), 1);
    // A query makes another resource, and a machine can invent any number of them.
    for _ in 0..2 {
        stage.get(&machine, "/kept/a?b", "").await;
    }
    assert_eq!(stage.upstream.lines().len(), 3);
    assert_eq!(stage.objects().len(), 1);
}

#[tokio::test]
async fn parts_of_what_is_kept_are_served() {
    let stage = Stage::new(ten).await;
    let machine = stage.machine().await;
    for (lines, status, body) in [
        ("Range: bytes=0-0\r\n", 206, "0"),
        ("Range: bytes=-3\r\n", 206, "789"),
        ("Range: bytes=8-\r\n", 206, "89"),
        ("Range: bytes=10-\r\n", 416, ""),
        ("Range: bytes=0-1,4-5\r\n", 200, BODY),
        ("Range: bytes=0-1\r\nIf-Range: \"v1\"\r\n", 206, "01"),
        ("Range: bytes=0-1\r\nIf-Range: \"v2\"\r\n", 200, BODY),
        ("Range: bytes=0-1\r\nIf-Range: W/\"v1\"\r\n", 200, BODY),
    ] {
        let said = stage.get(&machine, "/kept/a", lines).await;
        assert_eq!((said.status(), said.body()), (status, body), "{lines}");
    }
    let authority = format!("{HOST}:{}", stage.upstream.port());
    let head = format!("HEAD /kept/a HTTP/1.1\r\nHost: {authority}\r\nConnection: close\r\n\r\n");
    let head = machine.send_tls(&authority, Some(HOST), head).await.unwrap();
    assert!(head.text.contains("content-length: 10") && head.body().is_empty(), "{}", head.text);
}

#[tokio::test]
async fn a_damaged_file_is_dropped_and_fetched_again() {
    let stage = Stage::new(ten).await;
    let machine = stage.machine().await;
    let tamper: [fn(&Path); 3] = [
        |path| std::fs::write(path, "9876543210").unwrap(),
        |path| std::fs::write(path, "012345").unwrap(),
        |path| std::fs::remove_file(path).unwrap(),
    ];
    stage.get(&machine, "/kept/a", "").await;
    for (count, tamper) in tamper.iter().enumerate() {
        kept(&stage, 1).await;
        tamper(&stage.objects()[0]);
        assert_eq!(stage.get(&machine, "/kept/a", "").await.body(), BODY);
        assert_eq!(stage.upstream.lines().len(), count + 2);
    }
    kept(&stage, 1).await;
    let entry = files(&stage.folder.path().join("cache/entries")).remove(0);
    std::fs::write(entry, "{").unwrap();
    assert_eq!(stage.get(&machine, "/kept/a", "").await.body(), BODY);
}

#[tokio::test]
async fn machines_that_want_the_same_at_once_share_one_download() {
    let large = || Bytes::from(vec![b'x'; 700_000]);
    let stage = Stage::new(move |_| Answer::whole(large())).await;
    let machine = stage.machine().await;
    stage.upstream.hold();
    let all = futures_util::future::join_all((0..8).map(|_| stage.get(&machine, "/kept/a", "")));
    let release = async {
        while stage.upstream.lines().is_empty() {
            tokio::task::yield_now().await;
        }
        stage.upstream.release(100);
    };
    let (all, ()) = tokio::join!(all, release);
    for said in all {
        assert_eq!(said.body().len(), 700_000);
    }
    assert_eq!(stage.upstream.lines(), ["GET /kept/a"]);
    assert_eq!(machine.records.all().iter().filter(|record| record.cached).count(), 7);
}

#[tokio::test]
async fn only_whole_good_answers_are_kept() {
    let script = |path: &str| match path {
        "/kept/missing" => Answer::whole("no").status(404),
        "/kept/moved" => Answer::whole("").status(302).with("location", "/kept/a"),
        "/kept/unknown-length" => Answer::pieces(vec![Bytes::from_static(b"abc")]),
        "/kept/encoded" => Answer::whole("abc").with("content-encoding", "gzip"),
        "/kept/short" => Answer {
            fields: vec![("content-length", "600000".into())],
            broken: true,
            ..Answer::pieces(vec![Bytes::from(vec![b'x'; 300_000])])
        },
        "/kept/large" => Answer::whole(vec![b'x'; 2_000_000]),
        _ => Answer::whole("abc"),
    };
    let stage = Stage::new(script).await;
    let machine = stage.machine().await;
    for (name, status) in [
        ("missing", 404),
        ("moved", 302),
        ("unknown-length", 200),
        ("encoded", 200),
        ("large", 502),
    ] {
        for _ in 0..2 {
            let said = stage.get(&machine, &format!("/kept/{name}"), "").await;
            assert_eq!(said.status(), status, "{name}");
        }
    }
    let cut = stage.get(&machine, "/kept/short", "").await;
    assert!(cut.body().len() < 600_000);
    assert_eq!(stage.upstream.lines().len(), 11);
    assert_eq!(stage.objects(), Vec::<PathBuf>::new());
    assert_eq!(files(&stage.folder.path().join("cache/entries")), Vec::<PathBuf>::new());
}

#[tokio::test]
async fn what_was_fetched_with_a_credential_is_found_only_with_the_same_one() {
    let stage = Stage::new(ten).await;
    let with = |secret: &str| EgressRule {
        authorization: Some(Secret::new(secret)),
        ..stage.upstream.rule()
    };
    for (rule, asked) in [
        (with("Bearer a"), 1),
        (with("Bearer b"), 2),
        (stage.upstream.rule(), 3),
        (with("Bearer a"), 3),
    ] {
        let machine = Machine::new(&stage.gateway, vec![rule]).await;
        assert_eq!(stage.get(&machine, "/kept/a", "").await.body(), BODY);
        assert_eq!(stage.upstream.lines().len(), asked);
        kept(&stage, asked).await;
    }
}

#[tokio::test]
async fn the_cache_forgets_what_was_used_longest_ago() {
    let folder = tempfile::tempdir().unwrap();
    let upstream = Upstream::tls(|path| Answer::whole(path.repeat(10_000))).await;
    let mut settings = upstream.settings(folder.path());
    settings.cache_max_bytes = 500_000;
    let gateway = Arc::new(Gateway::new(settings).unwrap());
    let stage = Stage { upstream, gateway, folder };
    let machine = stage.machine().await;
    for number in 0..12 {
        let path = format!("/kept/{number:02}");
        assert_eq!(stage.get(&machine, &path, "").await.body().len(), 80_000);
        let held: u64 =
            stage.objects().iter().filter_map(|path| Some(path.metadata().ok()?.len())).sum();
        assert!(held <= 580_000, "{held} bytes are held");
    }
}
