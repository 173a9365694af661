//! A person asks a run to stop.

use domain::{Actor, RunId};
use runs::Command;
use store::record::RunState;

use crate::audit::Note;
use crate::commit::{Along, Applied};
use crate::error::HouseError;
use crate::house::House;
use crate::request::refused::Asked;

impl House {
    /// Asks a run to stop, and brings it to its end where no process is at work on it. Asking twice is
    /// harmless; a run that is over refuses.
    pub async fn cancel_run(&self, actor: &Actor, run: RunId) -> Result<(), HouseError> {
        let asked = Asked::new(actor, "cancel", ("run", run));
        self.told(asked, self.cancelled(actor, run).await).await
    }

    async fn cancelled(&self, actor: &Actor, run: RunId) -> Result<(), HouseError> {
        let answer = loop {
            let row = self.load(run).await?;
            if let RunState::Proposed { proposal } = row.run.state {
                // An answer that came first counts. One that comes after this look writes the run, so it is looked
                // at again.
                self.carry_out(&self.proposal(proposal).await?).await?;
            }
            let scribe = self.scribe_of(&row)?.by(actor);
            let along = Along {
                notes: vec![Note::new("run.cancel_asked", "a person asked for it")],
                ..Along::default()
            };
            if let Some(answer) = self.apply_to(&row, &Command::Cancel, &scribe, along).await? {
                break answer;
            }
        };
        self.drain(run).await?;
        match answer {
            Applied::Taken => Ok(()),
            Applied::Refused(refused) => Err(HouseError::Refused(refused.to_string())),
        }
    }
}
