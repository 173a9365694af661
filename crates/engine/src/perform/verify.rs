//! Verify: the checks of the base commit, in fresh machines that the brain never touched.

use std::sync::PoisonError;

use domain::check::{Check, CheckResult};
use domain::exec::ExecResult;
use domain::report::{CheckOutcome, CheckReport, CheckSide};
use domain::{CommitId, Digest, MachineId};
use runs::{Done, FailureClass};
use sandbox::port::Machine;
use serde_json::json;
use toolbox::checks::{Comparison, Detected};
use toolbox::files::FileSet;

use super::{Stage, StepError};
use crate::audit::Note;
use crate::baseline::{Kept, Origin};
use crate::facts::PreviousFacts;
use crate::progress::Progress;

/// The most tests of one kind that a check's result names; the rest is counted.
const NAMES_MAX: usize = 200;

/// The longest reason why a check says nothing, in characters.
const REASON_MAX_CHARS: usize = 500;

/// The checks that the base commit, or the definition, names.
pub(super) fn checks(stage: &Stage<'_>, files: &FileSet) -> Result<Detected, StepError> {
    let named = &stage.agent()?.checks;
    Ok(if named.is_empty() {
        toolbox::checks::detect(files)
    } else {
        toolbox::checks::from_commands(files, named)
    })
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
    let mut detected = checks(stage, &files)?;
    if !detected.checks.is_empty() {
        let change = stage.change(&base, &head).await?;
        let changed = change.files.iter().map(|file| &file.path);
        let untested = detected.not_installed(changed).into_iter();
        let told: Vec<String> =
            untested.map(|path| format!("`{path}` is changed, and no check installs it")).collect();
        detected.left_out.extend(told);
    }
    stage.facts.checks.clear();
    stage.facts.checks_incomplete = !detected.left_out.is_empty();
    for line in detected.left_out.iter().chain(&detected.notes) {
        stage.house.listener.hear(&Progress::Note { line: line.clone() });
    }
    stage.facts.checks_left_out.clone_from(&detected.left_out);
    stage.facts.check_notes.clone_from(&detected.notes);
    if detected.checks.is_empty() {
        stage.note(Note::new("checks.none", "the base commit has no checks that hob knows"));
        return Ok(Done::Verified);
    }
    let (checks, before) = baseline(stage, baseline_id, &base, detected.checks).await?;
    stage.house.failpoint.hit("verification-half-done");
    let machine = stage.launch(id).await?;
    stage.facts.machines.verified = Some(id);
    stage.check_out(&*machine, &head).await?;
    let bench = Bench::new(&*machine);
    for (check, base_result) in checks.iter().zip(&before) {
        let report = one(stage, &bench, &head, (check, base_result)).await?;
        let says_nothing = matches!(
            report.outcome,
            CheckOutcome::NotRun | CheckOutcome::NotCompared | CheckOutcome::NothingTested
        );
        stage.facts.checks_incomplete |= says_nothing;
        stage.facts.checks.push(report);
    }
    machine.close().await?;
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

    fn forget(&self) {
        self.set_up.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }
}

/// What came of running a check.
struct Ran {
    result: CheckResult,
    /// Where the check itself ran.
    output: Option<ExecResult>,
    /// Whether its set-up failed for want of an answer of a registry.
    is_unreachable: bool,
}

/// One check on the change, a second time where something newly fails or is gone, to tell flaky from broken. The second
/// run begins with a clean check-out: what the first wrote must not make it pass.
async fn one(
    stage: &Stage<'_>,
    bench: &Bench<'_>,
    head: &CommitId,
    (check, before): (&Check, &Before),
) -> Result<CheckReport, StepError> {
    let ran = stage.run_check(bench, check).await?;
    let (before, after) = (before, ran.result);
    // With one tree set up and the other not for want of an answer, nothing is known of the change.
    let is_lost = (ran.is_unreachable && before.result.exit.is_some())
        || (before.is_unreachable && after.exit.is_some());
    if is_lost {
        let told = if ran.is_unreachable { &after.excerpt } else { &before.result.excerpt };
        return Err(StepError::infrastructure(format!("a registry does not answer: {told}")));
    }
    let reused = before.reused;
    let before = &before.result;
    let mut comparison = toolbox::checks::compare(before, &after, None);
    if after.exit.is_some() && comparison.wants_second_run() && stage.clean(bench, head).await? {
        let again = stage.run_check(bench, check).await?;
        comparison = toolbox::checks::compare(before, &after, Some(&again.result));
    }
    let names: Vec<&str> = comparison.newly_failing.iter().map(String::as_str).collect();
    let excerpt = match &ran.output {
        Some(output) if comparison.is_broken() => {
            toolbox::checks::quote(check.format, output, &names)
        }
        Some(_) | None if after.exit == Some(0) => String::new(),
        Some(_) | None => after.excerpt.clone(),
    };
    let excerpt = governance::text::plain(&excerpt);
    let report = report(check, (before, &after), comparison, excerpt);
    let why = match reused {
        None => "base and change, each in a fresh machine",
        Some(_) => "the change in a fresh machine, the base as it was measured before",
    };
    let note = from(Note::new("check.compared", why), reused.flatten())
        .fact("command", report.command.as_str())
        .fact("outcome", json!(report.outcome))
        .fact("base", json!(report.base))
        .fact("after", json!(report.after))
        .fact("newly_failing", json!(report.newly_failing))
        .fact("flaky", json!(report.flaky))
        .fact("vanished", json!(report.vanished))
        .fact("skipped", json!(report.skipped));
    stage.note(note);
    Ok(report)
}

fn report(
    check: &Check,
    (before, after): (&CheckResult, &CheckResult),
    comparison: Comparison,
    excerpt: String,
) -> CheckReport {
    let outcome = comparison.outcome();
    let says_nothing = comparison.not_compared.or(comparison.could_not_run);
    let mut notes = notes(check, comparison.notes, says_nothing);
    let mut named = |names: Vec<String>, what: &str| {
        let (names, more) = bounded(names);
        if more > 0 {
            notes.push(format!("{more} more tests {what} than are named"));
        }
        names
    };
    CheckReport {
        command: check.command.display(),
        base: Some(side(before)),
        after: Some(side(after)),
        outcome,
        newly_failing: named(comparison.newly_failing, "newly fail"),
        flaky: named(comparison.flaky, "are flaky"),
        vanished: named(comparison.vanished, "vanished"),
        skipped: named(comparison.skipped, "are skipped"),
        notes,
        excerpt,
        seconds: millis_as_seconds(after.millis),
    }
}

fn notes(check: &Check, told: Vec<String>, says_nothing: Option<String>) -> Vec<String> {
    // A reason may be a program's own words, in lines.
    let says_nothing = says_nothing.map(|why| {
        let line = why.split_whitespace().collect::<Vec<_>>().join(" ");
        domain::limit::head_chars(&line, REASON_MAX_CHARS)
    });
    let narrowed = check.narrower.as_ref().filter(|narrower| **narrower == check.command);
    let narrowed = narrowed.map(|_| {
        "of the workspace only the default members are tested: on the base the whole is red and names no test"
            .to_owned()
    });
    told.into_iter().chain(says_nothing).chain(narrowed).collect()
}

fn side(result: &CheckResult) -> CheckSide {
    use domain::check::TestOutcome;
    let count = |wanted| result.tests.values().filter(|outcome| **outcome == wanted).count();
    let failed = result
        .tests
        .iter()
        .filter(|(_, outcome)| **outcome == TestOutcome::Failed)
        .map(|(name, _)| name.clone())
        .collect();
    let (failed, failed_more) = bounded(failed);
    CheckSide { passed: count(TestOutcome::Passed) as u64, failed, failed_more, exit: result.exit }
}

/// The first names, and how many more there are.
fn bounded(mut names: Vec<String>) -> (Vec<String>, u64) {
    let more = names.len().saturating_sub(NAMES_MAX);
    names.truncate(NAMES_MAX);
    (names, more as u64)
}

/// Milliseconds as the report has them: seconds, written with at most three decimals, up to 49 days.
pub(crate) fn millis_as_seconds(millis: u64) -> f64 {
    f64::from(u32::try_from(millis).unwrap_or(u32::MAX)) / 1_000.0
}

/// What the checks say together: nothing newly fails, or the next attempt is told what does.
fn conclude(stage: &mut Stage<'_>) -> Result<Done, StepError> {
    let gate = stage.agent()?.gates.checks;
    let broken: Vec<&CheckReport> =
        stage.facts.checks.iter().filter(|check| !check.newly_failing.is_empty()).collect();
    if broken.is_empty() || gate == domain::agent::ChecksGate::Reported {
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
        attempt: stage.attempt,
        updates: outcome.as_ref().map(|o| o.updates.clone()).unwrap_or_default(),
        left: outcome.map(|o| o.left).unwrap_or_default(),
        checks: stage.facts.checks.clone(),
        check_notes: stage.facts.told_of_checks().cloned().collect(),
        checks_incomplete: stage.facts.checks_incomplete,
        verified: stage.facts.machines.verified,
    });
    let reason = domain::limit::head_chars(&reason, domain::limit::QUOTE_MAX_CHARS);
    Err(StepError { class: FailureClass::Checks, reason })
}

/// What is kept of the checks' results on the base, in their order.
pub(super) async fn kept_baseline(
    stage: &Stage<'_>,
    base: &CommitId,
    checks: &[Check],
) -> Result<Vec<Option<Kept>>, StepError> {
    let mut results = Vec::new();
    let state = machines_state(stage).await?;
    for check in checks {
        let key = key(stage, base, check, state)?;
        let kept = stage.house.store.baseline(key).await.map_err(crate::HouseError::from)?;
        results.push(kept.as_ref().and_then(crate::baseline::read));
    }
    Ok(results)
}

fn key(
    stage: &Stage<'_>,
    base: &CommitId,
    check: &Check,
    state: Digest,
) -> Result<Digest, StepError> {
    let (repository, now) = (stage.repository()?, stage.house.clock.now());
    let surroundings = crate::baseline::Surroundings { repository: &repository, base, state, now };
    Ok(crate::baseline::key(&surroundings, check))
}

/// What this run's machines are made of now.
async fn machines_state(stage: &Stage<'_>) -> Result<Digest, StepError> {
    let sandbox = stage.house.workshop()?.sandbox.clone();
    let image = stage.agent()?.sandbox.image.clone();
    let state = crate::supervise::blocking("look at toolchains", move || sandbox.state(&image));
    Ok(state.await.map_err(crate::HouseError::from)?)
}

/// What a check came to on the base.
struct Before {
    result: CheckResult,
    is_unreachable: bool,
    /// Where it was not measured by this step: who has, as far as that was kept.
    reused: Option<Option<Origin>>,
}

/// The same checks on the base alone: from an earlier run on the same commit, or in a machine of their own. A check that
/// is red there and names no test gives way to its narrower one, on both trees.
async fn baseline(
    stage: &mut Stage<'_>,
    id: MachineId,
    base: &CommitId,
    checks: Vec<Check>,
) -> Result<(Vec<Check>, Vec<Before>), StepError> {
    let mut kept = kept_baseline(stage, base, &checks).await?;
    let mut narrowed = checks.clone();
    for (check, result) in narrowed.iter_mut().zip(&mut kept) {
        if let Some(narrower) = narrower(check, result.as_ref().map(|kept| &kept.result)) {
            *result = kept_baseline(stage, base, std::slice::from_ref(&narrower)).await?.remove(0);
            *check = narrower;
        }
    }
    if kept.iter().all(Option::is_some) {
        let mut known = Vec::new();
        for (check, kept) in narrowed.iter().zip(kept.into_iter().flatten()) {
            known.push(reused(stage, base, check, kept).await?);
        }
        return Ok((narrowed, known));
    }
    let line = "running the checks on the base commit first, for comparison".to_owned();
    stage.house.listener.hear(&Progress::Note { line });
    let machine = stage.launch(id).await?;
    stage.check_out(&*machine, base).await?;
    let bench = Bench::new(&*machine);
    let mut known = Vec::new();
    for (check, kept) in narrowed.iter_mut().zip(kept) {
        if let Some(kept) = kept {
            known.push(reused(stage, base, check, kept).await?);
            continue;
        }
        let mut before = on_base(stage, &bench, base, check).await?;
        if let Some(narrower) = narrower(check, Some(&before.result)) {
            before = on_base(stage, &bench, base, &narrower).await?;
            *check = narrower;
        }
        known.push(before);
    }
    machine.close().await?;
    Ok((narrowed, known))
}

/// A result that is not measured again; the ledger says whose it is.
async fn reused(
    stage: &Stage<'_>,
    base: &CommitId,
    check: &Check,
    Kept { result, origin }: Kept,
) -> Result<Before, StepError> {
    let key = key(stage, base, check, machines_state(stage).await?)?;
    let why = "measured before on the same commit, in machines made of the same things";
    let note = Note::new("baseline.reused", why)
        .fact("command", check.command.display())
        .fact("key", key.to_string());
    stage.note(from(note, origin));
    Ok(Before { result, is_unreachable: false, reused: Some(origin) })
}

/// With the run and the machine that a baseline is from, where they were kept with it.
fn from(note: Note, origin: Option<Origin>) -> Note {
    let Some(Origin { run, machine }) = origin else { return note };
    note.fact("base_run", run.to_string()).fact("base_machine", machine.to_string())
}

/// The check that is run instead where this one is red on the base and names no test.
fn narrower(check: &Check, result: Option<&CheckResult>) -> Option<Check> {
    let says_nothing =
        result?.exit.is_some_and(|exit| exit != 0) && !result?.cut && result?.tests.is_empty();
    let command = check.narrower.as_ref().filter(|narrower| **narrower != check.command)?;
    says_nothing.then(|| Check { command: command.clone(), ..check.clone() })
}

/// The checks as the attempt before ran them, where it was told to run a narrower one.
pub(super) fn as_before(checks: &mut [Check], previous: &[CheckReport]) {
    for check in checks {
        let Some(narrower) = check.narrower.clone() else { continue };
        let shown = narrower.display();
        if previous.iter().any(|report| report.command == shown) {
            check.command = narrower;
        }
    }
}

/// Runs one check on the base and keeps what says something.
async fn on_base(
    stage: &Stage<'_>,
    bench: &Bench<'_>,
    base: &CommitId,
    check: &Check,
) -> Result<Before, StepError> {
    let ran = stage.run_check(bench, check).await?;
    if crate::baseline::is_lasting(&ran.result) {
        let state = machines_state(stage).await?;
        let key = key(stage, base, check, state)?;
        let origin = Origin { run: stage.run, machine: bench.machine.id() };
        let kept = Kept { result: ran.result.clone(), origin: Some(origin) };
        let tx = store::transaction::Transaction {
            baselines: vec![(key, crate::baseline::document(&kept))],
            ..store::transaction::Transaction::default()
        };
        stage.house.commit(tx).await?;
    }
    Ok(Before { result: ran.result, is_unreachable: ran.is_unreachable, reused: None })
}

impl Stage<'_> {
    /// Runs a check with its set-up and reads its results. A step of the set-up that fails is tried once more.
    async fn run_check(&self, bench: &Bench<'_>, check: &Check) -> Result<Ran, StepError> {
        for command in &check.setup {
            if bench.has_set_up(command) {
                continue;
            }
            let mut done = self.run_in(bench.machine, command).await?;
            if !done.success() {
                done = self.run_in(bench.machine, command).await?;
            }
            if !done.success() {
                return Ok(Ran {
                    result: toolbox::checks::setup_failed(command, &done),
                    output: None,
                    is_unreachable: toolbox::checks::is_unreachable(&done),
                });
            }
            bench.remember(command);
        }
        let done = self.run_in(bench.machine, &check.command).await?;
        Ok(Ran {
            result: toolbox::checks::read(check.format, &done),
            output: Some(done),
            is_unreachable: false,
        })
    }

    /// Takes away everything in the check-out that the commit does not hold; false where a check left no git to do it.
    async fn clean(&self, bench: &Bench<'_>, head: &CommitId) -> Result<bool, StepError> {
        for argv in [
            ["git", "reset", "--quiet", "--hard", head.as_str()].as_slice(),
            ["git", "clean", "--quiet", "-ffdx"].as_slice(),
        ] {
            let command = domain::exec::Exec::new(argv.iter().copied(), "clean up after checks");
            if !self.run_in(bench.machine, &command).await?.success() {
                return Ok(false);
            }
        }
        bench.forget();
        Ok(true)
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

#[cfg(test)]
mod tests {
    use domain::check::TestOutcome;

    use super::*;

    #[test]
    fn a_result_names_so_many_tests_and_counts_the_rest() {
        let result = |outcome: TestOutcome| CheckResult {
            exit: Some(1),
            passed: None,
            tests: (0..NAMES_MAX + 7).map(|n| (format!("test {n:05}"), outcome)).collect(),
            cut: false,
            excerpt: String::new(),
            millis: 1,
        };
        let (before, after) = (result(TestOutcome::Passed), result(TestOutcome::Failed));
        let files = FileSet::new();
        let check =
            toolbox::checks::from_commands(&files, &["cargo test".to_owned()]).checks.remove(0);
        let comparison = toolbox::checks::compare(&before, &after, None);
        let told = report(&check, (&before, &after), comparison, String::new());
        let side = told.after.unwrap();
        assert_eq!((side.failed.len(), side.failed_more), (NAMES_MAX, 7));
        let words = crate::check_words(Some(&side));
        assert_eq!(words, format!("0 passed, {} failed, exit 1", NAMES_MAX + 7));
        assert_eq!(told.newly_failing.len(), NAMES_MAX);
        assert_eq!(told.notes, ["7 more tests newly fail than are named"]);
    }
}
