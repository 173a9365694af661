//! A repository elsewhere, behind a real `git daemon`: read by hob, published by its owner.

use std::net::{TcpListener, TcpStream};
use std::os::fd::OwnedFd;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;

use crate::household::{Household, Told};

/// A bare clone of a story's repository, served over `git://` until it is dropped.
struct Elsewhere {
    bare: PathBuf,
    address: String,
    over: Arc<AtomicBool>,
    served: Option<JoinHandle<()>>,
}

impl Elsewhere {
    fn of(house: &Household) -> Self {
        house.git(&["clone", "-q", "--bare", ".", "../served/sample.git"]);
        let root = house.beside("served");
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let over = Arc::new(AtomicBool::new(false));
        let (bare, ends) = (root.join("sample.git"), Arc::clone(&over));
        let served = std::thread::spawn(move || {
            for stream in listener.incoming() {
                if ends.load(Ordering::SeqCst) {
                    break;
                }
                let stream = OwnedFd::from(stream.unwrap());
                #[expect(clippy::disallowed_methods, reason = "the test stands for a server")]
                let mut daemon = Command::new("git");
                daemon
                    .args(["daemon", "--inetd", "--export-all", "--enable=receive-pack"])
                    .arg(format!("--base-path={}", root.display()))
                    .stdin(Stdio::from(stream.try_clone().unwrap()))
                    .stdout(Stdio::from(stream))
                    .stderr(Stdio::null());
                let _ended = daemon.status().unwrap();
            }
        });
        Self { bare, address, over, served: Some(served) }
    }

    fn url(&self, name: &str) -> String {
        format!("git://{}/{name}", self.address)
    }

    fn branches(&self, house: &Household) -> Vec<String> {
        let folder = format!("--git-dir={}", self.bare.display());
        let told = house.git(&[&folder, "for-each-ref", "--format=%(refname:short) %(objectname)"]);
        told.lines().map(str::to_owned).collect()
    }
}

impl Drop for Elsewhere {
    fn drop(&mut self) {
        self.over.store(true, Ordering::SeqCst);
        // One who connects wakes the server, which then looks whether it is over.
        drop(TcpStream::connect(&self.address));
        if let Some(served) = self.served.take() {
            assert!(served.join().is_ok(), "the server ends well");
        }
    }
}

fn update(house: &Household, url: &str, more: &[&str]) -> Told {
    let words = ["run", "dependency-updates", "--repo", url, "--set", "checks=true"];
    house.hob(&[&words, more].concat())
}

/// The commands that a hint holds, each on a line of its own.
fn commands(said: &str) -> Vec<&str> {
    said.lines().map(str::trim).filter(|line| line.starts_with("git ")).collect()
}

/// What its owner types into a shell.
fn typed(command: &str) {
    #[expect(clippy::disallowed_methods, reason = "a story types what a person would")]
    let told = Command::new("sh").args(["-c", command]).output().unwrap();
    assert!(told.status.success(), "{command}: {}", String::from_utf8_lossy(&told.stderr));
}

#[test]
fn a_repository_elsewhere_is_proposed_to_approved_and_published_by_its_owner() {
    let house = Household::with_sample();
    let there = Elsewhere::of(&house);
    let url = there.url("sample.git");
    let (before, branches) = (house.standing(), there.branches(&house));
    let report = update(&house, &url, &["--json"]).expect(0).json();
    assert_eq!(report["outcome"], "proposed", "{report:#}");
    let id = report["proposal"]["id"].as_str().unwrap();
    let head = report["proposal"]["head"].as_str().unwrap();
    let branch = report["proposal"]["branch"].as_str().unwrap();
    let mirror = report["proposal"]["mirror"].as_str().unwrap();
    let held = house.git(&[&format!("--git-dir={mirror}"), "rev-parse", branch]);
    assert_eq!(held, head, "the branch is where the report says");

    let again = update(&house, &url, &["--json"]).expect(0).json();
    assert_eq!(again["outcome"], "no_change", "{again:#}");
    assert_eq!(again["proposal"]["id"], id, "{again:#}");
    let listed = house.reviews();
    assert_eq!((listed.len(), listed[0]["repository"].as_str()), (1, Some(url.as_str())));
    let shown = house.hob(&["review", "show", id]).expect(0).out;
    assert!(shown.contains(&format!("branch {branch} in {mirror} onto main")), "{shown}");
    let diff = house.hob(&["review", "diff", id]).expect(0).out;
    assert!(diff.contains("-version = \"1.0.1\""), "{diff}");

    house.hob(&["review", "merge", id]).expect(4);
    house.hob(&["review", "approve", id]).expect(0);
    let refused = house.hob(&["review", "merge", id]).expect(1).said;
    assert!(refused.contains("no credential") && refused.contains("hint: "), "{refused}");
    assert_eq!((house.standing(), there.branches(&house)), (before, branches), "{refused}");
    let commands = commands(&refused);
    assert_eq!(commands.len(), 2, "{refused}");
    typed(commands[1]);
    assert!(there.branches(&house).contains(&format!("{branch} {head}")));
    typed(commands[0]);
    assert!(there.branches(&house).contains(&format!("main {head}")));
    let merged = house.hob(&["review", "merge", id, "--json"]).expect(0).json();
    assert_eq!((&merged["target"], &merged["commit"]), (&"main".into(), &head.into()));
    assert_eq!(house.reviews().len(), 0);
    drop(there);
    house.is_tidy();
}

#[test]
fn what_its_owner_published_is_found_merged_by_the_next_run() {
    let house = Household::with_sample();
    let there = Elsewhere::of(&house);
    let url = there.url("sample.git");
    let told = update(&house, &url, &[]).expect(0).out;
    assert!(told.contains("(nothing is pushed)"), "{told}");
    let id = house.reviews()[0]["id"].as_str().unwrap().to_owned();
    house.hob(&["review", "approve", &id]).expect(0);
    let refused = house.hob(&["review", "merge", &id]).expect(1).said;
    typed(commands(&refused)[0]);
    let report = update(&house, &url, &["--json"]).expect(0).json();
    assert_eq!(report["outcome"], "no_change", "{report:#}");
    let shown = house.hob(&["review", "show", &id, "--json"]).expect(0).json();
    assert_eq!(shown["state"], "merged", "{shown:#}");
    drop(there);
    house.is_tidy();
}

#[test]
fn what_cannot_be_read_elsewhere_is_told_before_anything_is_begun() {
    let house = Household::with_sample();
    let there = Elsewhere::of(&house);
    let url = there.url("sample.git");
    let nobody = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    for (place, more, words) in [
        (there.url("none.git"), &[][..], "no repository there that everyone may read"),
        (url, &["--branch", "mian"], "there are main"),
        (format!("git://{nobody}/a"), &[], "git ls-remote"),
        (format!("http://{nobody}/a"), &[], "https URL"),
        (format!("ann@{}:a", "127.0.0.1"), &[], "hint: "),
        ("https://token@localhost/a".to_owned(), &[], "leave the credential out"),
    ] {
        let told = update(&house, &place, more).expect(1);
        assert!(told.said.contains(words), "`{words}` is missing: {}", told.said);
        assert!(!told.said.contains("token"), "{}", told.said);
    }
    assert_eq!(house.runs().len(), 0, "nothing was begun");
    drop(there);
    house.is_tidy();
}

#[test]
fn a_definition_of_a_repository_elsewhere_counts() {
    let house = Household::with_sample();
    let own = house.hob(&["agents", "show", "dependency-updates"]).expect(0).out;
    let folder = house.repo().join(".hob/agents");
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(
        folder.join("dependency-updates.md"),
        own.replace("---\n", "---\nnonsense: 1\n"),
    )
    .unwrap();
    house.commit_all();
    let there = Elsewhere::of(&house);
    let told = update(&house, &there.url("sample.git"), &[]).expect(1);
    assert!(told.said.contains("nonsense"), "{}", told.said);
}
