//! What machines may leave on the host: processes, mounts, control groups; as the kernel tells of them, whatever they call
//! themselves.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::household::{Household, names, processes as with_word};

/// Mounts below a folder that this process sees. The folder itself may be one.
pub(crate) fn mounts(folder: &Path) -> Vec<String> {
    let below = format!("{}/", folder.display());
    let told = std::fs::read_to_string("/proc/self/mountinfo").unwrap();
    told.lines().filter(|line| line.contains(&below)).map(|line| format!("mount {line}")).collect()
}

/// Processes that have to do with a folder of a story, whose name nobody else has: by their words, variables, open files,
/// or by what is mounted where they live.
pub(crate) fn processes(folder: &Path) -> Vec<String> {
    let word = folder.file_name().unwrap().to_str().unwrap();
    let own_mounts = std::fs::read_link("/proc/self/ns/mnt").unwrap();
    let all = names(Path::new("/proc")).into_iter().filter_map(|name| name.parse::<u32>().ok());
    let others = all.filter(|pid| *pid != std::process::id());
    // A process may go while it is looked at.
    others.filter_map(|pid| concerned(pid, word, &own_mounts)).collect()
}

fn concerned(pid: u32, word: &str, own_mounts: &Path) -> Option<String> {
    let place = PathBuf::from(format!("/proc/{pid}"));
    let holds = |file: &str| {
        let bytes = std::fs::read(place.join(file)).unwrap_or_default();
        String::from_utf8_lossy(&bytes).contains(word)
    };
    let leads = |link: PathBuf| {
        std::fs::read_link(link).is_ok_and(|to| to.to_string_lossy().contains(word))
    };
    let elsewhere =
        std::fs::read_link(place.join("ns/mnt")).is_ok_and(|mounts| mounts != own_mounts);
    let open = || names_of(&place.join("fd")).into_iter().any(leads);
    let why = if holds("cmdline") {
        "its words"
    } else if holds("environ") {
        "its variables"
    } else if elsewhere && holds("mountinfo") {
        "its mounts"
    } else if ["cwd", "root", "exe"].iter().any(|link| leads(place.join(link))) || open() {
        "its files"
    } else {
        return None;
    };
    let name = std::fs::read_to_string(place.join("comm")).unwrap_or_default();
    Some(format!("process {pid} {} ({why})", name.trim_end()))
}

fn names_of(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    entries.map(|entry| entry.path()).collect()
}

/// Control groups of a machine, `hob-TAG-MACHINE`, in every hierarchy below a folder.
pub(crate) fn groups(below: &Path, machine: &str) -> Vec<PathBuf> {
    let ending = format!("-{machine}");
    let mut found = Vec::new();
    let mut pending = vec![below.to_owned()];
    while let Some(folder) = pending.pop() {
        // A group may go while it is looked at.
        for entry in std::fs::read_dir(&folder).into_iter().flatten().flatten() {
            if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                let name = entry.file_name().to_string_lossy().into_owned();
                if name.starts_with("hob-") && name.ends_with(&ending) {
                    found.push(entry.path());
                }
                pending.push(entry.path());
            }
        }
    }
    found
}

/// Starts a process among the mounts of another, which it holds from then on: what a machine that was not taken away whole
/// looks like.
fn joins(pid: &str, sleep: &str) -> std::process::Child {
    let root = rustix::process::getuid().is_root();
    let own: &[&str] = if root { &[] } else { &["--user", "--preserve-credentials"] };
    #[expect(clippy::disallowed_methods, reason = "a story starts programs as a person would")]
    let mut command = Command::new("nsenter");
    command.args(["--target", pid, "--mount"]).args(own).args(sleep.split(' '));
    command.env_clear().env("PATH", "/usr/bin:/bin").current_dir("/").spawn().unwrap()
}

/// The process that runs just this command.
fn pid_of(command: &str) -> Option<String> {
    let all = names(Path::new("/proc")).into_iter();
    all.filter(|name| name.bytes().all(|byte| byte.is_ascii_digit())).find(|pid| {
        let line = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        String::from_utf8_lossy(&line).replace('\0', " ").trim_end() == command
    })
}

#[test]
fn a_machine_at_work_is_seen_and_so_is_one_that_is_not_taken_away_whole() {
    let house = Household::with_sample();
    // Numbers that nobody else sleeps for.
    let sleep = format!("sleep 700.{}", std::process::id());
    let left = format!("sleep 800.{}", std::process::id());
    let check = format!("checks={sleep}");
    let words = ["run", "dependency-updates", "--repo", "repo", "--set", &check, "--json"];
    let mut child = house.start(&words);
    let pid = loop {
        if let Some(pid) = pid_of(&sleep) {
            break pid;
        }
        assert_eq!(child.try_wait().unwrap(), None, "it ended before its check began");
        std::thread::yield_now();
    };
    let seen = house.leaks();
    let by_mounts = format!("process {pid} sleep (its mounts)");
    assert!(seen.contains(&by_mounts), "`{by_mounts}` is not among {seen:#?}");
    let doctor = house.hob(&["doctor", "--json"]).json();
    let limited = doctor["found"].as_array().unwrap().iter().any(|found| {
        found["name"] == "control groups" && found["detail"].as_str().unwrap().contains(" in ")
    });
    assert_eq!(seen.iter().any(|line| line.starts_with("group ")), limited, "{seen:#?}");

    // Something of the machine stays when the run is over.
    let mut leaked = joins(&pid, &left);
    while pid_of(&left).is_none() {
        assert_eq!(leaked.try_wait().unwrap(), None, "nothing was leaked");
        std::thread::yield_now();
    }
    let run = house.runs()[0]["run"].as_str().unwrap().to_owned();
    house.hob(&["runs", "cancel", &run]).expect(0);
    assert_eq!(child.wait().unwrap().code(), Some(3));
    assert_eq!(with_word(&sleep), Vec::<String>::new(), "the machine itself is gone");
    let tidy = std::panic::catch_unwind(|| house.is_tidy());
    let seen = house.leaks();
    leaked.kill().unwrap();
    leaked.wait().unwrap();
    assert!(tidy.is_err(), "what is left was not seen");
    assert_eq!(seen, [format!("process {} sleep (its mounts)", leaked.id())]);
    house.is_tidy();
}

#[test]
fn the_groups_of_a_machine_are_found_by_their_real_names() {
    let folder = tempfile::tempdir().unwrap();
    for name in ["hob-0f-mach_1", "hob-0f-mach_12", "mach_1", "other-mach_1"] {
        std::fs::create_dir_all(folder.path().join("memory/some.slice").join(name)).unwrap();
    }
    let found = groups(folder.path(), "mach_1");
    assert_eq!(found, [folder.path().join("memory/some.slice/hob-0f-mach_1")]);
}
