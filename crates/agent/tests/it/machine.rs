//! A temporary folder as the checkout, with this computer's own package managers.

use std::path::{Path, PathBuf};
use std::process::Stdio;

use agent::context::{Advisories, Context, Match, Previous, Versions};
use agent::outcome::Outcome;
use agent::playbook::{Memo, Playbook};
use agent::port::{Workspace, WorkspaceError};
use domain::agent::{
    Grouping, Playbook as Settings, RemediationSettings, UpdateLevel, UpdateSettings,
};
use domain::check::Check;
use domain::dependency::{Ecosystem as Kind, Left};
use domain::exec::{Exec, ExecResult, Exit};
use domain::{Clock as _, RepoPath};
use toolbox::dependencies::cargo::Cargo;
use toolbox::dependencies::npm::Npm;
use toolbox::dependencies::python::Python;
use toolbox::dependencies::{Ecosystem, Published};
use toolbox::files::{Content, FileSet};
use toolbox::registry::cargo::CargoIndex;
use toolbox::registry::npm::NpmRegistry;
use toolbox::registry::python::SimpleIndex;
use toolbox::registry::{
    Client, Endpoint, Registry as _, RegistryError, Settings as ClientSettings,
};

/// Prints the index that this host's pip asks.
const PIP_INDEX: &str = "from pip._internal.commands import create_command as c; print(c('install').parse_args([])[0].index_url)";

/// A checkout in a folder that goes away.
#[derive(Debug)]
pub(crate) struct Checkout {
    folder: tempfile::TempDir,
    /// Where the registry client keeps its answers.
    cache: tempfile::TempDir,
    advisories: Vec<(&'static str, &'static str, &'static str)>,
}

impl Checkout {
    /// A checkout with these files.
    pub(crate) fn with(files: &[(&str, &str)]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        for (path, text) in files {
            let path = folder.path().join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        }
        Self { folder, cache: tempfile::tempdir().unwrap(), advisories: Vec::new() }
    }

    /// The same with an advisory that matches a semantic range of a package.
    pub(crate) fn advisory(
        mut self,
        id: &'static str,
        package: &'static str,
        range: &'static str,
    ) -> Self {
        self.advisories.push((id, package, range));
        self
    }

    /// Runs a command that has to succeed.
    pub(crate) async fn sh(&self, command: &str) -> String {
        let done = self.exec(&Exec::new(["sh", "-ec", command], "set up")).await.unwrap();
        assert!(done.success(), "{command}: {}", done.stderr_text());
        done.stdout_text()
    }

    pub(crate) fn read_text(&self, path: &str) -> String {
        std::fs::read_to_string(self.folder.path().join(path)).unwrap()
    }

    fn place(&self, path: &RepoPath) -> PathBuf {
        self.folder.path().join(path.as_str())
    }

    pub(crate) async fn update(&self, level: UpdateLevel) -> Outcome {
        self.run(Settings::Updates(updates(level))).await
    }

    pub(crate) async fn remediate(&self) -> Outcome {
        self.remediate_with(&Memo::default()).await
    }

    /// The same with the package managers' answers kept.
    pub(crate) async fn remediate_with(&self, memo: &Memo) -> Outcome {
        let settings = Settings::Remediation(RemediationSettings {
            development: true,
            ignore: Vec::new(),
            ignore_advisories: Vec::new(),
            ecosystems: Vec::new(),
        });
        self.run_with(settings, &[], (None, memo)).await
    }

    /// The attempt after one that broke these checks.
    pub(crate) async fn update_again(&self, checks: &[Check], previous: &Previous) -> Outcome {
        let settings = Settings::Updates(updates(UpdateLevel::Minor));
        self.run_with(settings, checks, (Some(previous), &Memo::default())).await
    }

    async fn run(&self, settings: Settings) -> Outcome {
        self.run_with(settings, &[], (None, &Memo::default())).await
    }

    async fn run_with(
        &self,
        settings: Settings,
        checks: &[Check],
        (previous, memo): (Option<&Previous>, &Memo),
    ) -> Outcome {
        let python = Python::default();
        let ecosystems: [&dyn Ecosystem; 3] = [&Cargo, &Npm, &python];
        let files = files(self.folder.path(), &ecosystems);
        let client = Client::new(ClientSettings {
            cache_dir: self.cache.path().to_owned(),
            fresh_ms: 600_000,
            concurrency_max: 8,
            timeout_ms: 60_000,
            response_max_bytes: 64 * 1024 * 1024,
        })
        .unwrap();
        let base = self.sh("npm config get registry").await.trim().trim_end_matches('/').to_owned();
        let endpoint = Endpoint { ecosystem: Kind::Npm, base, authorization: None };
        let base = self.sh(&format!("python3 -c \"{PIP_INDEX}\"")).await.trim().to_owned();
        let simple = Endpoint { ecosystem: Kind::Python, base, authorization: None };
        let registries = Registries {
            cargo: CargoIndex::new(client.clone(), CargoIndex::default_endpoint()),
            npm: NpmRegistry::new(client.clone(), endpoint),
            python: SimpleIndex::new(client, simple),
        };
        let known = Known { advisories: self.advisories.clone() };
        let context = Context {
            files: &files,
            ecosystems: &ecosystems,
            versions: &registries,
            advisories: &known,
            now: domain::clock::SystemClock.now(),
            checks,
            previous,
            earlier: &[],
            memo,
            proposed: &[],
            answers: &[],
        };
        Playbook::new(settings).run(&context, self).await.unwrap()
    }
}

fn updates(level: UpdateLevel) -> UpdateSettings {
    UpdateSettings {
        level,
        group: Grouping::All,
        min_release_age_ms: 0,
        ignore: Vec::new(),
        ecosystems: Vec::new(),
    }
}

/// The tree as the engine would show it.
pub(crate) fn files(root: &Path, ecosystems: &[&dyn Ecosystem]) -> FileSet {
    let mut set = FileSet::new();
    let mut todo = vec![root.to_owned()];
    while let Some(folder) = todo.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let inside = path.strip_prefix(root).unwrap().to_str().unwrap().to_owned();
            if path.is_dir() {
                if !inside.starts_with(".git") {
                    todo.push(path);
                }
                continue;
            }
            let inside = RepoPath::new(inside).unwrap();
            match ecosystems.iter().any(|ecosystem| ecosystem.wants(&inside)) {
                true => set.set(inside, Content::Bytes(std::fs::read(path).unwrap())),
                false => set.note(inside),
            }
        }
    }
    set
}

#[derive(Debug)]
struct Registries {
    cargo: CargoIndex,
    npm: NpmRegistry,
    python: SimpleIndex,
}

#[async_trait::async_trait]
impl Versions for Registries {
    async fn versions(&self, kind: Kind, package: &str) -> Result<Vec<Published>, RegistryError> {
        match kind {
            Kind::Cargo => self.cargo.versions(package).await,
            Kind::Npm => self.npm.versions(package).await,
            Kind::Python => self.python.versions(package).await,
        }
    }
}

#[derive(Debug)]
struct Known {
    advisories: Vec<(&'static str, &'static str, &'static str)>,
}

impl Advisories for Known {
    fn matching(&self, _: Kind, package: &str, version: &str) -> Vec<Match> {
        // `3.4` of Python is 3.4.0.
        let dots = version.matches('.').count();
        let padded = format!("{version}{}", ".0".repeat(2_usize.saturating_sub(dots)));
        let version = semver::Version::parse(&padded).unwrap();
        let hits = self.advisories.iter().filter(|(_, name, range)| {
            *name == package && semver::VersionReq::parse(range).unwrap().matches(&version)
        });
        hits.map(|(id, ..)| Match {
            id: (*id).to_owned(),
            aliases: Vec::new(),
            summary: "written for this test".to_owned(),
            informational: false,
            fixed: Vec::new(),
        })
        .collect()
    }

    fn unreadable(&self) -> Vec<Left> {
        Vec::new()
    }
}

#[async_trait::async_trait]
impl Workspace for Checkout {
    async fn exec(&self, command: &Exec) -> Result<ExecResult, WorkspaceError> {
        let started = tokio::process::Command::new(&command.argv[0])
            .args(&command.argv[1..])
            .current_dir(self.place(&command.cwd))
            .envs(command.env.iter().map(|(name, value)| (name, value)))
            // The tests' own cargo must not steer the cargo that is tested.
            .env_remove("CARGO")
            .env_remove("CARGO_MANIFEST_DIR")
            .env_remove("RUSTUP_TOOLCHAIN")
            .stdin(Stdio::null())
            .output()
            .await;
        let done = match started {
            Ok(done) => done,
            Err(error) => {
                return Err(WorkspaceError::Lost(format!("{}: {error}", command.argv[0])));
            }
        };
        Ok(ExecResult {
            exit: done.status.code().map_or(Exit::Signal(9), Exit::Code),
            stdout: done.stdout,
            stderr: done.stderr,
            dropped_bytes: 0,
            millis: 0,
        })
    }

    async fn read(&self, path: &RepoPath) -> Result<Option<Vec<u8>>, WorkspaceError> {
        Ok(std::fs::read(self.place(path)).ok())
    }

    async fn write(&self, path: &RepoPath, bytes: &[u8]) -> Result<(), WorkspaceError> {
        std::fs::write(self.place(path), bytes).map_err(|e| WorkspaceError::Refused(e.to_string()))
    }

    fn progress(&self, _: &str) {}
}

/// One line an update, one an entry that was left.
pub(crate) fn brief(outcome: &Outcome) -> Vec<String> {
    let updates = outcome.updates.iter().map(|u| {
        let files: Vec<&str> = u.files.iter().map(RepoPath::as_str).collect();
        format!(
            "{} {} -> {} in {} {}",
            u.package,
            u.from,
            u.to,
            files.join(","),
            u.advisories.join(",")
        )
        .trim_end()
        .to_owned()
    });
    let left =
        outcome.left.iter().map(|l| format!("left {} {}: {:?}", l.package, l.version, l.why));
    updates.chain(left).collect()
}
