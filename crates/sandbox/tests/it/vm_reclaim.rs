//! Whenever the owner of a virtual machine is killed, nothing is left of it after reclaiming.

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use domain::exec::Exec;
use sandbox::port::{Reclaimed, Sandbox as _};

use crate::machine_house::{Audit, GONE_MAX, Heard, machines, says};
use crate::vm_house::{VmHouse, init_of, mark_of, spec};

/// Names the state folder to the process that plays the owner.
const OWNER: &str = "HOB_TEST_VM_OWNER";

/// Not a test of its own: where the variable is set, this process owns a machine until it is killed.
#[tokio::test]
async fn an_owner_launches_a_virtual_machine_and_waits_for_its_end() {
    #[expect(clippy::disallowed_methods, reason = "tells a test process which part it plays")]
    let Ok(state) = std::env::var(OWNER) else { return };
    let sandbox = crate::vm_house::sandbox(Path::new(&state)).await;
    let audit = std::sync::Arc::<Audit>::default();
    let machine = sandbox.launch(&spec(), audit).await.unwrap();
    println!("up");
    let command = Exec::new(["sleep", "1000"], "sleep");
    let ended = machine.exec(&command, &mut Heard::default()).await;
    panic!("{ended:?}");
}

fn owner(state: &Path) -> Child {
    let name = "vm_reclaim::an_owner_launches_a_virtual_machine_and_waits_for_its_end";
    #[expect(clippy::disallowed_methods, reason = "an owner is another process")]
    let child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", name, "--nocapture"])
        .env(OWNER, state)
        .stdout(Stdio::piped())
        .spawn();
    child.unwrap()
}

/// A moment in the life of a machine.
#[derive(Debug, Clone, Copy)]
enum Moment {
    /// Its folder is there.
    Prepared,
    /// Its VMM runs.
    Booting,
    /// It runs a command.
    Up,
}

async fn reached(moment: Moment, child: &mut Child, state: &Path) {
    use std::io::BufRead as _;
    if matches!(moment, Moment::Up) {
        let lines = std::io::BufReader::new(child.stdout.take().unwrap()).lines();
        assert!(lines.map_while(Result::ok).any(|line| line.ends_with("up")));
        return;
    }
    let mut often = tokio::time::interval(Duration::from_millis(2));
    loop {
        often.tick().await;
        let Some(machine) = machines(state).into_iter().next() else { continue };
        let runs = std::fs::read(machine.join("owner"))
            .ok()
            .and_then(|mark| serde_json::from_slice::<serde_json::Value>(&mark).ok())
            .is_some_and(|mark| !mark["init"].is_null());
        if runs || matches!(moment, Moment::Prepared) {
            return;
        }
    }
}

#[tokio::test]
async fn a_killed_owner_leaves_nothing_at_any_moment() {
    let house = VmHouse::new().await;
    for moment in [Moment::Prepared, Moment::Booting, Moment::Up] {
        let mut child = owner(house.state.path());
        let arrived = reached(moment, &mut child, house.state.path());
        tokio::time::timeout(Duration::from_secs(180), arrived).await.unwrap();
        child.kill().unwrap();
        child.wait().unwrap();
        let left = machines(house.state.path());
        assert_eq!(left.len(), 1, "{moment:?}");
        let mark = mark_of(&left[0]);
        let reclaimed = house.sandbox.reclaim().await.unwrap();
        assert_eq!(reclaimed.left, [], "{moment:?}");
        assert_eq!(reclaimed.machines.len(), 1, "{moment:?}");
        assert_eq!(house.sandbox.settle(GONE_MAX).await, 0);
        assert!(house.machines().is_empty(), "{moment:?}");
        if let Some(pid) = mark["init"]["pid"].as_i64() {
            // Whoever reaps orphans on this host may not have come to it yet.
            let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
            assert!(stat.is_empty() || stat.contains(") Z "), "{moment:?}: {stat}");
        }
        for group in mark["cgroups"].as_array().unwrap() {
            assert!(!Path::new(group.as_str().unwrap()).exists(), "{moment:?}");
        }
    }
    assert_eq!(house.sandbox.reclaim().await.unwrap(), Reclaimed::default());
}

#[tokio::test]
async fn a_machine_whose_owner_lives_is_not_touched_and_a_dropped_one_goes() {
    let house = VmHouse::new().await;
    let machine = house.launch(&spec()).await;
    assert_eq!(house.sandbox.reclaim().await.unwrap(), Reclaimed::default());
    assert_eq!(says(&*machine, "echo alive").await, "alive");
    let pid = init_of(&house.machines()[0]);
    drop(machine);
    assert_eq!(house.sandbox.settle(GONE_MAX).await, 0);
    assert!(house.machines().is_empty());
    assert!(!Path::new(&format!("/proc/{pid}")).exists());
}
