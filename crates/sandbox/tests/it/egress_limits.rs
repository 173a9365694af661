//! What one machine may ask in all, and what may go out with a question.

use sandbox::port::EgressRule;

use crate::egress_network::Machine;
use crate::egress_upstream::{Answer, HOST, Upstream};

#[tokio::test]
async fn after_the_last_request_all_are_refused_and_only_counted() {
    let folder = tempfile::tempdir().unwrap();
    let upstream = Upstream::plain(|_| Answer::whole("hello")).await;
    let mut settings = upstream.settings(folder.path());
    settings.limits.requests_total_max = 3;
    let gateway = std::sync::Arc::new(sandbox::egress::Gateway::new(settings).unwrap());
    let machine = Machine::new(&gateway, vec![upstream.rule()]).await;
    let host = format!("{HOST}:{}", upstream.port());
    let ask = |path: &str| {
        format!("GET http://{host}{path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n")
    };
    assert_eq!(machine.send(ask("/open/a")).await.status(), 200);
    assert_eq!(machine.send(ask("/closed/a")).await.status(), 403);
    assert_eq!(machine.send("nonsense").await.status(), 400);
    for _ in 0..5 {
        assert_eq!(machine.send(ask("/open/a")).await.status(), 429);
    }
    assert_eq!(
        machine
            .send("CONNECT other.example:1 HTTP/1.1\r\nHost: other.example:1\r\n\r\n")
            .await
            .status(),
        403
    );
    assert_eq!(upstream.seen().len(), 1);
    let records = machine.records.clone();
    assert_eq!(records.all().len(), 4, "{:#?}", records.lines());
    drop(machine);
    records.wait_for(5).await;
    let lines = records.lines();
    assert!(lines[3].ends_with("the machine's limit of 3 requests is reached"), "{lines:#?}");
    assert!(lines[4].contains("5 more requests"), "{lines:#?}");
}

#[tokio::test]
async fn after_the_last_byte_answers_are_cut_and_requests_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let upstream = Upstream::plain(|_| Answer::whole("x".repeat(1000))).await;
    let mut settings = upstream.settings(folder.path());
    settings.limits.bytes_total_max = 2500;
    let gateway = std::sync::Arc::new(sandbox::egress::Gateway::new(settings).unwrap());
    let machine = Machine::new(&gateway, vec![upstream.rule()]).await;
    let host = format!("{HOST}:{}", upstream.port());
    let ask = |path: &str| {
        format!("GET http://{host}{path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n")
    };
    // Fetched for the machine and kept; then read from the cache; then from the upstream.
    assert_eq!(machine.send(ask("/kept/a")).await.body().len(), 1000);
    assert_eq!(machine.send(ask("/kept/a")).await.body().len(), 1000);
    let cut = machine.send(ask("/open/a")).await;
    assert!(cut.body().len() < 1000, "{}", cut.text);
    for path in ["/open/a", "/kept/a", "/kept/b"] {
        assert_eq!(machine.send(ask(path)).await.status(), 429);
    }
    assert_eq!(upstream.seen().len(), 2);
    let lines = machine.records.lines();
    assert_eq!(lines.len(), 6);
    let reached = "the machine's limit of 2500 bytes is reached";
    assert!(lines[2].ends_with(&format!("test; cut: {reached}")), "{lines:#?}");
    assert!(lines[3..].iter().all(|line| line.ends_with(&format!("refused: {reached}"))));
    // Each machine has its own.
    let other = Machine::new(&gateway, vec![upstream.rule()]).await;
    assert_eq!(other.send(ask("/open/a")).await.body().len(), 1000);
}

#[tokio::test]
async fn a_query_needs_a_rule_that_names_queries_and_a_path_has_an_end() {
    let folder = tempfile::tempdir().unwrap();
    let upstream = Upstream::plain(|_| Answer::whole("hello")).await;
    let rule = EgressRule { queries: false, ..upstream.rule() };
    let with = EgressRule { paths: vec!["/open/asked".into()], ..upstream.rule() };
    let machine = Machine::new(&upstream.gateway(folder.path()), vec![rule, with]).await;
    let host = format!("{HOST}:{}", upstream.port());
    let ask = |path: &str| {
        format!("GET http://{host}{path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n")
    };
    assert_eq!(machine.send(ask("/open/a")).await.status(), 200);
    assert_eq!(machine.send(ask("/open/a?what=a-secret")).await.status(), 403);
    assert_eq!(machine.send(ask("/open/a?")).await.status(), 403);
    assert_eq!(machine.send(ask("/open/asked?a=b")).await.status(), 200);
    assert_eq!(machine.send(ask(&format!("/open/{}", "x".repeat(1100)))).await.status(), 400);
    let records = machine.records.all();
    let told = format!("{records:?}");
    assert!(!told.contains("a-secret"), "{told}");
    assert_eq!(records[1].query, Some(domain::Digest::of(b"what=a-secret")));
    assert!(records.iter().all(|record| record.port == upstream.port()), "{told}");
}
