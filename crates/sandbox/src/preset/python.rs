//! What pip and uv of this host would ask: their indexes, and the places that the indexes' links lead to.

use std::collections::{BTreeMap, BTreeSet};

use domain::dependency::Ecosystem;
use reqwest::StatusCode;

use super::address::{Address, Reading, spelled};
use super::{Preset, PresetError, Surroundings, ask, netrc};
use crate::port::EgressRule;

const RULE: &str = "preset python";
const PAGE_MAX_BYTES: u64 = 64 * 1024 * 1024;
const FILE_MAX_BYTES: u64 = 4 * 1024 * 1024 * 1024;

/// Two packages that every index has; what the paths of their files have in common is the place of all files.
const PROBES: [&str; 2] = ["pip", "wheel"];

/// What files of a release are called, with the metadata beside a wheel (PEP 658) and signatures left out.
const FILES: [&str; 6] = ["*.whl", "*.whl.metadata", "*.tar.gz", "*.zip", "*.tar.bz2", "*.tgz"];

/// Lets pip say how it is configured, with its own reader, and which index it asks otherwise. Where the
/// interpreter has no pip, the one that it gives to new environments is asked.
const SCRIPT: &str = r#"
import json, sys
try:
    import pip
except ImportError:
    import ensurepip, glob, os
    bundled = os.path.join(os.path.dirname(ensurepip.__file__), "_bundled", "pip-*.whl")
    sys.path[:0] = (glob.glob(bundled) + glob.glob("/usr/share/python-wheels/pip-*.whl"))[:1]
from pip._internal.configuration import Configuration
from pip._internal.models.index import PyPI
configuration = Configuration(isolated=False)
configuration.load()
settings = {}
for key, value in configuration.items():
    settings.update(value if isinstance(value, dict) else {key: value})
print(json.dumps({"default": PyPI.simple_url, "settings": {k: str(v) for k, v in settings.items()}}))
"#;

/// What pip says.
#[derive(serde::Deserialize)]
struct Pip {
    default: String,
    settings: BTreeMap<String, String>,
}

impl Pip {
    /// A setting of `pip install`: variables before the command's section before the global one.
    fn get(&self, key: &str) -> Option<&str> {
        [":env:", "install", "global"]
            .iter()
            .find_map(|section| self.settings.get(&format!("{section}.{key}")))
            .map(String::as_str)
            .filter(|value| !value.trim().is_empty())
    }
}

/// The indexes of one tool: the main one first.
struct Indexes {
    main: String,
    extra: Vec<String>,
}

/// Learns python's preset.
pub(super) async fn discover(surroundings: &Surroundings) -> Result<Preset, PresetError> {
    let pip = pip(surroundings).await.map_err(tool)?;
    if pip.get("no-index").is_some_and(|value| !matches!(value, "0" | "false" | "no" | "off")) {
        return Err(configuration("`no-index` is set".into()));
    }
    let words = |text: &str| text.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
    let of_pip = Indexes {
        main: pip.get("index-url").unwrap_or(&pip.default).to_owned(),
        extra: pip.get("extra-index-url").map(words).unwrap_or_default(),
    };
    let of_uv = uv(surroundings, &of_pip).map_err(configuration)?;
    let asker = ask::Asker::new(surroundings).map_err(unreachable)?;
    let address = |text: &str| -> Result<Address, String> {
        let address = Address::parse(text)?;
        let found = netrc::authorization(surroundings, address.host());
        Ok(address.or_authorization(found))
    };
    let main = address(&of_pip.main).map_err(configuration)?;
    let mut preset = Preset {
        ecosystem: Ecosystem::Python,
        rules: learn(&asker, surroundings, &main).await.map_err(unreachable)?,
        index: main.index(),
        env: Vec::new(),
        home_files: Vec::new(),
        left_out: Vec::new(),
    };
    let mut learned = BTreeSet::from([main.base()]);
    let further = of_pip.extra.iter().chain([&of_uv.main]).chain(&of_uv.extra);
    for text in further {
        let one = async {
            let index = address(text)?;
            if !learned.insert(index.base()) {
                return Ok(Vec::new());
            }
            learn(&asker, surroundings, &index).await
        };
        match one.await {
            Ok(rules) => preset.rules.extend(rules),
            Err(reason) => preset.left_out.push(format!("a further index: {reason}")),
        }
    }
    preset.env = environment(&of_pip, &of_uv);
    Ok(preset)
}

/// The variables that make pip and uv in the machine ask the same indexes.
fn environment(of_pip: &Indexes, of_uv: &Indexes) -> Vec<(String, String)> {
    let clean = |text: &String| Address::parse(text).ok().map(|address| address.base());
    let all = |texts: &[String]| texts.iter().filter_map(clean).collect::<Vec<_>>().join(" ");
    let plain = |text: &&String| Address::parse(text).is_ok_and(|address| address.is_plain());
    let plain: BTreeSet<String> = of_pip
        .extra
        .iter()
        .chain([&of_pip.main])
        .filter(plain)
        .filter_map(|text| Address::parse(text).ok())
        .map(|address| address.host().to_owned())
        .collect();
    [
        ("PIP_INDEX_URL", clean(&of_pip.main).unwrap_or_default()),
        ("PIP_EXTRA_INDEX_URL", all(&of_pip.extra)),
        ("PIP_TRUSTED_HOST", plain.into_iter().collect::<Vec<_>>().join(" ")),
        ("PIP_DISABLE_PIP_VERSION_CHECK", "1".into()),
        ("UV_DEFAULT_INDEX", clean(&of_uv.main).unwrap_or_default()),
        ("UV_INDEX", all(&of_uv.extra)),
    ]
    .into_iter()
    .filter(|(_, value)| !value.is_empty())
    .map(|(name, value)| (name.to_owned(), value))
    .collect()
}

async fn pip(surroundings: &Surroundings) -> Result<Pip, String> {
    let said = match ask::program(surroundings, "python3", &["-c", SCRIPT]).await {
        Ok(said) => said,
        Err(first) => {
            let second = ask::program(surroundings, "python", &["-c", SCRIPT]).await;
            second.map_err(|_| first)?
        }
    };
    serde_json::from_str(&said).map_err(|error| format!("its settings: {error}"))
}

fn tool(reason: String) -> PresetError {
    let fix =
        "install Python 3 with pip, and see that `python3 -m pip config list` works".to_owned();
    PresetError::Tool { tool: "pip", reason, fix }
}

fn configuration(reason: String) -> PresetError {
    let fix = "set an HTTP address: `pip config set global.index-url ADDRESS`".to_owned();
    PresetError::Configuration { tool: "pip", reason, fix }
}

fn unreachable(reason: String) -> PresetError {
    let fix = "see whether the host reaches it: `pip index versions pip`; proxies and trust anchors are taken from the environment";
    PresetError::Registry { tool: "pip", reason, fix: fix.to_owned() }
}

/// uv's own configuration: variables, then the user's file, then the system's; pip's where it says nothing.
fn uv(surroundings: &Surroundings, of_pip: &Indexes) -> Result<Indexes, String> {
    let file = uv_file(surroundings)?;
    let env = |name: &str| surroundings.env.get(name).filter(|value| !value.is_empty()).cloned();
    let texts = |value: Option<&toml::Value>| -> Vec<String> {
        let values = value.and_then(toml::Value::as_array).into_iter().flatten();
        values.filter_map(toml::Value::as_str).map(str::to_owned).collect()
    };
    let mut main = env("UV_DEFAULT_INDEX").or_else(|| env("UV_INDEX_URL"));
    let mut extra = Vec::new();
    for name in ["UV_INDEX", "UV_EXTRA_INDEX_URL"] {
        // `name=address` gives an index a name.
        let indexes = env(name).unwrap_or_default();
        extra.extend(indexes.split_whitespace().map(|index| {
            let named = index.split_once('=').filter(|(name, _)| !name.contains(['/', ':']));
            named.map_or(index, |(_, address)| address).to_owned()
        }));
    }
    for index in file.get("index").and_then(toml::Value::as_array).into_iter().flatten() {
        let Some(url) = index.get("url").and_then(toml::Value::as_str) else { continue };
        if index.get("default").and_then(toml::Value::as_bool).unwrap_or(false) {
            main = main.or_else(|| Some(url.to_owned()));
        } else {
            extra.push(url.to_owned());
        }
    }
    for table in
        [Some(&file), file.get("pip").and_then(toml::Value::as_table)].into_iter().flatten()
    {
        let url = table.get("index-url").and_then(toml::Value::as_str);
        main = main.or_else(|| url.map(str::to_owned));
        extra.extend(texts(table.get("extra-index-url")));
    }
    match main {
        Some(main) => Ok(Indexes { main, extra }),
        None if extra.is_empty() => {
            Ok(Indexes { main: of_pip.main.clone(), extra: of_pip.extra.clone() })
        }
        None => Ok(Indexes { main: of_pip.main.clone(), extra }),
    }
}

fn uv_file(surroundings: &Surroundings) -> Result<toml::Table, String> {
    let config = surroundings.env.get("XDG_CONFIG_HOME").map(std::path::PathBuf::from);
    let config = config.unwrap_or_else(|| surroundings.home.join(".config"));
    let named = surroundings.env.get("UV_CONFIG_FILE").map(std::path::PathBuf::from);
    let places = [named, Some(config.join("uv/uv.toml")), Some("/etc/uv/uv.toml".into())];
    let Some(path) = places.into_iter().flatten().find(|path| path.exists()) else {
        return Ok(toml::Table::new());
    };
    let text = std::fs::read_to_string(&path)
        .map_err(|error| format!("`{}` cannot be read: {error}", path.display()))?;
    // The parser's own message would quote the line, and the line may hold a password.
    text.parse().map_err(|_: toml::de::Error| format!("`{}` is not TOML", path.display()))
}

#[derive(serde::Deserialize)]
struct Page {
    files: Vec<PageFile>,
}

#[derive(serde::Deserialize)]
struct PageFile {
    url: String,
}

/// The rules for an index: its pages, and the places of the files that they link.
async fn learn(
    asker: &ask::Asker,
    surroundings: &Surroundings,
    index: &Address,
) -> Result<Vec<EgressRule>, String> {
    let mut places: BTreeMap<String, (Address, Vec<String>)> = BTreeMap::new();
    for probe in PROBES {
        for file in files(asker, index, probe).await? {
            let found = netrc::authorization(surroundings, file.host());
            let file = file.or_authorization(found);
            let folder = folder(&spelled(file.url().path()), probe);
            let origin = file.url().origin().ascii_serialization();
            places.entry(origin).or_insert_with(|| (file, Vec::new())).1.push(folder);
        }
    }
    if places.is_empty() {
        return Err(format!("{} links no file of {}", index.base(), PROBES.join(" or ")));
    }
    let mut rules = Vec::new();
    for (file, folders) in places.values() {
        let place = globset::escape(&common(folders));
        let globs: Vec<String> = FILES.iter().map(|name| format!("{place}/**/{name}")).collect();
        rules.push(file.rule(Reading {
            name: RULE,
            paths: globs.clone(),
            queries: file.url().query().is_some(),
            immutable: globs,
            max_bytes: FILE_MAX_BYTES,
        }));
    }
    let at = index.glob();
    rules.push(index.rule(Reading {
        name: RULE,
        paths: vec![format!("{at}/*/"), format!("{at}/*")],
        queries: false,
        immutable: Vec::new(),
        max_bytes: PAGE_MAX_BYTES,
    }));
    Ok(rules)
}

/// The files that an index links for a package, none where it does not know it.
async fn files(asker: &ask::Asker, index: &Address, package: &str) -> Result<Vec<Address>, String> {
    let page = index.join(&format!("{}/{package}/", index.base()))?;
    let accept = "application/vnd.pypi.simple.v1+json, text/html;q=0.5";
    let answer = asker.registry(&page, accept).await?;
    if answer.status == StatusCode::NOT_FOUND {
        return Ok(Vec::new());
    }
    if answer.status != StatusCode::OK {
        return Err(format!("{} answered {}", page.base(), answer.status));
    }
    let links = if answer.is_json {
        let page: Page = serde_json::from_str(&answer.text)
            .map_err(|error| format!("{} is not understood: {error}", page.base()))?;
        page.files.into_iter().map(|file| file.url).collect()
    } else {
        links(&answer.text)
    };
    let is_file = |link: &String| {
        let path = link.split(['#', '?']).next().unwrap_or_default();
        FILES.iter().any(|name| path.ends_with(name.trim_start_matches('*')))
    };
    links.iter().filter(|link| is_file(link)).map(|link| answer.from.join(link)).collect()
}

/// The targets of a page's links (PEP 503).
fn links(html: &str) -> Vec<String> {
    let mut links = Vec::new();
    let mut rest = html;
    while let Some((_, after)) = rest.split_once("href=") {
        let quote = after.chars().next().filter(|quote| matches!(quote, '"' | '\''));
        let link = quote.and_then(|quote| after.get(1..)?.split_once(quote));
        if let Some((link, _)) = link {
            links.push(link.replace("&amp;", "&"));
        }
        rest = after;
    }
    links
}

/// The folder of a file, without the parts that are the package's own: its name, its initial, digests.
fn folder(path: &str, package: &str) -> String {
    let folder = path.rsplit_once('/').map_or("", |(folder, _)| folder);
    let own = |part: &str| {
        let digest = part.len() >= 2 && part.bytes().all(|byte| byte.is_ascii_hexdigit());
        part == package || (part.len() == 1 && package.starts_with(part)) || digest
    };
    let parts: Vec<&str> = folder.split('/').take_while(|part| !own(part)).collect();
    parts.join("/")
}

/// The deepest folder that holds all of these.
fn common(folders: &[String]) -> String {
    let mut folders = folders.iter().map(|folder| folder.split('/').collect::<Vec<_>>());
    let first = folders.next().unwrap_or_default();
    let common = folders.fold(first, |common, folder| {
        let same = common.iter().zip(&folder).take_while(|(a, b)| a == b).count();
        common.into_iter().take(same).collect()
    });
    common.join("/")
}

#[cfg(test)]
mod tests;
