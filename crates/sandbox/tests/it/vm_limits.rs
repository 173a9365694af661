//! Virtual machines that want too much: processes, memory, disk, output, time. The host stays well.

use domain::exec::{Exec, Exit};
use sandbox::port::{Sandbox as _, SandboxError};

use crate::machine_house::{GONE_MAX, Heard, MIB, says, sh, try_sh};
use crate::vm_house::{VmHouse, init_of, spec};

fn limit<T: std::fmt::Debug>(result: Result<T, SandboxError>) -> String {
    match result {
        Err(SandboxError::Limit { limit }) => limit,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_fork_bomb_and_a_flood_end_with_their_commands() {
    let house = VmHouse::new().await;
    let machine = house.launch(&spec()).await;
    let mut bomb = Exec::new(["sh", "-c", "b() { b | b & }; while :; do b; done"], "bomb");
    bomb.timeout_ms = 3_000;
    let result = machine.exec(&bomb, &mut Heard::default()).await.unwrap();
    assert!(!result.success(), "{result:?}");
    assert_eq!(says(&*machine, "echo alive").await, "alive");
    let mut flood = Exec::new(["yes", "flood"], "flood");
    flood.timeout_ms = 3_000;
    let mut heard = Heard::default();
    let result = machine.exec(&flood, &mut heard).await.unwrap();
    assert_eq!(result.exit, Exit::TimedOut);
    assert_eq!(result.stdout.len() as u64 + result.dropped_bytes > 0, heard.stdout > 0);
    assert!(result.stdout.len() <= domain::limit::OUTPUT_KEPT_MAX_BYTES);
    assert_eq!(says(&*machine, "echo alive").await, "alive");
    machine.close().await.unwrap();
}

#[tokio::test]
async fn a_memory_hog_is_told_from_other_failures() {
    let house = VmHouse::new().await;
    let machine = house.launch(&spec()).await;
    // Each holds its part until the last has none.
    let hog =
        "for i in 1 2 3 4 5; do dd if=/dev/zero bs=70000000 count=1 | sleep 5 & done; wait; exit 1";
    assert_eq!(sh(&*machine, hog).await.exit, Exit::OutOfMemory);
    assert_eq!(sh(&*machine, "exit 1").await.exit, Exit::Code(1));
    machine.close().await.unwrap();
}

#[tokio::test]
async fn a_disk_filler_is_taken_away_and_the_next_machine_starts() {
    let house = VmHouse::new().await;
    let mut small = spec();
    small.disk_bytes = 32 * MIB;
    let machine = house.launch(&small).await;
    let file = "head -c 1000000 /dev/urandom >/tmp/kept && cat /tmp/kept | wc -c";
    assert_eq!(says(&*machine, file).await, "1000000");
    let filler = "i=0; while head -c 4000000 /dev/zero >/tmp/$i; do i=$((i+1)); done; rm -f /tmp/*; sleep 1000";
    assert_eq!(limit(try_sh(&*machine, filler).await), "disk (32 MiB)");
    assert_eq!(limit(try_sh(&*machine, "true").await), "disk (32 MiB)");
    machine.close().await.unwrap();
    assert_eq!(house.sandbox.settle(GONE_MAX).await, 0);
    small.id = spec().id;
    let machine = house.launch(&small).await;
    let many = "i=0; while :>/tmp/$i; do i=$((i+1)); done";
    assert_eq!(limit(try_sh(&*machine, many).await), "disk (32 MiB)");
    machine.close().await.unwrap();
}

#[tokio::test]
async fn a_machine_whose_wall_time_is_over_is_taken_away() {
    let house = VmHouse::new().await;
    let mut short = spec();
    short.time_ms = 1_000;
    let machine = house.launch(&short).await;
    assert_eq!(limit(try_sh(&*machine, "sleep 1000").await), "wall time (1 s)");
    machine.close().await.unwrap();
}

#[tokio::test]
async fn a_guest_that_does_not_end_is_killed() {
    let house = VmHouse::new().await;
    let machine = house.launch(&spec()).await;
    let pid = init_of(&house.machines()[0]);
    let qemu = rustix::process::Pid::from_raw(pid).unwrap();
    rustix::process::kill_process(qemu, rustix::process::Signal::STOP).unwrap();
    machine.close().await.unwrap();
    assert!(!std::path::Path::new(&format!("/proc/{pid}")).exists());
    assert_eq!(house.sandbox.settle(GONE_MAX).await, 0);
}

#[tokio::test]
async fn a_spec_that_cannot_be_made_is_refused() {
    let house = VmHouse::new().await;
    let changes: [fn(&mut sandbox::port::MachineSpec); 5] = [
        |spec| spec.image = "no-such-image".to_owned(),
        |spec| spec.cpus = 0,
        |spec| spec.memory_bytes = MIB,
        |spec| spec.time_ms = 0,
        |spec| spec.home_files = vec![("../x".to_owned(), String::new())],
    ];
    for change in changes {
        let mut spec = spec();
        change(&mut spec);
        let launched = house.try_launch(&spec).await;
        assert!(matches!(launched, Err(SandboxError::Refused(_))), "{spec:?}");
    }
    assert!(house.machines().is_empty());
}
