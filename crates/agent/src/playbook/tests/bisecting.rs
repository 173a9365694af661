//! Bisecting: what is kept and what is dropped when the attempt before broke a check.

use domain::agent::UpdateLevel;
use domain::check::CheckResult;
use domain::dependency::Why;

use super::toy::{Shown, World, reasons, updates};
use crate::context::{Failure, Previous};
use crate::outcome::Ending;

/// The attempt after `first`, with what broke in it.
pub(super) fn again(world: &mut World, first: &Shown) {
    world.previous = Some(Previous {
        updates: first.outcome.updates.clone(),
        left: first.outcome.left.clone(),
        failures: vec![Failure {
            command: "check".to_owned(),
            tests: Vec::new(),
            excerpt: "error: something changed its API".to_owned(),
        }],
        baseline: vec![CheckResult {
            exit: Some(0),
            tests: std::collections::BTreeMap::new(),
            passed: None,
            cut: false,
            excerpt: String::new(),
            millis: 1,
        }],
    });
}

pub(super) fn checks_run(shown: &Shown) -> usize {
    shown.ran.iter().filter(|line| *line == "check").count()
}

const MANIFEST: &str = "a ^1.0\nb ^1.0\nc ^1.0\nd ^1.0\n";
const LOCK: &str = "a 1.0.0\nb 1.0.0\nc 1.0.0\nd 1.0.0\n";

fn four() -> World {
    ["a", "b", "c", "d"]
        .iter()
        .fold(World::default(), |world, name| world.versions(name, &["1.0.0", "1.1.0"]))
}

#[test]
fn the_part_that_holds_is_kept_and_the_rest_quotes_its_error() {
    let mut world = four().breaks("c", "1.1.0");
    let first = world.updates(MANIFEST, LOCK, updates(UpdateLevel::Minor));
    again(&mut world, &first);
    let second = world.updates(MANIFEST, LOCK, updates(UpdateLevel::Minor));
    assert_eq!(
        second.brief(),
        "Changed\na 1.0.0 -> 1.1.0\nb 1.0.0 -> 1.1.0\nd 1.0.0 -> 1.1.0\n\
         left c 1.0.0: NeedsCodeChange: to 1.1.0: `check` newly fails: (the command itself)\nexit status 1\n\
         error: c 1.1.0 changed its API"
    );
    assert!(checks_run(&second) <= 4, "{:?}", second.ran);
}

#[test]
fn a_lock_that_does_not_agree_is_never_called_a_matter_of_code() {
    let mut world = World::default().versions("a", &["1.0.0", "1.1.0"]);
    let first = world.updates("a ^1.0\n", "a 1.0.0\n", updates(UpdateLevel::Minor));
    again(&mut world, &first);
    let previous = world.previous.as_mut().expect("there was an attempt");
    previous.failures[0].tests = vec!["(its set-up)".to_owned()];
    previous.failures[0].excerpt =
        "error: the lock file /w/Cargo.lock needs to be updated but --locked was passed".to_owned();
    let second = world.updates("a ^1.0\n", "a 1.0.0\n", updates(UpdateLevel::Minor));
    assert_eq!(reasons(&second.outcome), [("a".to_owned(), Why::RefusedByResolver)]);
}

#[test]
fn two_that_break_are_both_found() {
    let mut world = four().breaks("a", "1.1.0").breaks("d", "1.1.0");
    let first = world.updates(MANIFEST, LOCK, updates(UpdateLevel::Minor));
    again(&mut world, &first);
    let second = world.updates(MANIFEST, LOCK, updates(UpdateLevel::Minor));
    let moved: Vec<&str> = second.outcome.updates.iter().map(|u| u.package.as_str()).collect();
    assert_eq!(moved, ["b", "c"]);
    let needs = |name: &str| (name.to_owned(), Why::NeedsCodeChange);
    assert_eq!(reasons(&second.outcome), [needs("a"), needs("d")]);
}

#[test]
fn where_the_newest_breaks_the_newest_lower_version_that_holds_is_taken() {
    let mut world = World::default()
        .versions("a", &["1.0.0", "1.1.0", "1.2.0", "1.3.0", "1.4.0", "1.5.0"])
        .breaks("a", "1.4.0")
        .breaks("a", "1.5.0");
    let run = |world: &World| world.updates("a ^1.0\n", "a 1.0.0\n", updates(UpdateLevel::Minor));
    let first = run(&world);
    again(&mut world, &first);
    let second = run(&world);
    let told = "left a 1.3.0: NeedsCodeChange: to 1.5.0: `check` newly fails\n\
                error: something changed its API";
    assert_eq!(second.brief(), format!("Changed\na 1.0.0 -> 1.3.0\n{told}"));
    assert_eq!(second.lock, "a 1.3.0\n");
    // Where the fresh machine breaks on that one too, what is lower is tried, and the package is not given up.
    world = world.breaks("a", "1.3.0");
    again(&mut world, &second);
    let third = run(&world);
    assert_eq!(third.lock, "a 1.2.0\n");
    assert!(third.brief().contains(told), "{}", third.brief());
}

#[test]
fn a_single_update_that_breaks_and_has_no_other_way_needs_no_run() {
    let mut world = World::default().versions("a", &["1.0.0", "1.1.0"]).breaks("a", "1.1.0");
    let first = world.updates("a ^1.0\n", "a 1.0.0\n", updates(UpdateLevel::Minor));
    again(&mut world, &first);
    let second = world.updates("a ^1.0\n", "a 1.0.0\n", updates(UpdateLevel::Minor));
    assert_eq!(second.outcome.ending, Ending::HandOver);
    assert_eq!(checks_run(&second), 0);
    assert_eq!(second.lock, "a 1.0.0\n");
    assert!(second.outcome.body.contains("something changed its API"), "{}", second.outcome.body);
}

#[test]
fn a_third_attempt_starts_from_what_the_second_settled_on() {
    let mut world = four().breaks("c", "1.1.0");
    let first = world.updates(MANIFEST, LOCK, updates(UpdateLevel::Minor));
    again(&mut world, &first);
    let second = world.updates(MANIFEST, LOCK, updates(UpdateLevel::Minor));
    // The fresh machine finds that `a` breaks as well.
    world = World { previous: world.previous.take(), ..four().breaks("a", "1.1.0") };
    again(&mut world, &second);
    let third = world.updates(MANIFEST, LOCK, updates(UpdateLevel::Minor));
    let moved: Vec<&str> = third.outcome.updates.iter().map(|u| u.package.as_str()).collect();
    assert_eq!(moved, ["b", "d"]);
}

#[test]
fn a_remediation_that_breaks_tries_the_next_compatible_fix_and_nothing_further() {
    let base = || {
        World::default()
            .versions("a", &["1.0.0", "1.0.1", "1.0.2", "2.0.0"])
            .advisory("X-1", "a", "<1.0.1")
    };
    let mut world = base().breaks("a", "1.0.1");
    let first = world.remediate("a ^1.0\n", "a 1.0.0\n");
    assert_eq!(first.brief(), "Changed\na 1.0.0 -> 1.0.1 closes X-1");
    again(&mut world, &first);
    let second = world.remediate("a ^1.0\n", "a 1.0.0\n");
    assert_eq!(second.brief(), "Changed\na 1.0.0 -> 1.0.2 closes X-1");

    let mut world = base().breaks("a", "1.0.1").breaks("a", "1.0.2");
    again(&mut world, &first);
    let second = world.remediate("a ^1.0\n", "a 1.0.0\n");
    assert_eq!(second.outcome.ending, Ending::HandOver);
    assert_eq!(reasons(&second.outcome), [("a".to_owned(), Why::NeedsCodeChange)]);
    assert_eq!(second.outcome.left[0].advisory.as_deref(), Some("X-1"));
    assert_eq!(second.lock, "a 1.0.0\n");
}

#[test]
fn where_nothing_locks_the_fix_itself_is_installed_before_it_is_said_to_need_code() {
    let mut world = World::default()
        .versions("a", &["1.0.0", "2.0.0", "2.1.0", "2.2.0"])
        .advisory("X-1", "a", "<2.0.0")
        .breaks("a", "2.1.0")
        .breaks("a", "2.2.0");
    let run = |world: &World| world.remediate("# no lock\na <2\n", "a 1.0.0\n");
    // The widened range is resolved to the newest, and that is what is reported.
    let first = run(&world);
    assert_eq!(first.brief(), "Changed\na 1.0.0 -> 2.2.0 closes X-1");
    assert_eq!(first.manifest, "# no lock\na ^2.0.0\n");
    again(&mut world, &first);
    let second = run(&world);
    assert_eq!(second.brief(), "Changed\na 1.0.0 -> 2.0.0 closes X-1");
    assert_eq!(second.manifest, "# no lock\na =2.0.0\n");
    assert_eq!(checks_run(&second), 1);
    // Where the fresh machine breaks on that one too, the newest is not gone back to.
    world = world.breaks("a", "2.0.0");
    again(&mut world, &second);
    let third = run(&world);
    assert_eq!(reasons(&third.outcome), [("a".to_owned(), Why::NeedsCodeChange)]);
    assert_eq!((checks_run(&third), third.manifest.as_str()), (1, "# no lock\na <2\n"));
}

#[test]
fn where_nothing_locks_and_the_fix_itself_cannot_be_installed_that_is_said() {
    let mut world = World::default()
        .versions("a", &["1.0.0", "2.0.0", "2.1.0"])
        .advisory("X-1", "a", "<2.0.0")
        .breaks("a", "2.1.0");
    world.uninstallable.insert(("a".to_owned(), "2.0.0".to_owned()));
    let run = |world: &World| world.remediate("# no lock\na <2\n", "a 1.0.0\n");
    let first = run(&world);
    again(&mut world, &first);
    let second = run(&world);
    assert!(
        second.brief().contains("NeedsCodeChange: a 2.0.0 itself could not be installed:\n`check`"),
        "{}",
        second.brief()
    );
}

#[test]
fn of_several_fixes_those_that_hold_are_kept() {
    let mut world =
        four().advisory("X-1", "a", "<1.1.0").advisory("X-2", "b", "<1.1.0").breaks("b", "1.1.0");
    let first = world.remediate(MANIFEST, LOCK);
    again(&mut world, &first);
    let second = world.remediate(MANIFEST, LOCK);
    let brief = second.brief();
    assert!(
        brief
            .starts_with("Changed\na 1.0.0 -> 1.1.0 closes X-1\nleft X-2 b 1.0.0: NeedsCodeChange"),
        "{brief}"
    );
}

/// Ten packages of which some break the check, as the attempt after the first finds them.
fn second_of_ten(breaking: &[usize]) -> Shown {
    let names: Vec<String> = (0..10).map(|n| format!("p{n}")).collect();
    let mut world = names
        .iter()
        .fold(World::default(), |world, name| world.versions(name, &["1.0.0", "1.1.0"]));
    for at in breaking {
        world = world.breaks(&names[*at], "1.1.0");
    }
    let manifest: String = names.iter().map(|name| format!("{name} ^1.0\n")).collect();
    let lock: String = names.iter().map(|name| format!("{name} 1.0.0\n")).collect();
    let first = world.updates(&manifest, &lock, updates(UpdateLevel::Minor));
    again(&mut world, &first);
    world.updates(&manifest, &lock, updates(UpdateLevel::Minor))
}

#[test]
fn one_that_breaks_among_ten_is_found_in_six_runs_wherever_it_stands() {
    for at in 0..10 {
        let shown = second_of_ten(&[at]);
        assert_eq!(shown.outcome.updates.len(), 9, "{}", shown.brief());
        assert_eq!(reasons(&shown.outcome), [(format!("p{at}"), Why::NeedsCodeChange)]);
        assert!(shown.brief().contains("changed its API"), "{}", shown.brief());
        assert!(checks_run(&shown) <= 6, "{at}: {}", checks_run(&shown));
    }
}

#[test]
fn each_further_one_that_breaks_costs_no_more_than_the_first() {
    let shown = second_of_ten(&[0, 9]);
    assert_eq!(shown.outcome.updates.len(), 8, "{}", shown.brief());
    assert!(checks_run(&shown) <= 10, "{}", checks_run(&shown));
    // When all of them break, the runs end before the packages do, and that is said.
    let shown = second_of_ten(&(0..10).collect::<Vec<_>>());
    assert_eq!(checks_run(&shown), 16);
    assert!(shown.brief().contains("OverLimit: to 1.1.0: not told apart within 16 runs"));
    assert_eq!(shown.outcome.ending, Ending::HandOver);
}

#[test]
fn what_goes_in_only_at_a_lower_version_without_the_broken_one_is_tried_so() {
    let mut world = World::default()
        .versions("a", &["1.0.0", "1.1.0"])
        .versions("c", &["1.0.0", "1.1.0"])
        .publish("c", "1.2.0", "a ^1.1.0")
        .versions("d", &["1.0.0", "1.1.0"])
        .breaks("a", "1.1.0");
    world.single = true;
    let (manifest, lock) = ("a ^1.0\nc ^1.0\nd ^1.0\n", "a 1.0.0\nc 1.0.0\nd 1.0.0\n");
    let first = world.updates(manifest, lock, updates(UpdateLevel::Minor));
    assert_eq!(first.outcome.updates.len(), 3, "{}", first.brief());
    again(&mut world, &first);
    let second = world.updates(manifest, lock, updates(UpdateLevel::Minor));
    let moved: Vec<_> =
        second.outcome.updates.iter().map(|u| (u.package.as_str(), u.to.as_str())).collect();
    assert_eq!(moved, [("c", "1.1.0"), ("d", "1.1.0")], "{}", second.brief());
    assert_eq!(reasons(&second.outcome), [("a".to_owned(), Why::NeedsCodeChange)]);
}

#[test]
fn halves_that_only_move_together_are_not_blamed_on_the_package_manager() {
    // Whatever stands between the two.
    for other in ["aa", "c"] {
        let mut world = World::default()
            .publish("a", "1.0.0", "b ^1.0.0, b <1.1.0")
            .publish("a", "1.1.0", "b ^1.1.0")
            .versions("b", &["1.0.0", "1.1.0"])
            .versions(other, &["1.0.0", "1.1.0"])
            .breaks("b", "1.1.0");
        world.single = true;
        let manifest = format!("a ^1.0\nb ^1.0\n{other} ^1.0\n");
        let lock = format!("a 1.0.0 b@1.0.0\nb 1.0.0\n{other} 1.0.0\n");
        let first = world.updates(&manifest, &lock, updates(UpdateLevel::Minor));
        assert_eq!(first.outcome.updates.len(), 3, "{}", first.brief());
        again(&mut world, &first);
        let second = world.updates(&manifest, &lock, updates(UpdateLevel::Minor));
        let moved: Vec<&str> = second.outcome.updates.iter().map(|u| u.package.as_str()).collect();
        assert_eq!(moved, [other], "{}", second.brief());
        let needs = |name: &str| (name.to_owned(), Why::NeedsCodeChange);
        assert_eq!(reasons(&second.outcome), [needs("a"), needs("b")]);
    }
}
