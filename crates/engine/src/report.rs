//! A run as `hob run --json` and `hob runs show --json` tell it.

use domain::dependency::{Left, Update, Why};
use domain::report::{
    CheckReport, CheckSide, Cost, LedgerReport, MachineReport, Outcome, RunReport, Seconds,
};
use runs::{Ending, State};
use store::record::RunRow;

use crate::error::HouseError;
use crate::facts::Facts;
use crate::house::House;
use crate::perform::verify_millis_as_seconds as seconds;

impl House {
    /// The report of a run, as far as it has come; one that is not over has no outcome.
    pub async fn report(&self, run: domain::RunId) -> Result<RunReport, HouseError> {
        let row = self.load(run).await?;
        let facts = Facts::read(row.id, &row.facts)?;
        let machine = crate::persist::from_record(&row.run);
        let outcome = outcome(&machine.state);
        let entries = self.store.ledger_size_of_run(run).await?;
        let standing = self.ledger_standing().await?;
        let brain = facts.outcome.as_ref();
        let backend = facts.machines.backend;
        let left = left(&facts);
        let told = told_checks(&facts);
        let escalated = facts.told.is_some()
            || matches!(outcome, Some(Outcome::Escalated | Outcome::Denied | Outcome::Cancelled));
        Ok(RunReport {
            run,
            agent: row.agent.name.clone(),
            outcome,
            state: machine.state.name().to_owned(),
            reason: match outcome {
                Some(_) => reason(&facts, &machine),
                None => unfinished(&machine),
            },
            complete: outcome.is_some()
                && brain.is_some_and(|o| o.complete)
                && !told.incomplete
                && !left.iter().any(|l| l.why.makes_incomplete()),
            proposal: facts.proposal.clone(),
            updates: if escalated {
                vec![]
            } else {
                brain.map(|o| o.updates.clone()).unwrap_or_default()
            },
            left,
            checks: told.checks,
            check_notes: told.notes,
            verdict: facts.verdict.clone(),
            machine: backend.map(|backend| MachineReport {
                backend,
                isolation: backend.isolation(),
                acted: facts.machines.acted,
                verified: told.verified,
            }),
            attempts: machine.attempts,
            cost: Cost { tokens: 0, usd: "0.00".to_owned() },
            seconds: Seconds {
                total: seconds(facts.took_ms.unwrap_or_else(|| facts.spent.total())),
                prepare: seconds(facts.spent.prepare),
                act: seconds(facts.spent.act),
                verify: seconds(facts.spent.verify),
                judge: seconds(facts.spent.judge),
            },
            ledger: LedgerReport { entries, root: standing.root, size: standing.size },
        })
    }
}

const fn outcome(state: &State) -> Option<Outcome> {
    match state {
        State::Queued | State::Working { .. } | State::Waiting { .. } | State::Stopping { .. } => {
            None
        }
        State::Proposed { .. } => Some(Outcome::Proposed),
        State::Ended { ending } => Some(match ending {
            Ending::Merged | Ending::Rejected | Ending::Superseded => Outcome::Proposed,
            Ending::NoChange => Outcome::NoChange,
            Ending::Reported => Outcome::Reported,
            Ending::Denied => Outcome::Denied,
            Ending::Escalated => Outcome::Escalated,
            Ending::Cancelled => Outcome::Cancelled,
        }),
    }
}

/// How far a run has come that is not over.
fn unfinished(run: &runs::Run) -> String {
    match detail(&run.state) {
        detail if detail.is_empty() => format!("not over: {}", run.state.name()),
        detail => format!("not over: {}, {detail}", run.state.name()),
    }
}

fn reason(facts: &Facts, run: &runs::Run) -> String {
    if let State::Ended { ending: Ending::Cancelled } = run.state {
        return "stopped on request".to_owned();
    }
    if !facts.reason.is_empty() {
        return facts.reason.clone();
    }
    if let Some(failure) = run.failures.last()
        && matches!(run.state, State::Ended { .. })
    {
        return failure.reason.clone();
    }
    facts.outcome.as_ref().map(|o| o.title.clone()).unwrap_or_default()
}

/// The checks as they are told.
struct ToldChecks {
    checks: Vec<CheckReport>,
    notes: Vec<String>,
    incomplete: bool,
    verified: Option<domain::MachineId>,
}

/// The checks of the last attempt that had any: one that gave up before verifying quotes the one before, and says so.
fn told_checks(facts: &Facts) -> ToldChecks {
    match &facts.previous {
        Some(previous) if facts.checks.is_empty() => {
            let attempt = match previous.attempt {
                0 => "an earlier attempt".to_owned(),
                attempt => format!("attempt {attempt}"),
            };
            let quoted = format!("the last attempt ran no checks; these are those of {attempt}");
            ToldChecks {
                checks: previous.checks.clone(),
                notes: std::iter::once(quoted).chain(previous.check_notes.clone()).collect(),
                incomplete: previous.checks_incomplete,
                verified: previous.verified,
            }
        }
        Some(_) | None => ToldChecks {
            checks: facts.checks.clone(),
            notes: facts.told_of_checks().cloned().collect(),
            incomplete: facts.checks_incomplete,
            verified: facts.machines.verified,
        },
    }
}

/// What the brain left, and after a failed verification what broke: that is never silent.
pub(crate) fn left(facts: &Facts) -> Vec<Left> {
    let Some(outcome) = &facts.outcome else { return vec![] };
    let mut left = outcome.left.clone();
    let broken: Vec<_> =
        facts.checks.iter().filter(|check| !check.newly_failing.is_empty()).collect();
    if broken.is_empty() || facts.proposal.is_some() {
        return left;
    }
    let error: String = broken
        .iter()
        .map(|check| format!("`{}` newly fails:\n{}", check.command, check.excerpt))
        .collect::<Vec<_>>()
        .join("\n");
    for update in &outcome.updates {
        for one in left_of(update, Why::NeedsCodeChange, &error) {
            let told = left.iter().any(|l| l.package == one.package && l.advisory == one.advisory);
            if !told {
                left.push(one);
            }
        }
    }
    left
}

/// An update that is left as it was: once for each advisory that it would have closed.
pub(crate) fn left_of(update: &Update, why: Why, detail: &str) -> Vec<Left> {
    let advisories: Vec<Option<String>> = if update.advisories.is_empty() {
        vec![None]
    } else {
        update.advisories.iter().cloned().map(Some).collect()
    };
    let one = |advisory| Left {
        ecosystem: Some(update.ecosystem),
        advisory,
        package: update.package.clone(),
        version: update.from.clone(),
        why,
        detail: detail.to_owned(),
    };
    advisories.into_iter().map(one).collect()
}

/// What came of a check on one of its two sides, for a person: the same words wherever it is told.
pub fn check_words(side: Option<&CheckSide>) -> String {
    match side {
        Some(CheckSide { exit: Some(0), passed: 0, .. }) => "green".to_owned(),
        Some(CheckSide { exit: Some(exit), passed, failed, failed_more }) => {
            let failed = failed_more.saturating_add(failed.len() as u64);
            format!("{passed} passed, {failed} failed, exit {exit}")
        }
        Some(CheckSide { exit: None, .. }) => "could not be run".to_owned(),
        None => "was not run".to_owned(),
    }
}

/// A run in a list.
#[derive(Debug, Clone, serde::Serialize)]
pub struct RunLine {
    /// The run.
    pub run: domain::RunId,
    /// The agent's name.
    pub agent: String,
    /// The repository as its user named it.
    pub repository: String,
    /// Where it is.
    pub state: String,
    /// How it ended, or which step it is in.
    pub detail: String,
    /// When it was accepted.
    pub accepted: String,
    /// When it last changed.
    pub updated: String,
    /// Why, in one sentence.
    pub reason: String,
}

/// A row as a line of a list. One whose facts cannot be read is a line too, which says so.
pub(crate) fn run_line(row: &RunRow) -> RunLine {
    let facts = Facts::read(row.id, &row.facts);
    let run = crate::persist::from_record(&row.run);
    let detail = detail(&run.state);
    let (repository, why) = match &facts {
        Ok(facts) => (&facts.request.source, reason(facts, &run)),
        Err(error) => (&row.repository, error.to_string()),
    };
    RunLine {
        run: row.id,
        agent: row.agent.name.clone(),
        repository: repository.clone(),
        state: run.state.name().to_owned(),
        detail,
        accepted: run.accepted.to_string(),
        updated: row.updated.to_string(),
        reason: why.lines().next().unwrap_or_default().to_owned(),
    }
}

/// How a run ended, or which step it is in.
fn detail(state: &State) -> String {
    match state {
        State::Queued => String::new(),
        State::Working { attempt, step } => format!("{} (attempt {attempt})", step.name()),
        State::Waiting { gate: runs::Gate::Retry { at, .. }, .. } => format!("retry at {at}"),
        State::Proposed { proposal } => proposal.to_string(),
        State::Stopping { step } => step.name().to_owned(),
        State::Ended { ending } => ending.name().to_owned(),
    }
}
