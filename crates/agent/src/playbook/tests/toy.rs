//! An invented ecosystem with its registry, its package manager and its advisories, all in memory.
//!
//! Manifest `toy.txt`: one `name range [dev] [git] [on=runtime]` a line. Lock `toy.lock`: one `name version [dep@version ..]` a line,
//! written by the package manager `toy move name from to ..`, which keeps what is locked wherever it may.

use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Mutex;

use domain::agent::{
    Grouping, Playbook as Settings, RemediationSettings, UpdateLevel, UpdateSettings,
};
use domain::check::{Check, ResultFormat};
use domain::dependency::{Ecosystem as Kind, Left, Update, UpdateKind, Why};
use domain::exec::{Exec, ExecResult, Exit};
use domain::{RepoPath, Timestamp};
use semver::{Version, VersionReq};
use toolbox::dependencies::{
    Bump, Discovery, Ecosystem, Elsewhere, FileEdit, Graph, Package, PackageId, Plan, PlanError,
    Project, Published, ReadError, Refusal, RefusalKind, Requirement, Runtimes, Source,
};
use toolbox::files::{Content, FileSet};
use toolbox::registry::{RegistryError, Requires};

use crate::context::{Advisories, Answered, Context, Match, Previous, Versions};
use crate::outcome::Outcome;
use crate::playbook::{Memo, Playbook};
use crate::port::{Workspace, WorkspaceError};

/// Everything outside the repository.
#[derive(Debug, Default)]
pub(super) struct World {
    pub(super) registry: BTreeMap<String, Vec<Published>>,
    /// Id, package, range, informational.
    pub(super) advisories: Vec<(String, String, String, bool)>,
    pub(super) unreadable: Vec<Left>,
    /// Id, package and version of advisories that cannot be decided.
    pub(super) undecided: Vec<(String, String, String)>,
    /// Packages that the registry cannot be asked about.
    pub(super) unreachable: BTreeSet<String>,
    /// Versions that break the check.
    pub(super) broken: BTreeSet<(String, String)>,
    /// A package and its version that break the check, unless another package fits a range.
    pub(super) clashes: Vec<(String, String, String, String)>,
    /// Versions that the package manager cannot install, whatever the registry says.
    pub(super) uninstallable: BTreeSet<(String, String)>,
    /// At most one version of a name, as in Python.
    pub(super) single: bool,
    /// The package manager says which locked version is in the way.
    pub(super) tells: bool,
    /// The package manager takes the lowest version that fits where none is locked.
    pub(super) lowest: bool,
    /// The registry does not say what versions require.
    pub(super) silent: bool,
    /// The registry tells apart what versions require, and this is what it was asked.
    pub(super) apart: Option<Mutex<Vec<String>>>,
    /// Versions published as a source archive alone: nobody says what they require.
    pub(super) archives: BTreeSet<(String, String)>,
    pub(super) proposed: Vec<Update>,
    pub(super) answers: Vec<Answered>,
    pub(super) previous: Option<Previous>,
    /// What is kept from one attempt to the next.
    pub(super) memo: Memo,
}

impl World {
    /// Publishes `name version`, requiring `dep range, dep range`; `!` before the version means yanked, a runtime after `@`.
    pub(super) fn publish(mut self, name: &str, version: &str, requires: &str) -> Self {
        let (version, runtime) = match version.split_once('@') {
            Some((version, runtime)) => (version, Some(runtime.to_owned())),
            None => (version, None),
        };
        let (yanked, version) = match version.strip_prefix('!') {
            Some(version) => (true, version),
            None => (false, version),
        };
        let requires = requires.split(',').filter_map(|part| part.trim().split_once(' '));
        self.registry.entry(name.to_owned()).or_default().push(Published {
            version: version.to_owned(),
            yanked,
            published_at: Some(Timestamp::from_millis(1_000)),
            runtime,
            requires: requires.map(|(n, r)| (n.to_owned(), r.to_owned())).collect(),
            peers: BTreeSet::new(),
            has_files: true,
            preview: false,
            deprecated: None,
        });
        self
    }

    /// What is published of a version besides.
    pub(super) fn with(mut self, name: &str, version: &str, set: impl Fn(&mut Published)) -> Self {
        let all = self.registry.get_mut(name).into_iter().flatten();
        all.filter(|p| p.version == version).for_each(set);
        self
    }

    pub(super) fn versions(mut self, name: &str, versions: &[&str]) -> Self {
        for version in versions {
            self = self.publish(name, version, "");
        }
        self
    }

    pub(super) fn advisory(mut self, id: &str, package: &str, range: &str) -> Self {
        self.advisories.push((id.to_owned(), package.to_owned(), range.to_owned(), false));
        self
    }

    pub(super) fn breaks(mut self, package: &str, version: &str) -> Self {
        self.broken.insert((package.to_owned(), version.to_owned()));
        self
    }

    /// `package version` breaks the check beside an `other` that is not in `range`.
    pub(super) fn clashes(
        mut self,
        package: &str,
        version: &str,
        other: &str,
        range: &str,
    ) -> Self {
        self.clashes.push((package.into(), version.into(), other.into(), range.into()));
        self
    }

    /// A version comes out at an instant.
    pub(super) fn at(mut self, name: &str, version: &str, millis: u64) -> Self {
        let all = self.registry.get_mut(name).into_iter().flatten();
        for published in all.filter(|p| p.version == version) {
            published.published_at = Some(Timestamp::from_millis(millis));
        }
        self
    }

    pub(super) fn updates(&self, manifest: &str, lock: &str, settings: UpdateSettings) -> Shown {
        self.run(manifest, lock, Settings::Updates(settings))
    }

    pub(super) fn remediate(&self, manifest: &str, lock: &str) -> Shown {
        self.run(manifest, lock, Settings::Remediation(remediation()))
    }

    pub(super) fn run(&self, manifest: &str, lock: &str, settings: Settings) -> Shown {
        let mut files = FileSet::new();
        for (path, text) in [("toy.txt", manifest), ("toy.lock", lock)] {
            files.set(path_of(path), Content::Bytes(text.as_bytes().to_vec()));
        }
        let machine = self.machine(manifest, lock);
        let ecosystems: [&dyn Ecosystem; 1] = [&Toy];
        let checks = [Check {
            setup: Vec::new(),
            command: Exec::new(["check"], "test"),
            format: ResultFormat::ExitStatus,
            narrower: None,
            is_locked: true,
            origin: "toy".to_owned(),
        }];
        let context = Context {
            files: &files,
            ecosystems: &ecosystems,
            versions: self,
            advisories: self,
            now: Timestamp::from_millis(10_000),
            checks: &checks,
            previous: self.previous.as_ref(),
            earlier: &[],
            memo: &self.memo,
            proposed: &self.proposed,
            answers: &self.answers,
        };
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let outcome =
            runtime.block_on(Playbook::new(settings).run(&context, &machine)).expect("it runs");
        let read = |path: &str| {
            String::from_utf8(machine.files.lock().unwrap()[&path_of(path)].clone()).unwrap()
        };
        Shown {
            manifest: read("toy.txt"),
            lock: read("toy.lock"),
            ran: machine.ran.lock().unwrap().clone(),
            outcome,
        }
    }

    /// What is known where the work does not come to its end.
    pub(super) fn known(&self, manifest: &str, lock: &str, settings: Settings) -> Vec<String> {
        let mut files = FileSet::new();
        for (path, text) in [("toy.txt", manifest), ("toy.lock", lock)] {
            files.set(path_of(path), Content::Bytes(text.as_bytes().to_vec()));
        }
        let left = Playbook::new(settings).known(&files, &[&Toy], self, "the machine is lost");
        let told = left.into_iter().map(|l| {
            let advisory = l.advisory.unwrap_or_default();
            format!("{advisory} {} {}: {:?}: {}", l.package, l.version, l.why, l.detail)
        });
        told.collect()
    }

    /// The lock that the package manager writes where there is none; `None` where it finds no solution.
    pub(super) fn first_lock(&self, manifest: &str) -> Option<String> {
        let machine = self.machine(manifest, "");
        machine.relock(&[]).ok()?;
        Some(machine.text("toy.lock"))
    }

    fn machine(&self, manifest: &str, lock: &str) -> Machine<'_> {
        let files = [("toy.txt", manifest), ("toy.lock", lock)];
        let files = files.map(|(path, text)| (path_of(path), text.as_bytes().to_vec()));
        Machine { world: self, files: Mutex::new(files.into()), ran: Mutex::new(Vec::new()) }
    }

    pub(super) fn matching_ids(&self, package: &str, version: &str) -> BTreeSet<String> {
        let matching = self.matching(Kind::Cargo, package, version);
        matching.into_iter().filter(|m| !m.informational).map(|m| m.id).collect()
    }
}

pub(super) fn path_of(path: &str) -> RepoPath {
    RepoPath::new(path).unwrap()
}

/// What a run came to, for comparing.
#[derive(Debug)]
pub(super) struct Shown {
    pub(super) outcome: Outcome,
    pub(super) manifest: String,
    pub(super) lock: String,
    pub(super) ran: Vec<String>,
}

impl Shown {
    /// One line an update, one line an entry that was left.
    pub(super) fn brief(&self) -> String {
        let mut lines = vec![format!(
            "{:?}{}",
            self.outcome.ending,
            if self.outcome.complete { "" } else { ", incomplete" }
        )];
        lines.extend(self.outcome.updates.iter().map(|u| {
            let closes = match u.advisories.as_slice() {
                [] => String::new(),
                ids => format!(" closes {}", ids.join(" ")),
            };
            let back = if u.kind == UpdateKind::Downgrade { " (downgrade)" } else { "" };
            format!("{} {} -> {}{back}{closes}", u.package, u.from, u.to)
        }));
        lines.extend(self.outcome.left.iter().map(|l| {
            let advisory = l.advisory.as_deref().map(|id| format!("{id} ")).unwrap_or_default();
            format!("left {advisory}{} {}: {:?}: {}", l.package, l.version, l.why, l.detail)
        }));
        lines.join("\n")
    }
}

pub(super) fn updates(level: UpdateLevel) -> UpdateSettings {
    UpdateSettings {
        level,
        group: Grouping::All,
        min_release_age_ms: 0,
        ignore: Vec::new(),
        ecosystems: Vec::new(),
    }
}

pub(super) fn remediation() -> RemediationSettings {
    RemediationSettings {
        development: true,
        ignore: Vec::new(),
        ignore_advisories: Vec::new(),
        ecosystems: Vec::new(),
    }
}

#[async_trait::async_trait]
impl Versions for World {
    async fn versions(&self, _: Kind, package: &str) -> Result<Vec<Published>, RegistryError> {
        let package = package.to_owned();
        if self.unreachable.contains(&package) {
            let reason = "timed out".to_owned();
            return Err(RegistryError::Unreachable { package, reason });
        }
        let found = self.registry.get(&package).cloned();
        let mut found = found.ok_or(RegistryError::NoSuchPackage { package })?;
        for published in found.iter_mut().filter(|_| self.silent || self.apart.is_some()) {
            published.requires.clear();
        }
        Ok(found)
    }

    async fn requires(
        &self,
        _: Kind,
        package: &str,
        versions: &[String],
    ) -> Result<Option<Requires>, RegistryError> {
        let Some(asked) = &self.apart else { return Ok(None) };
        asked.lock().unwrap().extend(versions.iter().map(|v| format!("{package} {v}")));
        let all = self.registry.get(package).into_iter().flatten();
        let told = all.filter(|p| versions.contains(&p.version));
        let told =
            told.filter(|p| !self.archives.contains(&(package.to_owned(), p.version.clone())));
        Ok(Some(told.map(|p| (p.version.clone(), p.requires.clone())).collect()))
    }
}

impl Advisories for World {
    fn matching(&self, _: Kind, package: &str, version: &str) -> Vec<Match> {
        let hits = |(_, name, range, _): &&(String, String, String, bool)| {
            name == package && admits(range, version)
        };
        let found = self.advisories.iter().filter(hits);
        found
            .map(|(id, _, _, informational)| Match {
                id: id.clone(),
                aliases: Vec::new(),
                summary: format!("what {id} is about"),
                informational: *informational,
                fixed: Vec::new(),
            })
            .collect()
    }

    fn undecided(&self, _: Kind, package: &str, version: &str) -> Vec<(String, String)> {
        let about =
            |(_, name, of, ..): &&(String, String, String)| name == package && of == version;
        let found = self.undecided.iter().filter(about);
        found.map(|(id, ..)| (id.clone(), "its range is no range".to_owned())).collect()
    }

    fn unreadable(&self) -> Vec<Left> {
        self.unreadable.clone()
    }
}

fn admits(range: &str, version: &str) -> bool {
    match (VersionReq::parse(range), Version::parse(version)) {
        (Ok(range), Ok(version)) => range.matches(&version),
        _ => false,
    }
}

#[derive(Debug)]
pub(super) struct Toy;

#[derive(Debug, Clone)]
struct Locked {
    name: String,
    version: String,
    requires: Vec<(String, String)>,
}

fn read_lock(text: &str) -> Vec<Locked> {
    let at = |word: &str| {
        let (name, version) = word.split_once('@').expect("name@version");
        (name.to_owned(), version.to_owned())
    };
    text.lines()
        .filter(|line| !line.starts_with('#'))
        .filter_map(|line| {
            let mut words = line.split_whitespace();
            let (name, version) = (words.next()?.to_owned(), words.next()?.to_owned());
            Some(Locked { name, version, requires: words.map(at).collect() })
        })
        .collect()
}

fn read_manifest(text: &str) -> Vec<(String, String, bool, bool)> {
    text.lines()
        .filter(|line| !line.starts_with('#'))
        .filter_map(|line| {
            let mut words = line.split_whitespace();
            let (name, range) = (words.next()?.to_owned(), words.next()?.to_owned());
            let rest: Vec<&str> = words.collect();
            Some((name, range, rest.contains(&"dev"), rest.contains(&"git")))
        })
        .collect()
}

/// The only runtime that the requirement of a line counts with: `a ^1.0 on=5`.
fn on_line(manifest: &str, line: u64) -> Option<String> {
    let line = (1..).zip(manifest.lines()).find(|(at, _)| *at == line)?.1;
    line.split_whitespace().find_map(|word| word.strip_prefix("on=")).map(str::to_owned)
}

/// Whether a manifest says that no lock is kept: what stands in `toy.lock` is what would be installed.
fn is_unlocked(manifest: &str) -> bool {
    manifest.starts_with("# no lock\n")
}

/// Moves requirements: to what is compatible with a version, or to that version alone.
fn plan(files: &FileSet, bumps: &[Bump], closely: bool) -> Result<Plan, PlanError> {
    let text = files.text(&path_of("toy.txt")).map_err(ReadError::from)?;
    let comments = text.lines().filter(|line| line.starts_with('#'));
    let mut lines: Vec<String> = comments.map(|line| format!("{line}\n")).collect();
    for (name, range, dev, git) in read_manifest(text) {
        let widened = bumps.iter().find(|b| {
            b.package == name && admits(&range, &b.from) && (closely || !admits(&range, &b.to))
        });
        let range = widened.map_or(range.clone(), |bump| match closely || range.starts_with('=') {
            true => format!("={}", bump.to),
            false => format!("^{}", bump.to),
        });
        lines.push(format!(
            "{name} {range}{}{}\n",
            if dev { " dev" } else { "" },
            if git { " git" } else { "" }
        ));
    }
    let new = lines.concat();
    let mut argv = vec!["toy".to_owned(), "move".to_owned()];
    argv.extend(bumps.iter().flat_map(|b| [b.package.clone(), b.from.clone(), b.to.clone()]));
    Ok(Plan {
        edits: match new == text {
            true => Vec::new(),
            false => vec![FileEdit { path: path_of("toy.txt"), text: new }],
        },
        commands: vec![Exec::new(argv, "move packages")],
        writes: vec![path_of("toy.lock")],
    })
}

impl Ecosystem for Toy {
    fn kind(&self) -> Kind {
        Kind::Cargo
    }

    fn wants(&self, path: &RepoPath) -> bool {
        path.file_name().starts_with("toy.")
    }

    fn discover(&self, files: &FileSet) -> Discovery {
        let mut discovery = Discovery::default();
        if files.exists(&path_of("toy.txt")) {
            discovery.projects.push(Project {
                ecosystem: Kind::Cargo,
                root: RepoPath::root(),
                manifests: vec![path_of("toy.txt")],
                lock: (!is_unlocked(files.text(&path_of("toy.txt")).unwrap_or_default()))
                    .then(|| path_of("toy.lock")),
                tool: "toy",
            });
        }
        discovery
    }

    fn resolve(&self, _: &Project, _: &FileSet) -> Option<Exec> {
        None
    }

    fn graph(&self, _: &Project, files: &FileSet, _: Option<&[u8]>) -> Result<Graph, ReadError> {
        let manifest_text = files.text(&path_of("toy.txt"))?;
        let manifest = read_manifest(manifest_text);
        let text = files.text(&path_of("toy.lock"))?;
        if text.contains("<<<<<<<") {
            return Err(ReadError::Malformed {
                path: path_of("toy.lock"),
                line: Some(1),
                reason: "holds conflict markers".to_owned(),
            });
        }
        let locked = read_lock(text);
        let place = |name: &str, version: &str| {
            locked.iter().position(|l| l.name == name && l.version == version).map(PackageId)
        };
        let is_direct = |l: &Locked| {
            manifest
                .iter()
                .filter(|(name, range, ..)| *name == l.name && admits(range, &l.version))
                .cloned()
                .collect::<Vec<_>>()
        };
        let mut reached: BTreeSet<usize> = BTreeSet::new();
        let mut todo: Vec<usize> = (0..locked.len())
            .filter(|at| is_direct(&locked[*at]).iter().any(|(_, _, dev, _)| !dev))
            .collect();
        while let Some(at) = todo.pop() {
            if reached.insert(at) {
                let of = locked[at].requires.iter().filter_map(|(n, v)| place(n, v));
                todo.extend(of.map(|id| id.0));
            }
        }
        let packages = locked.iter().enumerate().map(|(at, l)| Package {
            name: l.name.clone(),
            version: l.version.clone(),
            source: match is_direct(l).iter().any(|(.., git)| *git) {
                true => Source::Other("git".to_owned()),
                false => Source::Registry,
            },
            development_only: !reached.contains(&at),
            direct: !is_direct(l).is_empty(),
            dependencies: l.requires.iter().filter_map(|(n, v)| place(n, v)).collect(),
            locked_in: path_of("toy.lock"),
        });
        let direct = manifest.iter().zip(1..).map(|((name, range, dev, git), line)| Requirement {
            package: name.clone(),
            alias: None,
            range: range.clone(),
            manifest: path_of("toy.txt"),
            line: Some(line),
            development: *dev,
            source: if *git { Source::Other("git".to_owned()) } else { Source::Registry },
            elsewhere: on_line(manifest_text, line).map(|runtime| Elsewhere {
                condition: format!("runtime {runtime}"),
                runtimes: vec![Runtimes { rust: Some(runtime), ..Runtimes::default() }],
            }),
        });
        let (packages, direct) = (packages.collect(), direct.collect());
        Ok(Graph { packages, direct, whole: true, unresolved: Vec::new() })
    }

    fn plan(
        &self,
        _: &Project,
        files: &FileSet,
        _: &Graph,
        bumps: &[Bump],
    ) -> Result<Plan, PlanError> {
        plan(files, bumps, false)
    }

    fn plan_closely(
        &self,
        _: &Project,
        files: &FileSet,
        _: &Graph,
        bumps: &[Bump],
    ) -> Result<Plan, PlanError> {
        plan(files, bumps, true)
    }

    fn refusal(&self, _: &Exec, result: &ExecResult) -> Refusal {
        let quote = result.stderr_text();
        let kind = match quote.as_str() {
            q if q.contains("cannot be installed") => RefusalKind::NotInstallable,
            _ => RefusalKind::Constraint,
        };
        let held_by = quote.split_once("required by ").map(|(_, by)| by.trim().to_owned());
        Refusal { kind, held_by: held_by.into_iter().collect(), quote }
    }

    fn unblock(&self, refusal: &Refusal) -> Vec<Bump> {
        let told = || {
            let (package, rest) = refusal
                .quote
                .strip_prefix("two versions of ")?
                .split_once(" are asked for; locked at ")?;
            let (from, rest) = rest.split_once(" where ")?;
            let (package, from) = (package.to_owned(), from.to_owned());
            Some(Bump { package, from, to: rest.strip_suffix(" fits")?.to_owned() })
        };
        told().into_iter().collect()
    }

    fn promised(&self, _: &Project, files: &FileSet) -> Runtimes {
        let text = files.text(&path_of("toy.txt")).unwrap_or_default();
        let promised = text.lines().find_map(|line| line.strip_prefix("# runs on "));
        Runtimes { rust: promised.map(str::to_owned), ..Runtimes::default() }
    }

    fn restored(&self, before: &str, after: &str) -> Option<String> {
        let rest = after.strip_prefix("# format 2\n")?;
        before.starts_with("# format 1\n").then(|| format!("# format 1\n{rest}"))
    }

    fn compare(&self, a: &str, b: &str) -> Option<Ordering> {
        Some(Version::parse(a).ok()?.cmp(&Version::parse(b).ok()?))
    }

    fn step(&self, from: &str, to: &str) -> Option<UpdateKind> {
        let (from, to) = (Version::parse(from).ok()?, Version::parse(to).ok()?);
        Some(match (from.major == to.major, from.minor == to.minor) {
            (true, true) => UpdateKind::Patch,
            (true, false) => UpdateKind::Minor,
            (false, _) => UpdateKind::Major,
        })
    }

    fn is_prerelease(&self, version: &str) -> bool {
        version.contains('-')
    }

    fn admits(&self, range: &str, version: &str) -> bool {
        admits(range, version)
    }

    fn runs_on(&self, published: &Published, runtimes: &Runtimes) -> Result<(), String> {
        let numbers =
            |text: &str| text.split('.').map_while(|n| n.parse().ok()).collect::<Vec<u64>>();
        match (&published.runtime, &runtimes.rust) {
            (Some(wanted), Some(here)) if numbers(wanted) > numbers(here) => {
                Err(format!("needs runtime {wanted}"))
            }
            _ => Ok(()),
        }
    }
}

/// A machine with the package manager `toy` and a check.
#[derive(Debug)]
struct Machine<'a> {
    world: &'a World,
    files: Mutex<BTreeMap<RepoPath, Vec<u8>>>,
    ran: Mutex<Vec<String>>,
}

#[async_trait::async_trait]
impl Workspace for Machine<'_> {
    async fn exec(&self, command: &Exec) -> Result<ExecResult, WorkspaceError> {
        self.ran.lock().unwrap().push(command.display());
        let words: Vec<&str> = command.argv.iter().map(String::as_str).collect();
        let done = match words.as_slice() {
            ["rustc", "--version"] => Ok("rustc 1.95.0 (x)".to_owned()),
            ["toy", "move", bumps @ ..] => self.relock(bumps),
            ["check"] => self.check(),
            ["git", ..] => Ok(String::new()),
            other => Err(format!("no such program: {other:?}")),
        };
        let (code, stdout, stderr) = match done {
            Ok(text) => (0, text, String::new()),
            Err(text) => (1, String::new(), text),
        };
        Ok(ExecResult {
            exit: Exit::Code(code),
            stdout: stdout.into_bytes(),
            stderr: stderr.into_bytes(),
            dropped_bytes: 0,
            millis: 1,
        })
    }

    async fn read(&self, path: &RepoPath) -> Result<Option<Vec<u8>>, WorkspaceError> {
        Ok(self.files.lock().unwrap().get(path).cloned())
    }

    async fn write(&self, path: &RepoPath, bytes: &[u8]) -> Result<(), WorkspaceError> {
        self.files.lock().unwrap().insert(path.clone(), bytes.to_vec());
        Ok(())
    }

    fn progress(&self, _: &str) {}
}

impl Machine<'_> {
    fn text(&self, path: &str) -> String {
        String::from_utf8(self.files.lock().unwrap()[&path_of(path)].clone()).unwrap()
    }

    fn check(&self) -> Result<String, String> {
        let locked = read_lock(&self.text("toy.lock"));
        let broken = locked
            .iter()
            .find(|l| self.world.broken.contains(&(l.name.clone(), l.version.clone())));
        let is_at = |name: &String, fits: &dyn Fn(&str) -> bool| {
            locked.iter().any(|l| l.name == *name && fits(&l.version))
        };
        let clash = self.world.clashes.iter().find(|(package, version, other, range)| {
            is_at(package, &|v| v == version) && is_at(other, &|v| !admits(range, v))
        });
        if let Some((package, version, other, _)) = clash {
            return Err(format!("error: {other} does not know {package} {version}"));
        }
        match broken {
            None => Ok("ok".to_owned()),
            Some(l) => Err(format!("error: {} {} changed its API", l.name, l.version)),
        }
    }

    fn relock(&self, words: &[&str]) -> Result<String, String> {
        let bumps: Vec<(&str, &str, &str)> =
            words.chunks(3).map(|chunk| (chunk[0], chunk[1], chunk[2])).collect();
        let old = read_lock(&self.text("toy.lock"));
        // Without a lock, nothing but the manifest says what is taken.
        let is_unlocked = is_unlocked(&self.text("toy.txt"));
        let bumps = if is_unlocked { Vec::new() } else { bumps };
        let old = if is_unlocked { Vec::new() } else { old };
        let mut new: BTreeMap<(String, String), Vec<(String, String)>> = BTreeMap::new();
        let mut todo: Vec<(String, String, String)> = read_manifest(&self.text("toy.txt"))
            .into_iter()
            .map(|(name, range, ..)| (name, range, "the project".to_owned()))
            .collect();
        let mut seen = BTreeSet::new();
        while let Some((name, range, by)) = todo.pop() {
            let version = self
                .pick(&name, &range, &bumps, &old)
                .ok_or_else(|| format!("no version of {name} matches {range}, required by {by}"))?;
            let stays = bumps.iter().any(|(n, from, _)| *n == name && *from == version);
            if stays {
                return Err(format!("{name} {version} cannot move, required by {by}"));
            }
            if self.world.uninstallable.contains(&(name.clone(), version.clone())) {
                return Err(format!("{name} {version} cannot be installed"));
            }
            if seen.insert((name.clone(), version.clone())) {
                let published = self.published(&name, &version);
                todo.extend(published.iter().map(|(n, r)| (n.clone(), r.clone(), name.clone())));
                new.insert((name, version), published);
            }
        }
        for (name, _, to) in &bumps {
            if !new.contains_key(&((*name).to_owned(), (*to).to_owned())) {
                return Err(format!("nothing takes {name} {to}, required by nobody"));
            }
        }
        let mut names: BTreeMap<&str, &str> = BTreeMap::new();
        for (name, version) in new.keys() {
            if let Some(other) = names.insert(name, version)
                && self.world.single
            {
                let told = format!("; locked at {other} where {version} fits");
                let told = if self.world.tells { told.as_str() } else { "" };
                return Err(format!("two versions of {name} are asked for{told}"));
            }
        }
        // It raises the format in passing, as cargo does.
        let has_format = self.text("toy.lock").starts_with("# format ");
        let mut text = if has_format { "# format 2\n".to_owned() } else { String::new() };
        for ((name, version), requires) in &new {
            let mut line = format!("{name} {version}");
            for (dep, range) in requires {
                let picked = self.pick(dep, range, &bumps, &old).expect("it was picked before");
                line = format!("{line} {dep}@{picked}");
            }
            text = format!("{text}{line}\n");
        }
        self.files.lock().unwrap().insert(path_of("toy.lock"), text.into_bytes());
        Ok(String::new())
    }

    fn pick(
        &self,
        name: &str,
        range: &str,
        bumps: &[(&str, &str, &str)],
        old: &[Locked],
    ) -> Option<String> {
        let forced = bumps.iter().find(|(n, _, to)| *n == name && admits(range, to));
        let known = |version: &str| {
            self.world
                .registry
                .get(name)
                .is_some_and(|all| all.iter().any(|p| p.version == version))
        };
        if let Some((_, _, to)) = forced
            && known(to)
        {
            return Some((*to).to_owned());
        }
        let locked = old.iter().find(|l| l.name == name && admits(range, &l.version));
        if let Some(locked) = locked {
            return Some(locked.version.clone());
        }
        let all = self.world.registry.get(name)?;
        let fitting = all.iter().filter(|p| !p.yanked && admits(range, &p.version));
        let versions = fitting.map(|p| p.version.clone());
        match self.world.lowest {
            true => versions.min_by_key(|v| Version::parse(v).ok()),
            false => versions.max_by_key(|v| Version::parse(v).ok()),
        }
    }

    fn published(&self, name: &str, version: &str) -> Vec<(String, String)> {
        let all = self.world.registry.get(name).into_iter().flatten();
        all.filter(|p| p.version == version).flat_map(|p| p.requires.clone()).collect()
    }
}

/// What is left for a reason.
pub(super) fn reasons(outcome: &Outcome) -> Vec<(String, Why)> {
    outcome.left.iter().map(|left| (left.package.clone(), left.why)).collect()
}

/// The packages and versions of a lock.
pub(super) fn locked(lock: &str) -> Vec<(String, String)> {
    read_lock(lock).into_iter().map(|l| (l.name, l.version)).collect()
}
