//! Prepare: the mirror is refreshed and the work's base is fixed.

use runs::Done;

use super::{Stage, StepError};
use crate::audit::Note;
use crate::progress::Progress;

/// Refreshes the mirror and fixes base and branch. Every attempt begins here, so that a branch that
/// moved meanwhile is worked on as it is now.
pub(super) async fn prepare(stage: &mut Stage<'_>) -> Result<Done, StepError> {
    let mirror = stage.mirror()?;
    let refreshed = mirror.refresh(stage.facts.request.branch.as_deref()).await?;
    let notes: Vec<String> = refreshed.notes.iter().map(ToString::to_string).collect();
    for line in &notes {
        stage.house.listener.hear(&Progress::Warning { line: line.clone() });
    }
    let note = Note::new("run.prepared", "the base is fixed")
        .fact("base", refreshed.head.as_str())
        .fact("branch", refreshed.target.clone())
        .fact("source", stage.facts.request.source.as_str())
        .fact("notes", notes.clone());
    stage.note(note);
    let facts = &mut stage.facts;
    facts.base = Some(refreshed.head);
    facts.branch = refreshed.target;
    facts.shallow = refreshed.shallow;
    facts.notes = notes;
    facts.change = None;
    // Nothing of the attempt before is this one's; what is still to be told of it is in `previous`.
    facts.checks.clear();
    facts.check_notes.clear();
    facts.checks_left_out.clear();
    facts.checks_incomplete = false;
    facts.machines.acted = None;
    facts.machines.verified = None;
    facts.verdict = None;
    facts.outcome = None;
    facts.reason.clear();
    Ok(Done::Prepared)
}
