//! Companions: what has to move along when a package moves.

use std::sync::Mutex;

use domain::agent::UpdateLevel;
use domain::dependency::Why;

use super::bisecting::{again, checks_run};
use super::toy::{Shown, World, reasons, updates};

const MANIFEST: &str = "d ^1.0\nm ^1.0\n";
const LOCK: &str = "d 1.0.0 m@1.0.0\nm 1.0.0\n";

/// The attempt after the one that broke.
fn second(world: &mut World) -> Shown {
    let first = world.remediate(MANIFEST, LOCK);
    assert_eq!(first.brief(), "Changed\nm 1.0.0 -> 1.1.0 closes X-1");
    again(world, &first);
    world.remediate(MANIFEST, LOCK)
}

/// `m` 1.1.0, which closes X-1, took away what `d` below 1.3 uses; the ranges of `d` are given by version.
fn world(ranges: [&str; 5]) -> World {
    let versions = ["1.0.0", "1.1.0", "1.2.0", "1.3.0", "1.4.0"];
    let publish = |world: World, (version, range): (&&str, &str)| {
        world.publish("d", version, &format!("m {range}"))
    };
    let mut world = versions
        .iter()
        .zip(ranges)
        .fold(World::default(), publish)
        .versions("m", &["1.0.0", "1.1.0"])
        .advisory("X-1", "m", "<1.1.0")
        .clashes("m", "1.1.0", "d", ">=1.3.0");
    world.single = true;
    world
}

#[test]
fn a_dependant_moves_along_to_the_lowest_version_whose_own_range_knows_the_new_one() {
    let mut world = world([">=1.0.0", ">=1.0.0", ">=1.0.0", "<1.2.0", "<1.3.0"]);
    let shown = second(&mut world);
    assert_eq!(shown.brief(), "Changed\nm 1.0.0 -> 1.1.0 closes X-1\nd 1.0.0 -> 1.3.0");
    assert_eq!(checks_run(&shown), 1, "{:?}", shown.ran);
    let told = "`d 1.3.0` moves along because it breaks with m 1.1.0 otherwise";
    assert!(shown.outcome.body.contains(told), "{}", shown.outcome.body);
    assert_eq!(shown.outcome.title, "Update m to 1.1.0 (closes 1 advisory)");
    let asked: Vec<&str> = shown.outcome.asked.iter().map(|asked| asked.package.as_str()).collect();
    assert_eq!(asked, ["d", "m"]);
}

#[test]
fn where_no_range_tells_what_was_published_after_the_moved_version_knows_it() {
    let mut world = world([">=1.0.0"; 5]);
    world.silent = true;
    let mut world = world
        .at("m", "1.1.0", 5_000)
        .at("d", "1.2.0", 4_000)
        .at("d", "1.3.0", 6_000)
        .at("d", "1.4.0", 7_000);
    let shown = second(&mut world);
    assert_eq!(shown.brief(), "Changed\nm 1.0.0 -> 1.1.0 closes X-1\nd 1.0.0 -> 1.3.0");
    assert_eq!(checks_run(&shown), 1, "{:?}", shown.ran);
}

#[test]
fn where_that_was_not_enough_the_newest_is_the_last_try() {
    let mut world = world([">=1.0.0"; 5]).at("m", "1.1.0", 500);
    let shown = second(&mut world);
    assert_eq!(shown.brief(), "Changed\nm 1.0.0 -> 1.1.0 closes X-1\nd 1.0.0 -> 1.4.0");
    assert_eq!(checks_run(&shown), 2, "{:?}", shown.ran);
}

#[test]
fn where_the_package_manager_refuses_the_likely_one_the_next_is_tried() {
    let mut world = world([">=1.0.0"; 5]).at("m", "1.1.0", 5_000);
    for (version, millis) in [("1.2.0", 6_000), ("1.3.0", 7_000), ("1.4.0", 8_000)] {
        world = world.at("d", version, millis);
    }
    world.uninstallable.insert(("d".to_owned(), "1.2.0".to_owned()));
    let shown = second(&mut world);
    assert_eq!(shown.brief(), "Changed\nm 1.0.0 -> 1.1.0 closes X-1\nd 1.0.0 -> 1.3.0");
    assert_eq!(checks_run(&shown), 1, "{:?}", shown.ran);
}

#[test]
fn where_no_companion_helps_the_move_is_left_with_the_error_and_what_was_tried() {
    let mut world = world([">=1.0.0"; 5]);
    world = world.at("m", "1.1.0", 500).breaks("m", "1.1.0");
    let shown = second(&mut world);
    assert_eq!(reasons(&shown.outcome), [("m".to_owned(), Why::NeedsCodeChange)]);
    let detail = &shown.outcome.left[0].detail;
    assert!(
        detail.starts_with("also as m 1.1.0 with d 1.1.0, or m 1.1.0 with d 1.4.0:\n"),
        "{detail}"
    );
    assert!(detail.contains("changed its API"), "{detail}");
    assert_eq!((shown.lock.as_str(), checks_run(&shown)), (LOCK, 2));
}

#[test]
fn an_update_waits_for_its_dependants_own_update_before_a_lower_version_is_taken() {
    let mut world = World::default()
        .publish("z", "1.0.0", "m >=1.0.0")
        .publish("z", "1.1.0", "m >=1.0.0")
        .versions("m", &["1.0.0", "1.1.0", "1.2.0"])
        .versions("b", &["1.0.0", "1.1.0"])
        .clashes("m", "1.2.0", "z", ">=1.1.0")
        .breaks("b", "1.1.0");
    world.single = true;
    let run = |world: &World| {
        world.updates(
            "b ^1.0\nm ^1.0\nz ^1.0\n",
            "b 1.0.0\nm 1.0.0\nz 1.0.0 m@1.0.0\n",
            updates(UpdateLevel::Minor),
        )
    };
    let first = run(&world);
    again(&mut world, &first);
    let second = run(&world);
    let moved: Vec<String> =
        second.outcome.updates.iter().map(|u| format!("{} {}", u.package, u.to)).collect();
    assert_eq!(moved, ["m 1.2.0", "z 1.1.0"], "{}", second.brief());
    assert_eq!(reasons(&second.outcome), [("b".to_owned(), Why::NeedsCodeChange)]);
}

#[test]
fn a_companion_keeps_to_what_the_definition_allows() {
    let mut world = World::default()
        .publish("d", "1.0.0", "m >=1.0.0")
        .publish("d", "2.0.0", "m >=1.0.0")
        .versions("m", &["1.0.0", "1.1.0"])
        .clashes("m", "1.1.0", "d", ">=2.0.0");
    world.single = true;
    let run = |world: &World| world.updates(MANIFEST, LOCK, updates(UpdateLevel::Minor));
    let first = run(&world);
    again(&mut world, &first);
    let second = run(&world);
    assert_eq!(second.lock, LOCK);
    assert_eq!(checks_run(&second), 0, "{:?}", second.ran);
}

/// The lowest `d` that admits `m` 1.1.0 is 1.2.0.
fn pinning() -> World {
    let mut world = ["1.0.0 <1.1.0", "1.1.0 <1.1.0", "1.2.0 <1.2.0", "1.3.0 <1.3.0"]
        .iter()
        .filter_map(|line| line.split_once(' '))
        .fold(World::default(), |world, (version, range)| {
            world.publish("d", version, &format!("m {range}"))
        })
        .versions("m", &["1.0.0", "1.1.0"])
        .advisory("X-1", "m", "<1.1.0");
    world.single = true;
    world.apart = Some(Mutex::default());
    world
}

fn moves_tried(shown: &Shown) -> usize {
    shown.ran.iter().filter(|ran| ran.starts_with("toy move")).count()
}

#[test]
fn a_dependant_that_pins_is_raised_to_the_lowest_version_whose_metadata_admits_the_fix() {
    let world = pinning();
    let shown = world.remediate(MANIFEST, LOCK);
    assert_eq!(shown.brief(), "Changed\nm 1.0.0 -> 1.1.0 closes X-1\nd 1.0.0 -> 1.2.0");
    assert_eq!(moves_tried(&shown), 1, "{:?}", shown.ran);
    let mut asked = world.apart.unwrap().into_inner().unwrap();
    asked.sort();
    assert_eq!(asked, ["d 1.0.0", "d 1.1.0", "d 1.2.0", "d 1.3.0"]);
}

#[test]
fn a_version_that_is_a_source_archive_alone_is_not_chosen_where_another_one_says_that_it_admits() {
    let mut world = pinning();
    world.archives.insert(("d".to_owned(), "1.2.0".to_owned()));
    let shown = world.remediate(MANIFEST, LOCK);
    assert_eq!(shown.brief(), "Changed\nm 1.0.0 -> 1.1.0 closes X-1\nd 1.0.0 -> 1.3.0");
}

#[test]
fn where_every_newer_version_is_a_source_archive_the_package_manager_is_asked() {
    let mut world = pinning();
    for version in ["1.1.0", "1.2.0", "1.3.0"] {
        world.archives.insert(("d".to_owned(), version.to_owned()));
    }
    let shown = world.remediate(MANIFEST, LOCK);
    assert_eq!(shown.brief(), "Changed\nm 1.0.0 -> 1.1.0 closes X-1\nd 1.0.0 -> 1.2.0");
    assert!(moves_tried(&shown) > 1, "{:?}", shown.ran);
}

#[test]
fn metadata_says_which_companion_knows_the_new_version_better_than_the_time_does() {
    let mut world = world([">=1.0.0", ">=1.0.0", ">=1.0.0", "<1.2.0", "<1.3.0"])
        .at("m", "1.1.0", 5_000)
        .at("d", "1.3.0", 4_000)
        .at("d", "1.4.0", 6_000);
    world.apart = Some(Mutex::default());
    let shown = second(&mut world);
    assert_eq!(shown.brief(), "Changed\nm 1.0.0 -> 1.1.0 closes X-1\nd 1.0.0 -> 1.3.0");
}
