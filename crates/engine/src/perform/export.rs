//! Export: the change comes out of the machine, as hostile bytes.

use domain::change::Change;
use domain::dependency::Why;
use domain::report::ProposalReport;
use domain::{CommitId, MachineId};
use forge::export::Authorship;
use forge::ingest::Attempt;
use runs::Done;
use sandbox::port::TRANSFER_FOLDER;

use super::{Stage, StepError, machine};
use crate::audit::Note;
use crate::facts::ChangeFacts;
use crate::progress::Progress;
use crate::space::Patience;

/// Takes the change out, reads it strictly and keeps it in the mirror.
pub(super) async fn export(stage: &mut Stage<'_>, id: MachineId) -> Result<Done, StepError> {
    let base = stage.base()?;
    let held = stage.house.take_machine(id).ok_or_else(|| {
        StepError::infrastructure("the machine with the change is gone with its process")
    })?;
    let folder = stage.house.scratch()?;
    let bundle = folder.path().join("change.bundle");
    for command in forge::export::commands(&base, TRANSFER_FOLDER, stage.facts.shallow) {
        let result = crate::workspace::run(&*held, &command, &stage.house.listener).await?;
        if !result.success() {
            return Err(StepError::agent(format!(
                "`{}` failed: {}",
                command.display(),
                domain::limit::tail_chars(&result.stderr_text(), 500)
            )));
        }
    }
    let max = domain::limit::EXPORT_MAX_BYTES;
    let came = machine::get_file(&*held, forge::export::BUNDLE_NAME, max, &bundle).await?;
    held.close().await?;
    if !came {
        return no_change(stage, "the work tree is as it was");
    }
    let mut patience = Patience::default();
    let change = loop {
        match take_over(stage, &base, &bundle).await {
            Ok(change) => break change,
            Err(error) => stage.wait_for_space(&mut patience, error).await?,
        }
    };
    stage.house.failpoint.hit("change-exported");
    let Some(change) = change else {
        return no_change(stage, "the work tree is as it was");
    };
    let note = Note::new("change.exported", "read strictly from a bundle")
        .fact("base", change.base.as_str())
        .fact("head", change.head.as_str())
        .fact("tree", change.tree.as_str())
        .fact("digest", change.digest.to_string())
        .fact("files", change.files.iter().map(|f| f.path.as_str()).collect::<Vec<_>>());
    stage.note(note);
    stage.facts.change = Some(ChangeFacts {
        head: change.head.clone(),
        tree: change.tree.clone(),
        digest: change.digest,
    });
    if let Some(found) = already_proposed(stage, &change).await? {
        let reason = format!("{} already proposes exactly this", found.id);
        stage.facts.proposal = Some(found);
        return no_change(stage, &reason);
    }
    if let Some(reason) = stage.rejected(&change).await? {
        leave_rejected(stage, &reason);
        return no_change(stage, &reason);
    }
    Ok(Done::Exported)
}

/// Reads the bundle strictly; the commit is made anew by the host.
async fn take_over(
    stage: &Stage<'_>,
    base: &CommitId,
    bundle: &std::path::Path,
) -> Result<Option<Change>, StepError> {
    let attempt = Attempt { run: stage.run, number: stage.attempt, fence: stage.fence };
    let title = stage.facts.outcome.as_ref().map(|o| o.title.clone()).unwrap_or_default();
    let authorship = Authorship {
        name: "hob".to_owned(),
        email: "hob@localhost".to_owned(),
        at: stage.house.clock.now(),
        message: format!("{title}\n\nHob-Agent: {}\nHob-Run: {}\n", stage.name, stage.run),
    };
    let mirror = stage.mirror()?;
    let limits = forge::ingest::Limits::default();
    let ingested =
        forge::ingest::ingest(&mirror, bundle, base, (&attempt, &authorship), limits).await?;
    let Some(ingested) = ingested else { return Ok(None) };
    for line in ingested.notes {
        stage.house.listener.hear(&Progress::Warning { line });
    }
    Ok(Some(ingested.change))
}

impl From<forge::ingest::IngestError> for StepError {
    fn from(error: forge::ingest::IngestError) -> Self {
        let reason = crate::chain(&error);
        match error {
            forge::ingest::IngestError::Hostile(_) => Self::policy(reason),
            forge::ingest::IngestError::Fence(_)
            | forge::ingest::IngestError::Mirror(_)
            | forge::ingest::IngestError::Git(_)
            | forge::ingest::IngestError::Tree(_)
            | forge::ingest::IngestError::Io { .. } => Self::infrastructure(reason),
        }
    }
}

/// What was changed is left as it was.
fn leave_rejected(stage: &mut Stage<'_>, reason: &str) {
    let Some(outcome) = &mut stage.facts.outcome else { return };
    for update in std::mem::take(&mut outcome.updates) {
        outcome.left.extend(crate::report::left_of(&update, Why::Rejected, reason));
    }
}

fn no_change(stage: &mut Stage<'_>, reason: &str) -> Result<Done, StepError> {
    reason.clone_into(&mut stage.facts.reason);
    Ok(Done::NoChange)
}

/// An open proposal of this agent that holds the same tree on the same base.
async fn already_proposed(
    stage: &Stage<'_>,
    change: &Change,
) -> Result<Option<ProposalReport>, StepError> {
    let open = stage.open_proposals().await?;
    let tree = change.tree.as_str();
    let same = open.into_iter().find(|proposal| {
        proposal.base == change.base
            && proposal.facts.get("tree").and_then(|t| t.as_str()) == Some(tree)
    });
    Ok(same.map(|proposal| crate::request::review::report(&proposal)))
}
