//! Git folders that somebody made to lead hob elsewhere, or to have it wait for ever.

use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, lchown, symlink};
use std::os::unix::net::UnixListener;
use std::path::Path;

use domain::Fence;
use forge::local::Branch;

use crate::house::{House, attempt, forge, git_in, run, snapshot};

/// Somebody who is neither root nor a user of this host.
const SOMEBODY: u32 = 12_345;

fn is_root(house: &House) -> bool {
    fs::metadata(house.path("")).unwrap().uid() == 0
}

fn give(folder: &Path, to: u32) {
    lchown(folder, Some(to), Some(to)).unwrap();
    for entry in fs::read_dir(folder).unwrap().map(Result::unwrap) {
        if entry.file_type().unwrap().is_dir() {
            give(&entry.path(), to);
        } else {
            lchown(entry.path(), Some(to), Some(to)).unwrap();
        }
    }
}

/// Makes the house's folder one that everybody may go through, as folders of repositories are.
fn open_up(house: &House) {
    fs::set_permissions(house.path(""), fs::Permissions::from_mode(0o755)).unwrap();
}

/// A repository and a proposal for it that lies in its mirror.
async fn proposal(house: &House, place: &Path) -> (forge::LocalForge, Branch) {
    let (mirror, found) = house.refreshed(place).await;
    let machine = house.machine(&mirror, &found).await;
    fs::write(machine.checkout().join("new"), "new").unwrap();
    let attempt = attempt(1);
    let change = machine.ingest(&mirror, attempt).await.unwrap().change;
    (forge(&mirror), Branch::of(attempt.run, "new", change.base, change.head))
}

#[tokio::test]
async fn nothing_is_written_or_read_behind_a_link_in_a_git_folder() {
    for name in ["refs/heads/hob", "refs", "objects", "objects/pack", "packed-refs", "logs"] {
        let house = House::new().await;
        let place = house.repository("app");
        let (local, branch) = proposal(&house, &place).await;
        let trapped = place.join(".git").join(name);
        let victim = house.path("victim");
        match fs::symlink_metadata(&trapped) {
            Ok(_) => fs::rename(&trapped, &victim).unwrap(),
            Err(_) if name == "packed-refs" => fs::write(&victim, "").unwrap(),
            Err(_) => fs::create_dir(&victim).unwrap(),
        }
        symlink(&victim, &trapped).unwrap();
        let all = snapshot(house.path("").as_path());
        let error = local.propose(&branch, Fence(2)).await.unwrap_err();
        let told = format!("{error} / {}", error.hint());
        let named = format!("{}` is a symbolic link", trapped.display());
        assert!(told.contains(&named) && told.contains("name a clone"), "{told}");
        let reading = house.complaint(&place).await;
        assert!(reading.contains(&named) && reading.contains("name a clone"), "{reading}");
        let mut now = snapshot(house.path("").as_path());
        now.retain(|path, _| !path.starts_with("mirrors"));
        let untouched = all.into_iter().filter(|(path, _)| !path.starts_with("mirrors"));
        assert_eq!(untouched.collect::<std::collections::BTreeMap<_, _>>(), now, "{name}");
    }
}

#[tokio::test]
async fn nothing_in_a_git_folder_is_waited_for() {
    for name in [
        "HEAD",
        "config",
        "index",
        "shallow",
        "commondir",
        "packed-refs",
        "refs/heads/main",
        "objects/pack/pack-0.idx",
        "objects/info/alternates",
        "logs",
    ] {
        for kind in ["pipe", "socket"] {
            let house = House::new().await;
            let place = house.repository("app");
            let trap = place.join(".git").join(name);
            let folder = fs::symlink_metadata(&trap).is_ok_and(|found| found.is_dir());
            let _absent = if folder { fs::remove_dir_all(&trap) } else { fs::remove_file(&trap) };
            if kind == "pipe" {
                assert!(run(&place, &["mkfifo", trap.to_str().unwrap()]).status.success());
            } else {
                drop(UnixListener::bind(&trap).unwrap());
            }
            // Git takes the shared folder to be the git folder itself where `commondir` is no plain file.
            if name == "commondir" {
                house.refreshed(&place).await;
                continue;
            }
            let told = house.complaint(&place).await;
            assert!(told.contains(name), "{name} as a {kind}: {told}");
        }
    }
}

#[tokio::test]
async fn a_head_that_is_a_device_or_huge_is_not_read() {
    let house = House::new().await;
    let place = house.repository("app");
    let head = place.join(".git/HEAD");
    fs::remove_file(&head).unwrap();
    symlink("/dev/zero", &head).unwrap();
    let told = house.complaint(&place).await;
    assert!(told.contains("names neither a branch nor a commit"), "{told}");
    fs::remove_file(&head).unwrap();
    fs::File::create(&head).unwrap().set_len(1 << 40).unwrap();
    let told = house.complaint(&place).await;
    assert!(told.contains("HEAD"), "{told}");
}

/// Only root can do what somebody else may not: for everybody else the kernel says the same by itself.
#[tokio::test]
async fn root_adds_nothing_where_the_owner_could_not() {
    let house = House::new().await;
    if !is_root(&house) {
        return;
    }
    open_up(&house);
    let place = house.repository("app");
    give(&place, SOMEBODY);
    let (local, branch) = proposal(&house, &place).await;
    // A folder of root's, which somebody might as well have put behind a link after it was looked at.
    let folder = place.join(".git/refs/heads/hob");
    fs::create_dir(&folder).unwrap();
    let error = local.propose(&branch, Fence(2)).await.unwrap_err();
    let told = format!("{error} / {}", error.hint());
    assert!(told.contains("Permission denied") && told.contains("its owner"), "{told}");
    assert_eq!(fs::read_dir(&folder).unwrap().count(), 0);
    assert_eq!(fs::metadata(&folder).unwrap().uid(), 0);
}

#[tokio::test]
async fn root_reads_nothing_out_that_the_owner_may_not_read() {
    let house = House::new().await;
    if !is_root(&house) {
        return;
    }
    open_up(&house);
    let secret = house.repository("secret");
    fs::set_permissions(&secret, fs::Permissions::from_mode(0o700)).unwrap();
    let commit = git_in(&secret, &["rev-parse", "HEAD"]);
    let place = house.path("app");
    fs::create_dir(&place).unwrap();
    git_in(&place, &["init", "-q", "-b", "main"]);
    let objects = secret.join(".git/objects").display().to_string();
    fs::write(place.join(".git/objects/info/alternates"), format!("{objects}\n")).unwrap();
    fs::write(place.join(".git/refs/heads/main"), format!("{commit}\n")).unwrap();
    house.refreshed(&place).await;
    give(&place, SOMEBODY);
    let told = house.complaint(&place).await;
    assert!(told.contains("could not be fetched") && told.contains("missing object"), "{told}");
}

#[tokio::test]
async fn nobody_leads_hob_into_the_repository_of_somebody_else() {
    let house = House::new().await;
    if !is_root(&house) {
        return;
    }
    open_up(&house);
    let own = house.repository("own");
    let (git_dir, led) = (own.join(".git"), house.path("led"));
    fs::create_dir(&led).unwrap();
    fs::write(led.join(".git"), format!("gitdir: {}\n", git_dir.display())).unwrap();
    house.refreshed(&led).await;
    lchown(led.join(".git"), Some(SOMEBODY), None).unwrap();
    let told = house.complaint(&led).await;
    assert!(told.contains("belongs to somebody else than the pointer"), "{told}");
    fs::remove_file(led.join(".git")).unwrap();
    symlink(&git_dir, led.join(".git")).unwrap();
    lchown(led.join(".git"), Some(SOMEBODY), None).unwrap();
    let told = house.complaint(&led).await;
    assert!(told.contains("belongs to somebody else than the pointer"), "{told}");
    let shared = house.repository("shared");
    fs::write(shared.join(".git/commondir"), format!("{}\n", git_dir.display())).unwrap();
    lchown(shared.join(".git/commondir"), Some(SOMEBODY), None).unwrap();
    let told = house.complaint(&shared).await;
    assert!(told.contains("belongs to somebody else than the pointer"), "{told}");
}

#[tokio::test]
async fn in_roots_own_repository_nobody_else_has_a_folder() {
    let house = House::new().await;
    if !is_root(&house) {
        return;
    }
    let place = house.repository("app");
    lchown(place.join(".git/refs/heads"), Some(SOMEBODY), None).unwrap();
    let told = house.complaint(&place).await;
    assert!(told.contains("refs/heads` belongs to somebody else than the repository"), "{told}");
}
