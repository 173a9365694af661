//! A project in a folder of its own, on which plans are carried out as a machine would.

use std::path::Path;
use std::process::{Command, Output};

use domain::RepoPath;
use domain::exec::{Exec, ExecResult, Exit};
use toolbox::dependencies::npm::Npm;
use toolbox::dependencies::{Bump, Ecosystem as _, Graph, Plan, PlanError, Project, Refusal};
use toolbox::files::{Content, FileSet};

pub(super) struct Checkout {
    folder: tempfile::TempDir,
    /// Where npm runs: the project's own folder.
    root: String,
}

impl Checkout {
    /// A project of these files, without a lock.
    pub(super) fn new(files: &[(&str, &str)]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let checkout = Self { folder, root: String::new() };
        for (path, text) in files {
            checkout.write(path, text);
        }
        checkout
    }

    /// The same with a lock that npm makes while the manifest asks for `old` in place of itself:
    /// so that the lock is older than what the manifest admits today.
    pub(super) fn locked(old: &str, files: &[(&str, &str)]) -> Self {
        Self::locked_with(old, files, &[])
    }

    /// The same with more arguments for the npm that makes the lock.
    pub(super) fn locked_with(old: &str, files: &[(&str, &str)], arguments: &[&str]) -> Self {
        let checkout = Self::new(files);
        let manifest = checkout.read("package.json");
        checkout.write("package.json", old);
        let lock = ["npm", "install", "--package-lock-only", "--ignore-scripts"];
        let lock: Vec<&str> = lock.iter().chain(arguments).copied().collect();
        checkout.succeed(&lock);
        checkout.write("package.json", &manifest);
        checkout.succeed(&lock);
        checkout
    }

    /// A project in a folder of the checkout, with a lock that says what npm takes today.
    pub(super) fn locked_in(root: &str, files: &[(&str, &str)]) -> Self {
        let checkout = Self { root: root.to_owned(), ..Self::new(files) };
        checkout.succeed(&["npm", "install", "--package-lock-only", "--ignore-scripts"]);
        checkout
    }

    pub(super) fn write(&self, path: &str, text: &str) {
        let path = self.folder.path().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }

    pub(super) fn read(&self, path: &str) -> String {
        std::fs::read_to_string(self.folder.path().join(path)).unwrap()
    }

    #[expect(clippy::disallowed_methods, reason = "the test stands for the machine")]
    fn run(&self, argv: &[&str], cwd: &str, env: &[(String, String)]) -> Output {
        let mut command = Command::new(argv[0]);
        command.args(&argv[1..]).current_dir(self.folder.path().join(cwd));
        command.envs(env.iter().map(|(name, value)| (name, value)));
        command.output().unwrap()
    }

    /// Runs a command that must succeed.
    #[track_caller]
    pub(super) fn succeed(&self, argv: &[&str]) -> String {
        self.succeed_in(&self.root, argv)
    }

    #[track_caller]
    pub(super) fn succeed_in(&self, folder: &str, argv: &[&str]) -> String {
        let output = self.run(argv, folder, &[]);
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{argv:?}: {said}");
        String::from_utf8(output.stdout).unwrap()
    }

    /// Runs what the toolbox asked for.
    pub(super) fn exec(&self, exec: &Exec) -> ExecResult {
        let argv: Vec<&str> = exec.argv.iter().map(String::as_str).collect();
        let output = self.run(&argv, exec.cwd.as_str(), &exec.env);
        ExecResult {
            exit: Exit::Code(output.status.code().unwrap()),
            stdout: output.stdout,
            stderr: output.stderr,
            dropped_bytes: 0,
            millis: 0,
        }
    }

    /// What the toolbox is shown.
    pub(super) fn files(&self) -> FileSet {
        let mut files = FileSet::new();
        self.show(self.folder.path(), "", &mut files);
        files
    }

    fn show(&self, folder: &Path, at: &str, files: &mut FileSet) {
        for entry in std::fs::read_dir(folder).unwrap() {
            let entry = entry.unwrap();
            let name = entry.file_name().into_string().unwrap();
            let path = if at.is_empty() { name } else { format!("{at}/{name}") };
            let kind = entry.file_type().unwrap();
            if kind.is_dir() {
                self.show(&entry.path(), &path, files);
            } else if kind.is_file() {
                let path = RepoPath::new(path).unwrap();
                if Npm.wants(&path) {
                    files.set(path, Content::Bytes(std::fs::read(entry.path()).unwrap()));
                } else {
                    files.note(path);
                }
            }
        }
    }

    /// The only project.
    #[track_caller]
    pub(super) fn project(&self) -> Project {
        let found = Npm.discover(&self.files());
        assert_eq!(found.left, []);
        let [project] = found.projects.try_into().expect("one project");
        project
    }

    #[track_caller]
    pub(super) fn graph(&self) -> Graph {
        Npm.graph(&self.project(), &self.files(), None).expect("a graph")
    }

    /// `name@version` of all that is locked, sorted.
    #[track_caller]
    pub(super) fn versions(&self) -> Vec<String> {
        let graph = self.graph();
        let mut all: Vec<String> =
            graph.packages.iter().map(|p| format!("{}@{}", p.name, p.version)).collect();
        all.sort();
        all
    }

    #[track_caller]
    pub(super) fn plan(&self, bumps: &[(&str, &str, &str)]) -> Result<Plan, PlanError> {
        let bumps: Vec<Bump> = bumps
            .iter()
            .map(|&(package, from, to)| Bump {
                package: package.into(),
                from: from.into(),
                to: to.into(),
            })
            .collect();
        Npm.plan(&self.project(), &self.files(), &self.graph(), &bumps)
    }

    /// Carries a plan out; the refusal of the command that fails.
    pub(super) fn carry_out(&self, plan: &Plan) -> Result<(), Refusal> {
        for edit in &plan.edits {
            self.write(edit.path.as_str(), &edit.text);
        }
        for command in &plan.commands {
            let result = self.exec(command);
            if !result.success() {
                return Err(Npm.refusal(command, &result));
            }
        }
        Ok(())
    }

    /// Moves packages and shows that npm can install what came of it; says what moved, and how.
    #[track_caller]
    pub(super) fn moved(&self, bumps: &[(&str, &str, &str)]) -> Vec<String> {
        let before = self.versions();
        let plan = self.plan(bumps).expect("a plan");
        self.carry_out(&plan).expect("npm agrees");
        self.succeed(&["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"]);
        let path = Path::new(&self.root).join("package-lock.json");
        let path = path.to_str().unwrap();
        self.check_settled(path, &self.read(path));
        let after = self.versions();
        let gone = before.iter().filter(|known| !after.contains(known)).map(|p| format!("-{p}"));
        let new = after.iter().filter(|known| !before.contains(known)).map(|p| format!("+{p}"));
        gone.chain(new).collect()
    }

    /// Another npm finds nothing to change, and every package that is not the project's has its digest.
    #[track_caller]
    fn check_settled(&self, path: &str, lock: &str) {
        let parsed = |text: &str| serde_json::from_str::<serde_json::Value>(text).unwrap();
        let before = parsed(lock);
        let version = format!("--lockfile-version={}", before["lockfileVersion"]);
        let omits = !lock.contains("\"resolved\": \"http");
        let omits = format!("--omit-lockfile-registry-resolved={omits}");
        let argv = ["npm", "install", "--package-lock-only", "--ignore-scripts", &version, &omits];
        self.succeed(&argv);
        assert_eq!(parsed(&self.read(path)), before, "npm changes it once more");
        self.write(path, lock);
        for (location, entry) in before["packages"].as_object().unwrap() {
            let ours = !location.contains("node_modules/") || entry["link"] == true;
            assert!(ours || entry["integrity"].is_string(), "{location}: {entry}");
        }
    }
}
