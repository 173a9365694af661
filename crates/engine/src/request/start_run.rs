//! A person asks for a run on a repository.

use std::path::PathBuf;

use domain::agent::{Brain, Playbook};
use domain::event::Event;
use domain::{Actor, EventId, RunId};
use forge::Source;
use routing::admission::{Admission, Standing, decide, identity};
use routing::definition::{DefinitionError, OverrideError, Setting, Weight, read, without_effect};
use runs::{Limits, Run};
use serde_json::json;
use store::error::CommitError;
use store::port::RunFilter;
use store::record::{AgentVersion, EventOutcome, JournalEntry, OutcomeRow, RunRow};
use store::transaction::{Guard, Write};
use toolbox::advisories::Database;

use crate::audit::{Note, Scribe};
use crate::error::HouseError;
use crate::facts::{Facts, Request};
use crate::house::House;
use crate::progress::Progress;

/// How often a run that began at the same instant may have ended before it could be joined.
const RACES_MAX: usize = 8;

/// What to do about a definition that is none.
const CHECK_HINT: &str = "`hob agents check FILE` shows all that is wrong";

/// What to do about a limit that holds a request back: it is no verdict on anything.
const LIMIT_HINT: &str = "`hob review list` shows what waits: merge or reject some of it, or raise the limit in the definition";

/// What is asked for.
#[derive(Debug, Clone)]
pub struct StartRun {
    /// The definition's text.
    pub definition: String,
    /// Settings on top of it.
    pub settings: Vec<String>,
    /// The repository as its user names it: an absolute path or a URL.
    pub source: String,
    /// The branch, where one is named.
    pub branch: Option<String>,
    /// Where the advisories are.
    pub advisories: Option<String>,
}

impl Request {
    /// The agent that the request's definition makes.
    pub(crate) fn agent(&self) -> Result<domain::agent::Agent, HouseError> {
        agent(&self.definition, &self.settings)
    }
}

fn agent(definition: &str, settings: &[String]) -> Result<domain::agent::Agent, HouseError> {
    let settings = settings
        .iter()
        .map(|text| text.parse::<Setting>())
        .collect::<Result<Vec<_>, _>>()
        .map_err(|error| bad_setting(&error))?;
    read(definition, &settings).map_err(|error| match &error {
        DefinitionError::Override(error) => bad_setting(error),
        DefinitionError::TooLarge { .. }
        | DefinitionError::NoFrontMatter
        | DefinitionError::Front { .. }
        | DefinitionError::Value { .. } => HouseError::fixable(error.to_string(), CHECK_HINT),
    })
}

fn bad_setting(error: &OverrideError) -> HouseError {
    let hint = format!("for example: --set {}", error.example());
    HouseError::fixable(format!("--set: {error}"), hint)
}

/// Whether there are advisories to work from. What is not readable at all is found out before anything begins; a
/// few broken files among good ones are named in the result.
async fn has_advisories(path: Option<&str>) -> Result<(), HouseError> {
    let Some(path) = path.map(PathBuf::from) else {
        return Err(HouseError::fixable(
            "no advisories were named",
            "name a folder, a zip or a file of OSV, RustSec or PyPA advisories with --advisories",
        ));
    };
    crate::supervise::blocking("look for advisories", move || Database::probe(&path))
        .await?
        .map_err(|error| HouseError::fixable(crate::chain(&error), error.hint()))
}

/// What a first look at a request found.
#[derive(Debug, Clone)]
pub struct Looked {
    agent: domain::agent::Agent,
    repository: String,
}

impl House {
    /// Tells which keys of a definition have no effect; one that promises safety by such a key starts nothing.
    fn tell_of_no_effect(&self, definition: &str) -> Result<(), HouseError> {
        let keys = without_effect(definition)
            .map_err(|error| HouseError::fixable(error.to_string(), CHECK_HINT))?;
        let line = |weight| {
            let of_weight = keys.iter().filter(|key| key.weight == weight);
            of_weight.map(ToString::to_string).collect::<Vec<_>>().join("; ")
        };
        let refused = line(Weight::Refused);
        if !refused.is_empty() {
            let hint =
                "take what has no effect out of the definition, so that it promises what is held";
            return Err(HouseError::fixable(refused, hint));
        }
        let told = line(Weight::Told);
        if !told.is_empty() {
            self.listener.hear(&Progress::Warning { line: told });
        }
        Ok(())
    }

    /// Accepts the request as an event and starts a run, or joins the unfinished one of the same work.
    pub async fn start_run(&self, actor: &Actor, asked: StartRun) -> Result<RunId, HouseError> {
        let looked = self.look_at(&asked).await?;
        self.start_looked_at(actor, asked, &looked).await
    }

    /// Finds the mistakes of a request; needs no workshop and begins nothing.
    pub async fn look_at(&self, asked: &StartRun) -> Result<Looked, HouseError> {
        let agent = agent(&asked.definition, &asked.settings)?;
        self.tell_of_no_effect(&asked.definition)?;
        let Brain::Playbook(playbook) = &agent.brain;
        match playbook {
            Playbook::Remediation(_) => has_advisories(asked.advisories.as_deref()).await?,
            Playbook::Updates(_) if asked.advisories.is_some() => {
                let line = format!(
                    "advisories have no effect on `{}`: it moves what is outdated, vulnerable or not",
                    agent.name
                );
                self.listener.hear(&Progress::Warning { line });
            }
            Playbook::Updates(_) => {}
        }
        let source = Source::find(&asked.source, std::path::Path::new("/"))
            .map_err(|error| HouseError::fixable(crate::chain(&error), error.hint()))?;
        let scratch = self.scratch()?;
        self.mirrors
            .look(&source, asked.branch.as_deref(), scratch.path())
            .await
            .map_err(|error| HouseError::fixable(crate::chain(&error), error.hint()))?;
        Ok(Looked { agent, repository: source.identity() })
    }

    /// Starts the run of a request that was looked at.
    pub async fn start_looked_at(
        &self,
        actor: &Actor,
        asked: StartRun,
        looked: &Looked,
    ) -> Result<RunId, HouseError> {
        let Looked { agent, repository } = looked;
        let branch = asked.branch.as_deref().unwrap_or("HEAD");
        let work = identity(agent, repository, branch, asked.advisories.as_deref());
        for _ in 0..RACES_MAX {
            let standing = self.standing(&agent.name, repository, &work.to_string()).await?;
            let event = self.event(actor, &asked, &agent.name);
            match decide(agent, &asked.source, &standing) {
                Admission::Join(run) => {
                    let outcome = EventOutcome::Coalesced { run };
                    let scribe = self.scribe_of(&self.load(run).await?)?.by(&event.actor);
                    let why = "joins the unfinished run";
                    self.settle(event, (outcome, "joined"), why, &scribe).await?;
                    self.listener.hear(&Progress::Run { run, resumed: true });
                    return Ok(run);
                }
                Admission::Filtered { reason } => {
                    let outcome = EventOutcome::Filtered { reason: reason.clone() };
                    let scribe = self.scribe_of_house(&event.actor);
                    self.settle(event, (outcome, "filtered"), &reason, &scribe).await?;
                    return Err(HouseError::Refused(reason));
                }
                Admission::Limited { limit } => {
                    let outcome = EventOutcome::RateLimited { limit: limit.clone() };
                    let scribe = self.scribe_of_house(&event.actor);
                    self.settle(event, (outcome, "limited"), &limit, &scribe).await?;
                    return Err(HouseError::fixable(limit, LIMIT_HINT));
                }
                Admission::Start => {
                    let row = self.new_run(agent, (repository, work.to_string()), &asked, &event);
                    match self.accept(event, row).await {
                        Ok(run) => {
                            self.failpoint.hit("run-accepted");
                            self.listener.hear(&Progress::Run { run, resumed: false });
                            return Ok(run);
                        }
                        // Somebody else began the same work at the same instant: it is joined.
                        Err(HouseError::Commit(CommitError::Duplicate { what: "run", .. })) => {}
                        Err(error) => return Err(error),
                    }
                }
            }
        }
        Err(HouseError::fixable(
            format!(
                "{RACES_MAX} other runs of the same work began and ended while this one was accepted"
            ),
            "look at `hob runs list`, and ask again",
        ))
    }

    async fn standing(
        &self,
        agent: &str,
        repository: &str,
        identity: &str,
    ) -> Result<Standing, HouseError> {
        let filter = RunFilter {
            identity: Some(identity.to_owned()),
            unfinished: true,
            ..RunFilter::default()
        };
        let unfinished = self
            .runs_of(filter, usize::MAX)
            .await?
            .into_iter()
            .find(|row| row.run.state.name() != "proposed")
            .map(|row| row.id);
        let open = self.open_proposals(agent, repository).await?.len();
        Ok(Standing { unfinished, open_proposals: u32::try_from(open).unwrap_or(u32::MAX) })
    }

    fn event(&self, actor: &Actor, asked: &StartRun, agent: &str) -> Event {
        let id = EventId::fresh(&*self.clock);
        Event {
            id,
            source: "hob:command-line".to_owned(),
            delivery: id.to_string(),
            kind: "ticket.run".to_owned(),
            repository: asked.source.clone(),
            actor: actor.clone(),
            at: self.clock.now(),
            lineage: None,
            payload: json!({
                "agent": agent,
                "settings": asked.settings,
                "branch": asked.branch,
                "advisories": asked.advisories,
            })
            .to_string(),
        }
    }

    fn new_run(
        &self,
        agent: &domain::agent::Agent,
        (repository, identity): (&str, String),
        asked: &StartRun,
        event: &Event,
    ) -> RunRow {
        let now = self.clock.now();
        let limits = Limits {
            attempts_max: agent.budget.attempts,
            losses_max: self.settings.losses_max,
            time_ms: agent.budget.time_ms,
            backoff_ms: self.settings.backoff_ms,
            backoff_max_ms: self.settings.backoff_max_ms,
        };
        let facts = Facts::new(Request {
            event: event.id,
            actor: event.actor.clone(),
            source: asked.source.clone(),
            branch: asked.branch.clone(),
            definition: asked.definition.clone(),
            settings: asked.settings.clone(),
            advisories: asked.advisories.clone(),
        });
        RunRow {
            id: RunId::fresh(&*self.clock),
            revision: 0,
            agent: AgentVersion { name: agent.name.clone(), digest: agent.version },
            repository: repository.to_owned(),
            identity,
            run: crate::persist::to_record(&Run::accepted(now, limits)),
            facts: facts.document(),
            updated: now,
        }
    }

    async fn accept(&self, event: Event, row: RunRow) -> Result<RunId, HouseError> {
        let run = row.id;
        let scribe = Scribe { actor: event.actor.clone(), ..self.scribe_of(&row)? };
        let note = Note::new("run.accepted", "a person asked for it")
            .fact("event", event.id.to_string())
            .fact("kind", event.kind.as_str())
            .payload("event", event.payload.clone().into_bytes());
        let mut tx = crate::commit::written(&scribe, vec![note]);
        tx.journal = vec![JournalEntry {
            run,
            at: self.clock.now(),
            command: json!({ "command": "accept", "event": event.id }),
            before: "new".to_owned(),
            after: row.run.state.name().to_owned(),
            actions: json!([]),
        }];
        tx.guards = vec![Guard::NoUnfinishedRun { identity: row.identity.clone() }];
        tx.outcomes = vec![OutcomeRow {
            event: event.id,
            outcome: EventOutcome::Ran { run },
            at: self.clock.now(),
        }];
        tx.events = vec![event.into()];
        self.watch(&row)?;
        tx.runs = vec![Write::Insert(row)];
        self.commit(tx).await?;
        Ok(run)
    }

    /// Tells what became of a request that starts no run: in the name of the run that it joins, where it joins one.
    async fn settle(
        &self,
        event: Event,
        (outcome, told): (EventOutcome, &str),
        reason: &str,
        scribe: &Scribe,
    ) -> Result<(), HouseError> {
        let note = Note::new("event.settled", reason)
            .fact("event", event.id.to_string())
            .fact("outcome", told)
            .fact("repository", event.repository.as_str());
        let mut tx = crate::commit::written(scribe, vec![note]);
        tx.outcomes = vec![OutcomeRow { event: event.id, outcome, at: self.clock.now() }];
        tx.events = vec![event.into()];
        self.commit(tx).await
    }
}
