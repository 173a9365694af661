//! Escalate: people are told what could not be resolved, with all the context.

mod matter;

use std::fmt::Write as _;
use std::path::Path;

use runs::{Done, Ending, Step};
use tempfile::NamedTempFile;

use super::{Stage, StepError};
use crate::audit::Note;
use crate::facts::ToldFacts;
use crate::progress::Progress;

/// Writes the escalation for people: one file a run, replaced whole, so that doing it again is harmless.
pub(super) async fn escalate(stage: &mut Stage<'_>, ending: Ending) -> Result<Done, StepError> {
    let step = Step::Escalate { ending }.name();
    let (again, why): (Vec<_>, Vec<_>) =
        std::mem::take(&mut stage.failures).into_iter().partition(|f| f.step == step);
    stage.failures = why;
    if let Some(failure) = stage.failures.last() {
        stage.facts.reason.clone_from(&failure.reason);
    }
    let matter = matter::of(stage, ending);
    if let Some(matter) = matter {
        if let Some(by) = matter::told_by(stage, matter).await? {
            return Ok(told_before(stage, ToldFacts { by, matter }));
        }
        stage.facts.told = Some(ToldFacts { by: stage.run, matter });
    }
    let text = text(stage, ending);
    let folder = stage.house.settings.escalations();
    let path = folder.join(format!("{}.md", stage.run));
    if let Err(error) = write(stage, &path, text.clone().into_bytes()).await? {
        let problem = format!("writing `{}`: {error}", path.display());
        // The text is in the audit log at once: this may be all that people ever find of it.
        if again.is_empty() {
            let note = Note::new("run.escalation_unwritten", problem.clone())
                .fact("ending", ending.name())
                .payload("escalation", text.into_bytes());
            stage.note(note);
        }
        let line = format!("people cannot be told: {problem}");
        stage.house.listener.hear(&Progress::Warning { line });
        return Err(StepError::infrastructure(problem));
    }
    stage.house.failpoint.hit("escalation-half-sent");
    let note = Note::new("run.escalated", stage.facts.reason.clone())
        .fact("ending", ending.name())
        .fact("failures", stage.failures.len())
        .payload("escalation", text.into_bytes());
    stage.note(note);
    Ok(Done::Escalated)
}

/// Leaves people in peace: they know.
fn told_before(stage: &mut Stage<'_>, told: ToldFacts) -> Done {
    let facts = &mut stage.facts;
    facts.reason =
        format!("nothing has changed since {} told people: {}", told.by, first_line(&facts.reason));
    facts.told = Some(told);
    let note = Note::new("run.told_before", stage.facts.reason.clone())
        .fact("by", told.by.to_string())
        .fact("matter", told.matter.to_string());
    stage.note(note);
    Done::ToldBefore
}

/// Writes the file beside its place first, under a name that no other process writes to; it takes its place only where the
/// step is still this process's.
async fn write(
    stage: &Stage<'_>,
    path: &Path,
    bytes: Vec<u8>,
) -> Result<std::io::Result<()>, StepError> {
    stage.still_ours().await?;
    let folder = path.parent().unwrap_or_else(|| Path::new(".")).to_owned();
    let within = folder.clone();
    let half = crate::supervise::blocking("write escalation", move || half(&within, &bytes));
    let half = match half.await.map_err(crate::HouseError::from)? {
        Ok(half) => half,
        Err(error) => return Ok(Err(error)),
    };
    stage.still_ours().await?;
    let path = path.to_owned();
    let placed = crate::supervise::blocking("place escalation", move || {
        half.persist(&path).map_err(|error| error.error)?;
        std::fs::File::open(folder)?.sync_all()
    });
    Ok(placed.await.map_err(crate::HouseError::from)?)
}

fn half(folder: &Path, bytes: &[u8]) -> std::io::Result<NamedTempFile> {
    std::fs::create_dir_all(folder)?;
    let mut half = NamedTempFile::new_in(folder)?;
    std::io::Write::write_all(&mut half, bytes)?;
    half.as_file().sync_all()?;
    Ok(half)
}

fn text(stage: &Stage<'_>, ending: Ending) -> String {
    let facts = &stage.facts;
    let mut text = format!("# {} needs people: {}\n\n", stage.name, first_line(&facts.reason));
    let mut line = |args: std::fmt::Arguments<'_>| {
        text.write_fmt(args).expect("a text takes every text");
        text.push('\n');
    };
    line(format_args!("- run: `{}` ({})", stage.run, ending.name()));
    line(format_args!("- repository: `{}`", facts.request.source));
    if let (Some(base), Some(branch)) = (&facts.base, &facts.branch) {
        line(format_args!("- base: `{branch}` at `{}`", base.short()));
    }
    line(format_args!("- asked for by: `{}`", facts.request.actor.name));
    for failure in &stage.failures {
        line(format_args!(
            "\n## Attempt {}, step {} ({})\n\n```\n{}\n```",
            failure.attempt,
            failure.step,
            failure.class.name(),
            failure.reason.replace("```", "'''")
        ));
    }
    if let Some(outcome) = &facts.outcome {
        if !outcome.left.is_empty() {
            line(format_args!("\n## Left for people\n"));
        }
        for left in &outcome.left {
            let advisory = left.advisory.as_deref().map(|a| format!("{a}: ")).unwrap_or_default();
            let why = serde_json::to_value(left.why).unwrap_or_default();
            let why = why.as_str().unwrap_or_default().to_owned();
            line(format_args!("- {advisory}`{} {}`: {why}", left.package, left.version));
            line(format_args!("\n  ```\n  {}\n  ```", left.detail.replace('\n', "\n  ")));
        }
    }
    text
}

fn first_line(text: &str) -> &str {
    text.lines().next().unwrap_or("no reason was recorded")
}
