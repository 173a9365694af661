//! Repositories that are none, or not whole, or odd: a clear word for each, and nothing lost.

use std::fs;

use forge::Source;
use forge::mirror::Note;

use crate::house::{House, git_in};

#[tokio::test]
async fn what_is_no_repository_is_named_with_the_way_out() {
    let house = House::new().await;
    fs::create_dir(house.path("plain")).unwrap();
    let told = house.complaint(&house.path("plain")).await;
    assert!(told.contains("is not a git repository") && told.contains("git init"), "{told}");
    let told = house.complaint(&house.path("nowhere")).await;
    assert!(told.contains("does not exist"), "{told}");
    fs::write(house.path("file"), "x").unwrap();
    let told = house.complaint(&house.path("file")).await;
    assert!(told.contains("it is a file"), "{told}");
    let place = house.repository("app");
    git_in(&place, &["bundle", "create", "-q", house.path("app.bundle").to_str().unwrap(), "main"]);
    let told = house.complaint(&house.path("app.bundle")).await;
    assert!(told.contains("bundle file") && told.contains("git clone"), "{told}");
}

#[tokio::test]
async fn an_empty_repository_is_told_to_commit_something() {
    let house = House::new().await;
    let empty = house.path("empty");
    fs::create_dir(&empty).unwrap();
    git_in(&empty, &["init", "-q", "-b", "main"]);
    let told = house.complaint(&empty).await;
    assert!(told.contains("it is empty") && told.contains("commit something"), "{told}");
}

#[tokio::test]
async fn subfolders_bare_repositories_and_linked_work_trees_are_found() {
    let house = House::new().await;
    let place = house.repository("app");
    let commit = git_in(&place, &["rev-parse", "HEAD"]);
    let (_, found) = house.refreshed(&place.join("src")).await;
    assert_eq!(found.head.as_str(), commit);
    git_in(&place, &["clone", "-q", "--bare", ".", house.path("bare.git").to_str().unwrap()]);
    let (_, found) = house.refreshed(&house.path("bare.git")).await;
    assert_eq!((found.head.as_str(), found.target.as_deref()), (commit.as_str(), Some("main")));
    let linked = house.path("linked");
    git_in(&place, &["worktree", "add", "-q", "-b", "side", linked.to_str().unwrap()]);
    fs::write(linked.join("new"), "new").unwrap();
    git_in(&linked, &["add", "-A"]);
    git_in(&linked, &["commit", "-q", "-m", "side"]);
    let (mirror, found) = house.refreshed(&linked).await;
    assert_eq!(found.target.as_deref(), Some("side"));
    assert_eq!(found.head.as_str(), git_in(&linked, &["rev-parse", "HEAD"]));
    assert_eq!(mirror.folder(), house.mirror(&place).folder());
}

#[tokio::test]
async fn a_detached_head_is_used_and_has_no_target() {
    let house = House::new().await;
    let place = house.repository("app");
    git_in(&place, &["checkout", "-q", "--detach"]);
    fs::write(place.join("more"), "more").unwrap();
    git_in(&place, &["add", "-A"]);
    git_in(&place, &["commit", "-q", "-m", "on no branch"]);
    let (mirror, found) = house.refreshed(&place).await;
    assert_eq!(found.head.as_str(), git_in(&place, &["rev-parse", "HEAD"]));
    assert_eq!((found.target, found.notes), (None, vec![Note::Detached]));
    let named = mirror.refresh(Some("main")).await.unwrap();
    assert_eq!(named.target.as_deref(), Some("main"));
    let error = mirror.refresh(Some("mian")).await.unwrap_err();
    assert!(error.to_string().contains("there is no branch `mian`"), "{error}");
    assert!(error.hint().contains("main"), "{}", error.hint());
}

#[tokio::test]
async fn a_shallow_clone_goes_through_a_machine_and_back() {
    let house = House::new().await;
    let place = house.repository("app");
    for number in 0..3 {
        fs::write(place.join("n"), number.to_string()).unwrap();
        git_in(&place, &["add", "-A"]);
        git_in(&place, &["commit", "-q", "-m", "next"]);
    }
    let shallow = house.path("shallow");
    let url = format!("file://{}", place.display());
    git_in(&house.path(""), &["clone", "-q", "--depth=1", &url, shallow.to_str().unwrap()]);
    let (mirror, found) = house.refreshed(&shallow).await;
    assert!(found.shallow && found.notes == [Note::Shallow]);
    let machine = house.machine(&mirror, &found).await;
    assert_eq!(git_in(&machine.checkout(), &["rev-list", "--count", "HEAD"]), "1");
    fs::write(machine.checkout().join("n"), "changed").unwrap();
    let attempt = crate::house::attempt(1);
    let change = machine.ingest(&mirror, attempt).await.unwrap().change;
    let branch = forge::local::Branch::of(attempt.run, "n", change.base, change.head);
    crate::house::forge(&mirror).propose(&branch, domain::Fence(2)).await.unwrap();
    assert_eq!(git_in(&shallow, &["show", &format!("{}:n", branch.name)]), "changed");

    git_in(&shallow, &["fetch", "-q", "--unshallow"]);
    let found = mirror.refresh(None).await.unwrap();
    assert!(!found.shallow);
}

#[test]
fn urls_that_carry_a_secret_or_an_option_are_refused() {
    for url in [
        "https://ann:hunter2@example.invalid/a.git",
        "https://token@example.invalid/a.git",
        "ext::sh -c evil",
        "ext://evil",
        "git://ann@example.invalid/a",
        "git://-oProxyCommand=evil/a",
        "-oProxyCommand=evil:a",
        "--upload-pack=evil://x",
        "ssh://-oProxyCommand=evil/x",
    ] {
        let told = Source::find(url, std::path::Path::new("/nonexistent")).unwrap_err().to_string();
        assert!(!told.contains("hunter2") && !told.contains("token@"), "{told}");
    }
    assert!(Source::find("ssh://git@example.invalid/a.git", std::path::Path::new("/")).is_ok());
    assert!(Source::find("git://example.invalid/a", std::path::Path::new("/")).is_ok());
    assert!(Source::find("git@example.invalid:a.git", std::path::Path::new("/")).is_ok());
}
