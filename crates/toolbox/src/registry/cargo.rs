//! Cargo's sparse index: one file a crate, one JSON row a version.
//!
//! The protocol: <https://doc.rust-lang.org/cargo/reference/registry-index.html>.

use std::collections::BTreeSet;

use async_trait::async_trait;
use domain::Timestamp;
use domain::dependency::Ecosystem;
use tame_index::KrateName;

use super::{Client, Endpoint, Registry, RegistryError};
use crate::dependencies::Published;

/// The newest row format that is understood. Cargo passes newer rows over, and so do we:
/// they are versions that the cargo of this time cannot use.
const ROW_FORMAT_MAX: u32 = 2;

/// A sparse index.
#[derive(Debug, Clone)]
pub struct CargoIndex {
    client: Client,
    endpoint: Endpoint,
}

impl CargoIndex {
    /// The index at `endpoint`.
    pub fn new(client: Client, endpoint: Endpoint) -> Self {
        Self { client, endpoint }
    }

    /// Where the index is that cargo asks when nothing is configured.
    pub fn default_endpoint() -> Endpoint {
        let base = tame_index::CRATES_IO_HTTP_INDEX;
        let base = base.strip_prefix("sparse+").unwrap_or(base).trim_end_matches('/').to_owned();
        Endpoint { ecosystem: Ecosystem::Cargo, base, authorization: None }
    }
}

#[async_trait]
impl Registry for CargoIndex {
    fn ecosystem(&self) -> Ecosystem {
        Ecosystem::Cargo
    }

    async fn versions(&self, package: &str) -> Result<Vec<Published>, RegistryError> {
        let name = KrateName::try_from(package).map_err(|_| RegistryError::InvalidName {
            package: package.escape_debug().take(200).collect(),
        })?;
        let path = name.relative_path(Some('/'));
        let fetched = self.client.get(&self.endpoint, package, &path, "text/plain").await?;
        rows(package, &fetched.body)
    }
}

/// One version, as the index writes it; what is not needed is not named.
#[derive(Debug, serde::Deserialize)]
struct Row<'a> {
    #[serde(borrow)]
    name: std::borrow::Cow<'a, str>,
    vers: semver::Version,
    #[serde(default)]
    deps: Vec<Dependency>,
    #[serde(default)]
    yanked: bool,
    rust_version: Option<String>,
    pubtime: Option<String>,
}

/// The format of a row, read before the rest of it is believed.
#[derive(Debug, serde::Deserialize)]
struct Format {
    v: Option<u32>,
}

#[derive(Debug, serde::Deserialize)]
struct Dependency {
    name: String,
    req: String,
    kind: Option<String>,
    /// The real name, where `name` is the alias of a renamed dependency.
    package: Option<String>,
    /// Another registry than this one.
    registry: Option<String>,
}

/// Every version that the file of a crate tells of.
fn rows(package: &str, body: &[u8]) -> Result<Vec<Published>, RegistryError> {
    let garbage = |reason: String| RegistryError::Garbage { package: package.to_owned(), reason };
    let mut versions = Vec::new();
    for (at, line) in body.split(|&byte| byte == b'\n').enumerate() {
        let line = line.trim_ascii();
        if line.is_empty() {
            continue;
        }
        let wrong = |error: serde_json::Error| garbage(format!("line {}: {error}", at + 1));
        let Format { v } = serde_json::from_slice(line).map_err(wrong)?;
        if v.is_some_and(|v| v > ROW_FORMAT_MAX) {
            continue;
        }
        let row: Row<'_> = serde_json::from_slice(line).map_err(wrong)?;
        if !row.name.eq_ignore_ascii_case(package) {
            let reason = format!("line {}: it tells of `{}`", at + 1, row.name.escape_debug());
            return Err(garbage(reason));
        }
        versions.push(row.published());
    }
    if versions.is_empty() {
        return Err(garbage("the answer holds no version".to_owned()));
    }
    Ok(versions)
}

impl Row<'_> {
    fn published(self) -> Published {
        // Development requirements concern only the crate's own tests. Requirements on another registry
        // are not this registry's to answer for.
        let requires = self
            .deps
            .into_iter()
            .filter(|dep| dep.kind.as_deref() != Some("dev") && dep.registry.is_none())
            .map(|dep| (dep.package.unwrap_or(dep.name), dep.req))
            .collect();
        Published {
            version: self.vers.to_string(),
            yanked: self.yanked,
            published_at: self.pubtime.as_deref().and_then(Timestamp::parse_rfc3339),
            runtime: self.rust_version,
            requires,
            peers: BTreeSet::new(),
            has_files: true,
            preview: false,
            deprecated: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::registry::scripted_server::{Reply, ScriptedServer, settings};
    use crate::registry::versions_many;

    const ROWS: &str = r#"{"name":"Demo","vers":"1.0.0","deps":[{"name":"x","req":"^1","features":[],"optional":false,"default_features":true,"target":null,"kind":"normal","package":"real"},{"name":"t","req":"*","kind":"dev"},{"name":"b","req":"=2.0.1","kind":"build"}],"cksum":"00","features":{},"yanked":true}

{"name":"Demo","vers":"1.1.0-rc.1","deps":[],"cksum":"00","features":{},"yanked":false,"rust_version":"1.70","pubtime":"2024-03-01T10:00:00Z","v":2,"features2":{"f":["dep:x"]}}
{"v":3,"something":"from the future"}
"#;

    #[tokio::test]
    async fn each_row_is_a_version() {
        let folder = tempfile::tempdir().unwrap();
        let server = ScriptedServer::start(|_, _| Reply::new(200, ROWS));
        let client = Client::new(settings(folder.path())).unwrap();
        let index = CargoIndex::new(client, server.endpoint(Ecosystem::Cargo));
        let versions = index.versions("Demo").await.unwrap();
        assert_eq!(server.seen()[0].path, "/de/mo/demo");
        insta::assert_debug_snapshot!(versions, @r#"
        [
            Published {
                version: "1.0.0",
                yanked: true,
                published_at: None,
                runtime: None,
                requires: [
                    (
                        "real",
                        "^1",
                    ),
                    (
                        "b",
                        "=2.0.1",
                    ),
                ],
                peers: {},
                has_files: true,
                preview: false,
                deprecated: None,
            },
            Published {
                version: "1.1.0-rc.1",
                yanked: false,
                published_at: Some(
                    Timestamp(
                        1709287200000,
                    ),
                ),
                runtime: Some(
                    "1.70",
                ),
                requires: [],
                peers: {},
                has_files: true,
                preview: false,
                deprecated: None,
            },
        ]
        "#);
    }

    #[test]
    fn what_is_no_row_is_named_by_its_line() {
        let check = |body: &str| rows("demo", body.as_bytes()).unwrap_err().to_string();
        insta::assert_snapshot!(check(&ROWS.replace("\"1.1.0-rc.1\"", "\"one\"")), @"the registry's answer about `demo` is not understood: line 3: unexpected character 'o' while parsing major version number at line 1 column 27");
        insta::assert_snapshot!(check("<html>"), @"the registry's answer about `demo` is not understood: line 1: expected value at line 1 column 1");
        insta::assert_snapshot!(check(""), @"the registry's answer about `demo` is not understood: the answer holds no version");
        insta::assert_snapshot!(check(r#"{"name":"other","vers":"1.0.0"}"#), @"the registry's answer about `demo` is not understood: line 1: it tells of `other`");
    }

    #[tokio::test]
    async fn many_are_asked_at_once_and_each_has_its_own_answer() {
        let folder = tempfile::tempdir().unwrap();
        let server = ScriptedServer::start(|_, seen| match seen.path.as_str() {
            "/3/d/dem" => Reply::new(200, r#"{"name":"dem","vers":"1.0.0"}"#),
            "/1/d" => Reply::new(200, "no row"),
            _ => Reply::new(404, ""),
        });
        let client = Client::new(settings(folder.path())).unwrap();
        let index = CargoIndex::new(client, server.endpoint(Ecosystem::Cargo));
        let names = BTreeSet::from(["dem", "d", "de", "../.."].map(str::to_owned));
        let found = versions_many(&index, &names).await;
        assert_eq!(found.len(), 4);
        assert_eq!(found["dem"].as_ref().unwrap()[0].version, "1.0.0");
        assert!(matches!(found["d"], Err(RegistryError::Garbage { .. })));
        assert!(matches!(found["de"], Err(RegistryError::NoSuchPackage { .. })));
        assert!(matches!(found["../.."], Err(RegistryError::InvalidName { .. })));
    }

    #[tokio::test]
    async fn the_real_index_answers() {
        let folder = tempfile::tempdir().unwrap();
        let client = Client::new(settings(folder.path())).unwrap();
        let index = CargoIndex::new(client, CargoIndex::default_endpoint());
        let versions = index.versions("itoa").await.unwrap();
        let first = versions.iter().find(|published| published.version == "1.0.0").unwrap();
        assert!(first.published_at.is_some(), "{first:?}");
        let missing = index.versions("hob-there-is-no-such-crate-here").await;
        assert!(matches!(missing, Err(RegistryError::NoSuchPackage { .. })), "{missing:?}");
    }

    proptest! {
        #[test]
        fn no_answer_is_a_panic(body in "[{}\":,a-z0-9.\n]{0,80}") {
            prop_assert!(rows("demo", body.as_bytes()).is_ok_and(|v| !v.is_empty()) || rows("demo", body.as_bytes()).is_err());
        }
    }
}
