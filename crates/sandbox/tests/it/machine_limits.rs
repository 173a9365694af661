//! Machines that want too much: processes, memory, disk, time.

use domain::exec::Exit;
use sandbox::port::SandboxError;

use crate::machine_house::{House, MIB, says, sh, spec, try_sh};

/// Forks for ever, also where forking fails.
pub(crate) const FORK_BOMB: &str = "import os\nwhile True:\n try: os.fork()\n except OSError: pass";

fn limit<T: std::fmt::Debug>(result: Result<T, SandboxError>) -> String {
    match result {
        Err(SandboxError::Limit { limit }) => limit,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_fork_bomb_ends_with_its_command() {
    let house = House::new();
    let machine = house.machine().await;
    let mut bomb = domain::exec::Exec::new(["python3", "-c", FORK_BOMB], "bomb");
    bomb.timeout_ms = 1_500;
    let result = machine.exec(&bomb, &mut crate::machine_house::Heard::default()).await.unwrap();
    assert_eq!(result.exit, Exit::TimedOut);
    assert_eq!(says(&*machine, "echo alive").await, "alive");
    machine.close().await.unwrap();
    house.gone().await;
}

#[tokio::test]
async fn a_memory_hog_is_told_from_other_failures() {
    let house = House::new();
    let mut spec = spec();
    spec.memory_bytes = 128 * MIB;
    let machine = house.launch(&spec).await;
    let result = sh(&*machine, "python3 -c 'x = bytearray(400 * 1024 * 1024)'").await;
    assert_eq!(result.exit, Exit::OutOfMemory);
    assert_eq!(sh(&*machine, "exit 1").await.exit, Exit::Code(1));
    machine.close().await.unwrap();
}

#[tokio::test]
async fn a_memory_disk_counts_as_memory() {
    let house = House::new();
    let mut spec = spec();
    spec.memory_bytes = 64 * MIB;
    let machine = house.launch(&spec).await;
    let result = sh(&*machine, "head -c 200000000 /dev/zero >/dev/shm/file").await;
    assert!(!result.success());
    machine.close().await.unwrap();
}

#[tokio::test]
async fn one_large_file_is_stopped_at_the_size_of_the_disk() {
    let house = House::new();
    let mut spec = spec();
    spec.disk_bytes = 16 * MIB;
    let machine = house.launch(&spec).await;
    let ended = try_sh(&*machine, "truncate -s 17M sparse").await;
    assert!(ended.is_ok_and(|result| !result.success()));
    machine.close().await.unwrap();
}

#[tokio::test]
async fn a_disk_filler_is_taken_away() {
    let house = House::new();
    let mut spec = spec();
    spec.disk_bytes = 32 * MIB;
    let machine = house.launch(&spec).await;
    let filler = "i=0; while head -c 4000000 /dev/urandom >/tmp/$i; do i=$((i+1)); done";
    assert_eq!(limit(try_sh(&*machine, filler).await), "disk (32 MiB)");
    assert_eq!(limit(try_sh(&*machine, "true").await), "disk (32 MiB)");
    machine.close().await.unwrap();
    house.gone().await;
}

#[tokio::test]
async fn many_empty_files_and_deleted_ones_fill_the_disk_too() {
    let house = House::new();
    let mut spec = spec();
    spec.disk_bytes = 8 * MIB;
    let machine = house.launch(&spec).await;
    let many =
        "python3 -c 'import itertools\nfor i in itertools.count(): open(str(i), \"w\").close()'";
    assert_eq!(limit(try_sh(&*machine, many).await), "disk (8 MiB)");
    machine.close().await.unwrap();
    spec.id = crate::machine_house::spec().id;
    let machine = house.launch(&spec).await;
    let deleted = "python3 -c 'import os, itertools\nheld = []\nfor i in itertools.count():\n f = open(\"x\", \"wb\"); f.write(os.urandom(1000000)); f.flush(); os.unlink(\"x\"); held.append(f)'";
    assert_eq!(limit(try_sh(&*machine, deleted).await), "disk (8 MiB)");
    machine.close().await.unwrap();
}

#[tokio::test]
async fn deleted_files_that_are_only_mapped_fill_the_disk_too() {
    let house = House::new();
    let mut spec = spec();
    spec.disk_bytes = 8 * MIB;
    let machine = house.launch(&spec).await;
    let mapped = "python3 -c '
import ctypes, os, itertools
libc = ctypes.CDLL(None)
libc.mmap.restype = ctypes.c_void_p
libc.mmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int, ctypes.c_int, ctypes.c_int, ctypes.c_long]
for i in itertools.count():
    f = open(\"x\", \"w+b\")
    f.truncate(1000000)
    at = libc.mmap(None, 1000000, 3, 1, f.fileno(), 0)
    assert at not in (None, 2**64 - 1)
    os.unlink(\"x\")
    f.write(os.urandom(1000000))
    f.close()'";
    assert_eq!(limit(try_sh(&*machine, mapped).await), "disk (8 MiB)");
    machine.close().await.unwrap();
}

#[tokio::test]
async fn a_machine_whose_wall_time_is_over_is_taken_away() {
    let house = House::new();
    let mut spec = spec();
    spec.time_ms = 1_000;
    let machine = house.launch(&spec).await;
    assert_eq!(limit(try_sh(&*machine, "sleep 1000").await), "wall time (1 s)");
    machine.close().await.unwrap();
    house.gone().await;
}

#[tokio::test]
async fn a_spec_that_cannot_be_made_is_refused() {
    let house = House::new();
    let changes: [fn(&mut sandbox::port::MachineSpec); 4] = [
        |spec| spec.image = "debian".to_owned(),
        |spec| spec.cpus = 0,
        |spec| spec.memory_bytes = 1,
        |spec| spec.time_ms = 0,
    ];
    for change in changes {
        let mut spec = spec();
        change(&mut spec);
        let launched = house.try_launch(&spec).await;
        assert!(matches!(launched, Err(SandboxError::Refused(_))), "{spec:?}");
    }
    assert!(house.machines().is_empty());
}
