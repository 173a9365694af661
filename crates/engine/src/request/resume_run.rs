//! A person asks for an unfinished run to go on.

use domain::{Actor, RunId};
use store::record::RunState;

use crate::audit::Note;
use crate::error::HouseError;
use crate::house::House;
use crate::request::refused::Asked;

impl House {
    /// Says in the ledger who lets a run go on; driving it is the caller's. One that rests, because it is over or its
    /// proposal waits for people, does not go on, and nothing is said.
    pub async fn resume_run(&self, actor: &Actor, run: RunId) -> Result<(), HouseError> {
        let asked = Asked::new(actor, "resume", ("run", run));
        self.told(asked, self.resumed(actor, run).await).await
    }

    async fn resumed(&self, actor: &Actor, run: RunId) -> Result<(), HouseError> {
        let row = self.load(run).await?;
        match row.run.state {
            RunState::Proposed { .. } | RunState::Ended { .. } => Ok(()),
            RunState::Queued
            | RunState::Working { .. }
            | RunState::Waiting { .. }
            | RunState::Stopping { .. } => {
                let scribe = self.scribe_of(&row)?.by(actor);
                let note = Note::new("run.resumed", "a person asked for it to go on")
                    .fact("state", row.run.state.name());
                self.commit(crate::commit::written(&scribe, vec![note])).await
            }
        }
    }
}
