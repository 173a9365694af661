//! Machines of an ordinary user: where the tests run as root, they are run again as one.

use std::os::unix::fs::{PermissionsExt as _, chown};
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::Command;

use domain::exec::{Exec, Exit};
use sandbox::namespaces::Settings;
use sandbox::port::{Sandbox as _, SandboxError};

use crate::machine_house::{Audit, GONE_MAX, Heard, MIB, checkout, machines, says, spec, try_sh};

/// Names the state folder to the process that is an ordinary user.
const ORDINARY: &str = "HOB_TEST_ORDINARY";

/// A user that nobody is.
const USER: u32 = 54_321;

async fn everything_works(state: &Path) {
    assert!(!rustix::process::geteuid().is_root());
    let sandbox = crate::machine_house::sandbox(state, |_| {});
    let audit = std::sync::Arc::<Audit>::default();
    let mut small = spec();
    small.disk_bytes = 32 * MIB;
    let machine = sandbox.launch(&small, audit.clone()).await.unwrap();
    assert_eq!(says(&*machine, "id -u; pwd; echo x >file; cat file").await, "1000\n/checkout\nx");
    machine.put(&checkout("a/b"), 0o644, 10, &mut &b"put"[..]).await.unwrap();
    assert_eq!(says(&*machine, "cat a/b").await, "put");
    for script in
        ["unshare -U true", "mount -t tmpfs none /tmp", "cat /proc/1/environ", "touch /usr/x"]
    {
        assert!(!try_sh(&*machine, script).await.unwrap().success(), "{script}");
    }
    let mut bomb = Exec::new(["python3", "-c", crate::machine_limits::FORK_BOMB], "bomb");
    bomb.timeout_ms = 1_000;
    let bombed = machine.exec(&bomb, &mut Heard::default()).await.unwrap();
    assert_eq!(bombed.exit, Exit::TimedOut);
    says(
        &*machine,
        "mkdir -p closed/inner && echo x >closed/inner/x && chmod 0 closed/inner closed",
    )
    .await;
    let filler = "while head -c 4000000 /dev/urandom >>/tmp/$((i=i+1)); do :; done";
    let filled = try_sh(&*machine, filler).await;
    assert!(matches!(filled, Err(SandboxError::Limit { .. })), "{filled:?}");
    machine.close().await.unwrap();
    assert_eq!(sandbox.settle(GONE_MAX).await, 0);
    assert_eq!(machines(state), Vec::<std::path::PathBuf>::new());
    assert_eq!(sandbox.reclaim().await.unwrap(), sandbox::port::Reclaimed::default());
    let probed = sandbox::namespaces::probe(&Settings::new(
        state.to_owned(),
        crate::machine_house::variables(),
    ))
    .await;
    assert!(probed.iter().all(|capability| capability.ok || !capability.required), "{probed:#?}");
}

#[tokio::test]
async fn an_ordinary_user_has_machines_too() {
    #[expect(clippy::disallowed_methods, reason = "tells a test process which part it plays")]
    if let Ok(state) = std::env::var(ORDINARY) {
        return everything_works(Path::new(&state)).await;
    }
    let state = tempfile::tempdir_in("/var/tmp").unwrap();
    if !rustix::process::geteuid().is_root() {
        return everything_works(state.path()).await;
    }
    chown(state.path(), Some(USER), Some(USER)).unwrap();
    // The program may lie where only root can read it.
    let program = state.path().join("tests");
    std::fs::copy(std::env::current_exe().unwrap(), &program).unwrap();
    std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).unwrap();
    #[expect(clippy::disallowed_methods, reason = "an ordinary user is another process")]
    let output = Command::new(&program)
        .args(["--exact", "machine_ordinary::an_ordinary_user_has_machines_too", "--nocapture"])
        .env(ORDINARY, state.path())
        .env("HOME", "/nonexistent")
        .current_dir("/")
        .uid(USER)
        .gid(USER)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{}{said}", String::from_utf8_lossy(&output.stdout));
}

#[tokio::test]
async fn a_probe_says_what_there_is_and_leaves_nothing() {
    let state = tempfile::tempdir().unwrap();
    let settings = Settings::new(state.path().to_owned(), crate::machine_house::variables());
    let probed = sandbox::namespaces::probe(&settings).await;
    let names: Vec<_> = probed.iter().map(|capability| capability.name).collect();
    assert_eq!(
        names,
        [
            "bubblewrap",
            "machine",
            "seccomp",
            "clean end",
            "landlock",
            "control groups",
            "toolchains"
        ]
    );
    assert!(
        probed.iter().all(|capability| capability.ok || capability.hint.is_some()),
        "{probed:#?}"
    );
    assert!(probed.iter().all(|capability| capability.ok || !capability.required), "{probed:#?}");
    assert_eq!(machines(state.path()), Vec::<std::path::PathBuf>::new());
}
