//! Dependency updates: which versions are chosen, and what is said of the rest.

use domain::agent::{Grouping, UpdateLevel, UpdateSettings};
use domain::dependency::{Ecosystem, Update, UpdateKind, Why};
use domain::exec::{Exec, ExecResult, Exit};

use super::toy::{Shown, Toy, World, reasons, updates};
use crate::context::{Answer, Answered};
use crate::outcome::{BrainError, Ending};
use crate::playbook::checkout::refused;

fn check(shown: &Shown, expected: &[&str]) {
    assert_eq!(shown.brief(), expected.join("\n"));
}

#[test]
fn the_newest_version_within_the_level_is_taken_and_the_rest_is_told() {
    let world = World::default().versions("a", &["1.0.0", "1.0.3", "1.4.0", "2.0.0"]);
    let run = |level| world.updates("a ^1.0\n", "a 1.0.0\n", updates(level));
    check(
        &run(UpdateLevel::Patch),
        &["Changed", "a 1.0.0 -> 1.0.3", "left a 1.0.0: OutsideLevel: 2.0.0: a major step"],
    );
    check(
        &run(UpdateLevel::Minor),
        &["Changed", "a 1.0.0 -> 1.4.0", "left a 1.0.0: OutsideLevel: 2.0.0: a major step"],
    );
    let major = run(UpdateLevel::Major);
    check(&major, &["Changed", "a 1.0.0 -> 2.0.0"]);
    assert_eq!(major.manifest, "a ^2.0.0\n");
}

#[test]
fn yanked_prerelease_and_unrunnable_versions_are_passed_over() {
    let world = World::default()
        .versions("a", &["1.0.0", "1.1.0", "!1.2.0", "1.3.0-beta.1"])
        .publish("a", "1.4.0@9", "");
    check(
        &world.updates("a ^1.0\n", "a 1.0.0\n", updates(UpdateLevel::Minor)),
        &["Changed", "a 1.0.0 -> 1.1.0", "left a 1.0.0: NotInstallable: 1.4.0: needs runtime 9"],
    );
}

#[test]
fn a_version_that_is_too_young_waits() {
    let world = World::default().versions("a", &["1.0.0", "1.1.0"]);
    let settings = UpdateSettings { min_release_age_ms: 60_000, ..updates(UpdateLevel::Minor) };
    let shown = world.updates("a ^1.0\n", "a 1.0.0\n", settings);
    assert_eq!(shown.outcome.ending, Ending::NoChange);
    assert_eq!(reasons(&shown.outcome), [("a".to_owned(), Why::TooYoung)]);
}

#[test]
fn what_the_definition_ignores_and_what_is_from_git_stays() {
    let world = World::default().versions("a", &["1.0.0", "1.1.0"]).versions("b", &["1.0.0"]);
    let settings = UpdateSettings { ignore: vec!["a*".to_owned()], ..updates(UpdateLevel::Minor) };
    let shown = world.updates("a ^1.0\nb ^1.0 git\n", "a 1.0.0\nb 1.0.0\n", settings);
    assert_eq!(shown.outcome.ending, Ending::NoChange);
    assert_eq!(
        reasons(&shown.outcome),
        [("a".to_owned(), Why::Ignored), ("b".to_owned(), Why::NotFromRegistry)]
    );
}

#[test]
fn a_registry_that_does_not_answer_is_never_nothing_to_do() {
    let mut world = World::default().versions("b", &["1.0.0"]);
    world.unreachable.insert("a".to_owned());
    check(
        &world.updates("a ^1.0\nb ^1.0\n", "a 1.0.0\nb 1.0.0\n", updates(UpdateLevel::Minor)),
        &[
            "HandOver, incomplete",
            "left a 1.0.0: Unreadable: the registry could not be asked about `a`: timed out",
        ],
    );
}

#[test]
fn a_lock_that_cannot_be_read_is_named_and_makes_the_result_incomplete() {
    let world = World::default();
    let shown = world.updates("a ^1.0\n", "<<<<<<< HEAD\n", updates(UpdateLevel::Minor));
    assert_eq!(shown.outcome.ending, Ending::HandOver);
    assert!(!shown.outcome.complete);
    assert_eq!(reasons(&shown.outcome), [("toy.lock".to_owned(), Why::Unreadable)]);
}

#[test]
fn one_update_that_the_resolver_refuses_does_not_hold_the_others_back() {
    // `p` pins `b` below 2, so `b` itself cannot reach 2 in a world of single versions.
    let mut world = World::default()
        .versions("a", &["1.0.0", "1.1.0"])
        .versions("b", &["1.0.0", "1.5.0", "2.0.0"])
        .publish("p", "1.0.0", "b ^1.0")
        .versions("c", &["1.0.0", "1.2.0"]);
    world.single = true;
    let shown = world.updates(
        "a ^1.0\nb ^1.0\nc ^1.0\np ^1.0\n",
        "a 1.0.0\nb 1.0.0\nc 1.0.0\np 1.0.0 b@1.0.0\n",
        updates(UpdateLevel::Major),
    );
    check(&shown, &["Changed", "a 1.0.0 -> 1.1.0", "b 1.0.0 -> 1.5.0", "c 1.0.0 -> 1.2.0"]);
}

#[test]
fn packages_that_only_move_in_step_move_together() {
    let mut world = World::default().versions("a", &["1.0.0", "1.1.0"]);
    for (one, two) in [("x", "y"), ("y", "x")] {
        world = world.publish(one, "1.0.0", &format!("{two} =1.0.0")).publish(
            one,
            "2.0.0",
            &format!("{two} =2.0.0"),
        );
    }
    world.single = true;
    world.uninstallable.insert(("a".to_owned(), "1.1.0".to_owned()));
    let shown = world.updates(
        "a ^1.0\nx ^1.0\ny ^1.0\n",
        "a 1.0.0\nx 1.0.0 y@1.0.0\ny 1.0.0 x@1.0.0\n",
        updates(UpdateLevel::Major),
    );
    check(
        &shown,
        &[
            "Changed",
            "x 1.0.0 -> 2.0.0",
            "y 1.0.0 -> 2.0.0",
            "left a 1.0.0: NotInstallable: to 1.1.0: a 1.1.0 cannot be installed",
        ],
    );
}

fn update(package: &str) -> Update {
    Update {
        ecosystem: Ecosystem::Cargo,
        package: package.to_owned(),
        from: "1.0.0".to_owned(),
        to: "1.1.0".to_owned(),
        kind: UpdateKind::Minor,
        advisories: Vec::new(),
        development_only: false,
        files: Vec::new(),
    }
}

#[test]
fn each_takes_the_first_package_that_no_proposal_holds() {
    let mut world =
        World::default().versions("a", &["1.0.0", "1.1.0"]).versions("b", &["1.0.0", "1.1.0"]);
    let settings = || UpdateSettings { group: Grouping::Each, ..updates(UpdateLevel::Minor) };
    let run = |world: &World| world.updates("a ^1.0\nb ^1.0\n", "a 1.0.0\nb 1.0.0\n", settings());
    check(
        &run(&world),
        &[
            "Changed",
            "a 1.0.0 -> 1.1.0",
            "left b 1.0.0: OverLimit: 1.1.0 waits for a run of its own: one run makes one change",
        ],
    );
    world.proposed = vec![update("a")];
    check(
        &run(&world),
        &[
            "Changed",
            "b 1.0.0 -> 1.1.0",
            "left a 1.0.0: OverLimit: 1.1.0 is in an open proposal already",
        ],
    );
    world.proposed = vec![update("a"), update("b")];
    assert_eq!(run(&world).outcome.ending, Ending::NoChange);
}

#[test]
fn what_people_rejected_is_not_proposed_again_until_something_changes() {
    let mut world =
        World::default().versions("a", &["1.0.0", "1.1.0"]).versions("b", &["1.0.0", "1.1.0"]);
    let run = |world: &World, group| {
        let settings = UpdateSettings { group, ..updates(UpdateLevel::Minor) };
        world.updates("a ^1.0\nb ^1.0\n", "a 1.0.0\nb 1.0.0\n", settings)
    };
    let rejected = |packages: &[&str], binds| Answered {
        proposal: "prop_x".to_owned(),
        answer: Answer::Rejected { why: "not this week".to_owned(), binds },
        updates: packages.iter().map(|package| update(package)).collect(),
    };
    let left = |package: &str| {
        format!("left {package} 1.0.0: Rejected: 1.1.0 was rejected with prop_x: not this week")
    };
    world.answers = vec![rejected(&["a"], true)];
    check(&run(&world, Grouping::Each), &["Changed", "b 1.0.0 -> 1.1.0", &left("a")]);
    let whole = ["Changed", "a 1.0.0 -> 1.1.0", "b 1.0.0 -> 1.1.0"];
    check(&run(&world, Grouping::All), &whole);
    world.answers = vec![rejected(&["a", "b"], true)];
    let shown = run(&world, Grouping::All);
    check(&shown, &["NoChange", &left("a"), &left("b")]);
    assert!(shown.outcome.title.contains("rejected with prop_x: not this week"));
    // Another commit, definition or setting, or another version.
    world.answers = vec![rejected(&["a", "b"], false)];
    check(&run(&world, Grouping::All), &whole);
    world.answers = vec![rejected(&["a", "b"], true)];
    world = world.versions("b", &["1.2.0"]);
    check(&run(&world, Grouping::All), &["Changed", "a 1.0.0 -> 1.1.0", "b 1.0.0 -> 1.2.0"]);
}

#[test]
fn the_newest_of_everything_is_nothing_to_do() {
    let world = World::default().versions("a", &["1.0.0"]);
    check(&world.updates("a ^1.0\n", "a 1.0.0\n", updates(UpdateLevel::Major)), &["NoChange"]);
}

#[test]
fn an_update_does_not_break_the_runtime_that_the_manifests_promise() {
    let world = World::default()
        .publish("a", "1.0.0@1.50", "")
        .publish("a", "1.1.0@1.60", "")
        .publish("a", "1.2.0@1.70", "")
        .publish("b", "1.0.0@1.65", "")
        .publish("b", "1.1.0@1.70", "");
    let manifest = "# runs on 1.60\na ^1.0\nb ^1.0\n";
    let shown = world.updates(manifest, "a 1.0.0\nb 1.0.0\n", updates(UpdateLevel::Minor));
    // The locked `b` never kept the promise: it holds nothing back.
    let barred = "NotInstallable: 1.2.0: needs runtime 1.70: the manifests promise to run on that";
    let left = format!("left a 1.0.0: {barred}");
    check(&shown, &["Changed", "a 1.0.0 -> 1.1.0", "b 1.0.0 -> 1.1.0", &left]);
    let shown = world.updates(manifest, "a 1.1.0\nb 1.1.0\n", updates(UpdateLevel::Minor));
    check(&shown, &["NoChange", &format!("left a 1.1.0: {barred}")]);
}

/// How often the package manager was asked.
fn resolves(shown: &Shown) -> usize {
    shown.ran.iter().filter(|line| line.starts_with("toy move")).count()
}

fn many(count: usize) -> (World, String, String) {
    let names: Vec<String> = (0..count).map(|n| format!("p{n:02}")).collect();
    let publish = |world: World, name: &String| world.versions(name, &["1.0.0", "1.1.0", "1.2.0"]);
    let manifest = names.iter().map(|name| format!("{name} ^1.0\n")).collect();
    let lock = names.iter().map(|name| format!("{name} 1.0.0\n")).collect();
    (names.iter().fold(World::default(), publish), manifest, lock)
}

#[test]
fn updates_that_go_together_are_resolved_once() {
    let (world, manifest, lock) = many(40);
    let shown = world.updates(&manifest, &lock, updates(UpdateLevel::Minor));
    assert_eq!(shown.outcome.updates.len(), 40);
    assert_eq!(resolves(&shown), 1, "{:?}", shown.ran);
}

#[test]
fn an_update_that_is_refused_is_told_from_the_others_by_the_words_of_the_refusal() {
    let (mut world, manifest, lock) = many(40);
    world.uninstallable.insert(("p17".to_owned(), "1.2.0".to_owned()));
    let shown = world.updates(&manifest, &lock, updates(UpdateLevel::Minor));
    assert_eq!(shown.outcome.updates.len(), 40);
    assert!(shown.lock.contains("p17 1.1.0\n") && shown.lock.contains("p18 1.2.0\n"));
    // All, all others, it alone, its next lower version.
    assert_eq!(resolves(&shown), 4, "{:?}", shown.ran);
}

#[test]
fn what_only_fits_once_others_have_moved_gets_its_best_version() {
    // `r` 1 wants `i` below 1.9; `r` 2 does not. `x` never moves, and its refusal names everybody.
    let mut world = World::default()
        .versions("i", &["1.8.0", "1.8.5", "1.9.0", "1.10.0"])
        .publish("r", "1.0.0", "i <1.9.0")
        .publish("r", "1.1.0", "i ^1.8.0")
        .versions("x", &["1.0.0", "1.1.0"]);
    world.single = true;
    world.uninstallable.insert(("x".to_owned(), "1.1.0".to_owned()));
    let shown = world.updates(
        "i ^1.8\nr ^1.0\nx ^1.0\n",
        "i 1.8.0\nr 1.0.0 i@1.8.0\nx 1.0.0\n",
        updates(UpdateLevel::Minor),
    );
    check(
        &shown,
        &[
            "Changed",
            "i 1.8.0 -> 1.10.0",
            "r 1.0.0 -> 1.1.0",
            "left x 1.0.0: NotInstallable: to 1.1.0: x 1.1.0 cannot be installed",
        ],
    );
}

#[test]
fn the_next_attempt_of_a_run_resolves_nothing_a_second_time() {
    let (mut world, manifest, lock) = many(8);
    world.uninstallable.insert(("p03".to_owned(), "1.2.0".to_owned()));
    let first = world.updates(&manifest, &lock, updates(UpdateLevel::Minor));
    let second = world.updates(&manifest, &lock, updates(UpdateLevel::Minor));
    assert_eq!((resolves(&first), resolves(&second)), (4, 0), "{:?}", second.ran);
    assert_eq!((second.brief(), second.lock), (first.brief(), first.lock));
}

#[test]
fn a_package_manager_that_was_killed_has_refused_nothing() {
    let command = Exec::new(["toy", "move"], "test");
    let ended = |exit| {
        let (stdout, stderr) = (Vec::new(), b"the words that a refusal has".to_vec());
        let done = ExecResult { exit, stdout, stderr, dropped_bytes: 0, millis: 1 };
        refused(&Toy, &command, &done).map(|refused| refused.why())
    };
    assert!(matches!(ended(Exit::Signal(9)), Err(BrainError::Infrastructure(_))));
    assert!(matches!(ended(Exit::TimedOut), Err(BrainError::Budget(_))));
    assert!(matches!(ended(Exit::OutOfMemory), Err(BrainError::Budget(_))));
    assert!(matches!(ended(Exit::Code(1)), Ok(Why::RefusedByResolver)));
}

#[test]
fn what_made_way_for_another_still_goes_to_its_own_best_version() {
    // `r` 1.1 wants a `c` beyond the level, so that all together are refused; `u` alone is refused for `r` 1.0, and `r`
    // alone takes `u` along to the lowest that fits.
    let mut world = World::default()
        .publish("r", "1.0.0", "c >=1.0.0, u <1.2.0")
        .publish("r", "1.1.0", "c >=2.0.0, u >=1.2.0")
        .versions("c", &["1.0.0", "1.1.0", "2.0.0"])
        .versions("u", &["1.0.0", "1.2.0", "1.4.0"]);
    (world.single, world.tells, world.lowest) = (true, true, true);
    let shown = world.updates(
        "c >=1.0.0\nr ^1.0\nu >=1.0.0\n",
        "c 1.0.0\nr 1.0.0 c@1.0.0 u@1.0.0\nu 1.0.0\n",
        updates(UpdateLevel::Minor),
    );
    assert!(shown.lock.contains("r 1.1.0") && shown.lock.contains("u 1.4.0"), "{}", shown.brief());
    let asked: Vec<(&str, &str)> =
        shown.outcome.asked.iter().map(|a| (a.package.as_str(), a.to.as_str())).collect();
    assert!(asked.contains(&("u", "1.4.0")) && !asked.contains(&("u", "1.2.0")), "{asked:?}");
}
