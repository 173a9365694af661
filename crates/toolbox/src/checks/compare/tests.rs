//! Comparisons, case by case.

use insta::assert_snapshot;
use proptest::prelude::*;

use super::*;

/// `0 a+ b- c~` is exit status 0 with a passed, b failed, c skipped; `!` alone is a set-up that failed, `0 cut` an
/// output that was cut, `0 =2` one that tells a total of two passed.
fn result(text: &str) -> CheckResult {
    let mut words = text.split_whitespace();
    let exit = words.next().and_then(|word| word.parse().ok());
    let cut = text.ends_with(" cut");
    let mut passed = None;
    let words: Vec<&str> = words.filter(|word| *word != "cut").collect();
    let named: Vec<&str> = words.iter().copied().filter(|word| !word.starts_with('=')).collect();
    if named.len() < words.len() || !named.is_empty() {
        let total = words.iter().find_map(|word| word.strip_prefix('=')?.parse().ok());
        let count = named.iter().filter(|word| word.ends_with('+')).count() as u64;
        passed = Some(total.unwrap_or(count));
    }
    let tests = named.into_iter().map(|word| {
        let (name, mark) = word.split_at(1);
        let outcome = match mark {
            "+" => TestOutcome::Passed,
            "-" => TestOutcome::Failed,
            _ => TestOutcome::Skipped,
        };
        (name.to_owned(), outcome)
    });
    CheckResult { exit, tests: tests.collect(), passed, cut, excerpt: "told".to_owned(), millis: 1 }
}

fn shown(base: &str, after: &str, again: &str) -> String {
    let again = (!again.is_empty()).then(|| result(again));
    let c = compare(&result(base), &result(after), again.as_ref());
    let list = |what: &str, names: &[String]| match names {
        [] => String::new(),
        names => format!("{what} {}; ", names.join(" ")),
    };
    format!(
        "{}{}{}{}{}{}{}{}{}{}{}",
        list("newly failing", &c.newly_failing),
        list("flaky", &c.flaky),
        list("fixed", &c.fixed),
        list("still failing", &c.still_failing),
        list("vanished", &c.vanished),
        list("skipped", &c.skipped),
        if c.unsteady { "unsteady; " } else { "" },
        c.could_not_run.map(|_| "could not run; ").unwrap_or_default(),
        c.not_compared.map(|_| "not compared; ").unwrap_or_default(),
        if c.nothing_tested { "nothing tested; " } else { "" },
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
    assert_eq!(compare(&result("1 a- b+"), &result("1 a- b+"), None).outcome(), CheckOutcome::Held);
}

#[test]
fn a_green_command_that_passes_no_test_on_either_tree_tested_nothing() {
    let told = "nothing tested; no test passes before or after: nothing was tested";
    assert_eq!(shown("0 =0", "0 =0", ""), told);
    assert_eq!(shown("0 a~", "0 a~", ""), told);
    assert_eq!(
        shown("!", "0 =0", ""),
        format!(
            "nothing tested; the base could not be set up: there is no baseline; no test passes before or after: nothing was tested"
        )
    );
    assert_eq!(
        compare(&result("0 =0"), &result("0 =0"), None).outcome(),
        CheckOutcome::NothingTested
    );
    // Of a script that is no runner nothing but its exit status is known.
    assert_eq!(compare(&result("0"), &result("0"), None).outcome(), CheckOutcome::Held);
    assert_eq!(compare(&result("0 =0"), &result("0 =2"), None).outcome(), CheckOutcome::Held);
    assert_eq!(compare(&result("0 =2"), &result("0 =2"), None).outcome(), CheckOutcome::Held);
    assert_snapshot!(shown("0 =2", "0 =0", ""), @"newly failing (the command itself); of the tests that passed on the base none is left");
}

#[test]
fn what_is_loaded_on_neither_tree_cannot_be_compared() {
    for name in [
        "unittest.loader._FailedTest.tests.test_a",
        "tests/test_a.py",
        "a.test.ts",
        "a.test.js › Test suite failed to run",
        "it tests/it.rs: (the test program did not finish)",
    ] {
        let with = |outcome| {
            let mut result = result("1 a+");
            result.tests.insert(name.to_owned(), outcome);
            result
        };
        let (red, green) = (with(TestOutcome::Failed), with(TestOutcome::Passed));
        let both = compare(&red, &red, None);
        assert_eq!(both.outcome(), CheckOutcome::NotCompared, "{name}");
        assert!(both.not_compared.unwrap().contains(name));
        assert_eq!(compare(&green, &red, None).outcome(), CheckOutcome::NewlyFailing, "{name}");
    }
    for name in ["tests/test_a.py::test_b", "a.test.ts > adds", "tests::adds"] {
        let mut red = result("1 a+");
        red.tests.insert(name.to_owned(), TestOutcome::Failed);
        assert_eq!(compare(&red, &red, None).outcome(), CheckOutcome::Held, "{name}");
    }
    // Where nothing passes on either tree, all may fail for one reason that hides the change.
    assert_eq!(
        compare(&result("1 a- b-"), &result("1 a- b-"), None).outcome(),
        CheckOutcome::NotCompared
    );
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
        passed: Some(tests.values().filter(|outcome| passed(**outcome)).count() as u64),
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
        let base = CheckResult { exit: Some(0), tests: BTreeMap::new(), passed: None, cut: false, excerpt: String::new(), millis: 0 };
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
