//! Verify: the checks of the base commit, in fresh machines that the brain never touched.

use std::sync::PoisonError;

use domain::check::{Check, CheckResult};
use domain::exec::ExecResult;
use domain::report::{CheckReport, CheckSide};
use domain::{CommitId, Digest, MachineId};
use runs::{Done, FailureClass};
use sandbox::port::Machine;
use serde_json::json;
use toolbox::checks::{Comparison, Detected};
use toolbox::files::FileSet;

use super::{Stage, StepError};
use crate::audit::Note;
use crate::facts::PreviousFacts;
use crate::progress::Progress;

/// The checks that the base commit, or the definition, names.
pub(super) fn checks(stage: &Stage<'_>, files: &FileSet) -> Detected {
    if stage.agent.checks.is_empty() {
        toolbox::checks::detect(files)
    } else {
        toolbox::checks::from_commands(files, &stage.agent.checks)
    }
}

/// Runs every check on base and change.
pub(super) async fn verify(
    stage: &mut Stage<'_>,
    id: MachineId,
    baseline_id: MachineId,
) -> Result<Done, StepError> {
    let base = stage.base()?;
    let head = stage.head()?;
    let files = stage.base_files(&base).await?;
    let detected = checks(stage, &files);
    stage.facts.checks.clear();
    stage.facts.checks_incomplete = false;
    for line in &detected.notes {
        stage.house.listener.hear(&Progress::Note { line: line.clone() });
    }
    stage.facts.check_notes.clone_from(&detected.notes);
    if detected.checks.is_empty() {
        stage.note(Note::new("checks.none", "the base commit has no checks that hob knows"));
        return Ok(Done::Verified);
    }
    let before = baseline(stage, baseline_id, &base, &detected.checks).await?;
    stage.house.failpoint.hit("verification-half-done");
    let machine = stage.launch(id).await?;
    stage.facts.machines.verified = Some(id);
    stage.check_out(&*machine, &head).await?;
    let bench = Bench::new(&*machine);
    let mut not_run = false;
    for (check, base_result) in detected.checks.iter().zip(&before) {
        let (report, ran) = one(stage, &bench, check, base_result).await?;
        not_run |= !ran;
        stage.facts.checks.push(report);
    }
    machine.close().await?;
    stage.facts.checks_incomplete = not_run;
    conclude(stage)
}

/// A machine and the set-up steps that were done in it: equal steps of several checks are done once.
struct Bench<'a> {
    machine: &'a dyn Machine,
    set_up: std::sync::Mutex<Vec<domain::exec::Exec>>,
}

impl<'a> Bench<'a> {
    const fn new(machine: &'a dyn Machine) -> Self {
        Self { machine, set_up: std::sync::Mutex::new(Vec::new()) }
    }

    fn has_set_up(&self, command: &domain::exec::Exec) -> bool {
        self.set_up.lock().unwrap_or_else(PoisonError::into_inner).contains(command)
    }

    fn remember(&self, command: &domain::exec::Exec) {
        self.set_up.lock().unwrap_or_else(PoisonError::into_inner).push(command.clone());
    }
}

/// One check on the change, a second time where something newly fails, to tell flaky from broken.
/// The second part says whether the check could be run at all.
async fn one(
    stage: &Stage<'_>,
    bench: &Bench<'_>,
    check: &Check,
    before: &CheckResult,
) -> Result<(CheckReport, bool), StepError> {
    let (after, output) = stage.run_check(bench, check).await?;
    let mut comparison = toolbox::checks::compare(before, &after, None);
    if comparison.is_broken() && after.exit.is_some() {
        let (again, _) = stage.run_check(bench, check).await?;
        comparison = toolbox::checks::compare(before, &after, Some(&again));
    }
    let names: Vec<&str> = comparison.newly_failing.iter().map(String::as_str).collect();
    let excerpt = match &output {
        Some(output) if comparison.is_broken() => {
            toolbox::checks::quote(check.format, output, &names)
        }
        Some(_) | None if after.exit == Some(0) => String::new(),
        Some(_) | None => after.excerpt.clone(),
    };
    let excerpt = governance::text::plain(&excerpt);
    let ran = comparison.could_not_run.is_none();
    let report = report(check, (before, &after), comparison, excerpt);
    let note = Note::new("check.compared", "base and change, in fresh machines")
        .fact("command", report.command.as_str())
        .fact("base", json!(report.base))
        .fact("after", json!(report.after))
        .fact("newly_failing", json!(report.newly_failing))
        .fact("flaky", json!(report.flaky));
    stage.note(note);
    Ok((report, ran))
}

fn report(
    check: &Check,
    (before, after): (&CheckResult, &CheckResult),
    comparison: Comparison,
    excerpt: String,
) -> CheckReport {
    CheckReport {
        command: check.command.display(),
        base: Some(side(before)),
        after: Some(side(after)),
        newly_failing: comparison.newly_failing,
        flaky: comparison.flaky,
        excerpt,
        seconds: millis_as_seconds(after.millis),
    }
}

fn side(result: &CheckResult) -> CheckSide {
    use domain::check::TestOutcome;
    let count = |wanted| result.tests.values().filter(|outcome| **outcome == wanted).count();
    CheckSide {
        passed: count(TestOutcome::Passed) as u64,
        failed: result
            .tests
            .iter()
            .filter(|(_, outcome)| **outcome == TestOutcome::Failed)
            .map(|(name, _)| name.clone())
            .collect(),
        exit: result.exit,
    }
}

/// Milliseconds as the report has them: seconds, written with at most three decimals, up to 49 days.
pub(crate) fn millis_as_seconds(millis: u64) -> f64 {
    f64::from(u32::try_from(millis).unwrap_or(u32::MAX)) / 1_000.0
}

/// What the checks say together: nothing newly fails, or the next attempt is told what does.
fn conclude(stage: &mut Stage<'_>) -> Result<Done, StepError> {
    let broken: Vec<&CheckReport> =
        stage.facts.checks.iter().filter(|check| !check.newly_failing.is_empty()).collect();
    if broken.is_empty() || stage.agent.gates.checks == domain::agent::ChecksGate::Reported {
        return Ok(Done::Verified);
    }
    let reason = broken
        .iter()
        .map(|check| {
            let names = check.newly_failing.iter().take(10).cloned().collect::<Vec<_>>();
            format!("`{}` newly fails: {}\n{}", check.command, names.join(", "), check.excerpt)
        })
        .collect::<Vec<_>>()
        .join("\n");
    let outcome = stage.facts.outcome.clone();
    stage.facts.previous = Some(PreviousFacts {
        updates: outcome.as_ref().map(|o| o.updates.clone()).unwrap_or_default(),
        left: outcome.map(|o| o.left).unwrap_or_default(),
        checks: stage.facts.checks.clone(),
    });
    let reason = domain::limit::head_chars(&reason, domain::limit::QUOTE_MAX_CHARS);
    Err(StepError { class: FailureClass::Checks, reason })
}

/// What is kept of the checks' results on the base, in their order.
pub(super) async fn kept_baseline(
    stage: &Stage<'_>,
    base: &CommitId,
    checks: &[Check],
) -> Result<Vec<Option<CheckResult>>, StepError> {
    let mut results = Vec::new();
    let state = machines_state(stage).await?;
    for check in checks {
        let key = crate::baseline::key(&stage.repository()?, base, check, state);
        let kept = stage.house.store.baseline(key).await.map_err(crate::HouseError::from)?;
        results.push(kept.as_ref().and_then(crate::baseline::read));
    }
    Ok(results)
}

/// What this run's machines are made of now.
async fn machines_state(stage: &Stage<'_>) -> Result<Digest, StepError> {
    let sandbox = stage.house.workshop()?.sandbox.clone();
    let image = stage.agent.sandbox.image.clone();
    let state = crate::supervise::blocking("look at toolchains", move || sandbox.state(&image));
    Ok(state.await.map_err(crate::HouseError::from)?)
}

/// The same checks on the base alone: from an earlier run on the same commit, or in a machine of their own.
async fn baseline(
    stage: &mut Stage<'_>,
    id: MachineId,
    base: &CommitId,
    checks: &[Check],
) -> Result<Vec<CheckResult>, StepError> {
    let mut results = kept_baseline(stage, base, checks).await?;
    if results.iter().any(Option::is_none) {
        let line = "running the checks on the base commit first, for comparison".to_owned();
        stage.house.listener.hear(&Progress::Note { line });
        let machine = stage.launch(id).await?;
        stage.check_out(&*machine, base).await?;
        let bench = Bench::new(&*machine);
        let state = machines_state(stage).await?;
        for (slot, check) in results.iter_mut().zip(checks) {
            if slot.is_some() {
                continue;
            }
            let (result, _) = stage.run_check(&bench, check).await?;
            let key = crate::baseline::key(&stage.repository()?, base, check, state);
            if result.exit.is_some() {
                let tx = store::transaction::Transaction {
                    baselines: vec![(key, crate::baseline::document(&result))],
                    ..store::transaction::Transaction::default()
                };
                stage.house.commit(tx).await?;
            }
            *slot = Some(result);
        }
        machine.close().await?;
    }
    Ok(results.into_iter().flatten().collect())
}

impl Stage<'_> {
    /// Runs a check with its set-up and reads its results; the output is there where the check ran.
    async fn run_check(
        &self,
        bench: &Bench<'_>,
        check: &Check,
    ) -> Result<(CheckResult, Option<ExecResult>), StepError> {
        for command in &check.setup {
            if bench.has_set_up(command) {
                continue;
            }
            let result = self.run_in(bench.machine, command).await?;
            if !result.success() {
                return Ok((toolbox::checks::setup_failed(command, &result), None));
            }
            bench.remember(command);
        }
        let result = self.run_in(bench.machine, &check.command).await?;
        Ok((toolbox::checks::read(check.format, &result), Some(result)))
    }

    async fn run_in(
        &self,
        machine: &dyn Machine,
        command: &domain::exec::Exec,
    ) -> Result<ExecResult, StepError> {
        let listener = &self.house.listener;
        Ok(crate::workspace::run(machine, command, listener).await?)
    }
}
