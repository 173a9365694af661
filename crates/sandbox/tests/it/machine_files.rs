//! Files in and out of a real machine: caps, and refusals of every link in the way.

use sandbox::port::{Machine, MachinePath, SandboxError};

use crate::machine_house::{House, MIB, checkout, says};

async fn get(machine: &dyn Machine, path: &str, max: u64) -> Result<Option<Vec<u8>>, SandboxError> {
    let mut bytes = Vec::new();
    let found = machine.get(&checkout(path), max, &mut bytes).await?;
    Ok(found.map(|count| {
        assert_eq!(count, bytes.len() as u64);
        bytes
    }))
}

async fn put(machine: &dyn Machine, path: &str, bytes: &[u8]) -> Result<u64, SandboxError> {
    machine.put(&checkout(path), 0o755, MIB, &mut &*bytes).await
}

fn reason<T: std::fmt::Debug>(result: Result<T, SandboxError>) -> String {
    match result {
        Err(SandboxError::Refused(reason)) => reason,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_file_goes_in_and_comes_out_whole() {
    let house = House::new();
    let machine = house.machine().await;
    let bytes: Vec<u8> = (0..3_000_000_u32).map(|i| i.to_le_bytes()[i as usize % 3]).collect();
    let path = checkout("new/folder/file");
    let written = machine.put(&path, 0o755, 4 * MIB, &mut &*bytes).await.unwrap();
    assert_eq!(written, 3_000_000);
    assert_eq!(says(&*machine, "stat -c '%a %U %s' new/folder/file").await, "755 hob 3000000");
    assert_eq!(get(&*machine, "new/folder/file", 4 * MIB).await.unwrap(), Some(bytes));
    assert_eq!(put(&*machine, "new/folder/file", b"replaced").await.unwrap(), 8);
    assert_eq!(says(&*machine, "cat new/folder/file; ls -A new/folder").await, "replacedfile");
    assert_eq!(put(&*machine, "empty", b"").await.unwrap(), 0);
    assert_eq!(get(&*machine, "empty", 0).await.unwrap(), Some(Vec::new()));
    assert_eq!(get(&*machine, "absent", 10).await.unwrap(), None);
    assert_eq!(get(&*machine, "absent/below", 10).await.unwrap(), None);
    let transfer = MachinePath::Transfer("bundle".to_owned());
    machine.put(&transfer, 0o600, 10, &mut &b"bundle"[..]).await.unwrap();
    assert_eq!(says(&*machine, "cat /transfer/bundle $HOB_TRANSFER/bundle").await, "bundlebundle");
    machine.close().await.unwrap();
}

#[tokio::test]
async fn more_bytes_than_allowed_are_refused_both_ways() {
    let house = House::new();
    let machine = house.machine().await;
    let too_many = vec![0; 2_000_000];
    let refused = machine.put(&checkout("big"), 0o644, MIB, &mut &*too_many).await;
    assert_eq!(reason(refused), "`big`: more than 1048576 bytes");
    assert_eq!(says(&*machine, "ls -A").await, "");
    says(&*machine, "head -c 2000000 /dev/zero >big").await;
    assert_eq!(reason(get(&*machine, "big", MIB).await), "`big`: more than 1048576 bytes");
    machine.close().await.unwrap();
}

#[tokio::test]
async fn links_and_other_things_in_the_way_are_refused() {
    let house = House::new();
    let machine = house.machine().await;
    says(
        &*machine,
        "mkdir real && echo x >real/file && ln -s real link && ln -s real/file file && \
         ln -s /proc/self/root/etc root && ln -s .. up && ln -s loop loop && mkfifo fifo",
    )
    .await;
    for path in ["link/file", "file", "root/passwd", "up/etc/passwd", "loop", "loop/x"] {
        let refused = reason(get(&*machine, path, MIB).await);
        assert_eq!(refused, format!("`{path}`: a symbolic link is in the way"));
        let refused = reason(put(&*machine, path, b"overwritten").await);
        assert_eq!(refused, format!("`{path}`: a symbolic link is in the way"));
    }
    assert_eq!(reason(get(&*machine, "fifo", MIB).await), "`fifo`: is not a regular file");
    assert_eq!(reason(get(&*machine, "real", MIB).await), "`real`: is not a regular file");
    assert_eq!(reason(put(&*machine, "fifo", b"x").await), "`fifo`: is not a regular file");
    let below = reason(put(&*machine, "real/file/below", b"x").await);
    assert_eq!(below, "`real/file/below`: a part of it is not a folder");
    assert_eq!(says(&*machine, "cat real/file").await, "x");
    machine.close().await.unwrap();
}

#[tokio::test]
async fn a_name_that_is_not_plain_never_reaches_the_machine() {
    let house = House::new();
    let machine = house.machine().await;
    for name in ["", ".", "..", "a/b", "/etc/passwd", "nul\0"] {
        let place = MachinePath::Transfer(name.to_owned());
        let refused = machine.get(&place, 10, &mut Vec::new()).await;
        assert!(matches!(refused, Err(SandboxError::Refused(_))), "{name:?}: {refused:?}");
    }
    let root = MachinePath::Checkout(domain::RepoPath::root());
    assert!(matches!(
        machine.put(&root, 0o644, 10, &mut &b"x"[..]).await,
        Err(SandboxError::Refused(_))
    ));
    machine.close().await.unwrap();
}

#[tokio::test]
async fn a_home_file_outside_the_home_folder_is_refused_and_leaves_nothing() {
    let house = House::new();
    for name in ["", "../x", "/etc/x", "a/../../x"] {
        let mut spec = crate::machine_house::spec();
        spec.home_files = vec![(name.to_owned(), "x".to_owned())];
        let launched = house.try_launch(&spec).await;
        assert!(matches!(launched, Err(SandboxError::Refused(_))), "{name:?}");
        house.gone().await;
    }
}
