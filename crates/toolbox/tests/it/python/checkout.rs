//! A Python project in a folder of its own, on which plans are carried out as a machine would.

use std::path::{Path, PathBuf};
use std::process::Command;

use domain::RepoPath;
use domain::exec::{Exec, ExecResult, Exit};
use toolbox::dependencies::python::Python;
use toolbox::dependencies::{Bump, Ecosystem as _, Graph, Plan, PlanError, Project, Refusal};
use toolbox::files::{Content, FileSet};

pub(super) struct Checkout {
    folder: tempfile::TempDir,
    python: Python,
    /// The home folder, whose `.local/bin` is searched for programs.
    home: Option<PathBuf>,
}

impl Checkout {
    pub(super) fn new(files: &[(&str, &str)]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let checkout = Self { folder, python: Python::asking(index()), home: None };
        for (path, text) in files {
            checkout.write(path, text);
        }
        checkout
    }

    /// The same with a home folder of its own, as a machine has.
    pub(super) fn at_home(mut self, folder: &Path) -> Self {
        self.home = Some(folder.to_owned());
        self
    }

    pub(super) fn write(&self, path: &str, text: &str) {
        let path = self.folder.path().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }

    pub(super) fn read(&self, path: &str) -> String {
        std::fs::read_to_string(self.folder.path().join(path)).unwrap()
    }

    /// Runs what the toolbox asked for.
    #[expect(clippy::disallowed_methods, reason = "the test stands for the machine")]
    pub(super) fn exec(&self, exec: &Exec) -> ExecResult {
        let mut command = Command::new(&exec.argv[0]);
        command.args(&exec.argv[1..]).current_dir(self.folder.path().join(exec.cwd.as_str()));
        if let Some(home) = &self.home {
            let path = std::env::var_os("PATH").unwrap();
            let folders = [home.join(".local/bin")].into_iter().chain(std::env::split_paths(&path));
            command.env("PATH", std::env::join_paths(folders).unwrap()).env("HOME", home);
        }
        command.envs(exec.env.iter().map(|(name, value)| (name, value)));
        let output = command.output().unwrap();
        ExecResult {
            exit: Exit::Code(output.status.code().unwrap()),
            stdout: output.stdout,
            stderr: output.stderr,
            dropped_bytes: 0,
            millis: 0,
        }
    }

    /// Runs a command that must succeed.
    #[track_caller]
    pub(super) fn succeed(&self, argv: &[&str]) {
        let done = self.exec(&Exec::new(argv.iter().copied(), "set up"));
        assert!(done.success(), "{argv:?}: {}", done.stderr_text());
    }

    /// What the toolbox is shown.
    pub(super) fn files(&self) -> FileSet {
        let mut files = FileSet::new();
        let mut open = vec![RepoPath::root()];
        while let Some(folder) = open.pop() {
            for entry in std::fs::read_dir(self.folder.path().join(folder.as_str())).unwrap() {
                let entry = entry.unwrap();
                let path = folder.join(entry.file_name().to_str().unwrap()).unwrap();
                if entry.file_type().unwrap().is_dir() {
                    open.push(path);
                } else if self.python.wants(&path) {
                    files.set(path, Content::Bytes(std::fs::read(entry.path()).unwrap()));
                } else {
                    files.note(path);
                }
            }
        }
        files
    }

    /// The only project.
    #[track_caller]
    pub(super) fn project(&self) -> Project {
        let found = self.python.discover(&self.files());
        let [project] = found.projects.try_into().expect("one project");
        project
    }

    /// The graph, with what pip says where there is no lock.
    pub(super) fn graph(&self) -> Result<Graph, Refusal> {
        let (project, files) = (self.project(), self.files());
        let mut resolved = None;
        if let Some(command) = self.python.resolve(&project, &files) {
            let done = self.exec(&command);
            if !done.success() {
                return Err(self.python.refusal(&command, &done));
            }
            resolved = Some(done.stdout);
        }
        Ok(self.python.graph(&project, &files, resolved.as_deref()).unwrap())
    }

    pub(super) fn plan(&self, bumps: &[Bump]) -> Result<Plan, PlanError> {
        let graph = self.graph().expect("what stands here resolves");
        self.python.plan(&self.project(), &self.files(), &graph, bumps)
    }

    /// Moves packages: the graph afterwards, or what was said against it.
    pub(super) fn moved(&self, bumps: &[Bump]) -> Result<Graph, Refusal> {
        let plan = self.plan(bumps).expect("it can be planned");
        let before: Vec<_> =
            plan.writes.iter().map(|path| (path.clone(), self.read(path.as_str()))).collect();
        for edit in &plan.edits {
            self.write(edit.path.as_str(), &edit.text);
        }
        for command in &plan.commands {
            let done = self.exec(command);
            if !done.success() {
                return Err(self.python.refusal(command, &done));
            }
        }
        for path in &plan.writes {
            let now = self.read(path.as_str());
            let before = before.iter().find(|(known, _)| known == path);
            let kept = before.and_then(|(_, before)| self.python.restored(before, &now));
            self.write(path.as_str(), &kept.unwrap_or(now));
        }
        self.graph()
    }
}

pub(super) fn bump(package: &str, from: &str, to: &str) -> Bump {
    Bump { package: package.into(), from: from.into(), to: to.into() }
}

/// Names and versions, sorted.
pub(super) fn locked(graph: &Graph) -> Vec<String> {
    let mut all: Vec<String> =
        graph.packages.iter().map(|p| format!("{} {}", p.name, p.version)).collect();
    all.sort();
    all
}

/// The index that this host's pip asks.
#[expect(clippy::disallowed_methods, reason = "the test asks the real pip")]
pub(super) fn index() -> String {
    let program = "from pip._internal.commands import create_command as c; print(c('install').parse_args([])[0].index_url)";
    let output = Command::new("python3").args(["-c", program]).output().unwrap();
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}
