//! A check run in the brain's own machine: only to tell moves apart, never as proof. The proof is made later, in
//! a machine that the brain never touched.

use domain::check::{Check, CheckResult};
use domain::exec::{Exec, ExecResult};
use toolbox::checks;

use super::checkout::brain;
use crate::outcome::BrainError;
use crate::port::Workspace;

/// What a check came to, and what it printed where it ran.
#[derive(Debug)]
pub(super) struct Judged {
    pub(super) result: CheckResult,
    output: Option<ExecResult>,
}

/// The set-up steps that were done since the checkout changed: equal steps of several checks are done once.
#[derive(Debug, Default)]
pub(super) struct SetUp(Vec<Exec>);

/// Sets up and runs a check. A set-up that fails is tried once more, and is nobody's fault where a registry does not
/// answer.
pub(super) async fn run(
    workspace: &dyn Workspace,
    check: &Check,
    set_up: &mut SetUp,
) -> Result<Judged, BrainError> {
    for step in &check.setup {
        if set_up.0.contains(step) {
            continue;
        }
        let mut done = workspace.exec(step).await.map_err(brain)?;
        if !done.success() {
            done = workspace.exec(step).await.map_err(brain)?;
        }
        if checks::is_unreachable(&done) {
            let told = checks::setup_failed(step, &done).excerpt;
            return Err(BrainError::Infrastructure(format!("a registry does not answer: {told}")));
        }
        if !done.success() {
            return Ok(Judged { result: checks::setup_failed(step, &done), output: None });
        }
        set_up.0.push(step.clone());
    }
    let done = workspace.exec(&check.command).await.map_err(brain)?;
    Ok(Judged { result: checks::read(check.format, &done), output: Some(done) })
}

impl Judged {
    /// What fails here and did not on the base.
    pub(super) fn newly_failing(&self, base: &CheckResult) -> Vec<String> {
        checks::compare(base, &self.result, None).newly_failing
    }

    /// The lines that tell why these tests failed.
    pub(super) fn quote(&self, check: &Check, tests: &[String]) -> String {
        let names: Vec<&str> = tests.iter().map(String::as_str).collect();
        match &self.output {
            Some(output) => checks::quote(check.format, output, &names),
            None => self.result.excerpt.clone(),
        }
    }
}
