//! What hob does to look up updates: read the projects, ask their registries for versions, choose the newest.

use std::collections::{BTreeMap, BTreeSet};
use std::error::Error;
use std::path::{Path, PathBuf};

use benches::measure;
use domain::agent::UpdateLevel;
use domain::clock::SystemClock;
use domain::dependency::Ecosystem as Kind;
use domain::{Clock as _, RepoPath};
use sandbox::preset::{self, Surroundings};
use toolbox::dependencies::choose::{Bounds, Rules};
use toolbox::dependencies::{self, Ecosystem, Runtimes, Source};
use toolbox::files::{Content, FileSet};
use toolbox::registry::{self, Client, Endpoint, Settings, Versions};

/// Folders that hold no sources.
const PASSED_OVER: [&str; 3] = [".git", "node_modules", "target"];

/// Prints each package of the manifests with its newest version, and each that could not be asked about.
#[tokio::main]
pub(crate) async fn look(repo: &Path, cache: &Path) -> Result<(), Box<dyn Error>> {
    let endpoints = endpoints(&measure::argument("--registries").unwrap_or_default());
    let ecosystems = dependencies::asking(&endpoints);
    let files = read(repo, &ecosystems)?;
    let client = Client::new(Settings {
        cache_dir: cache.to_owned(),
        fresh_ms: 5 * 60 * 1000,
        concurrency_max: 16,
        timeout_ms: 60_000,
        response_max_bytes: 256 * 1024 * 1024,
    })?;
    for ecosystem in &ecosystems {
        let asked = direct(&**ecosystem, &files)?;
        let endpoint = endpoints.iter().find(|e| e.ecosystem == ecosystem.kind());
        let Some(endpoint) = endpoint.filter(|_| !asked.is_empty()) else { continue };
        let registry = registry::of(client.clone(), endpoint.clone());
        let names = asked.keys().cloned().collect();
        let published = registry::versions_many(&*registry, &names).await;
        tell(&**ecosystem, &asked, &published)?;
    }
    Ok(())
}

/// Prints the registries of this host's package managers. Credentials are left out: they belong in no argument.
#[tokio::main]
pub(crate) async fn learn() -> Result<(), Box<dyn Error>> {
    let env: BTreeMap<String, String> = std::env::vars().collect();
    let presets = preset::discover(&Surroundings {
        home: env.get("HOME").map(PathBuf::from).unwrap_or_default(),
        path: env.get("PATH").cloned().unwrap_or_default(),
        env,
        extra_roots_pem: Vec::new(),
        registry_timeout: std::time::Duration::from_secs(30),
    })
    .await;
    for (ecosystem, preset) in presets.iter() {
        let base = &preset.map_err(ToString::to_string)?.index.base;
        measure::line(&format!("{ecosystem}={base}"))?;
    }
    Ok(())
}

/// The registries that `learn` printed.
fn endpoints(words: &str) -> Vec<Endpoint> {
    let endpoint = |word: &str| {
        let (name, base) = word.split_once('=')?;
        let ecosystem = Kind::ALL.into_iter().find(|kind| kind.name() == name)?;
        Some(Endpoint { ecosystem, base: base.to_owned(), authorization: None })
    };
    words.split(' ').filter_map(endpoint).collect()
}

/// Every path, and the content of what an ecosystem wants to read.
fn read(repo: &Path, ecosystems: &[Box<dyn Ecosystem>]) -> Result<FileSet, Box<dyn Error>> {
    let mut files = FileSet::new();
    let mut pending = vec![repo.to_owned()];
    while let Some(folder) = pending.pop() {
        for entry in std::fs::read_dir(&folder)? {
            let entry = entry?;
            let (path, kind) = (entry.path(), entry.file_type()?);
            if kind.is_dir() {
                if !PASSED_OVER.iter().any(|name| entry.file_name() == *name) {
                    pending.push(path);
                }
                continue;
            }
            let below = path.strip_prefix(repo)?.display().to_string();
            let Ok(name) = RepoPath::new(below) else { continue };
            if kind.is_file() && ecosystems.iter().any(|e| e.wants(&name)) {
                files.set(name, Content::Bytes(std::fs::read(&path)?));
            } else {
                files.note(name);
            }
        }
    }
    Ok(files)
}

/// The packages of the registry that manifests ask for, each with its locked versions.
fn direct(
    ecosystem: &dyn Ecosystem,
    files: &FileSet,
) -> Result<BTreeMap<String, BTreeSet<String>>, Box<dyn Error>> {
    let mut asked: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for project in ecosystem.discover(files).projects {
        let graph = ecosystem.graph(&project, files, None)?;
        for requirement in graph.direct.iter().filter(|r| r.source == Source::Registry) {
            let locked = graph.named(&requirement.package).filter(|(_, package)| {
                package.source == Source::Registry
                    && ecosystem.admits(&requirement.range, &package.version)
            });
            let versions = locked.map(|(_, package)| package.version.clone());
            asked.entry(requirement.package.clone()).or_default().extend(versions);
        }
    }
    Ok(asked)
}

fn tell(
    ecosystem: &dyn Ecosystem,
    asked: &BTreeMap<String, BTreeSet<String>>,
    published: &Versions,
) -> Result<(), Box<dyn Error>> {
    let runtimes = Runtimes::default();
    let rules = Rules { ecosystem, runtimes: &runtimes };
    let bounds =
        Bounds { level: UpdateLevel::Major, min_release_age_ms: 0, now: SystemClock.now() };
    for (package, versions) in asked {
        let kind = ecosystem.kind();
        let known = match published.get(package) {
            Some(Ok(known)) => known,
            Some(Err(error)) => {
                measure::line(&format!("# {error}"))?;
                continue;
            }
            None => return Err(format!("{package} was not asked about").into()),
        };
        let newest = versions
            .iter()
            .filter_map(|from| rules.newer(from, known, &bounds).candidates.into_iter().next());
        for newest in newest.take(1) {
            measure::line(&format!("{kind}\t{package}\t{newest}"))?;
        }
    }
    Ok(())
}
