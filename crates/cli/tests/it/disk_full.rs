//! The disk runs full in the middle of a run: the person is told, nothing is lost, and it goes on with space.
//!
//! The data folder, or the repository, is a small file system of the story's own, mounted where nobody else sees it.

use std::io::{BufRead as _, BufReader, Lines, Write as _};
use std::os::unix::process::ExitStatusExt as _;
use std::path::PathBuf;
use std::process::{Child, ChildStderr, Command};

use rustix::process::{Pid, Signal, kill_process};

use crate::household::{Household, Told};

/// Says that this process was started in a mount namespace of its own.
const ALONE: &str = "HOB_STORY_ALONE";

/// As much as the runs of these stories need, several times over.
const SIZE: &str = "size=48m,mode=0700";

/// What a person reads first.
const FULL: &str = "no space is left";

/// Tells the story in a mount namespace of its own, by starting this test once more inside of one.
fn alone(name: &str, story: fn()) {
    if std::env::var_os(ALONE).is_some() {
        return story();
    }
    // An ordinary user mounts in a user namespace, as root of nothing but it.
    let root = rustix::process::getuid().is_root();
    let own: &[&str] = if root { &["--mount"] } else { &["--mount", "--user", "--map-root-user"] };
    #[expect(clippy::disallowed_methods, reason = "a story starts programs as a person would")]
    let told = Command::new("unshare")
        .args(own)
        .arg(std::env::current_exe().unwrap())
        .args(["--exact", &format!("disk_full::{name}"), "--nocapture"])
        .env(ALONE, "1")
        .output()
        .expect("`unshare` is there: install util-linux");
    let passed = String::from_utf8_lossy(&told.stdout).contains("1 passed");
    assert!(
        told.status.success() && passed,
        "the story failed, or this user may not make mount namespaces here (run it as root): {}{}",
        String::from_utf8_lossy(&told.stdout),
        String::from_utf8_lossy(&told.stderr),
    );
}

/// Runs a program that must succeed.
fn does(program: &str, args: &[&str]) {
    #[expect(clippy::disallowed_methods, reason = "a story starts programs as a person would")]
    let done = Command::new(program).args(args).status().unwrap();
    assert!(done.success(), "{program} {args:?}: {done}");
}

/// A run whose disk was filled up at a certain moment.
struct Stuck {
    house: Household,
    filler: PathBuf,
    child: Child,
    said: Lines<BufReader<ChildStderr>>,
}

impl Stuck {
    /// Starts a run on a small file system; stops it at the first line with `moment`, fills the disk, lets
    /// it go on, and waits until it has said so.
    fn at(moment: &str) -> Self {
        let house = Household::with_sample();
        std::fs::create_dir(house.data()).unwrap();
        does("mount", &["-t", "tmpfs", "-o", SIZE, "tmpfs", house.data().to_str().unwrap()]);
        let filler = house.data().join("filler");
        Self::in_house(house, filler, moment)
    }

    /// The same with the repository on a small file system.
    fn without_space_for_the_repository(moment: &str) -> Self {
        let house = Household::with_sample();
        let (repo, before) = (house.repo(), house.beside("before"));
        std::fs::rename(&repo, &before).unwrap();
        std::fs::create_dir(&repo).unwrap();
        let repo = repo.to_str().unwrap();
        does("mount", &["-t", "tmpfs", "-o", "size=2m", "tmpfs", repo]);
        does("cp", &["-a", &format!("{}/.", before.display()), repo]);
        // The files are others now; so that looking at the index does not write it.
        house.git(&["status"]);
        let filler = house.repo().join(".git/filler");
        Self::in_house(house, filler, moment)
    }

    fn in_house(house: Household, filler: PathBuf, moment: &str) -> Self {
        let mut child = house.start(&[
            "run",
            "dependency-updates",
            "--repo",
            "repo",
            "--set",
            "checks=true",
            "--json",
        ]);
        let said = BufReader::new(child.stderr.take().unwrap()).lines();
        let mut stuck = Self { house, filler, child, said };
        stuck.hears(moment);
        stuck.signal(Signal::STOP);
        stuck.fill();
        stuck.signal(Signal::CONT);
        stuck.hears(FULL);
        stuck
    }

    fn hears(&mut self, words: &str) {
        let heard = self.said.by_ref().map_while(Result::ok).any(|line| line.contains(words));
        assert!(heard, "`{words}` was not said");
    }

    fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
    }

    /// Takes every byte that is left.
    fn fill(&self) {
        let mut filler = std::fs::File::create(&self.filler).unwrap();
        let error = loop {
            if let Err(error) = filler.write_all(&[0; 4096]) {
                break error;
            }
        };
        assert_eq!(error.kind(), std::io::ErrorKind::StorageFull);
    }

    fn make_space(&self) {
        std::fs::remove_file(&self.filler).unwrap();
    }

    /// Waits for the end of the run.
    fn end(mut self) -> (Household, Told) {
        let rest: Vec<String> = self.said.by_ref().map_while(Result::ok).collect();
        let output = self.child.wait_with_output().unwrap();
        let told = Told {
            code: output.status.code(),
            signal: output.status.signal(),
            out: String::from_utf8_lossy(&output.stdout).into_owned(),
            said: rest.join("\n"),
        };
        (self.house, told)
    }
}

/// The run came to its one proposal, and nothing else is left.
#[track_caller]
fn proposed_once(house: &Household, report: &serde_json::Value) {
    assert_eq!(report["outcome"], "proposed", "{report:#}");
    let log = house.hob(&["runs", "logs", report["run"].as_str().unwrap()]).expect(0).out;
    assert_eq!(report["attempts"], 1, "a full disk is nobody's failure: {log}");
    assert_eq!((house.branches().len(), house.reviews().len(), house.runs().len()), (1, 1, 1));
    house.is_tidy();
}

/// Space comes back while the run waits for it.
fn goes_on_by_itself(stuck: Stuck) {
    stuck.make_space();
    let before = stuck.house.standing();
    let (house, told) = stuck.end();
    proposed_once(&house, &told.expect(0).json());
    assert_eq!(house.standing(), before);
}

/// The person gives up waiting, in the way of `signal`, and comes back when there is space.
fn goes_on_later(moment: &str, signals: &[Signal]) {
    let mut stuck = Stuck::at(moment);
    let before = stuck.house.standing();
    for signal in signals {
        stuck.signal(*signal);
        if *signal == Signal::INT {
            stuck.hears("the run");
        }
    }
    let filler = stuck.filler.clone();
    let (house, told) = stuck.end();
    let told = told.expect(1);
    assert!(told.said.contains("error: ") && told.said.contains(FULL), "{}", told.said);
    assert!(told.said.contains("hint: free some space"), "{}", told.said);

    let refused = house.hob(&["runs", "resume"]).expect(1);
    assert!(refused.said.contains("hint: free some space"), "{}", refused.said);
    let refused = house.update(&[]).expect(1);
    assert!(refused.said.contains("hint: free some space"), "{}", refused.said);
    assert_eq!(house.standing(), before);

    std::fs::remove_file(filler).unwrap();
    proposed_once(&house, &house.resume(0));
    assert_eq!(house.standing(), before);
}

#[test]
fn space_that_comes_back_before_a_machine_is_made_is_used() {
    alone("space_that_comes_back_before_a_machine_is_made_is_used", || {
        goes_on_by_itself(Stuck::at("prepare"));
    });
}

#[test]
fn space_that_comes_back_while_a_machine_works_is_used() {
    alone("space_that_comes_back_while_a_machine_works_is_used", || {
        goes_on_by_itself(Stuck::at("asking the registries"));
    });
}

#[test]
fn a_run_that_was_told_to_leave_a_full_disk_goes_on_later() {
    alone("a_run_that_was_told_to_leave_a_full_disk_goes_on_later", || {
        goes_on_later("machine ", &[Signal::TERM]);
    });
}

#[test]
fn who_cannot_even_be_cancelled_for_want_of_space_can_be_left() {
    alone("who_cannot_even_be_cancelled_for_want_of_space_can_be_left", || {
        goes_on_later("verify", &[Signal::INT, Signal::INT]);
    });
}

#[test]
fn a_repository_without_space_for_the_proposal_is_waited_for() {
    alone("a_repository_without_space_for_the_proposal_is_waited_for", || {
        goes_on_by_itself(Stuck::without_space_for_the_repository("verify"));
    });
}

#[test]
fn whoever_waits_for_space_in_the_repository_can_be_told_to_leave() {
    alone("whoever_waits_for_space_in_the_repository_can_be_told_to_leave", || {
        let stuck = Stuck::without_space_for_the_repository("verify");
        stuck.signal(Signal::TERM);
        let filler = stuck.filler.clone();
        let (house, told) = stuck.end();
        assert!(told.expect(3).said.contains("goes on with"));
        std::fs::remove_file(filler).unwrap();
        let before = house.standing();
        proposed_once(&house, &house.resume(0));
        assert_eq!(house.standing(), before);
    });
}

#[test]
fn a_repository_that_may_only_be_read_is_told_and_keeps_all_that_it_has() {
    alone("a_repository_that_may_only_be_read_is_told_and_keeps_all_that_it_has", || {
        let house = Household::with_sample();
        let before = house.standing();
        let repo = house.repo();
        let repo = repo.to_str().unwrap();
        does("mount", &["--bind", repo, repo]);
        does("mount", &["-o", "remount,bind,ro", repo]);
        let report = house.update(&[]).expect(3).json();
        assert_eq!(report["outcome"], "escalated", "{report:#}");
        let reason = report["reason"].as_str().unwrap();
        assert!(reason.contains("could not be written") && reason.contains(repo), "{reason}");
        assert!(reason.contains("read-only: name a copy of it"), "{reason}");
        assert_eq!((house.branches(), house.reviews().len()), (vec![], 0));
        assert_eq!(house.standing(), before);
        does("umount", &[repo]);
        house.is_tidy();
    });
}
