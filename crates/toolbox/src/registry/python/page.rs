//! Reads a page of the simple index: files, gathered to versions.

use std::collections::{BTreeMap, BTreeSet};

use domain::Timestamp;
use pep440_rs::Version;
use serde::Deserialize;

use crate::dependencies::Published;
use crate::dependencies::python::version::normalised;
use crate::registry::{Fetched, RegistryError};

#[derive(Deserialize)]
struct Page {
    name: Option<String>,
    files: Vec<File>,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct File {
    filename: String,
    requires_python: Option<String>,
    /// `true`, or the reason.
    #[serde(default)]
    yanked: serde_json::Value,
    upload_time: Option<String>,
    #[serde(default)]
    url: String,
    /// `true`, or digests: its metadata lies beside it (PEP 714; PEP 658 called it `dist-info-metadata`).
    #[serde(default)]
    core_metadata: serde_json::Value,
    #[serde(default)]
    dist_info_metadata: serde_json::Value,
}

/// A page in either form.
pub(super) fn read(package: &str, page: &Fetched) -> Result<Vec<Published>, RegistryError> {
    published(package, files(package, page)?)
}

/// Where the metadata of a version lies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Metadata {
    /// As the page would link to it.
    pub(super) link: String,
    /// Whether the page says that it is there. Mirrors leave the word out and have the file, so one about which
    /// nothing is said is worth the question.
    pub(super) promised: bool,
}

/// By version, where the metadata of one of its wheels lies. A page that says that there is none is believed.
pub(super) fn metadata(
    package: &str,
    page: &Fetched,
) -> Result<BTreeMap<String, Metadata>, RegistryError> {
    let mut found: BTreeMap<String, Metadata> = BTreeMap::new();
    for file in files(package, page)? {
        let said = [&file.core_metadata, &file.dist_info_metadata];
        let promised = said.iter().any(|value| !value.is_null() && **value != false);
        let denied = !promised && said.iter().any(|value| **value == false);
        let Some(version) = version_of(package, &file.filename) else { continue };
        if denied || !file.filename.ends_with(".whl") || file.url.is_empty() {
            continue;
        }
        let wheel = file.url.split('#').next().unwrap_or_default();
        let one = Metadata { link: format!("{wheel}.metadata"), promised };
        let known = found.entry(version.to_string()).or_insert_with(|| one.clone());
        if promised && !known.promised {
            *known = one;
        }
    }
    Ok(found)
}

fn files(package: &str, page: &Fetched) -> Result<Vec<File>, RegistryError> {
    let is_json = page.content_type.as_deref().is_some_and(|kind| kind.contains("json"))
        || page.body.trim_ascii_start().starts_with(b"{");
    if is_json { json(package, &page.body) } else { html(package, &page.body) }
}

/// A page in JSON.
fn json(package: &str, body: &[u8]) -> Result<Vec<File>, RegistryError> {
    let page: Page =
        serde_json::from_slice(body).map_err(|error| garbage(package, error.to_string()))?;
    if let Some(name) = page.name.filter(|name| normalised(name).as_deref() != Some(package)) {
        let name: String = name.escape_debug().take(200).collect();
        return Err(garbage(package, format!("it tells of `{name}`")));
    }
    Ok(page.files)
}

/// A page in HTML: every `a` element is a file.
fn html(package: &str, body: &[u8]) -> Result<Vec<File>, RegistryError> {
    let text = std::str::from_utf8(body)
        .map_err(|_| garbage(package, "it is not UTF-8 text".to_owned()))?;
    let lower = text.to_ascii_lowercase();
    if !lower.contains("<html") && !lower.contains("<a ") {
        return Err(garbage(package, "it is neither JSON nor HTML".to_owned()));
    }
    let mut files = Vec::new();
    for anchor in text.split("<a ").skip(1) {
        let Some((attributes, rest)) = anchor_end(anchor) else { continue };
        let filename = rest.split('<').next().unwrap_or_default().trim();
        files.push(File {
            filename: unescaped(filename),
            requires_python: attribute(attributes, "data-requires-python"),
            yanked: attribute(attributes, "data-yanked")
                .map_or(false.into(), serde_json::Value::String),
            upload_time: None,
            url: attribute(attributes, "href").unwrap_or_default(),
            core_metadata: said(attributes, "data-core-metadata"),
            dist_info_metadata: said(attributes, "data-dist-info-metadata"),
        });
    }
    Ok(files)
}

/// An attribute as the JSON form has it.
fn said(attributes: &str, name: &str) -> serde_json::Value {
    match attribute(attributes, name) {
        None => serde_json::Value::Null,
        Some(text) => serde_json::Value::Bool(text != "false"),
    }
}

/// The attributes of an element and what stands after it; a `>` in quotes does not end it.
fn anchor_end(text: &str) -> Option<(&str, &str)> {
    let mut quote = None;
    for (at, c) in text.char_indices() {
        match (quote, c) {
            (None, '>') => return Some((text.get(..at)?, text.get(at + 1..)?)),
            (None, '"' | '\'') => quote = Some(c),
            (Some(open), c) if open == c => quote = None,
            _ => {}
        }
    }
    None
}

/// The value of an attribute; empty where it has none.
fn attribute(attributes: &str, name: &str) -> Option<String> {
    let (_, rest) = attributes.split_once(name)?;
    let Some(value) = rest.trim_start().strip_prefix('=') else { return Some(String::new()) };
    let value = value.trim_start();
    let quote = value.chars().next().filter(|c| matches!(c, '"' | '\''))?;
    value.get(1..)?.split(quote).next().map(unescaped)
}

fn unescaped(text: &str) -> String {
    text.replace("&gt;", ">")
        .replace("&lt;", "<")
        .replace("&quot;", "\"")
        .replace("&#39;", "'")
        .replace("&amp;", "&")
}

fn garbage(package: &str, reason: String) -> RegistryError {
    RegistryError::Garbage { package: package.to_owned(), reason }
}

/// A version is yanked when all its files are; its Python is that of a file which is not.
fn published(package: &str, files: Vec<File>) -> Result<Vec<Published>, RegistryError> {
    let mut versions: BTreeMap<Version, Published> = BTreeMap::new();
    for file in files {
        let Some(version) = version_of(package, &file.filename) else { continue };
        let is_yanked =
            !matches!(file.yanked, serde_json::Value::Null | serde_json::Value::Bool(false));
        let time = file.upload_time.as_deref().and_then(Timestamp::parse_rfc3339);
        let one = versions.entry(version.clone()).or_insert_with(|| Published {
            version: version.to_string(),
            yanked: true,
            published_at: None,
            runtime: None,
            requires: Vec::new(),
            peers: BTreeSet::new(),
            has_files: true,
            preview: false,
            deprecated: None,
        });
        if one.runtime.is_none() || (one.yanked && !is_yanked) {
            one.runtime = file.requires_python.or(one.runtime.take());
        }
        one.yanked &= is_yanked;
        one.published_at = match (one.published_at, time) {
            (Some(a), Some(b)) => Some(a.min(b)),
            (a, b) => a.or(b),
        };
    }
    if versions.is_empty() {
        return Err(garbage(package, "the answer holds no version".to_owned()));
    }
    Ok(versions.into_values().collect())
}

/// The version in the name of a wheel or a source archive; `None` for other files (eggs, installers), which
/// pip does not install either.
fn version_of(package: &str, filename: &str) -> Option<Version> {
    if let Some(stem) = filename.strip_suffix(".whl") {
        let mut parts = stem.split('-');
        let name = parts.next()?;
        let version = parts.next()?;
        return (normalised(name).as_deref() == Some(package)).then(|| version.parse().ok())?;
    }
    let stem = [".tar.gz", ".zip", ".tar.bz2", ".tar.xz"]
        .iter()
        .find_map(|end| filename.strip_suffix(end))?;
    // Old archives have dashes in the name and in the version: the split that fits the name is the one.
    stem.match_indices('-').find_map(|(at, _)| {
        let (name, version) = stem.split_at_checked(at)?;
        (normalised(name).as_deref() == Some(package))
            .then(|| version.strip_prefix('-')?.parse().ok())?
    })
}
