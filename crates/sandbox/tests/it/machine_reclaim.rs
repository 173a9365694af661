//! What is left of machines whose owner is gone is taken away; what belongs to others stays.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use domain::clock::SystemClock;
use domain::{MachineId, exec::Exec};
use sandbox::port::Sandbox as _;

use crate::machine_house::{GONE_MAX, Heard, House, machines, says};

/// Names the state folder to the process that plays the owner.
const OWNER: &str = "HOB_TEST_OWNER";

/// Not a test of its own: where the variable is set, this process owns a machine until it is killed.
#[tokio::test]
async fn an_owner_launches_a_machine_and_waits_for_its_end() {
    #[expect(clippy::disallowed_methods, reason = "tells a test process which part it plays")]
    let Ok(state) = std::env::var(OWNER) else { return };
    let sandbox = crate::machine_house::sandbox(Path::new(&state), |_| {});
    let audit = std::sync::Arc::<crate::machine_house::Audit>::default();
    let machine = sandbox.launch(&crate::machine_house::spec(), audit).await.unwrap();
    let script = "mkdir -p a/b && echo x >a/b/c && chmod 0 a/b a; (setsid sleep 1000 &); echo up; sleep 1000";
    let (first, up) = tokio::sync::oneshot::channel();
    let mut heard = Heard { first: Some(first), ..Heard::default() };
    let command = Exec::new(["sh", "-c", script], "sleep");
    let waiting = machine.exec(&command, &mut heard);
    let told = async {
        up.await.unwrap();
        println!("up");
    };
    let (ended, ()) = tokio::join!(waiting, told);
    panic!("{ended:?}");
}

/// Starts this test program again as an owner, and waits until its machine runs a command.
fn owner(state: &Path) -> Child {
    use std::io::BufRead as _;
    #[expect(clippy::disallowed_methods, reason = "an owner is another process")]
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "machine_reclaim::an_owner_launches_a_machine_and_waits_for_its_end"])
        .arg("--nocapture")
        .env(OWNER, state)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = std::io::BufReader::new(child.stdout.take().unwrap()).lines();
    let up = lines.map_while(Result::ok).any(|line| line.ends_with("up"));
    assert!(up, "the owner did not come up: {:?}", child.wait());
    child
}

fn mark(machine: &Path) -> serde_json::Value {
    serde_json::from_slice(&std::fs::read(machine.join("owner")).unwrap()).unwrap()
}

fn groups(mark: &serde_json::Value) -> Vec<PathBuf> {
    let groups = mark["cgroups"].as_array().unwrap().iter();
    groups.map(|path| PathBuf::from(path.as_str().unwrap())).collect()
}

#[tokio::test]
async fn a_killed_owner_leaves_nothing_after_reclaiming() {
    let house = House::new();
    let mut child = owner(house.state.path());
    let left = machines(house.state.path());
    let mark = mark(&left[0]);
    assert!(groups(&mark).iter().all(|group| group.is_dir()));
    let init = format!("/proc/{}", mark["init"]["pid"]);
    assert!(Path::new(&init).exists());
    child.kill().unwrap();
    child.wait().unwrap();
    let reclaimed = house.sandbox.reclaim().await.unwrap();
    let ids: Vec<String> = reclaimed.machines.iter().map(ToString::to_string).collect();
    assert_eq!(ids, [mark["machine"].as_str().unwrap()]);
    assert_eq!(reclaimed.left, []);
    assert_eq!(house.sandbox.settle(GONE_MAX).await, 0);
    assert!(house.machines().is_empty());
    // Its parent is gone too: whoever reaps orphans on this host may not have come to it yet.
    let stat = std::fs::read_to_string(format!("{init}/stat")).unwrap_or_default();
    assert!(stat.is_empty() || stat.contains(") Z "), "{stat}");
    assert!(groups(&mark).iter().all(|group| !group.exists()));
    let mounts = std::fs::read_to_string("/proc/self/mountinfo").unwrap();
    assert!(!mounts.contains(mark["machine"].as_str().unwrap()));
    assert_eq!(house.sandbox.reclaim().await.unwrap(), sandbox::port::Reclaimed::default());
}

#[tokio::test]
async fn a_machine_whose_owner_lives_is_not_touched() {
    let house = House::new();
    let own = house.machine().await;
    let mut child = owner(house.state.path());
    let before = house.machines().len();
    let reclaimed = house.sandbox.reclaim().await.unwrap();
    assert_eq!(reclaimed, sandbox::port::Reclaimed::default());
    assert_eq!(house.machines().len(), before);
    assert_eq!(says(&*own, "echo alive").await, "alive");
    let mark = mark(&house.machines()[0]);
    assert!(Path::new(&format!("/proc/{}", mark["init"]["pid"])).exists());
    child.kill().unwrap();
    child.wait().unwrap();
    assert_eq!(house.sandbox.reclaim().await.unwrap().machines.len(), 1);
    own.close().await.unwrap();
}

#[tokio::test]
async fn what_has_no_mark_of_ours_is_not_touched() {
    let house = House::new();
    let folder = house.state.path().join("machines");
    let strange = folder.join("backup");
    let unmarked = folder.join(MachineId::fresh(&SystemClock).to_string());
    let misnamed = folder.join(MachineId::fresh(&SystemClock).to_string());
    let garbled = folder.join(MachineId::fresh(&SystemClock).to_string());
    for path in [&strange, &unmarked, &misnamed, &garbled] {
        std::fs::create_dir(path).unwrap();
        std::fs::write(path.join("precious"), "kept").unwrap();
    }
    let other = MachineId::fresh(&SystemClock);
    let mark = serde_json::json!({ "hob": 1, "machine": other, "boot": "", "owner": { "pid": 1, "start": 1 },
        "init": null, "cgroups": [] });
    std::fs::write(misnamed.join("owner"), mark.to_string()).unwrap();
    std::fs::write(garbled.join("owner"), "{").unwrap();
    let reclaimed = house.sandbox.reclaim().await.unwrap();
    assert_eq!(reclaimed.machines, []);
    assert_eq!(reclaimed.left.len(), 4);
    for path in [&strange, &unmarked, &misnamed, &garbled] {
        assert!(path.join("precious").exists(), "{}", path.display());
    }
}

#[tokio::test]
async fn a_mark_cannot_point_at_foreign_processes_or_groups() {
    let house = House::new();
    let machine = MachineId::fresh(&SystemClock);
    let path = house.state.path().join("machines").join(machine.to_string());
    std::fs::create_dir(&path).unwrap();
    #[expect(clippy::disallowed_methods, reason = "a process that must survive")]
    let mut bystander = Command::new("sleep").arg("1000").spawn().unwrap();
    let boot = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap();
    let group = house.state.path().join("group");
    std::fs::create_dir(&group).unwrap();
    let mark = serde_json::json!({ "hob": 1, "machine": machine, "boot": boot.trim(),
        "owner": { "pid": 1, "start": 1 }, "init": { "pid": bystander.id(), "start": 1 }, "cgroups": [group] });
    std::fs::write(path.join("owner"), mark.to_string()).unwrap();
    let reclaimed = house.sandbox.reclaim().await.unwrap();
    assert_eq!(reclaimed.machines, [machine]);
    assert!(bystander.try_wait().unwrap().is_none(), "another process was killed");
    assert!(group.is_dir(), "another group was removed");
    bystander.kill().unwrap();
    bystander.wait().unwrap();
}

#[tokio::test]
async fn a_dropped_machine_is_taken_away_in_the_background() {
    let house = House::new();
    let machine = house.machine().await;
    let groups = groups(&mark(&house.machines()[0]));
    drop(machine);
    house.gone().await;
    assert!(groups.iter().all(|group| !group.exists()));
}

#[tokio::test]
async fn a_dropped_launch_leaves_nothing() {
    let house = House::new();
    for _ in 0..5 {
        let spec = crate::machine_house::spec();
        let launch = house.try_launch(&spec);
        let _late = tokio::time::timeout(std::time::Duration::from_millis(15), launch).await;
    }
    house.gone().await;
    assert_eq!(house.sandbox.reclaim().await.unwrap(), sandbox::port::Reclaimed::default());
}

#[tokio::test]
async fn groups_whose_folder_is_gone_are_taken_away_and_those_of_others_are_not() {
    let house = House::new();
    let mut child = owner(house.state.path());
    let path = house.machines().remove(0);
    let groups = groups(&mark(&path));
    let foreign: Vec<PathBuf> = groups
        .iter()
        .map(|group| {
            let machine = MachineId::fresh(&SystemClock);
            group.with_file_name(format!("hob-000000000000-{machine}"))
        })
        .collect();
    foreign.iter().for_each(|group| std::fs::create_dir(group).unwrap());
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(
        !groups.is_empty(),
        "this process may make no control groups: run the tests as root, or in a scope of their own \
         (systemd-run --user --scope -p Delegate=yes scripts/test)"
    );
    std::fs::remove_dir_all(&path).unwrap();
    let reclaimed = house.sandbox.reclaim().await.unwrap();
    assert_eq!(reclaimed.left, []);
    assert!(groups.iter().all(|group| !group.exists()));
    assert!(foreign.iter().all(|group| group.is_dir()));
    foreign.iter().for_each(|group| std::fs::remove_dir(group).unwrap());
}
