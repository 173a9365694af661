//! A data folder, repositories to work on, and a folder that stands for a machine.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Output;

use domain::clock::SystemClock;
use domain::exec::Exec;
use domain::{CommitId, Fence, RunId, Timestamp};
use forge::export::{self, Authorship};
use forge::ingest::{self, Attempt, Ingested, Limits};
use forge::{Git, LocalForge, Mirror, Mirrors, Refreshed, Source, git, pack};
use tempfile::TempDir;

/// Everything one test needs; gone when dropped.
pub(crate) struct House {
    pub(crate) folder: TempDir,
    pub(crate) mirrors: Mirrors,
}

/// Runs a program with a plain environment.
pub(crate) fn run(folder: &Path, argv: &[&str]) -> Output {
    #[expect(clippy::disallowed_methods, reason = "a test drives git as a person would")]
    let mut command = std::process::Command::new(argv[0]);
    command
        .args(&argv[1..])
        .current_dir(folder)
        .env_clear()
        .envs([("HOME", "/nonexistent"), ("LC_ALL", "C"), ("GIT_CONFIG_NOSYSTEM", "1")])
        .env("PATH", "/usr/local/bin:/usr/bin:/bin")
        .envs([("GIT_AUTHOR_NAME", "Ann"), ("GIT_AUTHOR_EMAIL", "ann@example.invalid")])
        .envs([("GIT_COMMITTER_NAME", "Ann"), ("GIT_COMMITTER_EMAIL", "ann@example.invalid")])
        .envs([
            ("GIT_AUTHOR_DATE", "@1700000000 +0000"),
            ("GIT_COMMITTER_DATE", "@1700000000 +0000"),
        ])
        .envs([("GIT_CONFIG_COUNT", "1"), ("GIT_CONFIG_KEY_0", "protocol.file.allow")])
        .env("GIT_CONFIG_VALUE_0", "always")
        .output()
        .unwrap()
}

/// Runs git and tells what it wrote; it must succeed.
pub(crate) fn git_in(folder: &Path, args: &[&str]) -> String {
    let argv: Vec<&str> = ["git"].iter().chain(args).copied().collect();
    let told = run(folder, &argv);
    assert!(told.status.success(), "{argv:?}: {}", String::from_utf8_lossy(&told.stderr));
    String::from_utf8(told.stdout).unwrap().trim_end().to_owned()
}

/// Every file below a folder with its content, links as what they hold.
pub(crate) fn snapshot(folder: &Path) -> std::collections::BTreeMap<PathBuf, Vec<u8>> {
    let mut found = std::collections::BTreeMap::new();
    let mut pending = vec![folder.to_owned()];
    while let Some(at) = pending.pop() {
        for entry in fs::read_dir(&at).unwrap() {
            let path = entry.unwrap().path();
            let kind = fs::symlink_metadata(&path).unwrap();
            let name = path.strip_prefix(folder).unwrap().to_owned();
            if kind.is_symlink() {
                found.insert(
                    name,
                    fs::read_link(&path).unwrap().into_os_string().into_encoded_bytes(),
                );
            } else if kind.is_dir() {
                pending.push(path);
            } else {
                found.insert(name, fs::read(&path).unwrap());
            }
        }
    }
    found
}

impl House {
    pub(crate) async fn new() -> Self {
        let folder = TempDir::new().unwrap();
        let git = Git::new(git::Settings::default()).await.unwrap();
        let mirrors = Mirrors::open(git, &folder.path().join("mirrors")).unwrap();
        Self { folder, mirrors }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// A repository with one commit on `main`.
    pub(crate) fn repository(&self, name: &str) -> PathBuf {
        let path = self.path(name);
        fs::create_dir_all(path.join("src")).unwrap();
        git_in(&path, &["init", "-q", "-b", "main"]);
        fs::write(path.join("Cargo.toml"), "[package]\nname = \"a\"\n").unwrap();
        fs::write(path.join("src/lib.rs"), "pub fn one() -> u8 {\n    1\n}\n").unwrap();
        fs::write(path.join(".gitignore"), "target/\n").unwrap();
        git_in(&path, &["add", "-A"]);
        git_in(&path, &["commit", "-q", "-m", "first"]);
        path
    }

    pub(crate) fn mirror(&self, place: &Path) -> Mirror {
        let source = Source::find(place.to_str().unwrap(), Path::new("/")).unwrap();
        self.mirrors.mirror(&source).unwrap()
    }

    pub(crate) async fn refreshed(&self, place: &Path) -> (Mirror, Refreshed) {
        let mirror = self.mirror(place);
        let found = mirror.refresh(None).await.unwrap();
        (mirror, found)
    }

    /// What refreshing says is wrong, with its hint.
    pub(crate) async fn complaint(&self, place: &Path) -> String {
        match Source::find(place.to_str().unwrap(), Path::new("/")) {
            Err(error) => format!("{error} / {}", error.hint()),
            Ok(source) => {
                let mirror = self.mirrors.mirror(&source).unwrap();
                let error = mirror.refresh(None).await.unwrap_err();
                format!("{error} / {}", error.hint())
            }
        }
    }

    /// A checkout of `commit`, made by the commands that a machine would run.
    pub(crate) async fn machine(&self, mirror: &Mirror, found: &Refreshed) -> Machine {
        let folder = TempDir::new_in(self.folder.path()).unwrap();
        let machine = Machine { folder, base: found.head.clone(), shallow: found.shallow };
        for name in ["checkout", "transfer", "host"] {
            fs::create_dir(machine.path(name)).unwrap();
        }
        let transfer = machine.path("transfer");
        let packed = pack::pack(
            mirror,
            &found.head,
            found.target.as_deref(),
            &machine.path("host"),
            transfer.to_str().unwrap(),
        )
        .await
        .unwrap();
        for file in &packed.files {
            fs::copy(&file.path, transfer.join(&file.name)).unwrap();
        }
        machine.run(&packed.commands);
        machine
    }
}

/// A folder that stands for a machine.
pub(crate) struct Machine {
    folder: TempDir,
    base: CommitId,
    shallow: bool,
}

impl Machine {
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn checkout(&self) -> PathBuf {
        self.path("checkout")
    }

    pub(crate) fn run(&self, commands: &[Exec]) {
        for exec in commands {
            #[expect(clippy::disallowed_methods, reason = "the test stands for a machine")]
            let mut command = std::process::Command::new(&exec.argv[0]);
            command.args(&exec.argv[1..]).current_dir(self.checkout()).env_clear();
            command.env("PATH", "/usr/local/bin:/usr/bin:/bin").env("HOME", "/nonexistent");
            command.envs(exec.env.iter().map(|(name, value)| (name, value)));
            let told = command.output().unwrap();
            let stderr = String::from_utf8_lossy(&told.stderr);
            assert!(told.status.success(), "{}: {stderr}", exec.display());
        }
    }

    /// What the export knows of the files before it looks at them, as `git ls-files --debug` says it.
    pub(crate) fn known_of(&self, path: &str) -> String {
        let transfer = self.path("transfer");
        let commands = export::commands(&self.base, transfer.to_str().unwrap(), self.shallow);
        let adds = commands.iter().position(|c| c.argv.iter().any(|word| word == "add")).unwrap();
        self.run(&commands[..adds]);
        git_in(&transfer.join("export.git"), &["ls-files", "--debug", "--stage", path])
    }

    /// The bundle of what the checkout holds now.
    pub(crate) fn export(&self) -> PathBuf {
        let transfer = self.path("transfer");
        self.run(&export::commands(&self.base, transfer.to_str().unwrap(), self.shallow));
        transfer.join(export::BUNDLE_NAME)
    }

    /// Takes over what the checkout holds now.
    pub(crate) async fn ingest(&self, mirror: &Mirror, attempt: Attempt) -> Option<Ingested> {
        let by = (&attempt, &authorship());
        ingest::ingest(mirror, &self.export(), &self.base, by, Limits::default()).await.unwrap()
    }
}

pub(crate) fn attempt(fence: u64) -> Attempt {
    Attempt { run: RunId::fresh(&SystemClock), number: 1, fence: Fence(fence) }
}

pub(crate) fn authorship() -> Authorship {
    Authorship {
        name: "hob".into(),
        email: "hob@example.invalid".into(),
        at: Timestamp::from_millis(1_700_000_000_000),
        message: "Update one\n\nBecause two is newer.\n".into(),
    }
}

pub(crate) fn forge(mirror: &Mirror) -> LocalForge {
    LocalForge::new(mirror.clone())
}
