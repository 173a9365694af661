//! Act: the brain works in a machine of its own.

use agent::context::{Answered, Context, Earlier, Failure, Previous};
use agent::outcome::{BrainError, Ending, Outcome};
use agent::playbook::Playbook;
use domain::agent::{Brain, Grouping, Playbook as Playbooks};
use domain::check::Check;
use domain::dependency::{Left, Update, Why};
use domain::{CommitId, MachineId};
use runs::Done;
use serde_json::json;
use toolbox::files::FileSet;

use super::{Stage, StepError};
use crate::audit::Note;
use crate::facts::OutcomeFacts;
use crate::knowledge::Knowledge;
use crate::workspace::MachineWorkspace;

/// The most of what was left that is kept with a run.
const LEFT_MAX: usize = 1_000;

impl From<BrainError> for StepError {
    fn from(error: BrainError) -> Self {
        match error {
            BrainError::Infrastructure(reason) => Self::infrastructure(reason),
            BrainError::Failed(reason) => Self::agent(reason),
            BrainError::Budget(reason) => Self::budget(reason),
            BrainError::Stopped => Self::budget("stopped"),
        }
    }
}

/// Launches the machine, brings the base in and lets the brain work.
pub(super) async fn act(stage: &mut Stage<'_>, id: MachineId) -> Result<Done, StepError> {
    let base = stage.base()?;
    let files = stage.base_files(&base).await?;
    let knowledge = Knowledge::gather(stage, &files).await?;
    let worked = work(stage, id, (&base, &files), &knowledge).await;
    let mut outcome = match worked {
        Ok(outcome) => outcome,
        Err(error) => {
            keep_known(stage, &knowledge, &files, &error);
            return Err(error);
        }
    };
    no_false_green(&mut outcome);
    let ending = outcome.ending;
    let title = outcome.title.clone();
    record(stage, outcome);
    match ending {
        Ending::Changed => Ok(Done::Changed),
        Ending::NoChange => {
            stage.facts.reason = title;
            Ok(Done::NoChange)
        }
        Ending::HandOver => {
            stage.facts.reason.clone_from(&title);
            Ok(Done::HandOver { reason: title })
        }
    }
}

/// The machine is kept where the brain came to its end.
async fn work(
    stage: &mut Stage<'_>,
    id: MachineId,
    (base, files): (&CommitId, &FileSet),
    knowledge: &Knowledge,
) -> Result<Outcome, StepError> {
    let machine = stage.launch(id).await?;
    stage.facts.machines.acted = Some(id);
    stage.check_out(&*machine, base).await?;
    let outcome = think(stage, knowledge, files, &*machine).await?;
    stage.house.failpoint.hit("brain-done");
    stage.house.keep_machine(machine);
    Ok(outcome)
}

async fn think(
    stage: &Stage<'_>,
    knowledge: &Knowledge,
    files: &FileSet,
    machine: &dyn sandbox::port::Machine,
) -> Result<Outcome, StepError> {
    let workspace = MachineWorkspace {
        machine,
        notes: stage.notes.clone(),
        listener: stage.house.listener.clone(),
    };
    let mut checks = super::verify::checks(stage, files)?;
    if let Some(previous) = &stage.facts.previous {
        super::verify::as_before(&mut checks.checks, &previous.checks);
    }
    let previous = previous(stage, &checks.checks).await?;
    let earlier = earlier(stage);
    let proposed = proposed(stage).await?;
    let answers = answers(stage).await?;
    let ecosystems = knowledge.ecosystems();
    let memo = stage.house.memo(stage.run, &stage.base()?);
    let context = Context {
        files,
        ecosystems: &ecosystems,
        versions: knowledge.versions(),
        advisories: knowledge.advisories(),
        now: stage.house.clock.now(),
        checks: &checks.checks,
        previous: previous.as_ref(),
        earlier: &earlier,
        memo: &memo,
        proposed: &proposed,
        answers: &answers,
    };
    let Brain::Playbook(playbook) = &stage.agent()?.brain;
    Ok(Playbook::new(playbook.clone()).run(&context, &workspace).await?)
}

/// What is known of the repository where the work on it does not come to its end, for the report if the run ends so.
fn keep_known(stage: &mut Stage<'_>, knowledge: &Knowledge, files: &FileSet, error: &StepError) {
    // Without an agent there is nobody who knows anything.
    let Ok(agent) = stage.agent() else { return };
    let Brain::Playbook(playbook) = &agent.brain;
    let playbook = Playbook::new(playbook.clone());
    let (ecosystems, advisories) = (knowledge.ecosystems(), knowledge.advisories());
    let mut left = playbook.known(files, &ecosystems, advisories, &error.reason);
    for left in &mut left {
        left.detail = governance::text::plain(&left.detail);
    }
    let note = Note::new("brain.unfinished", "the work did not come to its end")
        .fact("left", left.len())
        .payload("left", json!(left).to_string().into_bytes());
    stage.note(note);
    let title = governance::text::plain(&error.reason);
    stage.facts.outcome = Some(OutcomeFacts { left, title, ..OutcomeFacts::default() });
}

/// Nothing to do is not said over what could not be read.
fn no_false_green(outcome: &mut Outcome) {
    if !outcome.complete && outcome.ending == Ending::NoChange {
        outcome.ending = Ending::HandOver;
        outcome.title =
            format!("nothing was changed, and not everything could be read: {}", outcome.title);
    }
}

impl Stage<'_> {
    /// Whether one proposal holds everything, so that a newer one takes the place of the older.
    pub(super) fn one_proposal_at_a_time(&self) -> Result<bool, StepError> {
        let Brain::Playbook(playbook) = &self.agent()?.brain;
        Ok(match playbook {
            Playbooks::Updates(settings) => settings.group == Grouping::All,
            Playbooks::Remediation(_) => true,
        })
    }
}

/// Updates that open proposals hold already, where each proposal holds a part only.
async fn proposed(stage: &Stage<'_>) -> Result<Vec<Update>, StepError> {
    if stage.one_proposal_at_a_time()? {
        return Ok(Vec::new());
    }
    let open = stage.open_proposals().await?;
    let base = stage.base()?;
    let updates = open
        .into_iter()
        .filter(|proposal| proposal.base == base)
        .filter_map(|proposal| {
            serde_json::from_value::<Vec<Update>>(proposal.facts.get("updates")?.clone()).ok()
        })
        .flatten();
    Ok(updates.collect())
}

/// Why each earlier attempt failed, for this one; the ledger says what it was told.
fn earlier(stage: &Stage<'_>) -> Vec<Earlier> {
    let told: Vec<Earlier> = stage
        .failures
        .iter()
        .map(|failure| Earlier {
            attempt: failure.attempt,
            step: failure.step.clone(),
            class: failure.class.name(),
            reason: failure.reason.clone(),
        })
        .collect();
    if let Some(last) = told.last() {
        let note = Note::new("brain.told", "why earlier attempts failed")
            .fact("failures", told.len())
            .fact("step", last.step.as_str())
            .fact("class", last.class)
            .payload("reason", last.reason.clone().into_bytes());
        stage.note(note);
    }
    told
}

/// How people answered before; the ledger says which proposals the brain was told of.
async fn answers(stage: &Stage<'_>) -> Result<Vec<Answered>, StepError> {
    let answers = stage.answers().await?;
    if !answers.is_empty() {
        let proposals: Vec<&str> = answers.iter().map(|one| one.proposal.as_str()).collect();
        stage.note(
            Note::new("brain.told", "how people answered earlier proposals")
                .fact("proposals", json!(proposals)),
        );
    }
    Ok(answers)
}

/// What the last attempt did and what broke, for this one.
async fn previous(stage: &Stage<'_>, checks: &[Check]) -> Result<Option<Previous>, StepError> {
    let Some(previous) = &stage.facts.previous else { return Ok(None) };
    let failures = previous
        .checks
        .iter()
        .filter(|check| !check.newly_failing.is_empty())
        .map(|check| Failure {
            command: check.command.clone(),
            tests: check.newly_failing.clone(),
            excerpt: check.excerpt.clone(),
        })
        .collect();
    // All of them or none: the brain runs those on the base itself that it is not told of.
    let kept = super::verify::kept_baseline(stage, &stage.base()?, checks).await?;
    let baseline = kept
        .into_iter()
        .map(|kept| Some(kept?.result))
        .collect::<Option<Vec<_>>>()
        .unwrap_or_default();
    let (updates, left) = (previous.updates.clone(), previous.left.clone());
    Ok(Some(Previous { updates, left, failures, baseline }))
}

/// What package managers and checks said may quote what nobody may read: titles, texts and details are kept
/// without.
fn without_secrets(mut outcome: Outcome) -> Outcome {
    outcome.title = governance::text::plain(&outcome.title);
    outcome.body = governance::text::plain(&outcome.body);
    for left in &mut outcome.left {
        left.detail = governance::text::plain(&left.detail);
    }
    outcome
}

/// What was left, at most so much of it; the rest is counted. What the next attempt has to know of comes first then.
fn bounded(mut left: Vec<Left>) -> Vec<Left> {
    let more = left.len().saturating_sub(LEFT_MAX);
    if more == 0 {
        return left;
    }
    left.sort_by_key(|left| left.why != Why::NeedsCodeChange);
    left.truncate(LEFT_MAX);
    left.push(Left {
        ecosystem: None,
        advisory: None,
        package: format!("{more} more"),
        version: String::new(),
        why: Why::OverLimit,
        detail: format!("{LEFT_MAX} are named here; the audit log has all of them"),
    });
    left
}

fn record(stage: &mut Stage<'_>, outcome: Outcome) {
    let outcome = without_secrets(outcome);
    let note = Note::new("brain.done", outcome.title.clone())
        .fact("ending", format!("{:?}", outcome.ending))
        .fact("updates", json!(outcome.updates))
        .fact("left", outcome.left.len())
        .fact("complete", outcome.complete)
        .payload("left", json!(outcome.left).to_string().into_bytes())
        .payload("body", outcome.body.clone().into_bytes());
    stage.note(note);
    stage.facts.outcome = Some(OutcomeFacts {
        updates: outcome.updates,
        asked: outcome.asked,
        left: bounded(outcome.left),
        complete: outcome.complete,
        title: outcome.title,
        body: outcome.body,
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_left_is_bounded_and_what_the_next_attempt_must_know_stays() {
        let one = |package: String, why| Left {
            ecosystem: None,
            advisory: None,
            package,
            version: String::new(),
            why,
            detail: String::new(),
        };
        let mut left: Vec<Left> =
            (0..LEFT_MAX).map(|n| one(format!("p{n}"), Why::TooYoung)).collect();
        assert_eq!(bounded(left.clone()), left);
        left.push(one("broken".to_owned(), Why::NeedsCodeChange));
        let kept = bounded(left);
        assert_eq!((kept.len(), kept[0].package.as_str()), (LEFT_MAX + 1, "broken"));
        assert_eq!(kept[LEFT_MAX].package, "1 more");
    }
}
