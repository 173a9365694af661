//! Disks that are full, and disks that lose what they were given.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use domain::Clock as _;
use domain::clock::SystemClock;
use rustix::mount::{MountFlags, UnmountFlags, mount, unmount};
use seccompiler::{BpfProgram, SeccompAction, SeccompFilter};
use store::conformance::sample::{Sample, insert};
use store::record::{Payload, StoredPayload};
use store::sqlite::{Options, Sqlite};
use store::{CommitError, Error, Store, Transaction};

use super::child;

/// Content that is never the same twice.
fn payload(bytes: usize) -> Payload {
    let mut salt = [0; 32];
    SystemClock.fill_random(&mut salt);
    Payload::new(salt, vec![7; bytes], None)
}

async fn put(store: &Arc<dyn Store>, payload: &Payload) -> Result<(), CommitError> {
    let payloads = vec![payload.clone()];
    store.commit(Transaction { payloads, ..Transaction::default() }).await.map(drop)
}

async fn all_are_kept(store: &Arc<dyn Store>, kept: &[Payload]) {
    for payload in kept {
        let read = store.payload(payload.digest()).await.unwrap();
        assert_eq!(read, Some(StoredPayload::Kept(payload.clone())));
    }
}

/// Writes until there is no space; gives back what was acknowledged.
async fn fill(store: &Arc<dyn Store>) -> Vec<Payload> {
    let mut kept = Vec::new();
    for _ in 0..256 {
        let next = payload(40_000);
        match put(store, &next).await {
            Ok(()) => kept.push(next),
            Err(CommitError::Store(Error::StorageFull { .. })) => return kept,
            Err(e) => panic!("a full disk was reported as: {e}"),
        }
    }
    panic!("the disk was never full");
}

#[test]
fn a_store_at_its_limit_says_so_and_keeps_what_it_has() {
    let dir = tempfile::tempdir().unwrap();
    let options = Options { pages_max: Some(300), ..Options::default() };
    let store: Arc<dyn Store> = Arc::new(Sqlite::open(dir.path(), &options).unwrap());
    super::block_on(async {
        let kept = fill(&store).await;
        assert!(kept.len() > 10);
        all_are_kept(&store, &kept).await;
        // What still fits is not taken down by a neighbour that does not.
        let small = Sample::default().run("small");
        let (large, small) = (payload(400_000), insert(&[&small]));
        let (refused, kept_too) = tokio::join!(put(&store, &large), store.commit(small));
        assert!(
            matches!(refused, Err(CommitError::Store(Error::StorageFull { .. }))),
            "{refused:?}"
        );
        kept_too.unwrap();
        assert_eq!(store.check_integrity().await.unwrap(), []);
    });
    drop(store);
    let store = super::open(dir.path());
    super::block_on(put(&store, &payload(40_000))).unwrap();
}

/// Says that this process was started in a mount namespace of its own.
const ALONE: &str = "STORE_TEST_ALONE";

/// Does a test of this file in a mount namespace of its own, by starting it once more inside of one.
fn alone(name: &str, test: fn()) {
    if std::env::var_os(ALONE).is_some() {
        return test();
    }
    // An ordinary user mounts in a user namespace, as root of nothing but it.
    let root = rustix::process::getuid().is_root();
    let own: &[&str] = if root { &["--mount"] } else { &["--mount", "--user", "--map-root-user"] };
    #[expect(clippy::disallowed_methods, reason = "this test starts itself again")]
    let told = std::process::Command::new("unshare")
        .args(own)
        .arg(std::env::current_exe().unwrap())
        .args(["--exact", &format!("disk::{name}"), "--nocapture"])
        .env(ALONE, "1")
        .output()
        .expect("`unshare` is there: install util-linux");
    let passed = String::from_utf8_lossy(&told.stdout).contains("1 passed");
    assert!(
        told.status.success() && passed,
        "it failed, or this user may not make mount namespaces here (run it as root): {}{}",
        String::from_utf8_lossy(&told.stdout),
        String::from_utf8_lossy(&told.stderr),
    );
}

/// A small file system of its own, taken away when the test is over.
struct SmallDisk(PathBuf);

impl SmallDisk {
    fn mount(at: &Path) -> Self {
        let size = c"size=3m";
        mount("hob-store-test", at, "tmpfs", MountFlags::NOSUID | MountFlags::NODEV, size).unwrap();
        Self(at.to_owned())
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        unmount(&self.0, UnmountFlags::DETACH).unwrap();
    }
}

#[test]
fn a_full_disk_loses_nothing_and_the_store_goes_on_when_space_is_back() {
    alone("a_full_disk_loses_nothing_and_the_store_goes_on_when_space_is_back", full_and_back);
}

fn full_and_back() {
    let dir = tempfile::tempdir().unwrap();
    let disk = SmallDisk::mount(dir.path());
    let ballast = dir.path().join("ballast");
    std::fs::write(&ballast, vec![1; 1_000_000]).unwrap();
    let folder = dir.path().join("data");
    let store = super::open(&folder);
    super::block_on(async {
        let mut kept = fill(&store).await;
        assert!(kept.len() > 3, "{} payloads fitted", kept.len());
        all_are_kept(&store, &kept).await;
        let again = put(&store, &payload(40_000)).await;
        assert!(matches!(again, Err(CommitError::Store(Error::StorageFull { .. }))), "{again:?}");

        std::fs::remove_file(&ballast).unwrap();
        let next = payload(40_000);
        put(&store, &next).await.unwrap();
        kept.push(next);
        all_are_kept(&store, &kept).await;
        assert_eq!(store.check_integrity().await.unwrap(), []);
    });
    drop(store);
    let full = super::open(&folder);
    super::block_on(fill(&full));
    drop((full, disk));
}

#[test]
fn the_log_does_not_grow_for_ever() {
    let dir = tempfile::tempdir().unwrap();
    let store = super::open(dir.path());
    super::block_on(async {
        for _ in 0..60 {
            put(&store, &payload(500_000)).await.unwrap();
        }
    });
    let bytes = std::fs::metadata(dir.path().join("store.sqlite-wal")).unwrap().len();
    assert!(bytes < 16_000_000, "after 30 MB the log has {bytes} bytes");
}

/// Child: from one moment on the kernel answers every flush with EIO.
pub(crate) fn lose_a_flush(dir: &Path) {
    let store = super::open(dir);
    super::block_on(async {
        let sample = Sample::default();
        let (kept, lost, late) = (sample.run("kept"), sample.run("lost"), sample.run("late"));
        store.commit(insert(&[&kept])).await.unwrap();
        child::say(kept.id);
        fail_every_flush();
        for run in [&lost, &late] {
            let refused = store.commit(insert(&[run])).await;
            assert!(
                matches!(refused, Err(CommitError::Store(Error::Stopped { .. }))),
                "{refused:?}"
            );
        }
        // Reading goes on.
        assert!(store.run(kept.id).await.unwrap().is_some());
        assert_eq!(store.run(late.id).await.unwrap(), None);
        child::say("stopped");
    });
}

fn fail_every_flush() {
    let flushes = [call_number("fsync"), call_number("fdatasync")];
    let rules: BTreeMap<i64, Vec<seccompiler::SeccompRule>> =
        flushes.into_iter().map(|number| (number, vec![])).collect();
    let eio = 5;
    let filter = SeccompFilter::new(
        rules,
        SeccompAction::Allow,
        SeccompAction::Errno(eio),
        std::env::consts::ARCH.try_into().unwrap(),
    );
    let program: BpfProgram = filter.unwrap().try_into().unwrap();
    seccompiler::apply_filter_all_threads(&program).unwrap();
}

/// Numbers of system calls, <https://www.kernel.org/doc/man-pages/>: x86-64 has its own, others share one table.
fn call_number(name: &str) -> i64 {
    match (name, cfg!(target_arch = "x86_64")) {
        ("fsync", true) => 74,
        ("fdatasync", true) => 75,
        ("fsync", false) => 82,
        _ => 83,
    }
}

#[test]
fn after_a_lost_flush_nothing_more_is_accepted_and_what_was_acknowledged_is_there() {
    let dir = tempfile::tempdir().unwrap();
    let (mut process, mut lines) = child::start("lose", dir.path());
    let kept = lines.next().unwrap().parse().unwrap();
    assert_eq!(lines.next().as_deref(), Some("stopped"));
    assert!(process.wait().unwrap().success());
    let store = super::open(dir.path());
    assert!(super::block_on(store.run(kept)).unwrap().is_some());
    assert_eq!(super::block_on(store.check_integrity()).unwrap(), []);
    let mut after = Sample::default().run("after");
    after.id = domain::RunId::fresh(&SystemClock);
    super::block_on(store.commit(insert(&[&after]))).unwrap();
}
