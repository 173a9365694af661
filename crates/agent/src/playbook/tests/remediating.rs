//! Remediation: one test for every class of trouble on the way out of an advisory.

use domain::agent::{Playbook as Settings, RemediationSettings};
use domain::dependency::{Left, Why};

use super::toy::{Shown, World, reasons, remediation};
use crate::outcome::Ending;

fn check(shown: &Shown, expected: &[&str]) {
    assert_eq!(shown.brief(), expected.join("\n"));
}

#[test]
fn the_nearest_fixed_version_is_taken_and_not_the_newest() {
    let world = World::default()
        .versions("a", &["1.0.0", "1.0.1", "1.0.2", "1.5.0", "2.0.0"])
        .advisory("X-1", "a", "<1.0.1");
    let shown = world.remediate("a ^1.0\n", "a 1.0.0\n");
    check(&shown, &["Changed", "a 1.0.0 -> 1.0.1 closes X-1"]);
    assert_eq!(shown.manifest, "a ^1.0\n");
}

#[test]
fn a_fixed_version_that_was_never_published_or_was_taken_back_is_passed_over() {
    let world = World::default()
        .versions("a", &["1.0.0", "!1.0.2", "1.0.3"])
        .advisory("X-1", "a", "<1.0.1");
    check(&world.remediate("a ^1.0\n", "a 1.0.0\n"), &["Changed", "a 1.0.0 -> 1.0.3 closes X-1"]);
}

#[test]
fn a_fixed_version_that_does_not_run_here_is_passed_over() {
    let world = World::default()
        .publish("a", "1.0.0", "")
        .publish("a", "1.0.1@9", "")
        .publish("a", "1.1.0", "")
        .advisory("X-1", "a", "<1.0.1");
    check(&world.remediate("a ^1.0\n", "a 1.0.0\n"), &["Changed", "a 1.0.0 -> 1.1.0 closes X-1"]);
}

#[test]
fn what_its_publisher_advises_against_is_no_fix_where_another_is_there() {
    let world = World::default()
        .versions("a", &["0.9.0", "1.0.0", "1.0.1", "1.1.0"])
        .advisory("X-1", "a", "=1.0.0")
        .with("a", "1.0.1", |p| p.deprecated = Some("it is broken".to_owned()));
    check(&world.remediate("a ^1.0\n", "a 1.0.0\n"), &["Changed", "a 1.0.0 -> 1.1.0 closes X-1"]);
    let world = world.advisory("X-2", "a", "=1.1.0");
    let shown = world.remediate("a ^1.0\n", "a 1.0.0\n");
    check(&shown, &["Changed", "a 1.0.0 -> 1.0.1 closes X-1"]);
    assert!(shown.outcome.body.contains("a 1.0.1: it is broken"), "{}", shown.outcome.body);
}

#[test]
fn what_is_above_the_mark_of_the_current_version_is_a_fix_before_a_step_back_is() {
    let world = World::default()
        .versions("a", &["1.0.0", "1.1.0", "1.1.1"])
        .advisory("X-1", "a", "=1.1.0")
        .with("a", "1.1.1", |p| p.preview = true);
    check(&world.remediate("a ^1.0\n", "a 1.1.0\n"), &["Changed", "a 1.1.0 -> 1.1.1 closes X-1"]);
}

#[test]
fn a_fix_of_what_counts_with_another_runtime_runs_on_that() {
    let world = World::default()
        .publish("a", "1.0.0@0.4", "")
        .publish("a", "1.0.1@0.6", "")
        .publish("a", "1.1.0@0.5", "")
        .advisory("X-1", "a", "<1.0.1");
    let shown = world.remediate("a ^1.0 on=0.5\n", "a 1.0.0\n");
    check(&shown, &["Changed", "a 1.0.0 -> 1.1.0 closes X-1"]);
    let shown = world.remediate("a ^1.0\n", "a 1.0.0\n");
    check(&shown, &["Changed", "a 1.0.0 -> 1.0.1 closes X-1"]);
}

#[test]
fn what_is_told_and_not_acted_upon_is_told_of_the_versions_at_the_end() {
    let mut world = World::default()
        .versions("a", &["1.0.0", "1.0.1"])
        .advisory("X-1", "a", "<1.0.1")
        .advisory("X-2", "a", "<1.0.1")
        .advisory("X-3", "a", ">=1.0.1");
    for advisory in &mut world.advisories[1..] {
        advisory.3 = true;
    }
    check(
        &world.remediate("a ^1.0\n", "a 1.0.0\n"),
        &[
            "Changed",
            "a 1.0.0 -> 1.0.1 closes X-1",
            "left X-3 a 1.0.1: Informational: what X-3 is about",
        ],
    );
}

#[test]
fn what_is_open_is_known_without_a_machine() {
    let world = World::default().versions("a", &["1.0.0"]).advisory("X-1", "a", "*");
    let told =
        world.known("a ^1.0\nb ^1.0\n", "a 1.0.0\nb 1.0.0\n", Settings::Remediation(remediation()));
    let expected =
        "X-1 a 1.0.0: Unreadable: the work on it did not come to its end: the machine is lost";
    assert_eq!(told, [expected]);
    let accepted = RemediationSettings { ignore: vec!["a".to_owned()], ..remediation() };
    let told = world.known("a ^1.0\n", "a 1.0.0\n", Settings::Remediation(accepted));
    assert_eq!(told, [""; 0]);
}

#[test]
fn when_no_fixed_version_runs_here_that_is_the_reason() {
    let world = World::default()
        .publish("a", "1.0.0", "")
        .publish("a", "1.0.1@9", "")
        .advisory("X-1", "a", "<1.0.1");
    check(
        &world.remediate("a ^1.0\n", "a 1.0.0\n"),
        &[
            "HandOver",
            "left X-1 a 1.0.0: NotInstallable: no version without an advisory can be used here: 1.0.1: needs runtime 9",
        ],
    );
}

#[test]
fn what_the_package_manager_cannot_install_is_passed_over_too() {
    let mut world =
        World::default().versions("a", &["1.0.0", "1.0.1", "1.0.2"]).advisory("X-1", "a", "<1.0.1");
    world.uninstallable.insert(("a".to_owned(), "1.0.1".to_owned()));
    check(&world.remediate("a ^1.0\n", "a 1.0.0\n"), &["Changed", "a 1.0.0 -> 1.0.2 closes X-1"]);
}

#[test]
fn the_nearest_fixed_version_of_one_advisory_that_leaves_another_open_is_passed_over() {
    let world = World::default()
        .versions("a", &["1.0.0", "1.0.1", "1.0.2", "1.0.3"])
        .advisory("X-1", "a", "<1.0.1")
        .advisory("X-2", "a", "<1.0.2");
    check(
        &world.remediate("a ^1.0\n", "a 1.0.0\n"),
        &["Changed", "a 1.0.0 -> 1.0.2 closes X-1 X-2"],
    );
}

#[test]
fn a_fixed_version_with_a_new_advisory_is_passed_over() {
    let world = World::default()
        .versions("a", &["1.0.0", "1.0.1", "1.0.2"])
        .advisory("X-1", "a", "<1.0.1")
        .advisory("X-2", "a", "=1.0.1");
    check(&world.remediate("a ^1.0\n", "a 1.0.0\n"), &["Changed", "a 1.0.0 -> 1.0.2 closes X-1"]);
}

#[test]
fn a_fix_that_brings_in_a_vulnerable_package_brings_its_fix_too() {
    let world = World::default()
        .publish("a", "1.0.0", "")
        .publish("a", "1.0.1", "b ^1.0")
        .versions("b", &["1.0.0", "1.0.1", "1.2.0"])
        .advisory("X-1", "a", "<1.0.1")
        .advisory("X-2", "b", ">=1.2.0");
    let shown = world.remediate("a ^1.0\n", "a 1.0.0\n");
    // The package manager would take `b` 1.2.0, which has an advisory and no newer version: a step back helps.
    assert_eq!(shown.outcome.ending, Ending::Changed);
    assert_eq!(shown.outcome.left, []);
    assert_eq!(shown.lock, "a 1.0.1 b@1.0.1\nb 1.0.1\n");
}

#[test]
fn a_fix_that_brings_in_what_cannot_be_fixed_is_not_taken() {
    let world = World::default()
        .publish("a", "1.0.0", "")
        .publish("a", "1.0.1", "b ^1.0")
        .publish("a", "1.0.2", "")
        .versions("b", &["1.0.0"])
        .advisory("X-1", "a", "<1.0.1")
        .advisory("X-2", "b", "*");
    check(&world.remediate("a ^1.0\n", "a 1.0.0\n"), &["Changed", "a 1.0.0 -> 1.0.2 closes X-1"]);
}

#[test]
fn a_transitive_fix_within_its_parents_range_changes_the_lock_alone() {
    let world = World::default()
        .publish("p", "1.0.0", "c ^1.0")
        .versions("c", &["1.0.0", "1.0.1", "1.9.0"])
        .advisory("X-1", "c", "<1.0.1");
    let shown = world.remediate("p ^1.0\n", "p 1.0.0 c@1.0.0\nc 1.0.0\n");
    check(&shown, &["Changed", "c 1.0.0 -> 1.0.1 closes X-1"]);
    assert_eq!(shown.manifest, "p ^1.0\n");
}

#[test]
fn a_transitive_fix_that_needs_its_parent_raises_it_to_the_nearest_version_that_admits_it() {
    let world = World::default()
        .publish("p", "1.0.0", "c ~1.0.0")
        .publish("p", "1.1.0", "c ~1.0.0")
        .publish("p", "1.2.0", "c ~1.1.0")
        .publish("p", "1.3.0", "c ~1.1.0")
        .versions("c", &["1.0.0", "1.1.0", "1.1.1"])
        .advisory("X-1", "c", "<1.1.0");
    let shown = world.remediate("p ^1.0\n", "p 1.0.0 c@1.0.0\nc 1.0.0\n");
    check(&shown, &["Changed", "c 1.0.0 -> 1.1.0 closes X-1", "p 1.0.0 -> 1.2.0"]);
}

#[test]
fn where_the_registry_does_not_say_who_admits_whom_the_resolvers_words_lead_the_way() {
    let mut world = World::default()
        .publish("p", "1.0.0", "c ~1.0.0")
        .publish("p", "1.1.0", "c ~1.0.0")
        .publish("p", "1.2.0", "c >=1.0.0, c <2")
        .publish("p", "1.3.0", "c ^1.0")
        .publish("p", "1.4.0", "c ^1.0")
        .versions("c", &["1.0.0", "1.1.0", "1.1.1"])
        .advisory("X-1", "c", "<1.1.0");
    (world.silent, world.single) = (true, true);
    let shown = world.remediate("p ^1.0\nc ^1.0\n", "c 1.0.0\np 1.0.0 c@1.0.0\n");
    check(&shown, &["Changed", "c 1.0.0 -> 1.1.0 closes X-1", "p 1.0.0 -> 1.2.0"]);
}

#[test]
fn parents_of_parents_are_raised_as_far_as_the_manifest() {
    let world = World::default()
        .publish("g", "1.0.0", "p =1.0.0")
        .publish("g", "2.0.0", "p =2.0.0")
        .publish("p", "1.0.0", "c =1.0.0")
        .publish("p", "2.0.0", "c =1.0.1")
        .versions("c", &["1.0.0", "1.0.1"])
        .advisory("X-1", "c", "<1.0.1");
    let shown = world.remediate("g ^1.0\n", "g 1.0.0 p@1.0.0\np 1.0.0 c@1.0.0\nc 1.0.0\n");
    check(
        &shown,
        &["Changed", "c 1.0.0 -> 1.0.1 closes X-1", "g 1.0.0 -> 2.0.0", "p 1.0.0 -> 2.0.0"],
    );
    assert_eq!(shown.manifest, "g ^2.0.0\n");
}

#[test]
fn a_parent_that_drops_the_vulnerable_package_is_a_fix() {
    let world = World::default()
        .publish("p", "1.0.0", "c ^1.0")
        .publish("p", "1.1.0", "d ^1.0")
        .versions("c", &["1.0.0"])
        .versions("d", &["1.0.0"])
        .advisory("X-1", "c", "*");
    check(
        &world.remediate("p ^1.0\n", "p 1.0.0 c@1.0.0\nc 1.0.0\n"),
        &["Changed", "p 1.0.0 -> 1.1.0 closes X-1"],
    );
}

#[test]
fn a_small_step_of_the_parent_with_the_fix_is_preferred_to_a_large_one_without_the_package() {
    let world = World::default()
        .publish("p", "1.0.0", "c =1.0.0")
        .publish("p", "1.0.1", "c ^1.0")
        .publish("p", "2.0.0", "")
        .versions("c", &["1.0.0", "1.2.0"])
        .advisory("X-1", "c", "<1.2.0");
    check(
        &world.remediate("p =1.0.0\n", "p 1.0.0 c@1.0.0\nc 1.0.0\n"),
        &["Changed", "c 1.0.0 -> 1.2.0 closes X-1", "p 1.0.0 -> 1.0.1"],
    );
}

#[test]
fn a_parent_without_a_newer_version_is_named_as_what_holds_the_fix_back() {
    let world = World::default()
        .publish("p", "1.0.0", "c =1.0.0")
        .versions("c", &["1.0.0", "1.0.1"])
        .advisory("X-1", "c", "<1.0.1");
    let shown = world.remediate("p ^1.0\n", "p 1.0.0 c@1.0.0\nc 1.0.0\n");
    assert_eq!(shown.outcome.ending, Ending::HandOver);
    assert_eq!(reasons(&shown.outcome), [("c".to_owned(), Why::HeldByParent)]);
    assert!(shown.outcome.left[0].detail.starts_with("p 1.0.0 requires c =1.0.0"), "{shown:?}");
}

#[test]
fn an_exact_pin_or_an_upper_bound_is_moved_to_the_nearest_fix() {
    let world = World::default()
        .versions("a", &["1.0.0", "1.0.1", "1.1.0"])
        .versions("b", &["1.0.0", "2.0.0", "2.1.0"])
        .advisory("X-1", "a", "<1.0.1")
        .advisory("X-2", "b", "<2.0.0");
    let shown = world.remediate("a =1.0.0\nb <2\n", "a 1.0.0\nb 1.0.0\n");
    check(&shown, &["Changed", "a 1.0.0 -> 1.0.1 closes X-1", "b 1.0.0 -> 2.0.0 closes X-2"]);
    assert_eq!(shown.manifest, "a =1.0.1\nb ^2.0.0\n");
}

#[test]
fn a_fix_within_the_range_is_preferred_to_a_lower_one_that_changes_the_manifest() {
    // Both 1.0.x (excluded by the manifest's pin of a parent) and 1.1 are fixed; the lock alone can take 1.1.
    let world = World::default()
        .publish("p", "1.0.0", "c >=1.0.0")
        .versions("c", &["1.0.0", "1.0.1", "1.1.0"])
        .advisory("X-1", "c", "<1.0.1");
    check(
        &world.remediate("p ^1.0\nc =1.0.0\n", "c 1.0.0\np 1.0.0 c@1.0.0\n"),
        &["Changed", "c 1.0.0 -> 1.0.1 closes X-1"],
    );
}

#[test]
fn two_vulnerable_versions_of_one_name_are_each_closed_in_their_own_line() {
    let world = World::default()
        .publish("p", "1.0.0", "c ^1.0")
        .publish("q", "1.0.0", "c ^2.0")
        .versions("c", &["1.0.0", "1.0.1", "2.0.0", "2.0.1", "2.0.2"])
        .advisory("X-1", "c", "<1.0.1")
        .advisory("X-2", "c", ">=2.0.0, <2.0.1");
    check(
        &world
            .remediate("p ^1.0\nq ^1.0\n", "p 1.0.0 c@1.0.0\nq 1.0.0 c@2.0.0\nc 1.0.0\nc 2.0.0\n"),
        &["Changed", "c 1.0.0 -> 1.0.1 closes X-1", "c 2.0.0 -> 2.0.1 closes X-2"],
    );
}

#[test]
fn a_package_without_any_fixed_version_is_left_with_that_reason() {
    let world = World::default()
        .versions("a", &["1.0.0", "1.1.0"])
        .versions("b", &["1.0.0", "1.0.1"])
        .advisory("X-1", "a", "*")
        .advisory("X-2", "b", "<1.0.1");
    check(
        &world.remediate("a ^1.0\nb ^1.0\n", "a 1.0.0\nb 1.0.0\n"),
        &[
            "Changed",
            "b 1.0.0 -> 1.0.1 closes X-2",
            "left X-1 a 1.0.0: NoFixedVersion: every usable one of the 2 published versions has an advisory",
        ],
    );
}

#[test]
fn what_can_be_closed_is_closed_where_one_advisory_has_no_fix() {
    let world = World::default()
        .versions("a", &["1.0.0", "1.0.1", "1.0.2"])
        .advisory("X-1", "a", "<1.0.1")
        .advisory("X-2", "a", "*");
    check(
        &world.remediate("a ^1.0\n", "a 1.0.0\n"),
        &[
            "Changed",
            "a 1.0.0 -> 1.0.1 closes X-1",
            "left X-2 a 1.0.1: NoFixedVersion: every usable one of the 3 published versions has an advisory",
        ],
    );
}

#[test]
fn a_step_back_is_taken_only_where_nothing_else_helps_and_is_called_so() {
    let world = World::default().versions("a", &["1.0.0", "1.1.0"]).advisory("X-1", "a", ">=1.1.0");
    check(
        &world.remediate("a ^1.0\n", "a 1.1.0\n"),
        &["Changed", "a 1.1.0 -> 1.0.0 (downgrade) closes X-1"],
    );
}

#[test]
fn informational_ignored_and_development_findings_are_told_and_make_no_work() {
    let mut world = World::default()
        .versions("a", &["1.0.0"])
        .versions("b", &["1.0.0", "1.0.1"])
        .versions("c", &["1.0.0", "1.0.1"])
        .versions("d", &["1.0.0", "1.0.1"])
        .advisory("X-2", "b", "<1.0.1")
        .advisory("X-3", "c", "<1.0.1")
        .advisory("X-4", "d", "<1.0.1");
    world.advisories.push(("X-1".into(), "a".into(), "*".into(), true));
    let settings = Settings::Remediation(RemediationSettings {
        development: false,
        ignore: vec!["b".to_owned()],
        ignore_advisories: vec!["X-3".to_owned()],
        ..remediation()
    });
    let shown = world.run(
        "a ^1.0\nb ^1.0\nc ^1.0\nd ^1.0 dev\n",
        "a 1.0.0\nb 1.0.0\nc 1.0.0\nd 1.0.0\n",
        settings,
    );
    check(
        &shown,
        &[
            "NoChange",
            "left X-4 d 1.0.0: DevelopmentOnly: reached through development dependencies alone",
            "left X-2 b 1.0.0: Ignored: the definition ignores this package",
            "left X-3 c 1.0.0: Ignored: the definition accepts this advisory",
            "left X-1 a 1.0.0: Informational: what X-1 is about",
        ],
    );
}

#[test]
fn development_findings_are_fixed_where_the_definition_wants_it_and_labelled_where_not_possible() {
    let world = World::default().versions("d", &["1.0.0"]).advisory("X-4", "d", "*");
    let shown = world.remediate("d ^1.0 dev\n", "d 1.0.0\n");
    assert!(shown.outcome.left[0].detail.ends_with("(development only)"), "{shown:?}");
    let world = World::default().versions("d", &["1.0.0", "1.0.1"]).advisory("X-4", "d", "<1.0.1");
    let shown = world.remediate("d ^1.0 dev\n", "d 1.0.0\n");
    check(&shown, &["Changed", "d 1.0.0 -> 1.0.1 closes X-4"]);
    assert!(shown.outcome.updates[0].development_only, "{shown:?}");
    assert!(shown.outcome.body.contains(", development only)"), "{}", shown.outcome.body);
    let needed = world.remediate("d ^1.0\n", "d 1.0.0\n");
    assert!(!needed.outcome.updates[0].development_only, "{needed:?}");
    assert!(!needed.outcome.body.contains("development"), "{}", needed.outcome.body);
}

#[test]
fn a_fix_that_brings_in_what_has_no_fix_is_left_and_says_what_it_would_bring_in() {
    let world = World::default()
        .publish("a", "1.0.0", "")
        .publish("a", "1.0.1", "t ^1.0")
        .versions("t", &["1.0.0"])
        .advisory("X-1", "a", "<1.0.1")
        .advisory("X-2", "t", "*");
    check(
        &world.remediate("a ^1.0\n", "a 1.0.0\n"),
        &[
            "HandOver",
            "left X-1 a 1.0.0: NoFixedVersion: a 1.0.1 would bring in t 1.0.0 with X-2, and no version without an \
             advisory was found for that",
        ],
    );
}

#[test]
fn a_vulnerable_package_from_git_is_left_to_people() {
    let world = World::default().versions("a", &["1.0.0", "1.0.1"]).advisory("X-1", "a", "<1.0.1");
    let shown = world.remediate("a ^1.0 git\n", "a 1.0.0\n");
    assert_eq!(shown.outcome.ending, Ending::HandOver);
    assert_eq!(reasons(&shown.outcome), [("a".to_owned(), Why::NotFromRegistry)]);
}

#[test]
fn a_move_that_a_later_one_makes_needless_is_taken_out() {
    // `p` is nearer to the manifest and moves last only because `c` had to be looked at first in the lock below.
    let world = World::default()
        .publish("a", "1.0.0", "c ^1.0")
        .publish("a", "1.0.1", "")
        .publish("z", "1.0.0", "a ^1.0")
        .versions("c", &["1.0.0", "1.0.1"])
        .advisory("X-1", "c", "<1.0.1")
        .advisory("X-2", "a", "<1.0.1");
    let shown = world.remediate("c ^1.0\nz ^1.0\n", "a 1.0.0 c@1.0.0\nc 1.0.0\nz 1.0.0 a@1.0.0\n");
    check(&shown, &["Changed", "a 1.0.0 -> 1.0.1 closes X-2", "c 1.0.0 -> 1.0.1 closes X-1"]);
    let shown = world.remediate("z ^1.0\n", "a 1.0.0 c@1.0.0\nc 1.0.0\nz 1.0.0 a@1.0.0\n");
    check(&shown, &["Changed", "a 1.0.0 -> 1.0.1 closes X-1 X-2"]);
}

#[test]
fn a_move_stays_where_without_it_the_package_would_go_further() {
    // Left to itself the package manager takes the newest `c` that the new `p` admits.
    let world = World::default()
        .publish("p", "1.0.0", "c ^1.2")
        .publish("p", "1.0.1", "c ^1.2.5")
        .versions("c", &["1.2.0", "1.2.6", "1.2.8"])
        .advisory("X-1", "p", "<1.0.1")
        .advisory("X-2", "c", "<1.2.6");
    check(
        &world.remediate("p ^1.0\n", "c 1.2.0\np 1.0.0 c@1.2.0\n"),
        &["Changed", "c 1.2.0 -> 1.2.6 closes X-2", "p 1.0.0 -> 1.0.1 closes X-1"],
    );
}

#[test]
fn what_a_package_manager_rewrites_in_passing_is_put_back() {
    let world = World::default().versions("a", &["1.0.0", "1.0.1"]).advisory("X-1", "a", "<1.0.1");
    let shown = world.remediate("a ^1.0\n", "# format 1\na 1.0.0\n");
    assert_eq!(shown.lock, "# format 1\na 1.0.1\n");
}

#[test]
fn advisories_that_cannot_be_read_are_never_nothing_to_do() {
    let mut world = World::default().versions("a", &["1.0.0"]);
    world.unreadable.push(Left {
        ecosystem: None,
        advisory: None,
        package: "X-9.json".to_owned(),
        version: String::new(),
        why: Why::Unreadable,
        detail: "not JSON".to_owned(),
    });
    check(
        &world.remediate("a ^1.0\n", "a 1.0.0\n"),
        &["HandOver, incomplete", "left X-9.json : Unreadable: not JSON"],
    );
}

#[test]
fn a_vulnerable_package_whose_registry_is_silent_is_unreadable_and_not_unfixable() {
    let mut world =
        World::default().versions("a", &["1.0.0", "1.0.1"]).advisory("X-1", "a", "<1.0.1");
    world.unreachable.insert("a".to_owned());
    let shown = world.remediate("a ^1.0\n", "a 1.0.0\n");
    assert_eq!(shown.outcome.ending, Ending::HandOver);
    assert!(!shown.outcome.complete);
    assert_eq!(reasons(&shown.outcome), [("a".to_owned(), Why::Unreadable)]);
}

#[test]
fn nothing_vulnerable_is_nothing_to_do_and_a_second_run_finds_nothing() {
    let world = World::default().versions("a", &["1.0.0", "1.0.1"]).advisory("X-1", "a", "<1.0.1");
    check(&world.remediate("a ^1.0\n", "a 1.0.1\n"), &["NoChange"]);
    let first = world.remediate("a ^1.0\n", "a 1.0.0\n");
    check(&world.remediate(&first.manifest, &first.lock), &["NoChange"]);
}

#[test]
fn what_is_in_the_way_only_because_it_is_locked_moves_with_the_fix() {
    let mut world = World::default()
        .publish("a", "1.0.0", "d ^1.0")
        .publish("a", "1.0.1", "d ^1.2, e ^1.3")
        .publish("q", "1.0.0", "d ^1.0, e ^1.0")
        .versions("d", &["1.0.0", "1.2.0"])
        .versions("e", &["1.0.0", "1.3.0"])
        .advisory("X-1", "a", "<1.0.1");
    (world.single, world.tells) = (true, true);
    let lock = "a 1.0.0 d@1.0.0\nd 1.0.0\ne 1.0.0\nq 1.0.0 d@1.0.0 e@1.0.0\n";
    let shown = world.remediate("a ^1.0\nq ^1.0\n", lock);
    let moved = ["Changed", "a 1.0.0 -> 1.0.1 closes X-1", "d 1.0.0 -> 1.2.0", "e 1.0.0 -> 1.3.0"];
    check(&shown, &moved);
    assert_eq!(shown.manifest, "a ^1.0\nq ^1.0\n");
    // The rules are told that all three were asked for.
    let asked: Vec<&str> = shown.outcome.asked.iter().map(|asked| asked.package.as_str()).collect();
    assert_eq!(asked, ["a", "d", "e"]);
}

#[test]
fn what_never_stops_being_in_the_way_is_given_up_with_the_last_answer() {
    let names: Vec<String> = (10..30).map(|n| format!("d{n}")).collect();
    let wanted =
        |range| names.iter().map(|n| format!("{n} {range}")).collect::<Vec<_>>().join(", ");
    let mut world = World::default()
        .publish("a", "1.0.0", "")
        .publish("a", "1.0.1", &wanted("^1.2"))
        .publish("q", "1.0.0", &wanted("^1.0"))
        .advisory("X-1", "a", "<1.0.1");
    world = names.iter().fold(world, |world, name| world.versions(name, &["1.0.0", "1.2.0"]));
    (world.single, world.tells) = (true, true);
    let deps: Vec<String> = names.iter().map(|name| format!("{name}@1.0.0")).collect();
    let locked: Vec<String> = names.iter().map(|name| format!("{name} 1.0.0\n")).collect();
    let lock = format!("a 1.0.0\n{}q 1.0.0 {}\n", locked.concat(), deps.join(" "));
    let shown = world.remediate("a ^1.0\nq ^1.0\n", &lock);
    check(
        &shown,
        &[
            "HandOver",
            "left X-1 a 1.0.0: RefusedByResolver: two versions of d18 are asked for; locked at 1.0.0 where 1.2.0 fits",
        ],
    );
    assert_eq!(shown.lock, lock);
}

#[test]
fn a_fix_that_keeps_the_promised_runtime_goes_before_a_nearer_one_that_breaks_it() {
    let base = || {
        World::default()
            .publish("a", "1.0.0", "")
            .publish("a", "1.0.1@1.70", "")
            .advisory("X-1", "a", "<1.0.1")
    };
    let manifest = "# runs on 1.60\na ^1.0\n";
    let kept = base().publish("a", "1.2.0@1.60", "").remediate(manifest, "a 1.0.0\n");
    check(&kept, &["Changed", "a 1.0.0 -> 1.2.0 closes X-1"]);
    assert!(!kept.outcome.body.contains("promise"), "{}", kept.outcome.body);

    // Where no version keeps it, the hole is closed and the proposal says at what price.
    let broken = base().remediate(manifest, "a 1.0.0\n");
    check(&broken, &["Changed", "a 1.0.0 -> 1.0.1 closes X-1"]);
    assert!(
        broken.outcome.body.contains("- a 1.0.1: needs runtime 1.70"),
        "{}",
        broken.outcome.body
    );
}

#[test]
fn what_cannot_be_decided_of_the_versions_at_the_end_makes_it_incomplete() {
    let undecided = |version: &str| {
        let mut world = World::default()
            .versions("a", &["1.0.0", "1.0.1", "1.0.2"])
            .versions("b", &["1.0.0"])
            .advisory("X-1", "a", "<1.0.1");
        world.undecided.push(("X-9".to_owned(), "a".to_owned(), version.to_owned()));
        world.remediate("a ^1.0\nb ^1.0\n", "a 1.0.0\nb 1.0.0\n")
    };
    // Neither what is gone from the lock nor what never gets into it is an open question.
    for elsewhere in ["1.0.0", "1.0.2"] {
        check(&undecided(elsewhere), &["Changed", "a 1.0.0 -> 1.0.1 closes X-1"]);
    }
    let left =
        "left X-9 a 1.0.1: Unreadable: it cannot be told whether it matches: its range is no range";
    check(&undecided("1.0.1"), &["Changed, incomplete", "a 1.0.0 -> 1.0.1 closes X-1", left]);
}

/// How often the package manager was asked.
fn resolves(shown: &Shown) -> usize {
    shown.ran.iter().filter(|line| line.starts_with("toy move")).count()
}

fn twenty() -> (World, String, String) {
    let names: Vec<String> = (0..20).map(|n| format!("p{n:02}")).collect();
    let world = names.iter().fold(World::default(), |world, name| {
        let world = world.versions(name, &["1.0.0", "1.0.1", "1.0.2"]);
        world.advisory(&format!("X-{name}"), name, "<1.0.1")
    });
    let manifest = names.iter().map(|name| format!("{name} ^1.0\n")).collect();
    (world, manifest, names.iter().map(|name| format!("{name} 1.0.0\n")).collect())
}

#[test]
fn findings_that_close_together_are_resolved_once() {
    let (world, manifest, lock) = twenty();
    let shown = world.remediate(&manifest, &lock);
    assert_eq!(shown.outcome.updates.len(), 20);
    assert_eq!(resolves(&shown), 1, "{:?}", shown.ran);
}

#[test]
fn a_fix_that_is_refused_does_not_take_the_others_apart() {
    let (mut world, manifest, lock) = twenty();
    world.uninstallable.insert(("p07".to_owned(), "1.0.1".to_owned()));
    let shown = world.remediate(&manifest, &lock);
    assert_eq!(shown.outcome.updates.len(), 20);
    assert!(shown.lock.contains("p07 1.0.2\n") && shown.lock.contains("p08 1.0.1\n"));
    // All, all others, it alone, its next version.
    assert_eq!(resolves(&shown), 4, "{:?}", shown.ran);
}
