//! Comparisons, case by case.

use insta::assert_snapshot;
use proptest::prelude::*;

use super::*;

/// `0 a+ b- c~` is exit status 0 with a passed, b failed, c skipped; `!` alone is a set-up that failed, `0 cut` an
/// output that was cut.
fn result(text: &str) -> CheckResult {
    let mut words = text.split_whitespace();
    let exit = words.next().and_then(|word| word.parse().ok());
    let cut = text.ends_with(" cut");
    let tests = words.filter(|word| *word != "cut").map(|word| {
        let (name, mark) = word.split_at(1);
        let outcome = match mark {
            "+" => TestOutcome::Passed,
            "-" => TestOutcome::Failed,
            _ => TestOutcome::Skipped,
        };
        (name.to_owned(), outcome)
    });
    CheckResult { exit, tests: tests.collect(), cut, excerpt: "told".to_owned(), millis: 1 }
}

fn shown(base: &str, after: &str, again: &str) -> String {
    let again = (!again.is_empty()).then(|| result(again));
    let c = compare(&result(base), &result(after), again.as_ref());
    let list = |what: &str, names: &[String]| match names {
        [] => String::new(),
        names => format!("{what} {}; ", names.join(" ")),
    };
    format!(
        "{}{}{}{}{}{}{}{}{}{}",
        list("newly failing", &c.newly_failing),
        list("flaky", &c.flaky),
        list("fixed", &c.fixed),
        list("still failing", &c.still_failing),
        list("vanished", &c.vanished),
        list("skipped", &c.skipped),
        if c.unsteady { "unsteady; " } else { "" },
        c.could_not_run.map(|_| "could not run; ").unwrap_or_default(),
        c.not_compared.map(|_| "not compared; ").unwrap_or_default(),
        c.notes.join("; "),
    )
}

#[test]
fn of_an_output_that_was_cut_only_the_exit_status_counts() {
    assert_eq!(shown("0 a+ b+", "0 cut", ""), "");
    assert_eq!(shown("0 cut", "1 a- b+", ""), "newly failing a; ");
    assert_eq!(shown("0 cut", "1 cut", ""), format!("newly failing {COMMAND}; "));
    // Red on both: what else fails now may be in what was dropped.
    assert_eq!(shown("1 cut", "1 cut", ""), "not compared; ");
    assert_eq!(shown("1 a- b+", "1 cut", "1 cut"), "not compared; ");
    assert_eq!(shown("1 cut", "0 cut", ""), "");
}

#[test]
fn what_passed_or_was_not_there_and_fails_is_newly_failing() {
    assert_snapshot!(shown("0 a+ b+", "1 a+ b-", ""), @"newly failing b;");
    assert_snapshot!(shown("0 a+", "1 a+ n-", ""), @"newly failing n;");
    assert_snapshot!(shown("0 a+ b~", "1 a+ b-", ""), @"newly failing b;");
}

#[test]
fn a_red_baseline_does_not_block() {
    assert_snapshot!(shown("1 a+ b-", "1 a+ b-", ""), @"still failing b;");
    assert_snapshot!(shown("1 a+ b-", "0 a+ b+", ""), @"fixed b;");
    assert_snapshot!(shown("1 a+ b-", "1 a- b-", ""), @"newly failing a; still failing b;");
    assert_snapshot!(shown("2", "2", ""), @"not compared;");
}

#[test]
fn what_is_red_on_both_and_does_not_say_why_is_not_called_held() {
    assert_eq!(shown("1", "1", ""), "not compared; ");
    assert_eq!(shown("1 a+", "1 a+", ""), "not compared; ");
    assert_eq!(shown("1 a- b+", "1 b+", ""), "not compared; ");
    // Here the names say why, on both.
    assert_eq!(compare(&result("1 a-"), &result("1 a-"), None).outcome(), CheckOutcome::Held);
}

#[test]
fn a_worse_exit_without_names_is_the_command_itself() {
    assert_snapshot!(shown("0", "1", ""), @"newly failing (the command itself);");
    assert_snapshot!(shown("0 a+", "101 a+", ""), @"newly failing (the command itself);");
    assert_snapshot!(shown("1", "0", ""), @"");
}

#[test]
fn tests_that_vanish_are_told_and_are_news_where_the_command_is_red() {
    assert_snapshot!(shown("0 a+ b+", "0 a+", ""), @"vanished b; tests that passed on the base and were not run: 1");
    assert_snapshot!(shown("0 a+ b+", "0 a+ b~", "0 a+ b~"), @"skipped b; tests that passed on the base and are skipped: 1");
    assert_snapshot!(shown("0 a+ b+", "0 a+", "0 a+ b+"), @"flaky b;");
    assert_eq!(
        compare(&result("0 a+ b+"), &result("0 a+"), None).outcome(),
        CheckOutcome::Vanished
    );
    assert_snapshot!(shown("101 a+ b+ c-", "101", ""), @"newly failing (the command itself); vanished a b; tests that passed on the base and were not run: 2; of the tests that passed on the base none is left");
}

#[test]
fn a_green_command_that_runs_none_of_the_tests_any_more_is_broken() {
    assert_snapshot!(shown("0 a+ b+", "0", ""), @"newly failing (the command itself); vanished a b; tests that passed on the base and were not run: 2; of the tests that passed on the base none is left");
    assert_snapshot!(shown("0 a+ b+", "0 a~", "0 a~"), @"newly failing (the command itself); vanished b; skipped a; tests that passed on the base and were not run: 1; tests that passed on the base and are skipped: 1; of the tests that passed on the base none is left");
    // Renamed, perhaps: a person looks at it.
    assert_eq!(compare(&result("0 a+"), &result("0 b+"), None).outcome(), CheckOutcome::Vanished);
}

#[test]
fn red_twice_over_a_green_base_by_other_tests_each_time_is_told() {
    assert_snapshot!(shown("0 a+ b+", "1 a- b+", "1 a+ b-"), @"flaky a b; unsteady; red in two runs of the same tree, by other tests each time, and not on the base");
    assert_snapshot!(shown("0 a+ b+", "1 a- b+", "0 a+ b+"), @"flaky a;");
    assert_snapshot!(shown("1 a+ b+ c-", "1 a- b+ c-", "1 a+ b- c-"), @"flaky a b; still failing c; unsteady; red in two runs of the same tree, by other tests each time, and not on the base");
}

#[test]
fn what_differs_between_two_runs_of_one_tree_is_flaky() {
    assert_snapshot!(shown("0 a+ b+", "1 a+ b-", "0 a+ b+"), @"flaky b;");
    assert_snapshot!(shown("0 a+ b+", "1 a- b-", "1 a+ b-"), @"newly failing b; flaky a;");
    assert_snapshot!(shown("0", "1", "0"), @"flaky (the command itself);");
    assert_snapshot!(shown("0 a+", "0 a+", "1 a-"), @"flaky a;");
}

#[test]
fn a_set_up_that_fails_is_told_apart_from_a_test_that_does() {
    assert_snapshot!(shown("!", "!", ""), @"could not run;");
    assert_snapshot!(shown("0 a+", "!", ""), @"newly failing (its set-up); set-up works on the base only: told");
    assert_snapshot!(shown("!", "1 a-", ""), @"newly failing a; the base could not be set up: there is no baseline");
    assert_snapshot!(shown("!", "0 a+", ""), @"the base could not be set up: there is no baseline");
}

fn any_result() -> impl Strategy<Value = CheckResult> {
    let outcome = prop_oneof![
        Just(TestOutcome::Passed),
        Just(TestOutcome::Failed),
        Just(TestOutcome::Skipped)
    ];
    let tests = proptest::collection::btree_map("[a-e]", outcome, 0..5);
    (proptest::option::of(0..3i32), tests).prop_map(|(exit, tests)| CheckResult {
        exit,
        tests,
        cut: false,
        excerpt: String::new(),
        millis: 0,
    })
}

proptest! {
    #[test]
    fn the_same_results_twice_are_never_news(result in any_result()) {
        prop_assert!(!compare(&result, &result, None).is_broken());
    }

    #[test]
    fn a_green_base_and_a_red_change_are_never_called_fine(after in any_result()) {
        let base = CheckResult { exit: Some(0), tests: BTreeMap::new(), cut: false, excerpt: String::new(), millis: 0 };
        let red = after.exit != Some(0);
        prop_assert!(!red || compare(&base, &after, None).is_broken());
    }

    #[test]
    fn no_test_is_told_twice(base in any_result(), after in any_result(), again in any_result()) {
        let c = compare(&base, &after, Some(&again));
        let mut names: Vec<&String> = c.newly_failing.iter().chain(&c.flaky).chain(&c.fixed).chain(&c.still_failing).collect();
        let count = names.len();
        names.sort();
        names.dedup();
        prop_assert_eq!(names.len(), count);
    }
}
