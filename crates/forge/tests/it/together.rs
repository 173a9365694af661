//! Two of us at once, and those who died in the middle.

use std::fs;

use domain::Fence;
use forge::local::Branch;
use forge::{Git, Mirrors, Source, git};

use crate::house::{House, attempt, forge, git_in, run};

#[tokio::test]
async fn two_refreshes_at_once_both_succeed() {
    let house = House::new().await;
    let place = house.repository("app");
    let git = Git::new(git::Settings::default()).await.unwrap();
    let other = Mirrors::open(git, &house.path("mirrors")).unwrap();
    let source = Source::find(place.to_str().unwrap(), std::path::Path::new("/")).unwrap();
    let (one, two) = (house.mirror(&place), other.mirror(&source).unwrap());
    let (one, two) = tokio::join!(one.refresh(None), two.refresh(None));
    assert_eq!(one.unwrap(), two.unwrap());
}

#[tokio::test]
async fn what_a_dead_process_left_in_the_mirror_does_not_stop_the_next() {
    let house = House::new().await;
    let place = house.repository("app");
    let (mirror, _) = house.refreshed(&place).await;
    let git_dir = mirror.folder().join("git");
    for left in
        ["packed-refs.lock", "shallow.lock", "refs/heads/main.lock", "objects/pack/tmp_pack_x"]
    {
        fs::create_dir_all(git_dir.join(left).parent().unwrap()).unwrap();
        fs::write(git_dir.join(left), "").unwrap();
    }
    fs::create_dir(mirror.folder().join("scratch/view-of-the-dead")).unwrap();
    git_in(&place, &["commit", "-q", "--allow-empty", "-m", "next"]);
    let found = mirror.refresh(None).await.unwrap();
    assert_eq!(found.head.as_str(), git_in(&place, &["rev-parse", "HEAD"]));
    assert!(!git_dir.join("objects/pack/tmp_pack_x").exists());
    assert_eq!(fs::read_dir(mirror.folder().join("scratch")).unwrap().count(), 0);
}

#[tokio::test]
async fn branches_that_change_places_with_folders_are_followed() {
    let house = House::new().await;
    let place = house.repository("app");
    git_in(&place, &["branch", "topic"]);
    let (mirror, found) = house.refreshed(&place).await;
    assert!(found.branches.contains_key("topic"));
    git_in(&place, &["branch", "-D", "topic"]);
    git_in(&place, &["branch", "topic/one"]);
    git_in(&place, &["tag", "v1"]);
    let found = mirror.refresh(None).await.unwrap();
    let names: Vec<&str> = found.branches.keys().map(String::as_str).collect();
    assert_eq!(names, ["main", "topic/one"]);
    git_in(&place, &["commit", "-q", "--amend", "-m", "rewritten"]);
    let found = mirror.refresh(None).await.unwrap();
    assert_eq!(found.head.as_str(), git_in(&place, &["rev-parse", "main"]));
}

#[tokio::test]
async fn a_forgotten_run_leaves_nothing_but_its_branch() {
    let house = House::new().await;
    let place = house.repository("app");
    let (mirror, found) = house.refreshed(&place).await;
    let machine = house.machine(&mirror, &found).await;
    fs::write(machine.checkout().join("new"), "new").unwrap();
    let attempt = attempt(1);
    let change = machine.ingest(&mirror, attempt).await.unwrap().change;
    let kept = |mirror: &forge::Mirror| {
        git_in(
            &mirror.folder().join("git"),
            &["for-each-ref", "--format=%(objectname)", "refs/hob"],
        )
    };
    assert_eq!(kept(&mirror), change.head.as_str());
    let branch = Branch::of(attempt.run, "new", change.base, change.head);
    forge(&mirror).propose(&branch, Fence(2)).await.unwrap();
    let other = crate::house::attempt(1);
    machine.ingest(&mirror, other).await.unwrap();
    let only = |run| std::collections::BTreeSet::from([run]);
    let (nobody, run) = (std::collections::BTreeSet::new(), only(attempt.run));
    let now = || house.mirrors.kept().unwrap().remove(0);
    assert_eq!((now().open.len(), now().closed.len()), (2, 0));
    assert!(house.mirrors.forget(mirror.folder(), &run, &nobody).await.unwrap());
    let refs = git_in(&mirror.folder().join("git"), &["for-each-ref", "refs/hob"]);
    assert!(refs.contains(&other.run.to_string()), "{refs}");
    assert!(!refs.contains(&attempt.run.to_string()), "{refs}");
    assert_eq!((now().open, now().closed), (only(other.run), run.clone()));
    let late = forge(&mirror).withdraw(&branch, Fence(u64::MAX)).await.unwrap_err();
    assert!(late.to_string().contains("after the run was over"), "{late}");
    assert!(house.mirrors.forget(mirror.folder(), &nobody, &run).await.unwrap());
    assert_eq!((now().open, now().closed), (only(other.run), nobody));
    assert_eq!(git_in(&place, &["rev-parse", &branch.name]), branch.head.as_str());
}

#[tokio::test]
async fn a_call_that_takes_too_long_is_killed_with_its_children() {
    let house = House::new().await;
    let slow = house.path("git");
    let held = house.path("held-open-by-the-child");
    assert!(run(house.folder.path(), &["mkfifo", held.to_str().unwrap()]).status.success());
    let script = format!(
        "#!/bin/sh\ncase \"$*\" in *\" version\") echo git version 2.47.0; exit;; esac\n\
         sleep 1000 >{} & wait\n",
        held.display()
    );
    fs::write(&slow, script).unwrap();
    fs::set_permissions(&slow, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    let settings =
        git::Settings { program: slow, local_timeout_ms: 1500, ..git::Settings::default() };
    let git = Git::new(settings).await.unwrap();
    let mirrors = Mirrors::open(git, &house.path("other")).unwrap();
    let place = house.repository("app");
    let source = Source::find(place.to_str().unwrap(), std::path::Path::new("/")).unwrap();
    // Reading ends when the last process that holds the other end is gone.
    let until_gone = tokio::task::spawn_blocking(move || fs::read(held));
    let error = mirrors.mirror(&source).unwrap().refresh(None).await.unwrap_err();
    assert!(error.to_string().contains("time limit"), "{error}");
    let gone = tokio::time::timeout(std::time::Duration::from_secs(20), until_gone).await;
    assert!(gone.is_ok(), "the child of the killed program lives");
}

#[tokio::test]
async fn a_git_that_is_too_old_or_missing_is_told_apart() {
    let house = House::new().await;
    let old = house.path("git");
    fs::write(&old, "#!/bin/sh\necho git version 2.20.1\n").unwrap();
    fs::set_permissions(&old, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    let with = |program: std::path::PathBuf| git::Settings { program, ..git::Settings::default() };
    let error = Git::new(with(old)).await.unwrap_err().to_string();
    assert!(error.contains("2.39 or newer is needed") && error.contains("2.20.1"), "{error}");
    let error = Git::new(with(house.path("none"))).await.unwrap_err().to_string();
    assert!(error.contains("cannot be started; install git"), "{error}");
}
