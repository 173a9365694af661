//! Commits that hold what most programs forget: names that are no text, clashes, very many files, other formats.

use std::fmt::Write as _;
use std::fs;
use std::io::Write as _;
use std::os::unix::ffi::OsStrExt as _;
use std::time::Instant;

use domain::RepoPath;
use forge::tree::Blob;

use crate::house::{House, attempt, git_in, run};

#[tokio::test]
async fn names_that_cannot_be_said_are_skipped_and_named() {
    let house = House::new().await;
    let place = house.repository("app");
    for name in [b"not-utf8-\xff".as_slice(), b"line\nbreak", b"plain"] {
        fs::write(place.join(std::ffi::OsStr::from_bytes(name)), "x").unwrap();
    }
    fs::create_dir(place.join("Folder")).unwrap();
    fs::create_dir(place.join("folder")).unwrap();
    fs::write(place.join("Folder/a"), "x").unwrap();
    fs::write(place.join("folder/a"), "x").unwrap();
    std::os::unix::fs::symlink("loop-b", place.join("loop-a")).unwrap();
    std::os::unix::fs::symlink("loop-a", place.join("loop-b")).unwrap();
    git_in(&place, &["add", "-A"]);
    git_in(&place, &["commit", "-q", "-m", "odd"]);
    let (mirror, found) = house.refreshed(&place).await;
    let listed = mirror.trees().unwrap().list(&found.head).unwrap();
    let skipped: Vec<&str> = listed.skipped.iter().map(|s| s.path.as_str()).collect();
    assert_eq!(skipped, ["line\\nbreak", "not-utf8-\\xff"]);
    assert!(listed.entries.iter().any(|e| e.path.as_str() == "plain"));
    let clashes: Vec<Vec<&str>> =
        listed.case_clashes.iter().map(|c| c.iter().map(|p| p.as_str()).collect()).collect();
    assert_eq!(clashes, [["Folder", "folder"]]);

    // A change beside them is let through: what the base holds already is the repository's own.
    let machine = house.machine(&mirror, &found).await;
    fs::write(machine.checkout().join("plain"), "changed").unwrap();
    fs::write(machine.checkout().join("Folder/b"), "new").unwrap();
    let change = machine.ingest(&mirror, attempt(1)).await.unwrap().change;
    let paths: Vec<&str> = change.files.iter().map(|f| f.path.as_str()).collect();
    assert_eq!(paths, ["Folder/b", "plain"]);
}

#[tokio::test]
async fn two_hundred_thousand_files_are_mirrored_and_listed() {
    const FILES: usize = 200_000;
    let house = House::new().await;
    let place = house.path("large");
    fs::create_dir(&place).unwrap();
    git_in(&place, &["init", "-q", "-b", "main", "--bare", "."]);
    let mut stream = String::from("blob\nmark :1\ndata 2\nx\n\n");
    stream
        .push_str("commit refs/heads/main\ncommitter Ann <a@b> 1700000000 +0000\ndata 5\nlarge\n");
    for number in 0..FILES {
        writeln!(stream, "M 100644 :1 d{:03}/e{:02}/f{number}", number / 1000, number / 50 % 20)
            .unwrap();
    }
    let file = house.path("stream");
    fs::File::create(&file).unwrap().write_all(stream.as_bytes()).unwrap();
    let script = format!("git fast-import --quiet <{}", file.display());
    assert!(run(&place, &["sh", "-c", &script]).status.success());
    let (mirror, found) = house.refreshed(&place).await;
    let start = Instant::now();
    let listed = mirror.trees().unwrap().list(&found.head).unwrap();
    println!("listed in {:?}", start.elapsed());
    assert_eq!((listed.entries.len(), listed.skipped.len()), (FILES, 0));
    assert!(start.elapsed().as_secs() < 60, "{:?}", start.elapsed());
}

#[tokio::test]
async fn a_sha256_repository_goes_all_the_way() {
    let house = House::new().await;
    let place = house.path("sha256");
    fs::create_dir(&place).unwrap();
    git_in(&place, &["init", "-q", "-b", "main", "--object-format=sha256"]);
    fs::write(place.join("a"), "a\n").unwrap();
    git_in(&place, &["add", "-A"]);
    git_in(&place, &["commit", "-q", "-m", "first"]);
    let (mirror, found) = house.refreshed(&place).await;
    let machine = house.machine(&mirror, &found).await;
    fs::write(machine.checkout().join("a"), "b\n").unwrap();
    let attempt = attempt(1);
    let change = machine.ingest(&mirror, attempt).await.unwrap().change;
    assert_eq!(change.head.as_str().len(), 64);
    let branch = forge::local::Branch::of(attempt.run, "b", change.base, change.head);
    crate::house::forge(&mirror).propose(&branch, domain::Fence(2)).await.unwrap();
    assert_eq!(git_in(&place, &["show", &format!("{}:a", branch.name)]), "b");
}

#[tokio::test]
async fn what_a_brain_does_to_the_checkouts_own_git_does_not_count() {
    let house = House::new().await;
    let place = house.repository("app");
    let (mirror, found) = house.refreshed(&place).await;
    let machine = house.machine(&mirror, &found).await;
    let checkout = machine.checkout();
    fs::write(checkout.join("new"), "new").unwrap();
    git_in(&checkout, &["add", "-A"]);
    git_in(&checkout, &["commit", "-q", "-m", "own commit"]);
    git_in(&checkout, &["update-index", "--assume-unchanged", "src/lib.rs"]);
    fs::write(checkout.join("src/lib.rs"), "hidden\n").unwrap();
    fs::write(checkout.join(".git/info/exclude"), "secret\n").unwrap();
    fs::write(checkout.join("secret"), "x").unwrap();
    let change = machine.ingest(&mirror, attempt(1)).await.unwrap().change;
    let paths: Vec<&str> = change.files.iter().map(|f| f.path.as_str()).collect();
    assert_eq!(paths, ["new", "secret", "src/lib.rs"]);
}

#[tokio::test]
async fn a_partial_clone_is_told_how_to_become_whole() {
    let house = House::new().await;
    let place = house.repository("app");
    fs::write(place.join("gone"), "gone").unwrap();
    git_in(&place, &["add", "-A"]);
    git_in(&place, &["commit", "-q", "-m", "second"]);
    git_in(&place, &["rm", "-q", "gone"]);
    git_in(&place, &["commit", "-q", "-m", "third"]);
    git_in(&place, &["config", "uploadpack.allowFilter", "true"]);
    let partial = house.path("partial");
    let url = format!("file://{}", place.display());
    git_in(&place, &["clone", "-q", "--filter=blob:none", &url, partial.to_str().unwrap()]);
    let told = house.complaint(&partial).await;
    assert!(told.contains("partial clone"), "{told}");
}

#[tokio::test]
async fn files_that_attributes_would_normalise_stay_as_they_are_until_somebody_touches_them() {
    let house = House::new().await;
    let place = house.repository("app");
    for name in ["left.txt", "touched.txt"] {
        fs::write(place.join(name), "one\r\ntwo\r\n").unwrap();
    }
    git_in(&place, &["add", "-A"]);
    git_in(&place, &["commit", "-q", "-m", "with carriage returns"]);
    fs::write(place.join(".gitattributes"), "*.txt text\n").unwrap();
    git_in(&place, &["add", ".gitattributes"]);
    git_in(&place, &["commit", "-q", "-m", "attributes came later"]);
    let (mirror, found) = house.refreshed(&place).await;
    let machine = house.machine(&mirror, &found).await;
    fs::write(machine.checkout().join("touched.txt"), "one\r\nthree\r\n").unwrap();
    let change = machine.ingest(&mirror, attempt(1)).await.unwrap().change;
    let paths: Vec<&str> = change.files.iter().map(|f| f.path.as_str()).collect();
    assert_eq!(paths, ["touched.txt"]);
    assert_eq!(change.files[0].after.as_ref().unwrap().text(), Some("one\r\nthree\r\n"));
    assert_eq!(git_in(&machine.checkout(), &["status", "--porcelain"]), " M touched.txt");
}

#[tokio::test]
async fn a_file_of_32_mib_is_read_and_one_a_byte_larger_is_not() {
    let house = House::new().await;
    let place = house.repository("app");
    let most: u64 = 32 * 1024 * 1024;
    for (name, bytes) in [("most", most), ("more", most + 1)] {
        fs::File::create(place.join(name)).unwrap().set_len(bytes).unwrap();
    }
    git_in(&place, &["add", "-A"]);
    git_in(&place, &["commit", "-q", "-m", "large"]);
    let (mirror, found) = house.refreshed(&place).await;
    let trees = mirror.trees().unwrap();
    let read = |path: &str| trees.read(&found.head, &RepoPath::new(path).unwrap()).unwrap();
    let whole = read("most").unwrap().into_bytes().map(|bytes| bytes.len() as u64);
    assert_eq!((whole, read("more")), (Some(most), Some(Blob::TooLarge { size: most + 1 })));
}
