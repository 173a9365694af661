//! Remediation: what stands beside a raised package moves where it cannot stay.

use super::toy::{Shown, World};

fn check(shown: &Shown, expected: &[&str]) {
    assert_eq!(shown.brief(), expected.join("\n"));
}

const MANIFEST: &str = "c =1.0.0\np =1.0.0\ns =1.1.0\n";
const LOCK: &str = "c 1.0.0\np 1.0.0 c@1.0.0 s@1.1.0\ns 1.1.0\n";

/// `c` is closed by 2.0.0, which needs `p` 2.0.0, which has this range for `s`.
fn cluster(range: &str) -> World {
    let mut world = World::default()
        .publish("p", "1.0.0", "c ^1.0, s ^1.0")
        .publish("p", "2.0.0", &format!("c ^2.0, s {range}"))
        .versions("c", &["1.0.0", "2.0.0", "2.1.0"])
        .versions("s", &["1.1.0", "1.2.0", "1.3.0", "2.0.0", "2.1.0"])
        .advisory("X-1", "c", "<2.0.0");
    world.single = true;
    world
}

#[test]
fn a_pinned_sibling_that_a_raised_parent_excludes_is_raised_to_its_nearest_version() {
    let shown = cluster("^1.2").remediate(MANIFEST, LOCK);
    let moved = ["Changed", "c 1.0.0 -> 2.0.0 closes X-1", "p 1.0.0 -> 2.0.0", "s 1.1.0 -> 1.2.0"];
    check(&shown, &moved);
    assert_eq!(shown.manifest, "c =2.0.0\np =2.0.0\ns =1.2.0\n");
}

#[test]
fn a_peer_of_another_line_is_raised_as_well_and_what_can_stand_twice_is_not() {
    let peer = cluster("^2.0").with("p", "2.0.0", |p| p.peers = ["s".to_owned()].into());
    let moved = ["Changed", "c 1.0.0 -> 2.0.0 closes X-1", "p 1.0.0 -> 2.0.0", "s 1.1.0 -> 2.0.0"];
    check(&peer.remediate(MANIFEST, LOCK), &moved);
    let mut twice = cluster("^2.0");
    twice.single = false;
    let shown = twice.remediate(MANIFEST, LOCK);
    assert_eq!(shown.manifest, "c =2.0.0\np =2.0.0\ns =1.1.0\n");
}

#[test]
fn a_peer_that_the_raised_parent_did_not_have_before_is_the_projects_own() {
    let world = cluster("^2.0")
        .with("p", "1.0.0", |p| p.requires.retain(|(name, _)| name == "c"))
        .with("p", "2.0.0", |p| p.peers = ["s".to_owned()].into());
    let shown = world.remediate(MANIFEST, "c 1.0.0\np 1.0.0 c@1.0.0\ns 1.1.0\n");
    assert_eq!(shown.manifest, "c =2.0.0\np =2.0.0\ns =2.0.0\n");
}

#[test]
fn what_holds_a_sibling_is_raised_with_it() {
    let world = cluster("^1.2")
        .publish("q", "1.0.0", "s =1.1.0")
        .publish("q", "1.1.0", "s =1.2.0")
        .publish("q", "1.2.0", "s =1.3.0");
    let lock = format!("{LOCK}q 1.0.0 s@1.1.0\n");
    let shown = world.remediate("c =1.0.0\np =1.0.0\nq =1.0.0\n", &lock);
    assert_eq!(shown.manifest, "c =2.0.0\np =2.0.0\nq =1.1.0\n", "{shown:?}");
}

#[test]
fn a_parent_that_requires_the_package_twice_has_to_admit_it_both_times() {
    let mut world = World::default()
        .publish("p", "1.0.0", "c ^1.0, c =1.0.0")
        .publish("p", "1.0.1", "c ^1.0, c =1.0.1")
        .publish("p", "1.0.3", "c ^1.0, c =1.0.3")
        .versions("c", &["1.0.0", "1.0.1", "1.0.3"])
        .advisory("X-1", "c", "<1.0.3");
    world.single = true;
    let shown = world.remediate("p =1.0.0\n", "c 1.0.0\np 1.0.0 c@1.0.0\n");
    check(&shown, &["Changed", "c 1.0.0 -> 1.0.3 closes X-1", "p 1.0.0 -> 1.0.3"]);
    let moves = shown.ran.iter().filter(|line| line.starts_with("toy move")).count();
    assert_eq!(moves, 1, "{:?}", shown.ran);
}

#[test]
fn a_range_of_another_line_and_one_that_is_not_in_use_hold_nothing_back() {
    let world = |second: &str| {
        World::default()
            .publish("p", "1.0.0", "c =1.0.0")
            .publish("p", "1.0.1", &format!("c ^1.0, c {second}"))
            .versions("c", &["1.0.0", "1.0.1", "2.0.0"])
            .advisory("X-1", "c", "=1.0.0")
    };
    for second in ["^2.0", "=1.0.0"] {
        let shown = world(second).remediate("p =1.0.0\n", "c 1.0.0\np 1.0.0 c@1.0.0\n");
        assert!(shown.ran.iter().any(|l| l == "toy move p 1.0.0 1.0.1 c 1.0.0 1.0.1"), "{shown:?}");
    }
}

#[test]
fn the_refusal_of_the_whole_way_is_told_and_not_that_of_a_part_of_it() {
    let mut world =
        cluster("^1.0").publish("q", "1.0.0", "c =1.0.0").with("c", "2.1.0", |p| p.yanked = true);
    world.unreachable.insert("q".to_owned());
    let lock = format!("{LOCK}q 1.0.0 c@1.0.0\n");
    let shown = world.remediate(&format!("{MANIFEST}q =1.0.0\n"), &lock);
    let why = "left X-1 c 1.0.0: HeldByParent: c 1.0.0 cannot move, required by q";
    check(&shown, &["HandOver", why]);
}
