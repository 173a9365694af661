//! Everything wired together: what a request or an action has at hand.

use std::collections::{BTreeMap, HashMap};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use agent::playbook::Memo;
use domain::{Actor, Clock, CommitId, RunId};
use forge::{Git, Mirrors};
use sandbox::port::Sandbox;
use sandbox::preset::Preset;
use store::port::Store;
use store::record::RunRow;
use tokio_util::sync::CancellationToken;
use toolbox::files::FileSet;
use toolbox::registry::client::Client;

use crate::audit::Scribe;
use crate::claims::{Steady, Watched};
use crate::error::HouseError;
use crate::facts::Facts;
use crate::failpoint::Failpoint;
use crate::machines::{Asked, Kept};
use crate::pending::Pending;
use crate::progress::{Listener, Progress};
use crate::reconcile::signals::Signals;
use crate::took::Watches;
use crate::unsealed::Unsealed;
use crate::worker::Worker;

/// How long a process waits at its end for the files of its machines to go.
const SETTLE_MAX: Duration = Duration::from_secs(20);

/// For how many runs the answers of package managers are kept for a next attempt.
const MEMOS_MAX: usize = 4;

/// What the house needs to know.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The data folder.
    pub data: PathBuf,
    /// How long the pause after a first infrastructure loss is, in milliseconds.
    pub backoff_ms: u64,
    /// The longest such pause, in milliseconds.
    pub backoff_max_ms: u64,
    /// Infrastructure losses of one run before people are told.
    pub losses_max: u32,
    /// Whether only one person can reach the data folder.
    pub alone: bool,
}

impl Settings {
    /// Sensible values around a data folder.
    pub fn new(data: PathBuf) -> Self {
        let losses_max = runs::Limits::LOSSES_MAX;
        Self { data, backoff_ms: 2_000, backoff_max_ms: 60_000, losses_max, alone: false }
    }

    /// Where the signing key of the ledger lies.
    pub fn ledger_key(&self) -> PathBuf {
        self.data.join("keys").join("ledger.key")
    }

    /// Where the newest checkpoint of the ledger lies a second time, outside the database.
    pub fn ledger_checkpoint(&self) -> PathBuf {
        self.data.join("keys").join("ledger.checkpoint")
    }

    /// Where the workers' lock files lie.
    pub fn workers(&self) -> PathBuf {
        self.data.join("workers")
    }

    /// Where packs and bundles lie while a step works with them, in a folder for each worker.
    pub fn scratch(&self) -> PathBuf {
        self.data.join("scratch")
    }

    /// Where escalations are written for people.
    pub fn escalations(&self) -> PathBuf {
        self.data.join("escalations")
    }
}

/// What makes machines and asks registries; needed to work on runs, not to answer questions about them.
#[derive(Debug)]
pub struct Workshop {
    /// Makes machines.
    pub sandbox: Arc<dyn Sandbox>,
    /// What each ecosystem's machines may ask of the network.
    pub presets: Vec<Preset>,
    /// Ecosystems whose registry could not be determined, with the reason for a person.
    pub without_registry: Vec<(domain::dependency::Ecosystem, String)>,
    /// Asks registries.
    pub registries: Client,
}

/// The parts that the command line wires.
#[derive(Debug)]
pub struct Parts {
    /// What the house needs to know.
    pub settings: Settings,
    /// Time and randomness.
    pub clock: Arc<dyn Clock>,
    /// Where everything is kept.
    pub store: Arc<dyn Store>,
    /// The hardened program.
    pub git: Git,
    /// What works on runs.
    pub workshop: Option<Workshop>,
    /// Who hears of progress.
    pub listener: Arc<dyn Listener>,
    /// Where a test lets the process die.
    pub failpoint: Failpoint,
}

/// The one door: every request and every action passes here.
#[derive(Debug)]
pub struct House {
    pub(crate) settings: Settings,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) store: Arc<dyn Store>,
    pub(crate) mirrors: Mirrors,
    pub(crate) workshop: Option<Workshop>,
    pub(crate) listener: Arc<dyn Listener>,
    pub(crate) failpoint: Failpoint,
    pub(crate) worker: Worker,
    pub(crate) key: ledger::SigningKey,
    /// What reconcilers were told to look at.
    pub(crate) signals: Signals,
    /// How long runs take.
    pub(crate) watches: Watches,
    /// What this process has written and not seen sealed.
    pub(crate) unsealed: Unsealed,
    /// Machines between two steps.
    pub(crate) kept: Kept,
    /// The machines that this process has asked for.
    pub(crate) asked: Asked,
    /// What package managers answered in the runs under work, by run and base commit.
    memos: Mutex<BTreeMap<(RunId, CommitId), Arc<Memo>>>,
    /// The base that was read last: repository and commit, and its files. The steps of one run ask for the same.
    base_files: Mutex<Option<(Place, Arc<FileSet>)>>,
    /// What the ledger is still to be told about each run under work, and by its machines.
    pendings: Mutex<HashMap<RunId, Pending>>,
    /// The time that runs are held to.
    pub(crate) steady: Steady,
    /// Who holds which action.
    pub(crate) watched: Watched,
    leave: CancellationToken,
}

/// A repository in canonical text, and one of its commits.
type Place = (String, CommitId);

impl House {
    /// Opens the house: takes a worker's name, ends what dead processes have left.
    pub async fn open(parts: Parts) -> Result<Self, HouseError> {
        let folder = parts.settings.data.clone();
        let io = |what: &str, error: std::io::Error| HouseError::data_folder(what, &folder, &error);
        let worker = Worker::enlist(&parts.settings.workers(), &*parts.clock)
            .map_err(|error| io("taking a worker's name", error))?;
        // Looked at before the key: whoever begins a log has made its key first.
        let begun = parts.settings.ledger_checkpoint().exists()
            || parts.store.ledger_size().await? > 0
            || parts.store.ledger_hash_rows().await?.sealed > 0;
        let key = crate::keeper::key(&parts.settings.ledger_key(), &*parts.clock, begun)?;
        let mirrors = Mirrors::open(parts.git.clone(), &parts.settings.data.join("mirrors"))
            .map_err(|error| HouseError::fixable(crate::chain(&error), error.hint()))?;
        std::fs::create_dir_all(parts.settings.scratch().join(worker.name()))
            .map_err(|error| io("making the scratch folder", error))?;
        let house = Self {
            steady: Steady::new(&*parts.clock),
            watched: Watched::default(),
            settings: parts.settings,
            clock: parts.clock,
            store: parts.store,
            mirrors,
            workshop: parts.workshop,
            listener: parts.listener,
            failpoint: parts.failpoint,
            worker,
            key,
            signals: Signals::default(),
            watches: Watches::default(),
            unsealed: Unsealed::default(),
            kept: Kept::default(),
            asked: Asked::default(),
            memos: Mutex::default(),
            base_files: Mutex::default(),
            pendings: Mutex::default(),
            leave: CancellationToken::new(),
        };
        house.bury_the_dead().await?;
        house.begin_ledger().await?;
        Ok(house)
    }

    /// Asks this process to leave: what can be cut is given back and goes on later.
    pub fn leave(&self) {
        self.leave.cancel();
    }

    pub(crate) fn leaving(&self) -> CancellationToken {
        self.leave.clone()
    }

    /// Whether this process was asked to leave.
    pub fn is_leaving(&self) -> bool {
        self.leave.is_cancelled()
    }

    pub(crate) fn stopping(&self) -> bool {
        self.leave.is_cancelled()
    }

    pub(crate) fn workshop(&self) -> Result<&Workshop, HouseError> {
        self.workshop.as_ref().ok_or_else(|| {
            HouseError::fixable(
                "this command cannot work on runs",
                "use `hob run` or `hob runs resume`",
            )
        })
    }

    /// Who writes about a run.
    pub(crate) fn scribe_of(&self, row: &RunRow) -> Result<Scribe, HouseError> {
        let facts = Facts::read(row.id, &row.facts)?;
        Ok(Scribe {
            clock: self.clock.clone(),
            actor: Actor::agent(&row.agent.name),
            run: Some(row.id),
            agent: Some((row.agent.name.clone(), row.agent.digest)),
            repository: Some(facts.request.source),
        })
    }

    /// Who writes about the house itself.
    pub(crate) fn scribe_of_house(&self, actor: &Actor) -> Scribe {
        Scribe {
            clock: self.clock.clone(),
            actor: actor.clone(),
            run: None,
            agent: None,
            repository: None,
        }
    }

    /// A folder of the data folder for one step; gone with the handle, or with the dead worker.
    pub(crate) fn scratch(&self) -> Result<tempfile::TempDir, HouseError> {
        tempfile::tempdir_in(self.settings.scratch().join(self.worker.name())).map_err(|error| {
            HouseError::data_folder("making a scratch folder", &self.settings.data, &error)
        })
    }

    /// What package managers answered in a run on this base commit so far. It is lost with the process: then they are asked
    /// again.
    pub(crate) fn memo(&self, run: RunId, base: &CommitId) -> Arc<Memo> {
        let mut memos = self.memos.lock().unwrap_or_else(PoisonError::into_inner);
        let memo = Arc::clone(memos.entry((run, base.clone())).or_default());
        if memos.len() > MEMOS_MAX {
            // Ids grow with time: the first is the oldest run's.
            let oldest = memos.keys().find(|(other, _)| *other != run).cloned();
            oldest.map(|oldest| memos.remove(&oldest));
        }
        memo
    }

    /// The files of a base, where they were the last to be read.
    pub(crate) fn base_files_of(&self, place: &Place) -> Option<Arc<FileSet>> {
        let kept = self.base_files.lock().unwrap_or_else(PoisonError::into_inner);
        kept.as_ref().filter(|(of, _)| of == place).map(|(_, files)| Arc::clone(files))
    }

    /// Keeps the files of a base until another base is read.
    pub(crate) fn keep_base_files(&self, place: Place, files: &Arc<FileSet>) {
        let mut kept = self.base_files.lock().unwrap_or_else(PoisonError::into_inner);
        *kept = Some((place, Arc::clone(files)));
    }

    /// The list of what the ledger is still to be told about a run: the same one for every step and machine of it.
    pub(crate) fn pending(&self, run: RunId) -> Pending {
        let mut pendings = self.pendings.lock().unwrap_or_else(PoisonError::into_inner);
        pendings.entry(run).or_default().clone()
    }

    /// Tells the ledger what is left to be told about a run that rests.
    pub(crate) async fn tell_the_rest(&self, run: RunId) -> Result<(), HouseError> {
        let left = {
            let mut pendings = self.pendings.lock().unwrap_or_else(PoisonError::into_inner);
            pendings.remove(&run)
        };
        let Some(taken) = left.map(|left| left.take()) else { return Ok(()) };
        if taken.notes.is_empty() {
            return Ok(());
        }
        let scribe = self.scribe_of(&self.load(run).await?)?;
        self.write_notes(&scribe, taken.notes).await
    }

    /// For the end of a process that has stopped driving: gives back what it still holds, takes away its machines, and
    /// waits until nothing of them is left on the host, or for as long as that is sensible. What is left then goes with
    /// the next process, which finds it by its marks.
    pub async fn clear_away(&self) {
        // An action whose result could not be written is nobody's from here on; others need not wait for its lease.
        if let Err(error) = self.store.expire_worker(self.worker.name(), self.clock.now()).await {
            tracing::warn!(%error, "leases end by themselves");
        }
        let Some(workshop) = &self.workshop else { return };
        self.close_machines().await;
        let left = workshop.sandbox.settle(SETTLE_MAX).await;
        if let Err(error) = self.tell_of_machines(left == 0).await {
            tracing::warn!(error = crate::chain(&error), "the ledger is not told of all machines");
        }
        if left > 0 {
            let line = format!(
                "the files of {left} machines are still being removed; the next run goes on with it"
            );
            self.listener.hear(&Progress::Note { line });
        }
    }
}

impl Drop for House {
    fn drop(&mut self) {
        // What stays is removed by the next one who looks for the dead.
        drop(std::fs::remove_dir_all(self.settings.scratch().join(self.worker.name())));
    }
}

#[cfg(test)]
mod tests;
