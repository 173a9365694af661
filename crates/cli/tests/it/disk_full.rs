//! The disk runs full in the middle of a run: the person is told, nothing is lost, and it goes on with space.
//!
//! The data folder is a small file system of the story's own, mounted where nobody else sees it.

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

/// A run whose data folder was filled up at a certain moment.
struct Stuck {
    house: Household,
    child: Child,
    said: Lines<BufReader<ChildStderr>>,
}

impl Stuck {
    /// Starts a run on a small file system; stops it at the first line with `moment`, fills the disk, lets
    /// it go on, and waits until it has said so.
    fn at(moment: &str) -> Self {
        let house = Household::with_sample();
        std::fs::create_dir(house.data()).unwrap();
        #[expect(clippy::disallowed_methods, reason = "a story starts programs as a person would")]
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", SIZE, "tmpfs"])
            .arg(house.data())
            .status()
            .unwrap();
        assert!(mounted.success(), "no tmpfs could be mounted: {mounted}");
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
        let mut stuck = Self { house, child, said };
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

    fn filler(&self) -> PathBuf {
        self.house.data().join("filler")
    }

    /// Takes every byte that is left.
    fn fill(&self) {
        let mut filler = std::fs::File::create(self.filler()).unwrap();
        let error = loop {
            if let Err(error) = filler.write_all(&[0; 4096]) {
                break error;
            }
        };
        assert_eq!(error.kind(), std::io::ErrorKind::StorageFull);
    }

    fn make_space(&self) {
        std::fs::remove_file(self.filler()).unwrap();
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
fn proposed_once(house: &Household, told: Told) {
    let report = told.expect(0).json();
    assert_eq!(report["outcome"], "proposed", "{report:#}");
    let log = house.hob(&["runs", "logs", report["run"].as_str().unwrap()]).expect(0).out;
    assert_eq!(report["attempts"], 1, "a full disk is nobody's failure: {log}");
    assert_eq!((house.branches().len(), house.reviews().len(), house.runs().len()), (1, 1, 1));
    house.is_tidy();
}

/// Space comes back while the run waits for it.
fn goes_on_by_itself(moment: &str) {
    let stuck = Stuck::at(moment);
    let before = stuck.house.standing();
    stuck.make_space();
    let (house, told) = stuck.end();
    proposed_once(&house, told);
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
    let filler = stuck.filler();
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
    proposed_once(&house, house.hob(&["runs", "resume", "--json"]));
    assert_eq!(house.standing(), before);
}

#[test]
fn space_that_comes_back_before_a_machine_is_made_is_used() {
    alone("space_that_comes_back_before_a_machine_is_made_is_used", || {
        goes_on_by_itself("prepare");
    });
}

#[test]
fn space_that_comes_back_while_a_machine_works_is_used() {
    alone("space_that_comes_back_while_a_machine_works_is_used", || {
        goes_on_by_itself("asking the registries");
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
