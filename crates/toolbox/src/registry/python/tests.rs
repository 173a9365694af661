//! The index, scripted and real.

use std::process::Command;

use domain::Timestamp;
use proptest::prelude::*;

use super::*;
use crate::registry::Settings;
use crate::registry::scripted_server::{Reply, ScriptedServer, settings};

const JSON: &str = r#"{"meta":{"api-version":"1.1"},"name":"demo-kit","files":[
  {"filename":"demo_kit-1.0-py3-none-any.whl","url":"x","hashes":{},"yanked":"broken","upload-time":"2020-01-02T00:00:00.000000Z"},
  {"filename":"demo-kit-1.0.tar.gz","url":"x","hashes":{},"yanked":true},
  {"filename":"demo.kit-1.1rc1.tar.gz","url":"x","hashes":{},"requires-python":">=3.8","yanked":false},
  {"filename":"demo_kit-1.1rc1-py3-none-any.whl","url":"x","hashes":{},"requires-python":">=3.8","yanked":"wheel only"},
  {"filename":"demo_kit-0.9-py2.7.egg","url":"x","hashes":{}}]}"#;

const HTML: &str = r#"<!DOCTYPE html><html><body>
<a href="x#sha256=0" data-requires-python="&gt;=3.8">demo_kit-1.1-py3-none-any.whl</a><br/>
<a href="y" data-yanked="">demo-kit-1.0.tar.gz</a></body></html>"#;

async fn ask(body: &'static str, kind: &'static str) -> Result<Vec<Published>, RegistryError> {
    let folder = tempfile::tempdir().unwrap();
    let server =
        ScriptedServer::start(move |_, _| Reply::new(200, body).with("content-type", kind));
    let client = Client::new(settings(folder.path())).unwrap();
    let answer =
        SimpleIndex::new(client, server.endpoint(Ecosystem::Python)).versions("Demo_Kit").await;
    assert_eq!(server.seen()[0].path, "/demo-kit/");
    answer
}

fn told(versions: &[Published]) -> Vec<(&str, bool, Option<&str>)> {
    versions.iter().map(|v| (v.version.as_str(), v.yanked, v.runtime.as_deref())).collect()
}

#[tokio::test]
async fn a_version_is_yanked_when_all_its_files_are() {
    let versions = ask(JSON, "application/vnd.pypi.simple.v1+json").await.unwrap();
    assert_eq!(told(&versions), [("1.0", true, None), ("1.1rc1", false, Some(">=3.8"))]);
    assert_eq!(versions[0].published_at, Timestamp::parse_rfc3339("2020-01-02T00:00:00Z"));
}

#[tokio::test]
async fn an_index_that_speaks_html_alone_is_read_too() {
    let versions = ask(HTML, "text/html").await.unwrap();
    assert_eq!(told(&versions), [("1.0", true, None), ("1.1", false, Some(">=3.8"))]);
}

#[tokio::test]
async fn what_is_no_answer_is_garbage_and_never_no_versions() {
    for (body, kind) in [
        ("", "text/html"),
        ("<html></html>", "text/html"),
        ("{}", "application/json"),
        (r#"{"files":[]}"#, "application/json"),
        (r#"{"name":"other","files":[]}"#, "application/json"),
    ] {
        let answer = ask(body, kind).await;
        assert!(matches!(answer, Err(RegistryError::Garbage { .. })), "{body}: {answer:?}");
    }
}

#[tokio::test]
async fn the_index_that_pip_is_configured_for_answers() {
    let folder = tempfile::tempdir().unwrap();
    let settings = Settings { response_max_bytes: 64 * 1024 * 1024, ..settings(folder.path()) };
    let endpoint =
        Endpoint { ecosystem: Ecosystem::Python, base: configured(), authorization: None };
    let index = SimpleIndex::new(Client::new(settings).unwrap(), endpoint);
    let versions = index.versions("Requests").await.unwrap();
    let one = versions.iter().find(|v| v.version == "2.32.3").expect("requests 2.32.3");
    assert!(one.has_files && !one.yanked && one.runtime.is_some(), "{one:?}");
    assert!(versions.iter().any(|v| v.version == "2.32.0" && v.yanked));
}

#[expect(clippy::disallowed_methods, reason = "the address is pip's to say, in a test as well")]
fn configured() -> String {
    let python = |arguments: &[&str]| {
        let done = Command::new("python3").args(arguments).output().expect("python3 runs");
        String::from_utf8(done.stdout).unwrap().trim().trim_end_matches('/').to_owned()
    };
    let set = python(&["-m", "pip", "config", "get", "global.index-url"]);
    if !set.is_empty() {
        return set;
    }
    python(&["-c", "from pip._internal.models.index import PyPI; print(PyPI.simple_url)"])
}

proptest! {
    #[test]
    fn no_answer_is_a_panic(body in "[<>a=\" {}\\[\\]:,\\-.0-9é]{0,120}", at in 0..JSON.len()) {
        drop(page::html("a", body.as_bytes()));
        drop(page::html("a", format!("<html><a {body}").as_bytes()));
        drop(page::json("a", body.as_bytes()));
        drop(page::json("demo-kit", &JSON.as_bytes()[..at]));
    }
}
