//! What a change broke: the results on the base beside those with the change.
//!
//! - A test that passed, or was not there, on the base and fails with the change is *newly failing*.
//! - What failed before does not block, as long as nothing newly fails.
//! - A test that differs between two runs of one tree is *flaky*, not broken; a command that is red in both runs for
//!   other reasons each time, and was not on the base, is *unsteady*.
//! - A test that vanished or is skipped now is told. Where the command is red as well, or none of the tests that passed
//!   is left, nobody can say that it still works: the command itself is newly failing.
//! - A command that is red on both trees and names no test that fails, or of whose tests none passes on either, cannot be
//!   *compared*; neither can what a file of tests holds that is loaded on neither tree.
//! - A green command that passes no test on either tree *tested nothing*. A script that is known by its exit status alone
//!   is another matter.
//! - Of an output that was cut only the exit status counts.

use std::collections::BTreeMap;

use domain::check::{CheckResult, TestOutcome};
use domain::report::CheckOutcome;

use super::format::is_whole;

/// The name that stands for the command itself among the newly failing.
pub const COMMAND: &str = "(the command itself)";
/// The name that stands for a check's set-up among the newly failing.
pub const SETUP: &str = "(its set-up)";

/// The most names that a sentence lists.
const NAMES_MAX: usize = 10;

/// What changed between two trees.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Comparison {
    /// Names of tests, [`COMMAND`] or [`SETUP`]. Not empty: the change broke something.
    pub newly_failing: Vec<String>,
    /// Tests whose outcome differs between two runs of the same tree.
    pub flaky: Vec<String>,
    /// Failed on the base, pass with the change.
    pub fixed: Vec<String>,
    /// Failed on the base and still do.
    pub still_failing: Vec<String>,
    /// Passed on the base and were not named with the change.
    pub vanished: Vec<String>,
    /// Passed on the base and are skipped with the change.
    pub skipped: Vec<String>,
    /// Whether both runs with the change broke something, and not the same.
    pub unsteady: bool,
    /// Why the check says nothing: it could not be set up on either tree. Makes a run incomplete.
    pub could_not_run: Option<String>,
    /// Why the check says nothing: it is red on both trees and does not name what fails, or what holds tests is not
    /// loaded on either. Makes a run incomplete.
    pub not_compared: Option<String>,
    /// Whether it is green and passes no test on either tree. Makes a run incomplete.
    pub nothing_tested: bool,
    /// What a person should know besides.
    pub notes: Vec<String>,
}

impl Comparison {
    /// Whether the change broke something.
    pub fn is_broken(&self) -> bool {
        !self.newly_failing.is_empty()
    }

    /// Whether a second run of the change's tree would tell more.
    pub fn wants_second_run(&self) -> bool {
        self.is_broken() || !self.vanished.is_empty() || !self.skipped.is_empty()
    }

    /// All of it in one word, the worst that is true.
    pub fn outcome(&self) -> CheckOutcome {
        if self.is_broken() {
            CheckOutcome::NewlyFailing
        } else if self.could_not_run.is_some() {
            CheckOutcome::NotRun
        } else if self.not_compared.is_some() {
            CheckOutcome::NotCompared
        } else if self.nothing_tested {
            CheckOutcome::NothingTested
        } else if self.unsteady {
            CheckOutcome::Unsteady
        } else if !self.vanished.is_empty() || !self.skipped.is_empty() {
            CheckOutcome::Vanished
        } else {
            CheckOutcome::Held
        }
    }
}

/// Compares the base with the change; `after_again` is a second run of the change's tree.
pub fn compare(
    base: &CheckResult,
    after: &CheckResult,
    after_again: Option<&CheckResult>,
) -> Comparison {
    let mut comparison = Comparison::default();
    let (base_exit, after_exit) = match (base.exit, after.exit) {
        (None, None) => {
            comparison.could_not_run = Some(after.excerpt.clone());
            return comparison;
        }
        (Some(_), None) => {
            comparison.newly_failing.push(SETUP.to_owned());
            comparison.notes.push(format!("set-up works on the base only: {}", after.excerpt));
            return comparison;
        }
        (None, Some(after_exit)) => {
            comparison.notes.push("the base could not be set up: there is no baseline".to_owned());
            (None, after_exit)
        }
        (Some(base_exit), Some(after_exit)) => (Some(base_exit), after_exit),
    };
    let again = after_again.filter(|again| again.exit.is_some());
    comparison.by_name(base, after, again);
    comparison.by_absence(base, after, again);
    comparison.by_exit(base_exit, after_exit, again.and_then(|again| again.exit));
    if let Some(again) = again
        && !comparison.is_broken()
        && compare(base, after, None).is_broken()
        && compare(base, again, None).is_broken()
    {
        comparison.unsteady = true;
        comparison.notes.push(
            "red in two runs of the same tree, by other tests each time, and not on the base"
                .to_owned(),
        );
    }
    comparison.by_silence(base, after, again);
    comparison.by_emptiness(base, after, again);
    comparison
}

impl Comparison {
    fn by_name(&mut self, base: &CheckResult, after: &CheckResult, again: Option<&CheckResult>) {
        for (name, outcome) in &after.tests {
            let differs = again.is_some_and(|again| {
                again.tests.get(name).is_some_and(|other| failed(*other) != failed(*outcome))
            });
            match (failed(*outcome), is_failed(&base.tests, name)) {
                _ if differs => self.flaky.push(name.clone()),
                (true, true) => self.still_failing.push(name.clone()),
                (true, false) => self.newly_failing.push(name.clone()),
                (false, true) if *outcome == TestOutcome::Passed => self.fixed.push(name.clone()),
                (false, _) => {}
            }
        }
        if let Some(again) = again {
            let only_again = again.tests.iter().filter(|(name, outcome)| {
                failed(**outcome)
                    && !after.tests.contains_key(*name)
                    && !is_failed(&base.tests, name)
            });
            self.flaky.extend(only_again.map(|(name, _)| name.clone()));
        }
    }

    /// What passed on the base and was not run, or is skipped, with the change.
    fn by_absence(&mut self, base: &CheckResult, after: &CheckResult, again: Option<&CheckResult>) {
        if after.cut || again.is_some_and(|again| again.cut) {
            return;
        }
        let base_passed: Vec<&String> =
            base.tests.iter().filter(|t| passed(*t.1)).map(|t| t.0).collect();
        for &name in &base_passed {
            let once_more = again.and_then(|again| again.tests.get(name));
            match after.tests.get(name) {
                Some(TestOutcome::Passed | TestOutcome::Failed) => {}
                Some(TestOutcome::Skipped) | None if once_more == Some(&TestOutcome::Passed) => {
                    self.flaky.push(name.clone());
                }
                Some(TestOutcome::Skipped) if !self.flaky.contains(name) => {
                    self.skipped.push(name.clone());
                }
                None if !self.flaky.contains(name) => self.vanished.push(name.clone()),
                Some(TestOutcome::Skipped) | None => {}
            }
        }
        if !self.vanished.is_empty() {
            let count = self.vanished.len();
            self.notes.push(format!("tests that passed on the base and were not run: {count}"));
        }
        if !self.skipped.is_empty() {
            let count = self.skipped.len();
            self.notes.push(format!("tests that passed on the base and are skipped: {count}"));
        }
        let lost = self.vanished.len() + self.skipped.len();
        let any_passes = after.tests.values().any(|outcome| passed(*outcome));
        let lost_all = lost > 0 && lost == base_passed.len() && !any_passes;
        // Of some outputs only the totals are known.
        let lost_count = base_passed.is_empty()
            && base.passed.is_some_and(|count| count > 0)
            && passes_none(after)
            && again.is_none_or(passes_none);
        if (lost_all || lost_count) && !self.is_broken() {
            self.newly_failing.push(COMMAND.to_owned());
            self.notes.push("of the tests that passed on the base none is left".to_owned());
        }
    }

    fn by_exit(&mut self, base: Option<i32>, after: i32, again: Option<i32>) {
        let differs = again.is_some_and(|again| (again == 0) != (after == 0));
        if differs && self.flaky.is_empty() && !self.is_broken() {
            self.flaky.push(COMMAND.to_owned());
        }
        if after == 0 || again == Some(0) || self.is_broken() {
            return;
        }
        // A red command whose every difference is a flaky test is no news of the change.
        let got_worse = base.is_none_or(|base| base == 0) && self.flaky.is_empty();
        if got_worse || !self.vanished.is_empty() {
            self.newly_failing.push(COMMAND.to_owned());
        }
    }

    /// Red before and after, and nothing that was printed says why: something else may fail now.
    fn by_silence(&mut self, base: &CheckResult, after: &CheckResult, again: Option<&CheckResult>) {
        let is_red = |result: &CheckResult| result.exit.is_some_and(|exit| exit != 0);
        let stays_red = is_red(after) && again.is_none_or(is_red);
        if !stays_red || self.is_broken() || self.unsteady {
            return;
        }
        let names = |result: &CheckResult| result.tests.values().any(|outcome| failed(*outcome));
        if base.cut || after.cut {
            self.not_compared = Some(
                "it is red before and after, and printed more than hob keeps: what else fails is not known"
                    .to_owned(),
            );
        } else if is_red(base) && !names(after) {
            self.not_compared = Some(format!(
                "it is red before (exit {}) and after (exit {}) and does not name what fails",
                base.exit.unwrap_or_default(),
                after.exit.unwrap_or_default()
            ));
        }
    }

    /// Nothing passes before or after, or what holds tests is not loaded on either tree: what the change does to these
    /// tests is not known.
    fn by_emptiness(
        &mut self,
        base: &CheckResult,
        after: &CheckResult,
        again: Option<&CheckResult>,
    ) {
        if self.is_broken() || self.not_compared.is_some() {
            return;
        }
        let unloaded: Vec<&str> =
            self.still_failing.iter().map(String::as_str).filter(|name| is_whole(name)).collect();
        let is_empty = passes_none(after)
            && again.is_none_or(passes_none)
            && (base.exit.is_none() || passes_none(base));
        if !unloaded.is_empty() {
            let named = unloaded.iter().take(NAMES_MAX).copied().collect::<Vec<_>>().join(", ");
            let count = unloaded.len();
            self.not_compared = Some(format!(
                "what holds tests could not be loaded before or after ({count}): {named}"
            ));
        } else if is_empty && after.exit == Some(0) {
            self.nothing_tested = true;
            self.notes.push("no test passes before or after: nothing was tested".to_owned());
        } else if is_empty && !self.unsteady {
            self.not_compared = Some(
                "no test passes before or after: what keeps them from it hides what the change does"
                    .to_owned(),
            );
        }
    }
}

/// Whether the output tells that no test passed.
fn passes_none(result: &CheckResult) -> bool {
    result.passed == Some(0)
}

fn passed(outcome: TestOutcome) -> bool {
    outcome == TestOutcome::Passed
}

fn failed(outcome: TestOutcome) -> bool {
    outcome == TestOutcome::Failed
}

fn is_failed(tests: &BTreeMap<String, TestOutcome>, name: &str) -> bool {
    tests.get(name).is_some_and(|outcome| failed(*outcome))
}

#[cfg(test)]
mod tests;
