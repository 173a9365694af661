//! The registry, scripted and real.

use std::path::Path;
use std::process::Command;

use domain::Timestamp;
use proptest::prelude::*;

use super::*;
use crate::registry::scripted_server::{Reply, ScriptedServer, settings};

const PACKUMENT: &str = r#"{
  "_id": "@acme/demo", "name": "@acme/demo", "description": "a \"demo\"",
  "dist-tags": { "latest": "1.1.0", "next": "2.0.0" },
  "versions": {
    "1.0.0": { "name": "@acme/demo", "version": "1.0.0", "engines": ["node >= 0.8"], "dependencies": [],
               "dist": { "tarball": "http://localhost/demo-1.0.0.tgz", "signatures": [{ "keyid": "k" }] } },
    "1.1.0": { "version": "1.1.0", "engines": { "node": ">=18", "npm": ">=9" }, "deprecated": " use 2\n instead",
               "dependencies": { "a": "^1", "b": "npm:c@~2" }, "optionalDependencies": { "b": "npm:c@~2", "d": "*" },
               "devDependencies": { "e": "1" }, "peerDependencies": { "f": "1" },
               "dist": { "tarball": "http://localhost/demo-1.1.0.tgz", "unpackedSize": 12 } },
    "2.0.0": { "version": "2.0.0", "deprecated": "", "dist": {} },
    "not a version": {}
  },
  "time": { "created": "2020-01-01T00:00:00.000Z", "1.0.0": "2020-01-02T00:00:00.000Z", "1.1.0": "2021-05-04T03:02:01.000000+00:00" },
  "readme": null
}"#;

async fn ask(reply: Reply, package: &str) -> Result<Vec<Published>, RegistryError> {
    let folder = tempfile::tempdir().unwrap();
    let server = ScriptedServer::start(move |_, _| reply.clone());
    let client = Client::new(settings(folder.path())).unwrap();
    NpmRegistry::new(client, server.endpoint(Ecosystem::Npm)).versions(package).await
}

#[tokio::test]
async fn each_version_is_told_with_what_counts() {
    let versions = ask(Reply::new(200, PACKUMENT), "@acme/demo").await.unwrap();
    let told: Vec<_> = versions
        .iter()
        .map(|v| (v.version.as_str(), v.has_files, v.preview, v.yanked, v.runtime.as_deref()))
        .collect();
    assert_eq!(
        told,
        [
            ("1.0.0", true, false, false, None),
            // Deprecated is not taken back.
            ("1.1.0", true, false, false, Some(">=18")),
            ("2.0.0", false, true, false, None),
        ]
    );
    let deprecated: Vec<_> = versions.iter().map(|v| v.deprecated.as_deref()).collect();
    assert_eq!(deprecated, [None, Some("use 2 instead"), None]);
    let requires = [("a", "^1"), ("b", "npm:c@~2"), ("d", "*"), ("f", "1")];
    assert_eq!(versions[1].requires, requires.map(|(name, range)| (name.into(), range.into())));
    assert_eq!(versions[1].published_at, Timestamp::parse_rfc3339("2021-05-04T03:02:01Z"));
    assert_eq!(versions[2].published_at, None);
}

#[tokio::test]
async fn a_scoped_name_is_encoded_and_the_short_form_asked_for() {
    let folder = tempfile::tempdir().unwrap();
    let server = ScriptedServer::start(|_, _| Reply::new(200, PACKUMENT));
    let client = Client::new(settings(folder.path())).unwrap();
    let registry = NpmRegistry::new(client, server.endpoint(Ecosystem::Npm)).without_times();
    registry.versions("@acme/demo").await.unwrap();
    let seen = server.seen();
    assert_eq!(seen[0].path, "/@acme%2fdemo");
    assert_eq!(seen[0].header("accept"), Some(SHORT));
}

#[tokio::test]
async fn what_is_no_answer_is_an_error_and_never_no_versions() {
    let taken_back = r#"{"name":"demo","time":{"unpublished":{"name":"x","versions":["1.0.0"]}}}"#;
    let missing = RegistryError::NoSuchPackage { package: "demo".into() };
    assert_eq!(ask(Reply::new(200, taken_back), "demo").await, Err(missing.clone()));
    assert_eq!(ask(Reply::new(404, "{}"), "demo").await, Err(missing));
    for body in [
        "<html>",
        "",
        "[]",
        "{}",
        r#"{"name":"other","versions":{"1.0.0":{}}}"#,
        r#"{"versions":{"x":{}}}"#,
    ] {
        let answer = ask(Reply::new(200, body), "demo").await;
        assert!(matches!(answer, Err(RegistryError::Garbage { .. })), "{body}: {answer:?}");
    }
    for name in ["../../x", "@a", "@a/b/c", "", "a b", ".x", "a?b", "@/x"] {
        let answer = ask(Reply::new(200, PACKUMENT), name).await;
        assert!(matches!(answer, Err(RegistryError::InvalidName { .. })), "{name}: {answer:?}");
    }
}

#[tokio::test]
async fn the_registry_that_npm_is_configured_for_answers() {
    let folder = tempfile::tempdir().unwrap();
    let endpoint = Endpoint {
        ecosystem: Ecosystem::Npm,
        base: configured(folder.path()),
        authorization: None,
    };
    let registry = NpmRegistry::new(client(folder.path()), endpoint);
    let versions = registry.versions("minimist").await.unwrap();
    let fixed = versions.iter().find(|v| v.version == "1.2.6").expect("minimist 1.2.6");
    assert!(fixed.has_files && fixed.published_at.is_some() && !fixed.preview, "{fixed:?}");
    let scoped = registry.without_times().versions("@types/minimist").await.unwrap();
    assert!(scoped.iter().any(|v| v.version == "1.2.0"), "{scoped:?}");
}

#[expect(clippy::disallowed_methods, reason = "the address is npm's to say, in a test as well")]
fn configured(folder: &Path) -> String {
    let npm = Command::new("npm").args(["config", "get", "registry"]).current_dir(folder).output();
    let said = String::from_utf8(npm.expect("npm runs").stdout).unwrap();
    said.trim().trim_end_matches('/').to_owned()
}

fn client(folder: &Path) -> Client {
    let settings =
        super::super::Settings { response_max_bytes: 64 * 1024 * 1024, ..settings(folder) };
    Client::new(settings).unwrap()
}

proptest! {
    #[test]
    fn no_answer_is_a_panic(body in "[{}\\[\\]\":,a-z0-9. ]{0,120}", at in 0..PACKUMENT.len()) {
        drop(packument::published("demo", body.as_bytes()));
        drop(packument::published("@acme/demo", &PACKUMENT.as_bytes()[..at]));
    }
}
