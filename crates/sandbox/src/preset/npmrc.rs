//! Finds credentials in npm's configuration files; npm itself refuses to print them.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use domain::Secret;

use super::address::{Address, basic};

/// The settings of one or several files.
#[derive(Default)]
pub(super) struct Npmrc(BTreeMap<String, String>);

impl Npmrc {
    /// Adds a file's settings, which yield to those already there; `${NAME}` is taken from `env`, as npm does.
    pub(super) fn add(&mut self, text: &str, env: &BTreeMap<String, String>) {
        for line in text.lines().map(str::trim) {
            if line.is_empty() || line.starts_with(['#', ';', '[']) {
                continue;
            }
            if let Some((key, value)) = line.split_once('=') {
                let value = value.trim().trim_matches(['"', '\'']);
                self.0.entry(expanded(key.trim(), env)).or_insert_with(|| expanded(value, env));
            }
        }
    }

    /// Adds what the environment sets: `npm_config_//host/:_authToken`.
    pub(super) fn add_env(&mut self, env: &BTreeMap<String, String>) {
        for (key, value) in env {
            let setting = key.get(..11).filter(|start| start.eq_ignore_ascii_case("npm_config_"));
            if let (Some(_), Some(setting)) = (setting, key.get(11..)) {
                self.0.entry(setting.to_owned()).or_insert_with(|| value.clone());
            }
        }
    }

    /// The credential for a registry: the entry with the longest path at or above its own.
    pub(super) fn authorization(&self, registry: &Address) -> Option<Secret> {
        let base = registry.base();
        let (_, place) = base.split_once("//")?;
        let mut place = place;
        loop {
            let key = |name: &str| {
                let with = self.0.get(&format!("//{place}/:{name}"));
                with.or_else(|| self.0.get(&format!("//{place}:{name}")))
            };
            if let Some(token) = key("_authToken") {
                return Some(Secret::new(format!("Bearer {token}")));
            }
            if let Some(encoded) = key("_auth") {
                return Some(Secret::new(format!("Basic {encoded}")));
            }
            if let (Some(user), Some(password)) = (key("username"), key("_password")) {
                let password = BASE64_STANDARD.decode(password).ok()?;
                return Some(basic(user, &String::from_utf8_lossy(&password)));
            }
            (place, _) = place.rsplit_once('/')?;
        }
    }
}

/// Replaces `${NAME}`; what is not set stays, as npm leaves it.
fn expanded(text: &str, env: &BTreeMap<String, String>) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("${") {
        out.push_str(before);
        let value = after.split_once('}').and_then(|(name, after)| {
            let name = name.trim_end_matches('?');
            env.get(name).map(|value| (value, after))
        });
        match value {
            Some((value, after)) => {
                out.push_str(value);
                rest = after;
            }
            None => {
                out.push_str("${");
                rest = after;
            }
        }
    }
    out.push_str(rest);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, registry: &str, expect: Option<&str>) {
        let env = BTreeMap::from([("TOKEN".to_owned(), "t0".to_owned())]);
        let mut npmrc = Npmrc::default();
        npmrc.add(text, &env);
        let found = npmrc.authorization(&Address::parse(registry).unwrap());
        assert_eq!(found.as_ref().map(Secret::reveal), expect, "{text}");
    }

    #[test]
    fn the_nearest_credential_is_found() {
        let registry = "https://mirror.example/api/npm/";
        check("//mirror.example/api/npm/:_authToken=${TOKEN}", registry, Some("Bearer t0"));
        check("//mirror.example/:_authToken = \"x\"", registry, Some("Bearer x"));
        check("//mirror.example/:_auth=dTpw", registry, Some("Basic dTpw"));
        check(
            "//mirror.example/:username=u\n//mirror.example/:_password=cA==",
            registry,
            Some("Basic dTpw"),
        );
        check(
            "//mirror.example/api/:_authToken=b\n//mirror.example/:_authToken=a",
            registry,
            Some("Bearer b"),
        );
        check("//other.example/:_authToken=x", registry, None);
        check("//mirror.example/api/npm-private/:_authToken=x", registry, None);
        check("_authToken=x", registry, None);
        check("; //mirror.example/:_authToken=x", registry, None);
    }
}
