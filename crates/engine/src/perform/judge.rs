//! Judge: every governance rule reads the change and what the checks said.

use domain::CommitId;
use domain::agent::ChecksGate;
use domain::finding::{Decision, Finding};
use domain::report::CheckOutcome;
use governance::{Background, Case, Registry, Standing};
use runs::Done;
use serde_json::json;

use super::{Stage, StepError};
use crate::audit::Note;
use crate::facts::Facts;

/// Reads the change again from the mirror, whole, and asks every rule.
pub(super) async fn judge(stage: &mut Stage<'_>) -> Result<Done, StepError> {
    let base = stage.base()?;
    let head = stage.head()?;
    let change = stage.change(&base, &head).await?;
    let recorded = stage.facts.change.as_ref().map(|c| c.digest);
    if recorded != Some(change.digest) {
        return Err(StepError::policy("the change in the mirror is not the one that was exported"));
    }
    let updates = stage.facts.outcome.as_ref().map(|o| o.updates.clone()).unwrap_or_default();
    let checks = standing(&stage.facts, stage.agent()?.gates.checks);
    let background = background(stage, &base).await?;
    let case = Case {
        change: &change,
        scope: &stage.agent()?.scope,
        updates: &updates,
        checks: &checks,
        background: &background,
    };
    let verdict = governance::judge(&case);
    stage.house.failpoint.hit("verdict-reached");
    let mut note = Note::new("change.judged", format!("{:?}", verdict.decision))
        .fact("decision", json!(verdict.decision))
        .fact("digest", change.digest.to_string());
    for finding in &verdict.findings {
        stage.note(
            Note::new("change.finding", finding.reason.clone())
                .fact("rule", finding.rule.as_str())
                .fact("severity", json!(finding.severity))
                .fact("path", finding.path.as_ref().map(domain::RepoPath::as_str))
                .fact("line", finding.line),
        );
    }
    note = note.fact("findings", verdict.findings.len());
    stage.note(note);
    let denied = (verdict.decision == Decision::Deny).then(|| {
        let first = verdict
            .findings
            .iter()
            .filter(|f| f.severity == domain::finding::Severity::Deny)
            .map(|f| format!("{}: {}{}", f.rule, place(f), f.reason))
            .collect::<Vec<_>>();
        format!("governance refused the change: {}", first.join("; "))
    });
    stage.facts.verdict = Some(verdict);
    match denied {
        Some(reason) => {
            stage.facts.reason.clone_from(&reason);
            Ok(Done::Denied { reason })
        }
        None if stage.agent()?.outputs.proposals_max == 0 => {
            let title = stage.facts.outcome.as_ref().map(|o| o.title.clone()).unwrap_or_default();
            stage.facts.reason = format!("{title} (not proposed: `outputs.pull_request.max` is 0)")
                .trim()
                .to_owned();
            Ok(Done::Reported)
        }
        None => Ok(Done::Allowed),
    }
}

/// Where a finding is, for people: the path and the line, where there are.
fn place(finding: &Finding) -> String {
    let path = finding.path.as_ref().map(|path| format!("`{path}`"));
    let line = finding.line.map(|line| format!("line {line}"));
    let place = [path, line].into_iter().flatten().collect::<Vec<_>>().join(" ");
    if place.is_empty() { place } else { place + ": " }
}

/// What the host knows besides the change: what was asked of package managers, the base's files, registries.
async fn background(stage: &Stage<'_>, base: &CommitId) -> Result<Background, StepError> {
    let asked = stage.facts.outcome.as_ref().map(|o| o.asked.clone()).unwrap_or_default();
    let files = stage.base_files(base).await?;
    let presets = &stage.house.workshop().map_err(StepError::from)?.presets;
    let registries = presets
        .iter()
        .map(|preset| Registry { ecosystem: preset.ecosystem, base: preset.index.base.clone() });
    Ok(Background {
        asked,
        registries: registries.collect(),
        locks: files.paths().filter(|path| governance::is_lock(path)).cloned().collect(),
    })
}

/// What keeps the checks from saying that the change works.
fn standing(facts: &Facts, gate: ChecksGate) -> Vec<Standing> {
    let mut standing = Vec::new();
    if facts.checks.is_empty() {
        standing.push(Standing::NoChecks);
    }
    let all = || facts.checks.iter();
    let of = |wanted: CheckOutcome| -> Vec<String> {
        all().filter(|check| check.outcome == wanted).map(|check| check.command.clone()).collect()
    };
    let newly: Vec<String> = all().flat_map(|check| check.newly_failing.clone()).collect();
    let gone = all().flat_map(|check| check.vanished.iter().chain(&check.skipped)).cloned();
    let newly = match gate {
        ChecksGate::Required => Standing::NewlyFailing(newly),
        ChecksGate::Reported => Standing::Reported(newly),
    };
    let more = [
        newly,
        Standing::Vanished(gone.collect()),
        Standing::Unsteady(of(CheckOutcome::Unsteady)),
        Standing::NothingTested(of(CheckOutcome::NothingTested)),
        Standing::NotCompared(of(CheckOutcome::NotCompared)),
        Standing::NotRun(of(CheckOutcome::NotRun)),
        Standing::LeftOut(facts.checks_left_out.clone()),
    ];
    standing.extend(more.into_iter().filter(|one| !one.names().is_empty()));
    standing
}
