//! A proposal that is over leaves no branch behind: it goes where it is still as hob left it, and the run ends.

use domain::Actor;
use runs::{Answer, Command};
use store::record::{Proposal, RunState};

use crate::audit::Note;
use crate::commit::Along;
use crate::error::HouseError;
use crate::house::House;

impl House {
    /// Ends the run of a proposal that was answered; one that has ended meanwhile stays as it is. The branch of one that
    /// was merged or superseded goes first: a process that dies in between does it again.
    pub(crate) async fn end_run(
        &self,
        actor: &Actor,
        proposal: &Proposal,
        answer: Answer,
    ) -> Result<(), HouseError> {
        let row = self.load(proposal.run).await?;
        let scribe = self.scribe_of(&row)?.by(actor);
        let mut along = Along::default();
        if matches!(row.run.state, RunState::Proposed { .. }) {
            match answer {
                Answer::Merged => along.notes.push(self.spent(proposal, "it was merged").await),
                Answer::Superseded => {
                    along.notes.push(self.spent(proposal, "a newer one took its place").await);
                }
                // It went before the answer counted.
                Answer::Rejected => {}
            }
        }
        // Who ended it meanwhile has had the last word.
        self.apply(proposal.run, &Command::Answered { answer }, &scribe, along).await.map(drop)
    }

    /// Takes the branch away, and says what became of it.
    async fn spent(&self, proposal: &Proposal, why: &str) -> Note {
        let gone = self.remove_branch(proposal).await;
        self.failpoint.hit("spent-branch-gone");
        let note = Note::new("branch.withdrawn", why)
            .fact("proposal", proposal.id.to_string())
            .fact("branch", proposal.branch.as_str());
        match gone {
            Ok(()) => note,
            Err(error) => note.fact("branch_kept_because", crate::chain(&error)),
        }
    }
}
