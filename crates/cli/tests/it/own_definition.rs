//! A repository's own definition counts as its default branch has it, however the repository is named, and one that
//! cannot be read never makes room for a built-in agent.

use std::os::unix::fs::symlink;

use crate::household::{Household, Told};

const PLACES: [&str; 3] = ["repo", "bare.git", "repo/src"];

/// The sample with a definition of its own, which is this text, and a bare clone beside it.
fn house(definition: &[u8]) -> Household {
    let house = Household::with_sample();
    let folder = house.repo().join(".hob/agents");
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join("dependency-updates.md"), definition).unwrap();
    finish(&house);
    house
}

fn finish(house: &Household) {
    house.commit_all();
    house.git(&["clone", "-q", "--bare", ".", "../bare.git"]);
}

/// Every command that asks for the definition answers with these words.
#[track_caller]
fn everywhere(house: &Household, words: &[&str]) {
    for place in PLACES {
        for command in [&["run"][..], &["agents", "check"]] {
            let asked = [command, &["dependency-updates", "--repo", place]].concat();
            let told = house.hob(&asked).expect(1);
            for word in words.iter().chain(&["hint: "]) {
                assert!(told.said.contains(word), "{asked:?}: `{word}` is missing: {}", told.said);
            }
        }
        let told = house.hob(&["agents", "list", "--repo", place, "--json"]);
        if told.code == Some(0) {
            let listed = told.json();
            let own = listed.as_array().unwrap().iter().find(|one| one["from"] != "built in");
            assert_eq!(own.unwrap()["valid"], false, "{listed}");
        } else {
            told.expect(1);
        }
    }
    assert_eq!(house.runs().len(), 0, "nothing was begun");
}

#[test]
fn a_broken_definition_is_refused_however_the_repository_is_named() {
    let house = house(b"---\nnonsense: 1\n---\n");
    everywhere(&house, &["nonsense"]);
    std::fs::remove_dir_all(house.repo().join(".hob")).unwrap();
    everywhere(&house, &["nonsense"]);
}

#[test]
fn a_definition_that_is_no_ordinary_text_is_refused() {
    everywhere(&house(b"\xff\xfe"), &[".hob/agents/dependency-updates.md", "no text"]);
    let pointer = format!(
        "version https://git-lfs.github.com/spec/v1\noid sha256:{}\nsize 12345\n",
        "4".repeat(64)
    );
    everywhere(&house(pointer.as_bytes()), &["git-lfs"]);
}

#[test]
fn a_link_on_the_way_to_a_definition_is_refused() {
    let linked = Household::with_sample();
    std::fs::create_dir_all(linked.repo().join(".hob/agents")).unwrap();
    symlink("../../x.md", linked.repo().join(".hob/agents/dependency-updates.md")).unwrap();
    finish(&linked);
    everywhere(&linked, &["dependency-updates.md", "symbolic link"]);
    let hidden = Household::with_sample();
    std::fs::create_dir_all(hidden.repo().join("elsewhere/agents")).unwrap();
    std::fs::write(hidden.repo().join("elsewhere/agents/x.md"), "x").unwrap();
    symlink("elsewhere", hidden.repo().join(".hob")).unwrap();
    finish(&hidden);
    everywhere(&hidden, &["`.hob` is a symbolic link"]);
}

#[test]
fn a_definition_that_is_only_in_the_work_tree_does_not_count() {
    let house = Household::with_sample();
    let folder = house.repo().join(".hob/agents");
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join("dependency-updates.md"), "---\nnonsense: 1\n---\n").unwrap();
    let shown = |told: Told| told.expect(0).out;
    let own = shown(house.hob(&["agents", "show", "dependency-updates", "--repo", "repo"]));
    assert_eq!(own, shown(house.hob(&["agents", "show", "dependency-updates"])));
    house.git(&["checkout", "-q", "-b", "side"]);
    house.commit_all();
    house.git(&["checkout", "-q", "main"]);
    let own = shown(house.hob(&["agents", "show", "dependency-updates", "--repo", "repo"]));
    assert!(!own.contains("nonsense"), "{own}");
}

#[test]
fn a_definition_that_is_not_committed_is_checked_and_said_not_to_count() {
    let house = Household::with_sample();
    let folder = house.repo().join(".hob/agents");
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join("mine.md"), "---\nnonsense: 1\n---\n").unwrap();
    let told = house.hob(&["agents", "check", "--repo", "repo"]).expect(1);
    assert!(told.said.contains("nonsense") && told.said.contains("not committed"), "{}", told.said);
    let told = house.hob(&["run", "mine", "--repo", "repo"]).expect(1);
    assert!(told.said.contains("mine.md` is there, but not committed"), "{}", told.said);
}
