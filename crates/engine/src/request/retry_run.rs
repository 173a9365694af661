//! A person asks for an ended run's work once more.

use domain::{Actor, RunId};

use crate::audit::Note;
use crate::commit::written;
use crate::error::HouseError;
use crate::facts::Facts;
use crate::house::House;
use crate::request::refused::Asked;
use crate::request::start_run::StartRun;

impl House {
    /// Starts a run of the same definition, settings and repository as one that is over, on the repository
    /// as it is now. Joins the unfinished run where the same work is under way already.
    pub async fn retry_run(&self, actor: &Actor, run: RunId) -> Result<RunId, HouseError> {
        let asked = Asked::new(actor, "retry", ("run", run));
        self.told(asked, self.retried(actor, run).await).await
    }

    async fn retried(&self, actor: &Actor, run: RunId) -> Result<RunId, HouseError> {
        let row = self.load(run).await?;
        if !row.run.state.is_ended() {
            return Err(HouseError::fixable(
                format!("{run} is not over: it is {}", row.run.state.name()),
                "let it go on with `hob runs resume`, answer its proposal, or stop it with `hob runs cancel`",
            ));
        }
        let asked = Facts::read(run, &row.facts)?.request;
        let again = StartRun {
            definition: asked.definition,
            settings: asked.settings,
            source: asked.source,
            branch: asked.branch,
            advisories: asked.advisories,
        };
        let started = self.start_run(actor, again).await?;
        let scribe = self.scribe_of(&row)?.by(actor);
        let note = Note::new("run.retried", "a person asked for it once more")
            .fact("as", started.to_string());
        self.commit(written(&scribe, vec![note])).await?;
        Ok(started)
    }
}
