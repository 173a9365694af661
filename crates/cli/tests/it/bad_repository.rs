//! Repositories out of the ordinary: what can be worked on is, the rest is told, and each stays as it was.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::symlink;

use crate::household::{Household, Told};

fn update(house: &Household, repo: &str) -> Told {
    let words = ["run", "dependency-updates", "--repo", repo, "--set", "checks=true", "--json"];
    house.hob(&words)
}

/// The run on this place proposes the sample's one update, whole.
#[track_caller]
fn proposes(house: &Household, repo: &str) {
    let before = house.standing();
    let report = update(house, repo).expect(0).json();
    assert_eq!((&report["outcome"], &report["complete"]), (&"proposed".into(), &true.into()));
    assert_eq!(report["updates"].as_array().unwrap().len(), 1, "{report:#}");
    assert_eq!(report["updates"][0]["files"], serde_json::json!(["Cargo.lock"]));
    assert_eq!(house.standing(), before);
    house.is_tidy();
}

#[test]
fn a_repository_without_a_commit_is_told_at_once() {
    let house = Household::with_sample();
    std::fs::create_dir(house.beside("empty")).unwrap();
    house.git(&["init", "-q", "-b", "main", "../empty"]);
    let told = update(&house, "empty").expect(1);
    for words in ["has no commit", "empty", "hint: commit something first"] {
        assert!(told.said.contains(words), "`{words}` is missing: {}", told.said);
    }
    let words = ["run", "dependency-updates", "--repo", "repo", "--branch", "mian"];
    let told = house.hob(&words).expect(1);
    assert!(told.said.contains("`mian`") && told.said.contains("there are main"), "{}", told.said);
    assert_eq!(house.runs().len(), 0, "nothing was begun");
    house.is_tidy();
}

#[test]
fn a_bare_repository_gets_a_branch() {
    let house = Household::with_sample();
    house.git(&["clone", "-q", "--bare", ".", "../bare.git"]);
    let report = update(&house, "bare.git").expect(0).json();
    assert_eq!(report["outcome"], "proposed", "{report:#}");
    let branch = report["proposal"]["branch"].as_str().unwrap();
    let head = house.git(&["--git-dir=../bare.git", "rev-parse", branch]);
    assert_eq!(report["proposal"]["head"], head.as_str());
    assert_eq!(house.branches(), Vec::<String>::new(), "the other repository is not this one");
}

#[test]
fn a_shallow_clone_is_enough() {
    let house = Household::with_sample();
    house.git(&["commit", "-q", "--allow-empty", "-m", "one more"]);
    let origin = format!("file://{}", house.repo().display());
    house.git(&["clone", "-q", "--depth", "1", &origin, "../shallow"]);
    let report = update(&house, "shallow").expect(0).json();
    assert_eq!(report["outcome"], "proposed", "{report:#}");
    let branch = report["proposal"]["branch"].as_str().unwrap();
    house.git(&["-C", "../shallow", "fsck", "--no-dangling"]);
    house.git(&["-C", "../shallow", "cat-file", "-e", branch]);
}

#[test]
fn a_detached_head_in_a_dirty_tree_is_left_so() {
    let house = Household::with_sample();
    house.git(&["checkout", "-q", "--detach"]);
    std::fs::write(house.repo().join("src/lib.rs"), "half a thought").unwrap();
    std::fs::write(house.repo().join("untracked"), "mine").unwrap();
    house.git(&["rm", "-q", "--cached", "Cargo.toml"]);
    proposes(&house, "repo");
    assert_eq!(std::fs::read_to_string(house.repo().join("src/lib.rs")).unwrap(), "half a thought");
}

#[test]
fn a_work_tree_beside_the_repository_is_found() {
    let house = Household::with_sample();
    house.git(&["worktree", "add", "-q", "-b", "side", "../side"]);
    proposes(&house, "side/src");
}

#[test]
fn links_and_names_of_every_kind_are_carried_and_not_followed() {
    let house = Household::with_sample();
    let repo = house.repo();
    symlink("loop", repo.join("loop")).unwrap();
    symlink("..", repo.join("src/up")).unwrap();
    symlink("/etc/passwd", repo.join("secret")).unwrap();
    for name in [&b"caf\xe9.txt"[..], b"two\nlines", b"README", b"readme", b"\xff\xfe"] {
        std::fs::write(repo.join(OsStr::from_bytes(name)), "x").unwrap();
    }
    std::fs::write(repo.join(".gitattributes"), "*.bin filter=lfs diff=lfs merge=lfs -text\n")
        .unwrap();
    let pointer = format!(
        "version https://git-lfs.github.com/spec/v1\noid sha256:{}\nsize 12345\n",
        "4".repeat(64)
    );
    std::fs::write(repo.join("large.bin"), pointer).unwrap();
    house.commit_all();
    proposes(&house, "repo");
}

#[test]
fn a_submodule_is_said_not_to_be_looked_at() {
    let house = Household::with_sample();
    // Its repository nobody has.
    let commit = house.git(&["rev-parse", "HEAD"]);
    house.git(&["update-index", "--add", "--cacheinfo", &format!("160000,{commit},module")]);
    std::fs::create_dir(house.repo().join("module")).unwrap();
    house.git(&["commit", "-q", "-m", "a submodule"]);
    let before = house.standing();
    let report = update(&house, "repo").expect(0).json();
    assert_eq!((&report["outcome"], &report["complete"]), (&"proposed".into(), &false.into()));
    assert_eq!(report["left"][0]["package"], "module", "{report:#}");
    assert_eq!(report["updates"][0]["files"], serde_json::json!(["Cargo.lock"]));
    assert_eq!(house.standing(), before);
    house.is_tidy();
}

#[test]
fn a_manifest_behind_a_link_is_named() {
    let house = Household::with_sample();
    std::fs::rename(house.repo().join("Cargo.lock"), house.repo().join("real")).unwrap();
    symlink("real", house.repo().join("Cargo.lock")).unwrap();
    house.commit_all();
    let report = update(&house, "repo").expect(3).json();
    assert_eq!(report["complete"], false, "{report:#}");
    assert!(report["left"][0]["detail"].as_str().unwrap().contains("symbolic link"), "{report:#}");
}

#[test]
fn a_project_under_a_name_that_is_no_text_is_named() {
    for (folder, shown) in
        [(&b"caf\xe9"[..], "caf\\xe9/Cargo.toml"), (b"two\nlines", "lines/Cargo.")]
    {
        let house = Household::with_sample();
        let odd = house.repo().join(OsStr::from_bytes(folder)).join("src");
        std::fs::create_dir_all(&odd).unwrap();
        for name in ["Cargo.toml", "Cargo.lock", "src/lib.rs"] {
            let to = house.repo().join(OsStr::from_bytes(folder)).join(name);
            std::fs::copy(house.repo().join(name), to).unwrap();
        }
        house.git(&["rm", "-q", "-r", "--cached", "Cargo.toml", "Cargo.lock"]);
        for name in ["Cargo.toml", "Cargo.lock"] {
            std::fs::remove_file(house.repo().join(name)).unwrap();
        }
        house.commit_all();
        let report = update(&house, "repo").expect(3).json();
        assert_eq!((&report["outcome"], &report["complete"]), (&"escalated".into(), &false.into()));
        let left = &report["left"];
        let named = |left: &serde_json::Value| left["package"].as_str().unwrap().contains(shown);
        assert!(left.as_array().unwrap().iter().any(named), "{shown}: {report:#}");
        assert_eq!(left.as_array().unwrap().len(), 2, "manifest and lock: {report:#}");
        house.is_tidy();
    }
}

#[test]
fn manifests_of_other_ecosystems_are_named_and_make_the_result_incomplete() {
    let house = Household::with_sample();
    std::fs::create_dir(house.repo().join("api")).unwrap();
    for name in ["api/go.mod", "api/go.sum", "Gemfile", "Gemfile.lock", "App.csproj"] {
        std::fs::write(house.repo().join(name), "").unwrap();
    }
    house.commit_all();
    let report = update(&house, "repo").expect(0).json();
    assert_eq!((&report["outcome"], &report["complete"]), (&"proposed".into(), &false.into()));
    let named = |report: &serde_json::Value| -> Vec<String> {
        let left = report["left"].as_array().unwrap().iter();
        let unsupported = left.filter(|left| left["why"] == "unsupported");
        unsupported.map(|left| left["package"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(named(&report), ["App.csproj", "Gemfile", "api/go.mod"], "{report:#}");
    // Who asks about one ecosystem alone has the whole answer.
    let words = ["run", "dependency-updates", "--repo", "repo", "--set", "checks=true"];
    let told = house.hob(&[&words[..], &["--set", "ecosystems=cargo", "--json"]].concat());
    let report = told.expect(0).json();
    assert_eq!((named(&report), &report["complete"]), (vec![], &true.into()), "{report:#}");
}

#[test]
fn a_repository_without_a_manifest_is_told_so() {
    let house = Household::with_sample();
    house.git(&["rm", "-q", "Cargo.toml", "Cargo.lock"]);
    house.commit_all();
    let report = update(&house, "repo").expect(0).json();
    assert_eq!((&report["outcome"], &report["complete"]), (&"no_change".into(), &true.into()));
    let reason = report["reason"].as_str().unwrap();
    assert!(reason.contains("no manifest") && reason.contains("cargo, npm, python"), "{reason}");
    house.is_tidy();
}

#[test]
fn a_ledger_key_that_is_damaged_or_gone_is_told_and_never_replaced() {
    let house = Household::with_sample();
    let run = crate::ledger::accepted(&house);
    let key = house.data().join("keys/ledger.key");
    let kept = std::fs::read(&key).unwrap();
    let refused = |file: &str| {
        for words in [&["runs", "list"][..], &["ledger", "verify"], &["runs", "cancel", &run]] {
            let told = house.hob(words).expect(1);
            assert!(told.said.contains(file) && told.said.contains("hint: "), "{}", told.said);
            assert!(told.said.contains("backup"), "{}", told.said);
        }
    };
    std::fs::write(&key, "nonsense").unwrap();
    refused("ledger.key");
    // Gone, and then the checkpoint beside it too: the log in the database still needs that key.
    std::fs::remove_file(&key).unwrap();
    refused("ledger.key");
    let checkpoint = house.data().join("keys/ledger.checkpoint");
    let noted = std::fs::read(&checkpoint).unwrap();
    std::fs::remove_file(&checkpoint).unwrap();
    refused("ledger.key");
    assert!(!key.exists());
    std::fs::write(&key, kept).unwrap();
    std::fs::write(&checkpoint, noted).unwrap();
    house.hob(&["runs", "cancel", &run]).expect(0);
    house.hob(&["ledger", "verify"]).expect(0);
}

#[test]
fn a_data_folder_that_is_a_file_is_told() {
    let house = Household::with_sample();
    std::fs::write(house.data(), "a file").unwrap();
    let told = update(&house, "repo").expect(1);
    assert!(told.said.contains("data folder") && told.said.contains("hint: "), "{}", told.said);
    assert_eq!(std::fs::read_to_string(house.data()).unwrap(), "a file");
}
