//! What npm of this host would ask: its registry, the registries of scopes, and where they keep their tarballs.

use std::collections::BTreeMap;

use domain::dependency::Ecosystem;
use reqwest::StatusCode;

use super::address::{Address, Reading, spelled};
use super::npmrc::Npmrc;
use super::{Preset, PresetError, Surroundings, ask};
use crate::port::EgressRule;

const RULE: &str = "preset npm";
const DOCUMENT_MAX_BYTES: u64 = 256 * 1024 * 1024;
const TARBALL_MAX_BYTES: u64 = 512 * 1024 * 1024;

/// The largest configuration file that is read.
const NPMRC_MAX_BYTES: usize = 1024 * 1024;

/// A small package that every mirror has, being a dependency of nearly everything: its document shows where
/// the registry keeps tarballs.
const PROBE: &str = "inherits";

/// Learns npm's preset.
pub(super) async fn discover(surroundings: &Surroundings) -> Result<Preset, PresetError> {
    let text =
        ask::program(surroundings, "npm", &["config", "list", "--json"]).await.map_err(tool)?;
    let settings: BTreeMap<String, serde_json::Value> =
        serde_json::from_str(&text).map_err(|error| tool(format!("its settings: {error}")))?;
    let setting = |key: &str| settings.get(key).and_then(serde_json::Value::as_str);
    let npmrc = credentials(surroundings, [setting("userconfig"), setting("globalconfig")]);
    let address = |text: &str| -> Result<Address, String> {
        let address = Address::parse(text)?;
        let found = npmrc.authorization(&address);
        Ok(address.or_authorization(found))
    };
    let registry = setting("registry").ok_or_else(|| tool("it names no registry".into()))?;
    let registry = address(registry).map_err(configuration)?;
    let asker = ask::Asker::new(surroundings).map_err(unreachable)?;
    let mut preset = Preset {
        ecosystem: Ecosystem::Npm,
        rules: learn(&asker, &registry).await.map_err(unreachable)?,
        index: registry.index(),
        env: quiet(),
        home_files: Vec::new(),
        left_out: Vec::new(),
    };
    let mut lines = format!("registry={}/\n", registry.base());
    for (key, value) in &settings {
        let (Some(scope), Some(value)) = (key.strip_suffix(":registry"), value.as_str()) else {
            continue;
        };
        match address(value) {
            Ok(scoped) => {
                lines.extend([scope, ":registry=", &scoped.base(), "/\n"]);
                if scoped.base() != registry.base() {
                    preset.rules.extend(of_registry(&scoped));
                }
            }
            Err(reason) => preset.left_out.push(format!("registry of `{scope}`: {reason}")),
        }
    }
    preset.home_files.push((".npmrc".into(), lines));
    Ok(preset)
}

/// What npm does besides installing, and would be refused.
fn quiet() -> Vec<(String, String)> {
    ["npm_config_audit", "npm_config_fund", "npm_config_update_notifier"]
        .map(|name| (name.to_owned(), "false".to_owned()))
        .to_vec()
}

fn tool(reason: String) -> PresetError {
    let fix = "install Node.js with npm, and see that `npm config list` works".to_owned();
    PresetError::Tool { tool: "npm", reason, fix }
}

fn configuration(reason: String) -> PresetError {
    let fix = "set an HTTP address: `npm config set registry ADDRESS`".to_owned();
    PresetError::Configuration { tool: "npm", reason, fix }
}

fn unreachable(reason: String) -> PresetError {
    let fix = "see whether the host reaches it: `npm ping`; proxies and trust anchors are taken from the environment";
    PresetError::Registry { tool: "npm", reason, fix: fix.to_owned() }
}

fn credentials(surroundings: &Surroundings, files: [Option<&str>; 2]) -> Npmrc {
    let mut npmrc = Npmrc::default();
    npmrc.add_env(&surroundings.env);
    for file in files.into_iter().flatten() {
        let text = std::fs::read_to_string(file).unwrap_or_default();
        if text.len() <= NPMRC_MAX_BYTES {
            npmrc.add(&text, &surroundings.env);
        }
    }
    npmrc
}

/// The rules for a registry that keeps tarballs beside the documents.
fn of_registry(registry: &Address) -> Vec<EgressRule> {
    let at = registry.glob();
    let tarballs = ["*/-/*.tgz", "@*/*/-/*.tgz", "@*%2F*/-/*.tgz"];
    let tarballs: Vec<String> = tarballs.iter().map(|part| format!("{at}/{part}")).collect();
    let documents = ["[!-@]*", "@*%2F*", "@*/*"];
    vec![
        registry.rule(Reading {
            name: RULE,
            paths: tarballs.clone(),
            queries: false,
            immutable: tarballs,
            max_bytes: TARBALL_MAX_BYTES,
        }),
        registry.rule(Reading {
            name: RULE,
            paths: documents.iter().map(|part| format!("{at}/{part}")).collect(),
            queries: false,
            immutable: Vec::new(),
            max_bytes: DOCUMENT_MAX_BYTES,
        }),
    ]
}

#[derive(serde::Deserialize)]
struct Document {
    #[serde(default)]
    versions: BTreeMap<String, Version>,
}

#[derive(serde::Deserialize)]
struct Version {
    dist: Dist,
}

#[derive(serde::Deserialize)]
struct Dist {
    tarball: String,
}

/// The rules for a registry, with a further one where its document names another place for tarballs.
async fn learn(asker: &ask::Asker, registry: &Address) -> Result<Vec<EgressRule>, String> {
    let mut rules = of_registry(registry);
    let document = registry.join(&format!("{}/{PROBE}", registry.base()))?;
    let answer =
        asker.registry(&document, "application/vnd.npm.install-v1+json, application/json").await?;
    if answer.status == StatusCode::NOT_FOUND {
        return Ok(rules);
    }
    if answer.status != StatusCode::OK {
        return Err(format!("{} answered {}", document.base(), answer.status));
    }
    let document: Document = serde_json::from_str(&answer.text)
        .map_err(|error| format!("{} is not understood: {error}", document.base()))?;
    for version in document.versions.values() {
        let tarball = registry.join(&version.dist.tarball)?;
        let beside = tarball.url().query().is_none()
            && tarball.base().starts_with(&format!("{}/{PROBE}/-/", registry.base()));
        if !beside && !rules.iter().any(|rule| covers(rule, &tarball)) {
            rules.push(elsewhere(registry, &tarball));
        }
    }
    Ok(rules)
}

/// A rule for a place of tarballs that is not beside the documents.
fn elsewhere(registry: &Address, tarball: &Address) -> EgressRule {
    let own = registry.same_origin(tarball).then(|| registry.authorization.clone()).flatten();
    let globs = tarball_globs(tarball.url().path());
    tarball.clone().or_authorization(own).rule(Reading {
        name: RULE,
        paths: globs.clone(),
        queries: tarball.url().query().is_some(),
        immutable: globs,
        max_bytes: TARBALL_MAX_BYTES,
    })
}

/// The globs of all tarballs, from the path of one: what stands before the package's name is the place.
fn tarball_globs(path: &str) -> Vec<String> {
    let path = spelled(path);
    let before = path.split('/').take_while(|part| *part != PROBE);
    let last = path.rsplit('/').next().unwrap_or_default();
    let mut place: Vec<&str> = before.collect();
    if place.last().is_some_and(|part| *part == last) {
        place.pop();
    }
    let place = globset::escape(&place.join("/"));
    let name = if last.ends_with(".tgz") { "*.tgz" } else { "*" };
    vec![format!("{place}/**/{name}")]
}

fn covers(rule: &EgressRule, tarball: &Address) -> bool {
    rule.host == tarball.host()
        && rule.paths == tarball_globs(tarball.url().path())
        && (rule.queries || tarball.url().query().is_none())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tarballs_elsewhere_are_found_by_the_place_before_the_name() {
        assert_eq!(tarball_globs("/files/inherits/2.0.4/x.tgz"), ["/files/**/*.tgz"]);
        assert_eq!(tarball_globs("/inherits/-/inherits-2.0.4.tgz"), ["/**/*.tgz"]);
        assert_eq!(tarball_globs("/download/inherits/2.0.4/0a1b2c"), ["/download/**/*"]);
        assert_eq!(tarball_globs("/flat/inherits-2.0.4.tgz"), ["/flat/**/*.tgz"]);
    }
}
