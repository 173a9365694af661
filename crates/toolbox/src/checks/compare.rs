//! What a change broke: the results on the base beside those with the change.
//!
//! - A test that passed, or was not there, on the base and fails with the change is *newly failing*.
//! - What failed before does not block, as long as nothing newly fails.
//! - A test that differs between two runs of one tree is *flaky*, not broken.
//! - A test that vanished is told. Where the command is red as well, nobody can say that it still passes:
//!   the command itself is newly failing.
//! - Of an output that was cut only the exit status counts; red before and after says nothing then.

use std::collections::BTreeMap;

use domain::check::{CheckResult, TestOutcome};

/// The name that stands for the command itself among the newly failing.
pub const COMMAND: &str = "(the command itself)";
/// The name that stands for a check's set-up among the newly failing.
pub const SETUP: &str = "(its set-up)";

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
    /// Why the check says nothing: it could not be set up on either tree, or it is red on both and its output
    /// was cut. Makes a run incomplete.
    pub could_not_run: Option<String>,
    /// What a person should know besides.
    pub notes: Vec<String>,
}

impl Comparison {
    /// Whether the change broke something.
    pub fn is_broken(&self) -> bool {
        !self.newly_failing.is_empty()
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
    let again_exit = again.and_then(|again| again.exit);
    comparison.by_exit(base_exit, after_exit, again_exit, base);
    let red = after_exit != 0 && again_exit != Some(0);
    if red && !comparison.is_broken() && (base.cut || after.cut) {
        comparison.could_not_run = Some(
            "it is red before and after, and printed more than hob keeps: what else fails is not known"
                .to_owned(),
        );
    }
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
        let gone = base.tests.iter().filter(|(name, outcome)| {
            **outcome == TestOutcome::Passed && !after.tests.contains_key(*name)
        });
        self.vanished = gone.map(|(name, _)| name.clone()).collect();
    }

    fn by_exit(&mut self, base: Option<i32>, after: i32, again: Option<i32>, result: &CheckResult) {
        if !self.vanished.is_empty() {
            self.notes.push(format!(
                "tests that passed on the base and were not run: {}",
                self.vanished.len()
            ));
        }
        if again.is_some_and(|again| (again == 0) != (after == 0)) && self.flaky.is_empty() {
            self.flaky.push(COMMAND.to_owned());
        }
        if after == 0 || again == Some(0) || self.is_broken() {
            return;
        }
        // A red command whose every difference is a flaky test is no news of the change.
        let got_worse = base.is_none_or(|base| base == 0) && self.flaky.is_empty();
        if got_worse || !self.vanished.is_empty() {
            self.newly_failing.push(COMMAND.to_owned());
        } else if base.is_some_and(|base| base != 0) && result.tests.is_empty() {
            self.notes.push(format!(
                "the command fails on the base too, with exit status {}, and names no tests",
                base.unwrap_or_default()
            ));
        }
    }
}

fn failed(outcome: TestOutcome) -> bool {
    outcome == TestOutcome::Failed
}

fn is_failed(tests: &BTreeMap<String, TestOutcome>, name: &str) -> bool {
    tests.get(name).is_some_and(|outcome| failed(*outcome))
}

#[cfg(test)]
mod tests;
