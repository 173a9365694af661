//! A data folder, a repository to work on, and `hob` as a person starts it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

use serde_json::Value;
use tempfile::TempDir;

use crate::leaks;

const MANIFEST: &str = r#"[package]
name = "sample"
version = "0.1.0"
edition = "2021"

[dependencies]
itoa = "1.0.1"
"#;

const LOCK: &str = r#"version = 3

[[package]]
name = "itoa"
version = "1.0.1"
source = "registry+https://github.com/rust-lang/crates.io-index"
checksum = "1aab8fc367588b89dcee83ab0fd66b72b50b72fa1904d7095045ace2b0c81c35"

[[package]]
name = "sample"
version = "0.1.0"
dependencies = [
 "itoa",
]
"#;

const SOURCE: &str = r#"//! A number as text.

/// The number as text.
pub fn text(number: u32) -> String {
    itoa::Buffer::new().format(number).to_owned()
}

#[test]
fn seven_is_seven() {
    assert_eq!(text(7), "7");
}
"#;

/// An advisory without a fixed version: people have to take over.
const ADVISORY: &str = r#"{
  "schema_version": "1.6.0",
  "id": "SAMPLE-2024-0001",
  "modified": "2024-01-01T00:00:00Z",
  "summary": "no version is free of it",
  "affected": [{
    "package": { "ecosystem": "crates.io", "name": "itoa" },
    "ranges": [{ "type": "SEMVER", "events": [{ "introduced": "0" }] }]
  }]
}"#;

/// Everything one story needs; gone when dropped.
pub(crate) struct Household {
    folder: TempDir,
}

/// What `hob` answered.
#[derive(Debug)]
pub(crate) struct Told {
    /// The exit code; nothing where a signal ended it.
    pub(crate) code: Option<i32>,
    /// What signal ended it.
    pub(crate) signal: Option<i32>,
    /// Standard output.
    pub(crate) out: String,
    /// Standard error.
    pub(crate) said: String,
}

impl Told {
    /// Standard output as JSON.
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.out).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// This exit code, or the story ends here with all that was said.
    #[track_caller]
    pub(crate) fn expect(self, code: i32) -> Self {
        assert_eq!(self.code, Some(code), "out: {}\nsaid: {}", self.out, self.said);
        assert!(!self.said.contains("panicked"), "{}", self.said);
        self
    }
}

impl From<Output> for Told {
    fn from(output: Output) -> Self {
        use std::os::unix::process::ExitStatusExt as _;
        Self {
            code: output.status.code(),
            signal: output.status.signal(),
            out: String::from_utf8_lossy(&output.stdout).into_owned(),
            said: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }
}

impl Household {
    /// A repository with a dependency that is truly outdated, committed, and an empty data folder.
    pub(crate) fn with_sample() -> Self {
        let house = Self { folder: tempfile::tempdir().unwrap() };
        let repo = house.repo();
        std::fs::create_dir_all(repo.join("src")).unwrap();
        std::fs::write(repo.join("Cargo.toml"), MANIFEST).unwrap();
        std::fs::write(repo.join("Cargo.lock"), LOCK).unwrap();
        std::fs::write(repo.join("src/lib.rs"), SOURCE).unwrap();
        std::fs::write(house.advisory(), ADVISORY).unwrap();
        house.git(&["init", "-q", "-b", "main"]);
        house.commit_all();
        house
    }

    /// Commits what lies in the work tree.
    pub(crate) fn commit_all(&self) {
        self.git(&["add", "-A"]);
        self.git(&["commit", "-q", "-m", "as it is"]);
    }

    /// The repository.
    pub(crate) fn repo(&self) -> PathBuf {
        self.folder.path().join("repo")
    }

    /// The data folder.
    pub(crate) fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    /// The file with an advisory that nothing fixes.
    pub(crate) fn advisory(&self) -> PathBuf {
        self.folder.path().join("advisory.json")
    }

    /// A folder of this story beside the repository.
    pub(crate) fn beside(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Runs git in the repository; it must succeed.
    pub(crate) fn git(&self, args: &[&str]) -> String {
        #[expect(clippy::disallowed_methods, reason = "a story drives git as a person would")]
        let told = Command::new("git")
            .args(args)
            .current_dir(self.repo())
            .envs([("GIT_CONFIG_NOSYSTEM", "1"), ("GIT_CONFIG_GLOBAL", "/dev/null")])
            .envs([("GIT_AUTHOR_NAME", "Ann"), ("GIT_AUTHOR_EMAIL", "ann@example.invalid")])
            .envs([("GIT_COMMITTER_NAME", "Ann"), ("GIT_COMMITTER_EMAIL", "ann@example.invalid")])
            .output()
            .unwrap();
        assert!(told.status.success(), "{args:?}: {}", String::from_utf8_lossy(&told.stderr));
        String::from_utf8(told.stdout).unwrap().trim_end().to_owned()
    }

    /// `hob` with these words and this data folder, ready to start.
    pub(crate) fn command(&self, args: &[&str]) -> Command {
        #[expect(clippy::disallowed_methods, reason = "a story starts hob as a person would")]
        let mut command = Command::new(env!("CARGO_BIN_EXE_hob"));
        command
            .args(args)
            .current_dir(self.folder.path())
            .env("HOB_DATA", self.data())
            .env_remove("HOB_FAILPOINT")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }

    /// Runs `hob` to its end.
    pub(crate) fn hob(&self, args: &[&str]) -> Told {
        self.command(args).output().unwrap().into()
    }

    /// Starts `hob run` with checks that hold at once.
    pub(crate) fn update(&self, more: &[&str]) -> Told {
        let words =
            ["run", "dependency-updates", "--repo", "repo", "--set", "checks=true", "--json"];
        let told = self.hob(&[&words, more].concat());
        self.is_told_of_whole(&told);
        told
    }

    /// A report counts every entry of its run, and the root that it names covers each of them.
    #[track_caller]
    fn is_told_of_whole(&self, told: &Told) {
        let Ok(report) = serde_json::from_str::<Value>(&told.out) else { return };
        let run = report["run"].as_str().unwrap();
        let shown =
            self.hob(&["ledger", "show", run, "--limit", "10000", "--json"]).expect(0).json();
        let entries = shown.as_array().unwrap();
        let last = entries.last().unwrap()["index"].as_u64();
        assert!(report["ledger"]["size"].as_u64() > last, "{last:?}: {}", report["ledger"]);
        assert_eq!(report["ledger"]["entries"], entries.len(), "{}", report["ledger"]);
    }

    /// Starts `hob` and leaves it at work.
    pub(crate) fn start(&self, args: &[&str]) -> Child {
        self.command(args).spawn().unwrap()
    }

    /// Every ref with what it names, HEAD, the index and the work tree: what a run leaves alone.
    pub(crate) fn standing(&self) -> BTreeMap<String, Vec<u8>> {
        let mut found = BTreeMap::new();
        for line in self.git(&["for-each-ref", "--format=%(refname) %(objectname)"]).lines() {
            if !line.starts_with("refs/heads/hob/") {
                found.insert(line.to_owned(), Vec::new());
            }
        }
        for name in [".git/HEAD", ".git/index", ".git/config"] {
            found.insert(name.to_owned(), std::fs::read(self.repo().join(name)).unwrap());
        }
        found.insert("status".into(), self.git(&["status", "--porcelain", "--ignored"]).into());
        found
    }

    /// The branches that hob made.
    pub(crate) fn branches(&self) -> Vec<String> {
        let told = self.git(&["for-each-ref", "--format=%(refname:short)", "refs/heads/hob"]);
        told.lines().map(str::to_owned).collect()
    }

    /// Lets the one run that is not over go on to its end; the answer is its report.
    #[track_caller]
    pub(crate) fn resume(&self, code: i32) -> Value {
        let told = self.hob(&["runs", "resume", "--json"]).expect(code).json();
        let [report] = &told.as_array().unwrap()[..] else { panic!("one report: {told:#}") };
        report.clone()
    }

    /// Open reviews.
    pub(crate) fn reviews(&self) -> Vec<Value> {
        let told = self.hob(&["review", "list", "--json"]).expect(0).json();
        told.as_array().unwrap().clone()
    }

    /// Runs that were ever accepted, over or not.
    pub(crate) fn runs(&self) -> Vec<Value> {
        let told = self.hob(&["runs", "list", "--json"]).expect(0).json();
        told.as_array().unwrap().clone()
    }

    /// Nothing of a machine is left on the host, and the audit log verifies.
    #[track_caller]
    pub(crate) fn is_tidy(&self) {
        let data = self.data();
        let mut folders = names(&data.join("machines"));
        // Reclaimers take turns under this file; it belongs to no machine.
        folders.retain(|name| name != ".lock");
        assert_eq!(folders, Vec::<String>::new(), "machines' folders");
        assert_eq!(names(&data.join("workers")), Vec::<String>::new(), "workers' locks");
        assert_eq!(names(&data.join("scratch")), Vec::<String>::new(), "scratch folders");
        assert_eq!(self.leaks(), Vec::<String>::new(), "what machines have left");
        let told = self.hob(&["ledger", "verify", "--json"]).expect(0).json();
        assert_eq!(told["clean"], true, "{told}");
    }

    /// What is left on the host of machines of this story.
    pub(crate) fn leaks(&self) -> Vec<String> {
        let mut found = leaks::mounts(&self.data());
        found.extend(leaks::processes(self.folder.path()));
        for machine in self.machines() {
            let groups = leaks::groups(Path::new("/sys/fs/cgroup"), &machine);
            found.extend(groups.into_iter().map(|group| format!("group {}", group.display())));
        }
        found
    }

    /// Every machine that the audit log speaks of.
    fn machines(&self) -> Vec<String> {
        let told = self.hob(&["ledger", "show", "--json"]).expect(0).out;
        let mut found: Vec<String> = told
            .split(|c: char| !(c.is_ascii_alphanumeric() || c == '_'))
            .filter(|word| word.starts_with("mach_"))
            .map(str::to_owned)
            .collect();
        found.sort_unstable();
        found.dedup();
        found
    }
}

/// The names of a folder's entries; none where there is no such folder.
pub(crate) fn names(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).into_iter().flatten();
    entries.map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned()).collect()
}

/// Processes whose command line holds a word.
pub(crate) fn processes(word: &str) -> Vec<String> {
    names(Path::new("/proc"))
        .into_iter()
        .filter(|name| name.bytes().all(|byte| byte.is_ascii_digit()))
        .filter_map(|pid| std::fs::read(format!("/proc/{pid}/cmdline")).ok())
        .map(|line| String::from_utf8_lossy(&line).replace('\0', " "))
        .filter(|line| line.contains(word))
        .collect()
}
