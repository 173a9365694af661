//! What no rule allows, what has two readings and what is too large does not get through a door, and is on record.

use bytes::Bytes;
use domain::Secret;
use insta::assert_snapshot;
use proptest::prelude::*;
use sandbox::port::EgressRule;
use tokio::io::AsyncWriteExt as _;

use crate::egress_network::Machine;
use crate::egress_upstream::{Answer, HOST, Upstream};

/// An upstream with a machine that may read it.
struct Stage {
    upstream: Upstream,
    machine: Machine,
    _folder: tempfile::TempDir,
}

impl Stage {
    async fn new(script: impl Fn(&str) -> Answer + Send + Sync + 'static) -> Self {
        Self::with(script, |_| ()).await
    }

    async fn with(
        script: impl Fn(&str) -> Answer + Send + Sync + 'static,
        change: impl FnOnce(&mut EgressRule),
    ) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let upstream = Upstream::tls(script).await;
        let mut rule = upstream.rule();
        change(&mut rule);
        let machine = Machine::new(&upstream.gateway(folder.path()), vec![rule]).await;
        Self { upstream, machine, _folder: folder }
    }

    fn authority(&self) -> String {
        format!("{HOST}:{}", self.upstream.port())
    }

    /// The records, with the port that changes from test to test named.
    fn records(&self) -> String {
        let lines = self.machine.records.lines().join("\n");
        lines.replace(&self.upstream.port().to_string(), "PORT")
    }

    async fn request(&self, request: &str) -> crate::egress_network::Said {
        let request = request.replace("AUTHORITY", &self.authority());
        self.machine.send_tls(&self.authority(), Some(HOST), request).await.unwrap()
    }
}

fn hello(_: &str) -> Answer {
    Answer::whole("hello")
}

#[tokio::test]
async fn what_a_rule_allows_arrives_and_is_recorded() {
    let stage = Stage::new(hello).await;
    let said = stage.machine.get(&stage.authority(), "/open/a?b=c", "").await;
    assert_eq!((said.status(), said.body(), said.whole), (200, "hello", true));
    assert_eq!(stage.upstream.lines(), ["GET /open/a?b=c"]);
    assert_snapshot!(stage.records(), @"GET localhost /open/a 200 allowed: test");
    assert_eq!(stage.machine.records.all()[0].bytes, 5);
}

#[tokio::test]
async fn what_no_rule_allows_is_refused_with_the_missing_rule() {
    let stage = Stage::new(hello).await;
    let post = "POST /open/a HTTP/1.1\r\nHost: AUTHORITY\r\nContent-Length: 3\r\n\r\nabc";
    assert_eq!(stage.request(post).await.status(), 403);
    for path in ["/other", "/open/../other", "/open/%2e%2e/other", "/open%2Fa", "/", "/OPEN/a"] {
        assert_eq!(stage.machine.get(&stage.authority(), path, "").await.status(), 403, "{path}");
    }
    for authority in ["other.example:443", "localhost:443", "127.0.0.1:443", "[::1]:443"] {
        let refused = stage.machine.connect(authority).await.unwrap_err();
        assert_eq!(refused.status(), 403, "{authority}");
    }
    let port = stage.upstream.port();
    for host in [format!("127.0.0.1:{port}"), format!("localhost:{port}"), "169.254.169.254".into()]
    {
        let get = format!("GET http://{host}/open/a HTTP/1.1\r\nHost: {host}\r\n\r\n");
        assert_eq!(stage.machine.send(get).await.status(), 403, "{host}");
    }
    assert_eq!(stage.upstream.lines(), Vec::<String>::new());
    assert_snapshot!(stage.records(), @r"
    POST localhost /open/a - refused: no rule for the method POST of `/open/a` on localhost:PORT
    GET localhost /other - refused: no rule for the path `/other` on localhost:PORT
    GET localhost /other - refused: no rule for the path `/other` on localhost:PORT
    GET localhost /other - refused: no rule for the path `/other` on localhost:PORT
    GET localhost /open%2Fa - refused: no rule for the path `/open%2Fa` on localhost:PORT
    GET localhost / - refused: no rule for the path `/` on localhost:PORT
    GET localhost /OPEN/a - refused: no rule for the path `/OPEN/a` on localhost:PORT
    CONNECT other.example  - refused: no rule for HTTPS to the host other.example:443
    CONNECT localhost  - refused: no rule for HTTPS to the host localhost:443
    CONNECT 127.0.0.1  - refused: no rule for HTTPS to 127.0.0.1:443, an IP address
    CONNECT ::1  - refused: no rule for HTTPS to ::1:443, an IP address
    GET 127.0.0.1 /open/a - refused: no rule for plain HTTP to 127.0.0.1:PORT, an IP address
    GET localhost /open/a - refused: no rule for plain HTTP to the host localhost:PORT
    GET 169.254.169.254 /open/a - refused: no rule for plain HTTP to 169.254.169.254:80, an IP address
    ");
}

#[tokio::test]
async fn tunnel_server_name_host_and_target_have_to_agree() {
    let stage = Stage::new(hello).await;
    let authority = stage.authority();
    let get = "GET /open/a HTTP/1.1\r\nHost: localhost\r\n\r\n";
    for name in [Some("other.example"), None] {
        stage.machine.send_tls(&authority, name, get).await.unwrap_err();
    }
    let other = "GET /open/a HTTP/1.1\r\nHost: other.example\r\n\r\n";
    assert_eq!(stage.request(other).await.status(), 400);
    let target = "GET https://other.example/open/a HTTP/1.1\r\nHost: AUTHORITY\r\n\r\n";
    assert_eq!(stage.request(target).await.status(), 400);
    let plain = "GET http://AUTHORITY/open/a HTTP/1.1\r\nHost: AUTHORITY\r\n\r\n";
    assert_eq!(stage.request(plain).await.status(), 400);
    let nested = "CONNECT AUTHORITY HTTP/1.1\r\nHost: AUTHORITY\r\n\r\n";
    assert_eq!(stage.request(nested).await.status(), 400);
    let differs = format!("CONNECT {authority} HTTP/1.1\r\nHost: other.example:443\r\n\r\n");
    assert_eq!(stage.machine.send(differs).await.status(), 400);
    assert_eq!(stage.upstream.lines(), Vec::<String>::new());
    assert_snapshot!(stage.records(), @r"
    CONNECT localhost  - refused: the TLS server name is not the tunnel's host
    CONNECT localhost  - refused: the TLS handshake names no server
    GET localhost /open/a - refused: the request is for another host than the tunnel
    GET other.example /open/a - refused: the Host field and the target differ
    GET localhost /open/a - refused: the scheme is neither the tunnel's nor http
    CONNECT localhost  - refused: CONNECT within a tunnel
    CONNECT localhost  - refused: the Host field and the target differ
    ");
}

#[tokio::test]
async fn smuggled_requests_are_refused_in_the_open_and_in_a_tunnel() {
    let stage = Stage::with(hello, |rule| rule.methods.push("POST".into())).await;
    let line = "POST /open/a HTTP/1.1\r\nHost: AUTHORITY\r\n";
    let table = [
        format!("{line}Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
        format!("{line}Transfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n0\r\n\r\n"),
        format!("{line}Content-Length: 3\r\nContent-Length: 3\r\n\r\nabc"),
        format!("{line}Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n"),
        format!("{line}Transfer-Encoding:\r\n chunked\r\n\r\n0\r\n\r\n"),
        format!("{line}Content-Length : 3\r\n\r\nabc"),
        format!("{line}X: a\r\n folded\r\n\r\n"),
        format!("{line}X: a\nY: b\r\n\r\n"),
        format!("{line}Host: other.example\r\n\r\n"),
        format!("{line}Connection: Host\r\n\r\n"),
        format!("{line}Connection: upgrade\r\nUpgrade: websocket\r\n\r\n"),
        "GET /open/a\rX: b HTTP/1.1\r\nHost: AUTHORITY\r\n\r\n".to_owned(),
        "GET /open/a HTTP/1.1\r\n\r\n".to_owned(),
        "GET /open/a%0d%0aX:b HTTP/1.1\r\nHost: AUTHORITY\r\n\r\n".to_owned(),
        "GET /open/..%2fa HTTP/1.1\r\nHost: AUTHORITY\r\n\r\n".to_owned(),
        "GET /open/a HTTP/1.1\r\nHost: AUTHORITY\r\nContent-Length: 3\r\n\r\nabc".to_owned(),
        "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_owned(),
        format!("{line}X: {}\r\n\r\n", "y".repeat(40_000)),
    ];
    for (count, request) in table.iter().enumerate() {
        let said = stage.request(request).await;
        assert_eq!(said.status(), 400, "{request}");
        let open = request.replace("AUTHORITY", &stage.authority());
        let open = open.replacen(" /", &format!(" http://{}/", stage.authority()), 1);
        // What is well-formed in the open meets the policy, which knows no rule for plain HTTP.
        let status = stage.machine.send(open).await.status();
        assert!(matches!(status, 400 | 403), "{status} for {request}");
        let records = stage.machine.records.all();
        assert_eq!(records.len(), 2 * (count + 1), "{request}");
        assert!(records.iter().all(|record| !record.allowed));
    }
    assert_eq!(stage.upstream.lines(), Vec::<String>::new());
}

#[tokio::test]
async fn a_body_is_passed_whole_or_refused() {
    let stage = Stage::with(hello, |rule| rule.methods.push("POST".into())).await;
    let line = "POST /open/a HTTP/1.1\r\nHost: AUTHORITY\r\n";
    let chunked = format!("{line}Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n");
    assert_eq!(stage.request(&chunked).await.status(), 200);
    let seen = stage.upstream.seen();
    assert_eq!(seen[0].body, "abc");
    assert_eq!(seen[0].headers["content-length"], "3");
    assert!(!seen[0].headers.contains_key("transfer-encoding"));
    let lines = format!("{line}Content-Length: 5\r\n\r\na\n\r\nb");
    assert_eq!(stage.request(&lines).await.status(), 200);
    assert_eq!(stage.upstream.seen()[1].body, "a\n\r\nb");
    for chunk in ["x\r\nabc\r\n0\r\n\r\n", "3\r\nabcd\r\n0\r\n\r\n", "-3\r\nabc\r\n0\r\n\r\n"] {
        let bad = format!("{line}Transfer-Encoding: chunked\r\n\r\n{chunk}");
        assert_eq!(stage.request(&bad).await.status(), 400, "{chunk}");
    }
    let large = format!("{line}Content-Length: 2000000\r\n\r\n{}", "x".repeat(2_000_000));
    assert_eq!(stage.request(&large).await.status(), 413);
    assert_eq!(stage.upstream.seen().len(), 2);
    assert_eq!(stage.machine.records.all().len(), 6);
}

#[tokio::test]
async fn a_second_request_on_a_connection_is_judged_anew() {
    let stage = Stage::new(hello).await;
    let first = "GET /open/a HTTP/1.1\r\nHost: AUTHORITY\r\n\r\n";
    for second in [
        "GET /open/b HTTP/1.1\r\nHost: other.example\r\n\r\n",
        "GET /other HTTP/1.1\r\nHost: AUTHORITY\r\n\r\n",
        "GET /open/b HTTP/1.1\r\nHost: AUTHORITY\r\nHost: AUTHORITY\r\n\r\n",
    ] {
        let said = stage.request(&format!("{first}{second}")).await;
        assert_eq!(said.text.matches("HTTP/1.1 200").count(), 1, "{second}");
        assert_eq!(said.text.matches("HTTP/1.1 40").count(), 1, "{second}");
    }
    assert_eq!(stage.upstream.lines(), ["GET /open/a"; 3]);
    // A body ends the connection: what follows it is never read as a request.
    let stage = Stage::with(hello, |rule| rule.methods.push("POST".into())).await;
    let body = "POST /open/a HTTP/1.1\r\nHost: AUTHORITY\r\nContent-Length: 3\r\n\r\nabc";
    let said = stage.request(&format!("{body}{first}")).await;
    assert_eq!(said.text.matches("HTTP/1.1").count(), 1);
    assert_eq!(stage.upstream.lines(), ["POST /open/a"]);
    // Also one of no bytes, where the head says that one comes.
    let empty =
        "POST /open/a HTTP/1.1\r\nHost: AUTHORITY\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n";
    let unseen = "GET /open/unseen HTTP/1.1\r\nHost: AUTHORITY\r\nHost: other.example\r\n\r\n";
    for second in [first, unseen] {
        let said = stage.request(&format!("{empty}{second}")).await;
        assert_eq!(said.text.matches("HTTP/1.1").count(), 1, "{}", said.text);
    }
    assert_eq!(stage.upstream.lines(), ["POST /open/a"; 3]);
}

#[tokio::test]
async fn an_answer_that_is_too_large_is_cut_and_never_looks_whole() {
    let script = |path: &str| match path {
        "/open/declared" => Answer::whole(vec![b'x'; 2_000_000]),
        "/open/broken" => {
            Answer { broken: true, ..Answer::pieces(vec![Bytes::from(vec![b'x'; 300_000])]) }
        }
        _ => Answer::pieces(vec![Bytes::from(vec![b'x'; 300_000]); 6]),
    };
    let stage = Stage::new(script).await;
    let declared = stage.machine.get(&stage.authority(), "/open/declared", "").await;
    assert_eq!(declared.status(), 502);
    for path in ["/open/streamed", "/open/broken"] {
        let cut = stage.machine.get(&stage.authority(), path, "").await;
        assert!(!cut.text.ends_with("0\r\n\r\n"), "{path} looks whole");
        assert!(cut.text.len() < 1 << 20, "{path} is longer than the rule allows");
    }
    let rules: Vec<String> = stage.machine.records.all().into_iter().map(|one| one.rule).collect();
    assert_eq!(rules[0], "test; cut: more than the rule's 1048576 bytes");
    assert_eq!(rules[1], "test; cut: more than the rule's 1048576 bytes");
    assert!(rules[2].starts_with("test; cut: "), "{}", rules[2]);
}

#[tokio::test]
async fn a_credential_goes_to_its_rule_s_place_only_and_never_to_the_machine() {
    const TOKEN: &str = "canary-0123456789";
    let script = |path: &str| match path {
        "/open/redirect" => {
            Answer::whole("").status(302).with("location", "https://other.example/x")
        }
        "/open/leak" => Answer::whole(format!("you sent {TOKEN}")).with("x-leak", TOKEN),
        "/open/split" => Answer::pieces(vec![Bytes::from("canary-0"), Bytes::from("123456789")]),
        _ => Answer::whole("hello").with("set-cookie", "a=b").with("alt-svc", "h3=\":1\""),
    };
    let folder = tempfile::tempdir().unwrap();
    let upstream = Upstream::tls(script).await;
    let with = EgressRule {
        name: "with".into(),
        authorization: Some(Secret::new(format!("Bearer {TOKEN}"))),
        ..upstream.rule()
    };
    let without = EgressRule {
        name: "without".into(),
        paths: vec!["/public/**".into()],
        authorization: None,
        ..upstream.rule()
    };
    let machine = Machine::new(&upstream.gateway(folder.path()), vec![with, without]).await;
    let authority = format!("{HOST}:{}", upstream.port());
    let own = "Authorization: Bearer mine\r\nCookie: c=d\r\nProxy-Authorization: Basic x\r\nX-HTTP-Method-Override: DELETE\r\n";
    let mut all = String::new();
    for path in ["/open/a", "/public/a", "/open/redirect", "/open/leak", "/open/split", "/kept/a"] {
        all += &machine.get(&authority, path, own).await.text;
    }
    assert!(!all.contains("canary-0123456789") && !all.contains("canary-0"), "{all}");
    assert!(all.contains("location: https://other.example/x"), "{all}");
    assert!(!all.contains("set-cookie") && !all.contains("alt-svc"), "{all}");
    for seen in upstream.seen() {
        let credential = seen.headers.get("authorization").map(|value| value.to_str().unwrap());
        let expect = (!seen.line.contains("public")).then(|| format!("Bearer {TOKEN}"));
        assert_eq!(credential, expect.as_deref(), "{}", seen.line);
        for name in ["cookie", "proxy-authorization", "x-http-method-override"] {
            assert!(!seen.headers.contains_key(name), "{} carries {name}", seen.line);
        }
    }
    assert_eq!(upstream.seen().len(), 6);
    let records = format!("{:?}", machine.records.all());
    assert!(!records.contains("canary"), "{records}");
}

#[tokio::test]
async fn a_credential_is_found_in_pieces_in_parts_and_in_clear() {
    const PASSWORD: &str = "canary-0123456789";
    let sent = "Basic cm9ib3Q6Y2FuYXJ5LTAxMjM0NTY3ODk=";
    let script = |path: &str| match path {
        "/open/pieces" => Answer::pieces(
            ["you sent ", "cana", "ry-01", "23", "456", "789 there"].map(Bytes::from).to_vec(),
        ),
        "/open/clear" => Answer::whole(format!("password: {PASSWORD}")).with("x-leak", PASSWORD),
        _ => Answer::whole("nothing of that"),
    };
    let folder = tempfile::tempdir().unwrap();
    let upstream = Upstream::tls(script).await;
    let authorization = Some(Secret::new(sent.to_owned()));
    let rule = EgressRule { authorization, ..upstream.rule() };
    let machine = Machine::new(&upstream.gateway(folder.path()), vec![rule]).await;
    let authority = format!("{HOST}:{}", upstream.port());
    for path in ["/open/pieces", "/open/clear"] {
        let said = machine.get(&authority, path, "").await;
        assert!(!said.text.contains("cana"), "{path}: {}", said.text);
    }
    let part = "Range: bytes=0-3\r\nIf-Range: \"x\"\r\n";
    assert_eq!(machine.get(&authority, "/open/a", part).await.body(), "nothing of that");
    for seen in upstream.seen() {
        assert!(!seen.headers.contains_key("range") && !seen.headers.contains_key("if-range"));
    }
    for _from_upstream_and_kept in 0..2 {
        let said = machine.get(&authority, "/kept/a", part).await;
        assert_eq!((said.status(), said.body()), (200, "nothing of that"));
    }
}

#[tokio::test]
async fn plain_http_is_spoken_where_a_rule_says_so_and_nowhere_else() {
    let folder = tempfile::tempdir().unwrap();
    let upstream = Upstream::plain(hello).await;
    let rule = EgressRule { host: "127.0.0.1".into(), ..upstream.rule() };
    let machine = Machine::new(&upstream.gateway(folder.path()), vec![rule]).await;
    let host = upstream.address;
    let get = |host: &str| {
        format!("GET http://{host}/open/a HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n")
    };
    assert_eq!(machine.send(get(&host.to_string())).await.body(), "hello");
    assert_eq!(machine.send(get(&format!("localhost:{}", host.port()))).await.status(), 403);
    assert_eq!(machine.send(get(&format!("127.1:{}", host.port()))).await.status(), 403);
    assert_eq!(machine.connect(&host.to_string()).await.unwrap_err().status(), 403);
}

#[tokio::test]
async fn a_machine_that_neither_sends_nor_reads_is_let_go() {
    let folder = tempfile::tempdir().unwrap();
    let upstream =
        Upstream::plain(|_| Answer::pieces(vec![Bytes::from(vec![b'x'; 64_000]); 400])).await;
    let mut settings = upstream.settings(folder.path());
    settings.limits.idle_ms = 200;
    let gateway = std::sync::Arc::new(sandbox::egress::Gateway::new(settings).unwrap());
    let rule = EgressRule { response_max_bytes: 1 << 30, ..upstream.rule() };
    let machine = Machine::new(&gateway, vec![rule]).await;
    assert_eq!(machine.send("").await.text, "");
    let said = machine.send("GET http://localhost/open/a HTTP/1.1\r\nHost: ").await;
    assert_eq!(said.status(), 400);
    let mut deaf = tokio::net::TcpStream::connect(machine.proxy).await.unwrap();
    let host = format!("{HOST}:{}", upstream.port());
    let get = format!("GET http://{host}/open/a HTTP/1.1\r\nHost: {host}\r\n\r\n");
    deaf.write_all(get.as_bytes()).await.unwrap();
    machine.records.wait_for(2).await;
    assert_snapshot!(machine.records.lines().join("\n"), @r"
    ?   - refused: the head did not arrive in time
    GET localhost /open/a 200 allowed: test; the machine did not wait for the end
    ");
}

#[test]
fn whatever_a_machine_sends_the_conversation_ends() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let stage = runtime.block_on(Stage::new(hello));
    let token = prop_oneof![
        prop::sample::select(vec![
            "GET ",
            "CONNECT ",
            "POST ",
            "http://localhost/open/a",
            "localhost:1",
            "/",
            " HTTP/1.1",
            "\r\n",
            "\r\n\r\n",
            "Host: localhost",
            "Content-Length: 5",
            "Transfer-Encoding: chunked",
            "5\r\nhello\r\n",
            "0\r\n\r\n",
            "\n",
            "\u{16}\u{3}\u{1}",
        ])
        .prop_map(|text| text.as_bytes().to_vec()),
        prop::collection::vec(any::<u8>(), 0..20),
    ];
    let bytes = prop::collection::vec(token, 0..14).prop_map(|parts| parts.concat());
    let config = ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(200) };
    proptest!(config, |(bytes in bytes)| {
        runtime.block_on(async {
            let mut stream = tokio::net::TcpStream::connect(stage.machine.proxy).await.unwrap();
            stream.write_all(&bytes).await.ok();
            stream.shutdown().await.ok();
            let mut answer = Vec::new();
            let read = tokio::io::AsyncReadExt::read_to_end(&mut stream, &mut answer);
            let ended = tokio::time::timeout(std::time::Duration::from_secs(20), read).await;
            assert!(ended.is_ok(), "{:?} does not end", String::from_utf8_lossy(&bytes));
        });
    });
}
