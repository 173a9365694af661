//! A check run in the brain's own machine: only to tell moves apart, never as proof. The proof is made later, in
//! a machine that the brain never touched.

use std::collections::BTreeMap;

use domain::check::{Check, CheckResult};
use domain::exec::ExecResult;
use domain::limit::{QUOTE_MAX_CHARS, tail_chars};

use super::checkout::brain;
use crate::outcome::BrainError;
use crate::port::Workspace;

/// Sets up and runs a check.
pub(super) async fn run(
    workspace: &dyn Workspace,
    check: &Check,
) -> Result<CheckResult, BrainError> {
    for step in &check.setup {
        let done = workspace.exec(step).await.map_err(brain)?;
        if !done.success() {
            return Ok(CheckResult { exit: None, ..read(&done) });
        }
    }
    let done = workspace.exec(&check.command).await.map_err(brain)?;
    Ok(read(&done))
}

fn read(done: &ExecResult) -> CheckResult {
    let text = format!("{}\n{}", done.stdout_text().trim_end(), done.stderr_text().trim_end());
    CheckResult {
        exit: Some(done.exit.shell_code()),
        tests: BTreeMap::new(),
        excerpt: tail_chars(text.trim(), QUOTE_MAX_CHARS),
        millis: done.millis,
    }
}

/// What fails after and did not before: tests by name, else the check itself.
pub(super) fn newly_failing(before: &CheckResult, after: &CheckResult) -> Vec<String> {
    let was_green = before.exit == Some(0);
    if was_green && after.exit != Some(0) {
        vec!["the check itself".to_owned()]
    } else {
        Vec::new()
    }
}
