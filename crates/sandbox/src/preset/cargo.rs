//! What cargo of this host would ask: the source that stands in for the default registry, further registries, and
//! where each keeps its crates.
//!
//! Sources: <https://doc.rust-lang.org/cargo/reference/source-replacement.html>; the index and its
//! `config.json`: <https://doc.rust-lang.org/cargo/reference/registry-index.html>.

use std::collections::BTreeMap;
use std::path::PathBuf;

use domain::Secret;
use domain::dependency::Ecosystem;
use reqwest::StatusCode;
use toml::{Table, Value};

use super::address::{Address, Reading, spelled};
use super::{Preset, PresetError, Surroundings, ask};
use crate::port::EgressRule;

const RULE: &str = "preset cargo";
const INDEX_MAX_BYTES: u64 = 64 * 1024 * 1024;
const CRATE_MAX_BYTES: u64 = 512 * 1024 * 1024;

/// The largest configuration file that is read.
const CONFIG_MAX_BYTES: usize = 1024 * 1024;

/// How many replacements are followed; cargo itself refuses cycles.
const REPLACEMENTS_MAX: usize = 16;

/// The name that cargo gives its default registry.
const DEFAULT_SOURCE: &str = "crates-io";

/// What stands in a machine's configuration where cargo insists on a token; the proxy replaces it.
const PLACEHOLDER_TOKEN: &str = "added-on-the-host";

/// Learns cargo's preset.
pub(super) async fn discover(surroundings: &Surroundings) -> Result<Preset, PresetError> {
    let config = Config::read(surroundings).map_err(|reason| configuration(reason, FIX_FILE))?;
    let (name, index) =
        config.default_registry().map_err(|reason| configuration(reason, FIX_SOURCE))?;
    let asker = ask::Asker::new(surroundings).map_err(registry)?;
    let main = learn(&asker, &index, config.token(&name, &index)).await.map_err(registry)?;
    let mut machine = Machine::default();
    if name != DEFAULT_SOURCE {
        machine.replace(&name, &main);
    }
    let mut preset = Preset {
        ecosystem: Ecosystem::Cargo,
        index: main.index.index(),
        rules: main.rules,
        env: Vec::new(),
        home_files: Vec::new(),
        left_out: Vec::new(),
    };
    for (other, address) in config.registries() {
        if other == name || address == index {
            continue;
        }
        match learn(&asker, &address, config.token(&other, &address)).await {
            Ok(learned) => {
                machine.registry(&other, &learned);
                preset.rules.extend(learned.rules);
            }
            Err(reason) => preset.left_out.push(format!("registry `{other}`: {reason}")),
        }
    }
    if !machine.0.is_empty() {
        preset.home_files.push((".cargo/config.toml".into(), machine.0.to_string()));
    }
    Ok(preset)
}

const FIX_FILE: &str = "correct the file, or move it away";
const FIX_SOURCE: &str =
    "let `source.crates-io.replace-with` lead to a registry with a `sparse+https://` index";

fn configuration(reason: String, fix: &str) -> PresetError {
    PresetError::Configuration { tool: "cargo", reason, fix: fix.to_owned() }
}

fn registry(reason: String) -> PresetError {
    let fix = "see whether the host reaches it: `cargo search serde`; proxies and trust anchors are taken from the environment";
    PresetError::Registry { tool: "cargo", reason, fix: fix.to_owned() }
}

/// A registry, learned from its `config.json`.
struct Learned {
    index: Address,
    rules: Vec<EgressRule>,
    wants_token: bool,
}

/// Reads a registry's `config.json`: where its crates are, and whether it wants a token everywhere.
async fn learn(asker: &ask::Asker, index: &str, token: Option<Secret>) -> Result<Learned, String> {
    let base = index
        .strip_prefix("sparse+")
        .ok_or_else(|| format!("the index `{}` is no sparse index", without_userinfo(index)))?;
    let index = Address::parse(base)?.or_authorization(token);
    let config = index.join(&format!("{}/config.json", index.base()))?;
    let answer = asker.registry(&config, "application/json").await?;
    if answer.status != StatusCode::OK {
        return Err(format!("{} answered {}", config.base(), answer.status));
    }
    let config: IndexConfig = serde_json::from_str(&answer.text)
        .map_err(|error| format!("{} is not understood: {error}", config.base()))?;
    let (download, glob) = download(&index, &config.dl)?;
    let at = index.glob();
    let parts = ["config.json", "1/*", "2/*", "3/?/*", "??/??/*"];
    let rules = vec![
        index.rule(Reading {
            name: RULE,
            paths: parts.iter().map(|part| format!("{at}/{part}")).collect(),
            queries: false,
            immutable: Vec::new(),
            max_bytes: INDEX_MAX_BYTES,
        }),
        download.rule(Reading {
            name: RULE,
            paths: vec![glob.clone()],
            queries: download.url().query().is_some(),
            immutable: vec![glob],
            max_bytes: CRATE_MAX_BYTES,
        }),
    ];
    Ok(Learned { index, rules, wants_token: config.auth_required })
}

#[derive(serde::Deserialize)]
struct IndexConfig {
    dl: String,
    #[serde(default, rename = "auth-required")]
    auth_required: bool,
}

/// Where crates are downloaded from, and the glob of their paths.
fn download(index: &Address, template: &str) -> Result<(Address, String), String> {
    let markers = ["{crate}", "{version}", "{prefix}", "{lowerprefix}", "{sha256-checksum}"];
    let mut template = template.to_owned();
    if !markers.iter().any(|marker| template.contains(marker)) {
        template.push_str("/{crate}/{version}/download");
    }
    // Markers become words that no path spells otherwise, so that address and glob can be made of one text.
    for (number, marker) in markers.iter().enumerate() {
        template = template.replace(marker, &format!("hob-marker-{number}-"));
    }
    let address = Address::parse(&template)?;
    let own = index.same_origin(&address).then(|| index.authorization.clone()).flatten();
    let address = address.or_authorization(own);
    let parts: Vec<String> = spelled(address.url().path())
        .split('/')
        .map(|part| {
            let prefix = ["hob-marker-2-", "hob-marker-3-"].contains(&part);
            let escaped = globset::escape(part);
            let glob = (0..markers.len())
                .fold(escaped, |glob, number| glob.replace(&format!("hob-marker-{number}-"), "*"));
            // A prefix is one part or two (`3/s`, `se/rd`).
            if prefix { "**".to_owned() } else { glob }
        })
        .collect();
    Ok((address, parts.join("/")))
}

fn without_userinfo(address: &str) -> String {
    match (address.split_once("://"), address.rsplit_once('@')) {
        (Some((scheme, _)), Some((_, rest))) => format!("{scheme}://{rest}"),
        _ => address.to_owned(),
    }
}

/// Cargo's own files and variables.
struct Config {
    settings: Table,
    credentials: Table,
    env: BTreeMap<String, String>,
}

impl Config {
    fn read(surroundings: &Surroundings) -> Result<Self, String> {
        let env = surroundings.env.clone();
        let home = env.get("CARGO_HOME").filter(|home| !home.is_empty()).map(PathBuf::from);
        let home = home.unwrap_or_else(|| surroundings.home.join(".cargo"));
        // Cargo takes the name without an extension first, for the sake of old set-ups.
        let first = |names: [&str; 2]| {
            names
                .iter()
                .map(|name| home.join(name))
                .find(|path| path.exists())
                .map_or(Ok(Table::new()), |path| table(&path))
        };
        let settings = first(["config", "config.toml"])?;
        let credentials = first(["credentials", "credentials.toml"])?;
        Ok(Self { settings, credentials, env })
    }

    fn text<'a>(table: &'a Table, path: [&str; 3]) -> Option<&'a str> {
        let [kind, name, key] = path;
        table.get(kind)?.get(name)?.get(key)?.as_str()
    }

    /// The name and index of the registry that stands in for the default one.
    fn default_registry(&self) -> Result<(String, String), String> {
        let mut name = DEFAULT_SOURCE.to_owned();
        for _ in 0..REPLACEMENTS_MAX {
            if let Some(next) = Self::text(&self.settings, ["source", &name, "replace-with"]) {
                next.clone_into(&mut name);
                continue;
            }
            if let Some(index) = Self::text(&self.settings, ["source", &name, "registry"]) {
                return Ok((name.clone(), index.to_owned()));
            }
            if let Some(index) = self.index_of(&name) {
                return Ok((name, index));
            }
            if name == DEFAULT_SOURCE {
                return Ok((name, tame_index::CRATES_IO_HTTP_INDEX.to_owned()));
            }
            let kind = self.settings.get("source").and_then(|source| source.get(&name));
            let kind = kind.and_then(Value::as_table).and_then(|table| table.keys().next());
            return Err(match kind {
                Some(kind) => {
                    format!("the source `{name}` is a {kind}, which no registry client can ask")
                }
                None => format!("the source `{name}` is named and not defined"),
            });
        }
        Err("the sources replace each other without end".into())
    }

    fn variable(&self, name: &str, key: &str) -> Option<String> {
        let name: String = name
            .chars()
            .map(|char| if char == '-' { '_' } else { char.to_ascii_uppercase() })
            .collect();
        self.env.get(&format!("CARGO_REGISTRIES_{name}_{key}")).cloned()
    }

    fn index_of(&self, name: &str) -> Option<String> {
        let own = || Self::text(&self.settings, ["registries", name, "index"]).map(str::to_owned);
        self.variable(name, "INDEX").or_else(own)
    }

    /// All named registries.
    fn registries(&self) -> Vec<(String, String)> {
        let table = self.settings.get("registries").and_then(Value::as_table);
        let names = table.into_iter().flat_map(|table| table.keys());
        names.filter_map(|name| Some((name.clone(), self.index_of(name)?))).collect()
    }

    /// The token for a registry: by its name, or by another name for the same index. The default registry's
    /// token is for publishing and is never sent.
    fn token(&self, name: &str, index: &str) -> Option<Secret> {
        let named = |name: &str| {
            let path = ["registries", name, "token"];
            let own =
                Self::text(&self.credentials, path).or_else(|| Self::text(&self.settings, path));
            self.variable(name, "TOKEN").or_else(|| own.map(str::to_owned))
        };
        let same = |(other, address): (String, String)| {
            (address == index && other != name).then(|| named(&other)).flatten()
        };
        (name != DEFAULT_SOURCE)
            .then(|| named(name).or_else(|| self.registries().into_iter().find_map(same)))
            .flatten()
            .map(Secret::new)
    }
}

fn table(path: &std::path::Path) -> Result<Table, String> {
    let text = std::fs::read_to_string(path)
        .map_err(|error| format!("`{}` cannot be read: {error}", path.display()))?;
    if text.len() > CONFIG_MAX_BYTES {
        return Err(format!("`{}` is larger than {CONFIG_MAX_BYTES} bytes", path.display()));
    }
    // The parser's own message would quote the line, and the line may hold a token.
    text.parse().map_err(|error: toml::de::Error| {
        let line = error
            .span()
            .map(|span| text.bytes().take(span.start).filter(|byte| *byte == b'\n').count() + 1);
        format!("`{}` is not TOML, line {}", path.display(), line.unwrap_or(1))
    })
}

/// The configuration for a machine, as it is put together.
#[derive(Default)]
struct Machine(Table);

impl Machine {
    fn set(&mut self, kind: &str, name: &str, key: &str, value: &str) {
        let table = |value: &mut Table, key: &str| {
            value.entry(key.to_owned()).or_insert_with(|| Value::Table(Table::new())).clone()
        };
        let mut outer = table(&mut self.0, kind);
        if let Some(outer) = outer.as_table_mut() {
            let mut inner = table(outer, name);
            if let Some(inner) = inner.as_table_mut() {
                inner.insert(key.to_owned(), Value::String(value.to_owned()));
            }
            outer.insert(name.to_owned(), inner);
        }
        self.0.insert(kind.to_owned(), outer);
    }

    /// Names a registry.
    fn registry(&mut self, name: &str, learned: &Learned) {
        self.set("registries", name, "index", &format!("sparse+{}/", learned.index.base()));
        if learned.wants_token {
            self.set("registries", name, "token", PLACEHOLDER_TOKEN);
        }
    }

    /// Lets a registry stand in for the default one.
    fn replace(&mut self, name: &str, learned: &Learned) {
        self.set("source", DEFAULT_SOURCE, "replace-with", name);
        self.registry(name, learned);
    }
}

#[cfg(test)]
mod tests;
