//! Presets of a user with company mirrors: learned from real configuration files by the real programs.

use std::path::Path;
use std::sync::Arc;

use domain::dependency::Ecosystem;
use insta::assert_snapshot;
use sandbox::egress::Gateway;
use sandbox::port::EgressRule;
use sandbox::preset::{Preset, Surroundings, discover};
use tempfile::TempDir;

use crate::egress_network::{Machine, this_host};
use crate::egress_upstream::{Answer, Upstream};

/// A home folder whose package managers use one mirror on loopback.
struct Home {
    folder: TempDir,
    mirror: Upstream,
}

/// What the mirror answers; `base` is its own address.
fn mirror(base: &str, path: &str) -> Answer {
    let config =
        format!(r#"{{ "dl": "{base}/dl/{{crate}}/{{version}}.crate", "auth-required": true }}"#);
    let json = |text: &str| Answer::whole(text.to_owned()).with("content-type", "application/json");
    match path {
        "/index/config.json" => json(&config),
        "/npm/inherits" => json(
            r#"{ "versions": { "1.0.0": { "dist": { "tarball": "/tarballs/inherits/1.0.0/x.tgz" } } } }"#,
        ),
        "/pypi/simple/pip/" | "/pypi/simple/wheel/" => {
            let name = path.split('/').nth(3).unwrap();
            let link =
                format!("<a href=\"../../files/{name}/{name}-1.0-py3-none-any.whl#sha256=00\">");
            Answer::whole(link).with("content-type", "text/html")
        }
        _ => Answer::whole("a file"),
    }
}

impl Home {
    async fn new() -> Self {
        let mirror = Upstream::mirror(mirror).await;
        let base = format!("http://{}", mirror.address);
        let home = Self { folder: tempfile::tempdir().unwrap(), mirror };
        home.write(
            ".cargo/config.toml",
            &format!(
                "[source.crates-io]\nreplace-with = 'mirror'\n[registries.mirror]\nindex = 'sparse+{base}/index/'\n"
            ),
        );
        home.write(".cargo/credentials.toml", "[registries.mirror]\ntoken = 'canary-cargo'\n");
        home.write(
            ".npmrc",
            &format!(
                "registry={base}/npm/\n@corp:registry={base}/corp/\n//{}/npm/:_authToken=${{NPM_TOKEN}}\n",
                home.mirror.address
            ),
        );
        home.write(
            ".config/pip/pip.conf",
            &format!(
                "[global]\nindex-url = {}/pypi/simple\n",
                base.replace("//", "//user:canary-pip@")
            ),
        );
        home
    }

    fn write(&self, name: &str, text: &str) {
        let path = self.folder.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }

    fn surroundings(&self) -> Surroundings {
        let mut surroundings = this_host();
        surroundings.home = self.folder.path().to_owned();
        surroundings.env = [("NPM_TOKEN".to_owned(), "canary-npm".to_owned())].into();
        surroundings
    }

    /// A text with what changes from test to test named.
    fn named(&self, text: &str) -> String {
        text.replace(&self.mirror.address.to_string(), "MIRROR")
            .replace(&self.mirror.port().to_string(), "PORT")
    }
}

/// One line a rule, its credential shown because it is the test's own.
fn rules(preset: &Preset) -> String {
    let line = |rule: &EgressRule| {
        let scheme = if rule.plain_http { "http" } else { "https" };
        let secret = rule.authorization.as_ref().map_or("-", |secret| secret.reveal());
        let kept = if rule.immutable.is_empty() { "" } else { " kept" };
        format!(
            "{}: {} {scheme}://{}:{} {} [{secret}]{kept}\n",
            rule.name,
            rule.methods.join(","),
            rule.host,
            rule.port,
            rule.paths.join(" ")
        )
    };
    preset.rules.iter().map(line).collect()
}

#[tokio::test]
async fn mirrors_with_credentials_are_learned_and_the_credentials_stay_on_the_host() {
    let home = Home::new().await;
    let presets = discover(&home.surroundings()).await;
    let mut all = String::new();
    let mut inside = String::new();
    for (_, preset) in presets.iter() {
        let preset = preset.unwrap();
        assert_eq!(preset.left_out, Vec::<String>::new());
        all.extend([preset.ecosystem.name(), ": ", &preset.index.base, "\n", &rules(preset)]);
        for (name, value) in &preset.env {
            inside.extend([name, "=", value, "\n"]);
        }
        for (path, text) in &preset.home_files {
            inside.extend([path, ":\n", text]);
        }
    }
    assert!(!inside.contains("canary"), "{inside}");
    assert!(!format!("{presets:?}").contains("canary"));
    assert_snapshot!(home.named(&all), @r"
    cargo: http://MIRROR/index
    preset cargo: GET,HEAD http://MIRROR /index/config.json /index/1/* /index/2/* /index/3/?/* /index/??/??/* [canary-cargo]
    preset cargo: GET,HEAD http://MIRROR /dl/*/*.crate [canary-cargo] kept
    npm: http://MIRROR/npm
    preset npm: GET,HEAD http://MIRROR /npm/*/-/*.tgz /npm/@*/*/-/*.tgz /npm/@*%2F*/-/*.tgz [Bearer canary-npm] kept
    preset npm: GET,HEAD http://MIRROR /npm/[!-@]* /npm/@*%2F* /npm/@*/* [Bearer canary-npm]
    preset npm: GET,HEAD http://MIRROR /tarballs/**/*.tgz [Bearer canary-npm] kept
    preset npm: GET,HEAD http://MIRROR /corp/*/-/*.tgz /corp/@*/*/-/*.tgz /corp/@*%2F*/-/*.tgz [-] kept
    preset npm: GET,HEAD http://MIRROR /corp/[!-@]* /corp/@*%2F* /corp/@*/* [-]
    python: http://MIRROR/pypi/simple
    preset python: GET,HEAD http://MIRROR /pypi/files/**/*.whl /pypi/files/**/*.whl.metadata /pypi/files/**/*.tar.gz /pypi/files/**/*.zip /pypi/files/**/*.tar.bz2 /pypi/files/**/*.tgz [Basic dXNlcjpjYW5hcnktcGlw] kept
    preset python: GET,HEAD http://MIRROR /pypi/simple/*/ /pypi/simple/* [Basic dXNlcjpjYW5hcnktcGlw]
    ");
    assert_snapshot!(home.named(&inside), @r#"
    .cargo/config.toml:
    [registries.mirror]
    index = "sparse+http://MIRROR/index/"
    token = "added-on-the-host"

    [source.crates-io]
    replace-with = "mirror"
    npm_config_audit=false
    npm_config_fund=false
    npm_config_update_notifier=false
    .npmrc:
    registry=http://MIRROR/npm/
    @corp:registry=http://MIRROR/corp/
    PIP_INDEX_URL=http://MIRROR/pypi/simple
    PIP_TRUSTED_HOST=127.0.0.1
    PIP_DISABLE_PIP_VERSION_CHECK=1
    UV_DEFAULT_INDEX=http://MIRROR/pypi/simple
    "#);
}

#[tokio::test]
async fn what_a_preset_allows_reaches_the_mirror_with_the_credential() {
    let home = Home::new().await;
    let presets = discover(&home.surroundings()).await;
    let rules = presets.iter().flat_map(|(_, preset)| preset.unwrap().rules.clone()).collect();
    let gateway: Arc<Gateway> = home.mirror.gateway(home.folder.path());
    let machine = Machine::new(&gateway, rules).await;
    let host = home.mirror.address;
    for (path, status) in [
        ("/index/config.json", 200),
        ("/index/se/rd/serde", 200),
        ("/index/3/f/foo", 200),
        ("/dl/serde/1.0.0.crate", 200),
        ("/dl/serde/1.0.0.crate/x", 403),
        ("/index/api/v1/crates/new", 403),
        ("/npm/left-pad", 200),
        ("/npm/@scope%2fname", 200),
        ("/npm/left-pad/-/left-pad-1.0.0.tgz", 200),
        ("/tarballs/left-pad/1.0.0/x.tgz", 200),
        ("/npm/-/whoami", 403),
        ("/npm/-/npm/v1/tokens", 403),
        ("/pypi/simple/six/", 200),
        ("/pypi/files/six/six-1.0.whl", 200),
        ("/pypi/files/six/six-1.0.exe", 403),
        ("/", 403),
    ] {
        let get = format!(
            "GET http://{host}{path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n"
        );
        assert_eq!(machine.send(get).await.status(), status, "{path}");
        let post = format!(
            "POST http://{host}{path} HTTP/1.1\r\nHost: {host}\r\nContent-Length: 0\r\n\r\n"
        );
        assert_eq!(machine.send(post).await.status(), 403, "{path}");
    }
    let seen = home.mirror.seen();
    let secret = |line: &str| {
        let seen = seen.iter().rev().find(|seen| seen.line == line).unwrap();
        seen.headers.get("authorization").map(|value| value.to_str().unwrap().to_owned())
    };
    assert_eq!(secret("GET /dl/serde/1.0.0.crate").as_deref(), Some("canary-cargo"));
    assert_eq!(secret("GET /npm/left-pad").as_deref(), Some("Bearer canary-npm"));
    assert_eq!(
        secret("GET /pypi/files/six/six-1.0.whl").as_deref(),
        Some("Basic dXNlcjpjYW5hcnktcGlw")
    );
}

#[tokio::test]
async fn one_ecosystem_s_trouble_is_its_own_and_names_the_fix() {
    let home = Home::new().await;
    home.write(
        ".cargo/config.toml",
        "[registries.mirror]\nindex = ''\ntoken = canary-in-a-broken-line\n",
    );
    home.write(".npmrc", "registry=http://127.0.0.1:1/\n");
    let presets = discover(&home.surroundings()).await;
    let said = |ecosystem| {
        let error = presets.get(ecosystem).unwrap_err();
        format!("{error}; {}", error.fix()).replace(home.folder.path().to_str().unwrap(), "HOME")
    };
    assert_snapshot!(said(Ecosystem::Cargo), @"the configuration of cargo cannot be followed: `HOME/.cargo/config.toml` is not TOML, line 3; correct the file, or move it away");
    let npm = said(Ecosystem::Npm);
    assert!(
        npm.starts_with("the registry of npm could not be asked: http://127.0.0.1:1/inherits: "),
        "{npm}"
    );
    presets.get(Ecosystem::Python).unwrap();
    let mut without = home.surroundings();
    without.path = Path::new("/nowhere").display().to_string();
    let presets = discover(&without).await;
    let npm = presets.get(Ecosystem::Npm).unwrap_err();
    assert_snapshot!(format!("{npm}; {}", npm.fix()), @"npm was not understood: `npm` is not on the PATH; install Node.js with npm, and see that `npm config list` works");
}
