//! From a repository into a machine, out again, and back as a branch.

use std::fs;

use domain::change::FileMode;
use domain::{Fence, RepoPath};
use forge::ingest::Attempt;
use forge::local::Branch;
use forge::tree::{self, Blob};

use crate::house::{House, attempt, authorship, forge, git_in, snapshot};

#[tokio::test]
async fn a_change_made_in_a_machine_becomes_a_branch_and_nothing_else_moves() {
    let house = House::new().await;
    let place = house.repository("app");
    git_in(&place, &["tag", "-a", "v1", "-m", "one"]);
    fs::write(place.join("src/lib.rs"), "uncommitted\n").unwrap();
    let (mirror, found) = house.refreshed(&place).await;
    assert_eq!(found.target.as_deref(), Some("main"));
    assert_eq!(found.notes.len(), 1, "{:?}", found.notes);

    let machine = house.machine(&mirror, &found).await;
    assert_eq!(git_in(&machine.checkout(), &["status", "--porcelain", "-b"]), "## main");
    assert_eq!(git_in(&machine.checkout(), &["describe"]), "v1");
    fs::write(machine.checkout().join("src/lib.rs"), "pub fn one() -> u8 {\n    2\n}\n").unwrap();
    fs::create_dir(machine.checkout().join("target")).unwrap();
    fs::write(machine.checkout().join("target/out"), "ignored").unwrap();
    fs::remove_file(machine.checkout().join("Cargo.toml")).unwrap();
    let attempt = attempt(3);
    let change = machine.ingest(&mirror, attempt).await.unwrap().change;
    let paths: Vec<&str> = change.files.iter().map(|f| f.path.as_str()).collect();
    assert_eq!(paths, ["Cargo.toml", "src/lib.rs"]);
    let patch = tree::unified(&change.files);
    assert!(patch.contains("-    1\n+    2\n"), "{patch}");
    assert_eq!(change.files, mirror.trees().unwrap().diff(&change.base, &change.head).unwrap());

    let before = snapshot(&place);
    let branch = Branch::of(attempt.run, "Update one", change.base.clone(), change.head.clone());
    forge(&mirror).propose(&branch, Fence(4)).await.unwrap();
    forge(&mirror).propose(&branch, Fence(4)).await.unwrap();
    let after = snapshot(&place);
    let new: Vec<String> = after
        .iter()
        .filter(|(path, bytes)| before.get(*path) != Some(bytes))
        .map(|(path, _)| path.display().to_string())
        .filter(|path| !path.starts_with(".git/objects/pack/"))
        .collect();
    assert_eq!(new, [format!(".git/refs/heads/{}", branch.name)]);
    assert!(before.keys().all(|path| after.contains_key(path)));
    assert_eq!(git_in(&place, &["rev-parse", &branch.name]), change.head.as_str());
    let shown = git_in(&place, &["log", "-1", "--format=%an <%ae> %at%n%B", &branch.name]);
    let by = authorship();
    assert_eq!(shown, format!("hob <hob@example.invalid> 1700000000\n{}", by.message.trim_end()));
    git_in(&place, &["fsck", "--strict"]);

    let again = machine.ingest(&mirror, Attempt { fence: Fence(5), ..attempt }).await;
    assert!(again.is_some_and(|again| again.change == change));
}

#[tokio::test]
async fn a_machine_that_changes_nothing_gives_no_change() {
    let house = House::new().await;
    let (mirror, found) = house.refreshed(&house.repository("app")).await;
    let machine = house.machine(&mirror, &found).await;
    assert_eq!(machine.ingest(&mirror, attempt(1)).await, None);
}

#[tokio::test]
async fn an_edit_of_the_same_size_with_the_old_time_is_exported() {
    let house = House::new().await;
    let (mirror, found) = house.refreshed(&house.repository("app")).await;
    let machine = house.machine(&mirror, &found).await;
    let path = machine.checkout().join("src/lib.rs");
    let (text, then) = (fs::read(&path).unwrap(), fs::metadata(&path).unwrap().modified().unwrap());
    let edited = text.to_ascii_uppercase();
    assert_ne!(text, edited);
    fs::write(&path, edited).unwrap();
    fs::File::options().write(true).open(&path).unwrap().set_modified(then).unwrap();
    let change = machine.ingest(&mirror, attempt(1)).await.unwrap().change;
    let paths: Vec<&str> = change.files.iter().map(|f| f.path.as_str()).collect();
    assert_eq!(paths, ["src/lib.rs"]);
}

#[tokio::test]
async fn files_that_nobody_touched_are_known_by_their_times() {
    let house = House::new().await;
    let (mirror, found) = house.refreshed(&house.repository("app")).await;
    let machine = house.machine(&mirror, &found).await;
    let known = machine.known_of("src/lib.rs");
    assert!(known.contains("mtime: ") && !known.contains("mtime: 0:0"), "{known}");
}

#[tokio::test]
async fn an_index_that_was_forged_puts_no_other_bytes_into_a_change() {
    let house = House::new().await;
    let (mirror, found) = house.refreshed(&house.repository("app")).await;
    let machine = house.machine(&mirror, &found).await;
    let checkout = machine.checkout();
    let other = git_in(&checkout, &["hash-object", "-w", "Cargo.toml"]);
    let entry = format!("100644,{other},src/lib.rs");
    git_in(&checkout, &["update-index", "--cacheinfo", &entry]);
    git_in(&checkout, &["update-index", "--add", "--cacheinfo", &entry.replace("lib", "new")]);
    fs::copy(checkout.join(".git/index"), machine.path("transfer").join("checkout.index")).unwrap();
    let known = machine.known_of("src/lib.rs");
    assert!(!known.contains(&other) && known.contains("mtime: 0:0"), "{known}");
    assert_eq!(machine.ingest(&mirror, attempt(1)).await, None);
}

#[tokio::test]
async fn files_links_submodules_and_pointers_are_told_apart() {
    let house = House::new().await;
    let place = house.repository("app");
    std::os::unix::fs::symlink("../../etc/passwd", place.join("link")).unwrap();
    let pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n";
    fs::write(place.join("big.bin"), pointer).unwrap();
    git_in(&place, &["add", "-A"]);
    let head = git_in(&place, &["rev-parse", "HEAD"]);
    let info = format!("160000,{head},sub");
    git_in(&place, &["update-index", "--add", "--cacheinfo", &info]);
    git_in(&place, &["commit", "-q", "-m", "all kinds"]);
    let (mirror, found) = house.refreshed(&place).await;
    let trees = mirror.trees().unwrap();
    let read = |path: &str| trees.read(&found.head, &RepoPath::new(path).unwrap()).unwrap();
    assert_eq!(read("link"), Some(Blob::Symlink { target: b"../../etc/passwd".to_vec() }));
    assert_eq!(read("link/passwd"), None);
    assert_eq!(read("big.bin"), Some(Blob::LfsPointer { size: 12345 }));
    assert_eq!(read("sub"), Some(Blob::Submodule { commit: head.parse().unwrap() }));
    assert_eq!(read("src"), Some(Blob::Folder));
    assert_eq!(read("none"), None);
    assert!(read("src/lib.rs").unwrap().into_bytes().unwrap().starts_with(b"pub fn one"));
    let listed = trees.list(&found.head).unwrap();
    let modes: Vec<(&str, FileMode)> =
        listed.entries.iter().map(|e| (e.path.as_str(), e.mode)).collect();
    assert!(
        modes.contains(&("sub", FileMode::Submodule))
            && modes.contains(&("link", FileMode::Symlink))
    );
}
