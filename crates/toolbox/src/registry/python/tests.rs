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

const METADATA_OF_3: &str = "Metadata-Version: 2.1\nName: demo-kit\nrequires-dist: Cryptography<42,>=38.0.0,!=40.0.1\n\
    Requires-Dist: tool (>=1.0) ; python_version < '3.8'\nRequires-Dist: sphinx ; extra == 'docs'\n\
    Requires-Dist: far @ http://localhost/far.zip\nRequires-Dist: any[x]\nRequires-Dist: g.\n\n\
    Requires-Dist: text-of-the-description\n";

#[tokio::test]
async fn what_a_version_requires_is_read_beside_its_wheel_and_unknown_for_a_source_archive() {
    let folder = tempfile::tempdir().unwrap();
    let page = r#"{"files":[
      {"filename":"demo_kit-3.0-py3-none-any.whl","url":"../files/w3.whl#sha256=00","core-metadata":{"sha256":"00"}},
      {"filename":"demo_kit-4.0-py3-none-any.whl","url":"../files/w4.whl","data-dist-info-metadata":false,"dist-info-metadata":true},
      {"filename":"demo_kit-5.0-py3-none-any.whl","url":"../files/w5.whl","core-metadata":true},
      {"filename":"demo_kit-5.1-py3-none-any.whl","url":"../files/w51.whl"},
      {"filename":"demo_kit-5.2-py3-none-any.whl","url":"../files/w52.whl"},
      {"filename":"demo_kit-6.0-py3-none-any.whl","url":"../files/w4.whl","core-metadata":false},
      {"filename":"demo_kit-7.0.tar.gz","url":"../files/s7.tar.gz"}]}"#;
    let server = ScriptedServer::start(move |_, seen| match seen.path.as_str() {
        "/demo-kit/" => Reply::new(200, page).with("content-type", "application/json"),
        "/files/w3.whl.metadata" => Reply::new(200, METADATA_OF_3),
        "/files/w51.whl.metadata" => Reply::new(403, ""),
        "/files/w4.whl.metadata" | "/files/w52.whl.metadata" => {
            Reply::new(200, "Metadata-Version: 2.1\nName: demo-kit\n")
        }
        _ => Reply::new(404, ""),
    });
    let client = Client::new(settings(folder.path())).unwrap();
    let index = SimpleIndex::new(client, server.endpoint(Ecosystem::Python));
    let asked = ["3.0", "4.0", "5.0", "5.1", "5.2", "6.0", "7.0", "8.0"].map(str::to_owned);
    let requires = index.requires("Demo_Kit", &asked).await.unwrap().expect("told apart");
    let of_3 = [("cryptography", ">=38.0.0,<42,!=40.0.1"), ("tool", ">=1.0"), ("any", "")];
    let sorted = |range: &str| {
        let mut parts: Vec<String> = range.split(',').map(|part| part.trim().to_owned()).collect();
        parts.sort();
        parts
    };
    let told: Vec<_> = requires["3.0"].iter().map(|(name, r)| (name.as_str(), sorted(r))).collect();
    assert_eq!(told, of_3.map(|(name, range)| (name, sorted(range))));
    assert_eq!(requires["4.0"], []);
    assert_eq!(requires.keys().collect::<Vec<_>>(), ["3.0", "4.0", "5.2"]);
}

#[tokio::test]
async fn an_index_in_html_says_where_metadata_is_and_a_link_that_leads_nowhere_is_not_followed() {
    let folder = tempfile::tempdir().unwrap();
    let page = "<html><a href=\"/files/w1.whl#sha256=0\" data-core-metadata=\"sha256=0\">demo_kit-1.0-py3-none-any.whl</a>\
        <a href=\"file:///etc/w2.whl\" data-dist-info-metadata>demo_kit-2.0-py3-none-any.whl</a></html>";
    let server = ScriptedServer::start(move |_, seen| match seen.path.as_str() {
        "/demo-kit/" => Reply::new(200, page).with("content-type", "text/html"),
        _ => Reply::new(200, METADATA_OF_3),
    });
    let client = Client::new(settings(folder.path())).unwrap();
    let index = SimpleIndex::new(client, server.endpoint(Ecosystem::Python));
    let first = index.requires("demo-kit", &["1.0".to_owned()]).await.unwrap().unwrap();
    assert_eq!(first["1.0"][0].0, "cryptography");
    let second = index.requires("demo-kit", &["2.0".to_owned()]).await;
    assert!(matches!(second, Err(RegistryError::Garbage { .. })), "{second:?}");
}

#[tokio::test]
async fn the_index_that_pip_is_configured_for_says_what_versions_require() {
    let folder = tempfile::tempdir().unwrap();
    let settings = Settings { response_max_bytes: 64 * 1024 * 1024, ..settings(folder.path()) };
    let endpoint =
        Endpoint { ecosystem: Ecosystem::Python, base: configured(), authorization: None };
    let index = SimpleIndex::new(Client::new(settings).unwrap(), endpoint);
    let asked = ["23.2.0", "24.0.0"].map(str::to_owned);
    let requires = index.requires("pyOpenSSL", &asked).await.unwrap().expect("told apart");
    let admits = |at: &str, version: &str| {
        let mut ranges = requires[at].iter().filter(|(name, _)| name == "cryptography");
        ranges.all(|(_, range)| version::admits(range, version))
    };
    assert!(admits("23.2.0", "41.0.6") && !admits("23.2.0", "42.0.0"), "{requires:?}");
    assert!(admits("24.0.0", "42.0.0") && !admits("24.0.0", "41.0.4"), "{requires:?}");
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
        let read = |body: &[u8], kind: &str| {
            let page = Fetched {
                url: String::new(),
                content_type: Some(kind.to_owned()),
                body: body.to_vec().into(),
                confirmed_at: Timestamp::from_millis(0),
            };
            drop(page::read("a", &page));
            drop(page::metadata("demo-kit", &page));
        };
        read(body.as_bytes(), "text/html");
        read(format!("<html><a {body}").as_bytes(), "text/html");
        read(body.as_bytes(), "json");
        read(&JSON.as_bytes()[..at], "json");
        drop(metadata::requires("a", format!("Metadata-Version: 2.1\nRequires-Dist: {body}").as_bytes()));
    }
}
