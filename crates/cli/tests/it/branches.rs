//! What becomes of a proposal's branch once the proposal is over, and of what people said to one that another replaces.

use serde_json::Value;

use crate::household::{Household, Told};

fn text(value: &Value) -> String {
    value.as_str().unwrap().to_owned()
}

/// A proposal: its name and its branch.
fn proposes(house: &Household) -> (String, String) {
    let report = house.update(&[]).expect(0).json();
    assert_eq!(report["outcome"], "proposed", "{report:#}");
    (text(&report["proposal"]["id"]), text(&report["proposal"]["branch"]))
}

/// The repository moves on.
fn moves_on(house: &Household) {
    std::fs::write(house.repo().join("README.md"), "a sample\n").unwrap();
    house.commit_all();
}

fn shown(house: &Household, id: &str) -> Value {
    house.hob(&["review", "show", id, "--json"]).expect(0).json()
}

/// What the log says of withdrawn branches.
fn withdrawn(house: &Household) -> Vec<Value> {
    let told = house.hob(&["ledger", "show", "--json"]).expect(0).json();
    let entries = told.as_array().unwrap().iter();
    entries.filter(|entry| entry["action"] == "branch.withdrawn").cloned().collect()
}

#[test]
fn the_branch_of_a_superseded_proposal_goes_with_it() {
    let house = Household::with_sample();
    let (older, branch) = proposes(&house);
    moves_on(&house);
    let before = house.standing();
    let (newer, kept) = proposes(&house);
    assert_eq!(house.branches(), [kept]);
    let told = withdrawn(&house);
    assert_eq!((told.len(), &told[0]["facts"]["branch"]), (1, &branch.into()), "{told:#?}");
    assert_eq!(told[0]["facts"].get("branch_kept_because"), None, "{told:#?}");
    let shown = shown(&house, &older);
    assert_eq!((&shown["state"], &shown["superseded_by"]), (&"superseded".into(), &newer.into()));
    assert_eq!(house.runs()[1]["detail"], "superseded");
    assert_eq!(house.standing(), before);
    house.is_tidy();
}

#[test]
fn a_branch_that_somebody_works_on_stays() {
    let house = Household::with_sample();
    let (_, branch) = proposes(&house);
    moves_on(&house);
    house.git(&["update-ref", &format!("refs/heads/{branch}"), "HEAD"]);
    let (_, newer) = proposes(&house);
    let mut left = house.branches();
    left.sort();
    let mut both = [branch, newer];
    both.sort();
    assert_eq!(left, both);
    let told = withdrawn(&house);
    let why = told[0]["facts"]["branch_kept_because"].as_str().unwrap();
    assert!(why.contains("moved to"), "{told:#?}");
    house.is_tidy();
}

#[test]
fn an_approval_that_is_lost_with_its_proposal_is_said() {
    let house = Household::with_sample();
    let (older, _) = proposes(&house);
    house.hob(&["review", "approve", &older]).expect(0);
    moves_on(&house);
    let told: Told = house.update(&[]).expect(0);
    let newer = text(&told.json()["proposal"]["id"]);
    let line = format!("{newer} takes the place of {older}, which ");
    assert!(told.said.contains(&line), "{}", told.said);
    assert!(told.said.contains("approved: that approval does not count"), "{}", told.said);
    for words in [["review", "merge", &older], ["review", "approve", &older]] {
        let refused = house.hob(&words).expect(4).said;
        assert!(refused.contains(&format!("{newer} takes its place")), "{refused}");
    }
    house.hob(&["review", "merge", &newer]).expect(4);
    house.is_tidy();
}

#[test]
fn an_approved_proposal_does_not_make_room_for_the_same_files() {
    let house = Household::with_sample();
    let (older, _) = proposes(&house);
    house.hob(&["review", "approve", &older]).expect(0);
    house.git(&["commit", "-q", "--allow-empty", "-m", "moved on"]);
    let (newer, _) = proposes(&house);
    assert_eq!(shown(&house, &older)["state"], "approved");
    assert_eq!(shown(&house, &newer)["state"], "open");
    assert_eq!((house.branches().len(), house.reviews().len()), (2, 2));
    house.is_tidy();
}

#[test]
fn the_branch_of_a_proposal_that_was_merged_with_git_itself_goes() {
    let house = Household::with_sample();
    let (id, branch) = proposes(&house);
    house.git(&["merge", "-q", "--no-edit", &branch]);
    let before = house.standing();
    house.hob(&["runs", "resume"]).expect(0);
    assert_eq!(shown(&house, &id)["state"], "merged");
    assert_eq!((house.branches(), house.standing()), (vec![], before));
    house.is_tidy();
}

#[test]
fn a_process_that_dies_while_it_takes_a_branch_away_leaves_that_to_the_next() {
    let house = Household::with_sample();
    proposes(&house);
    moves_on(&house);
    let words = ["run", "dependency-updates", "--repo", "repo", "--set", "checks=true", "--json"];
    let died = house.command(&words).env("HOB_FAILPOINT", "spent-branch-gone").output().unwrap();
    assert_eq!(Told::from(died).signal, Some(9));
    house.hob(&["runs", "resume"]).expect(0);
    assert_eq!((house.branches().len(), house.reviews().len()), (1, 1));
    assert_eq!(house.runs()[1]["detail"], "superseded");
    assert_eq!(withdrawn(&house).len(), 1, "told once");
    house.is_tidy();
}
