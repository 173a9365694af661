//! Payloads are erased: their bytes and their salt go, the entries that name them stay, and verify as before.

use domain::{Actor, Digest, RunId};
use ledger::Entry;
use store::port::READ_ROWS_MAX;
use store::record::StoredPayload;

use crate::audit::Note;
use crate::error::HouseError;
use crate::house::House;
use crate::request::refused::Asked;

/// What an entry about erased payloads says happened.
const ERASED: &str = "payload.erased";

/// How many digests one entry names at most.
const DIGESTS_MAX: usize = 100;

/// What is to be erased.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Erasable {
    /// One payload, by the salted digest that its entry names.
    Payload(Digest),
    /// Every payload of a run.
    Run(RunId),
}

/// What came of a request to erase.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Done {
    /// How many payloads were there to erase.
    pub payloads: usize,
    /// Whether their bytes are gone from the disk too. Where another process still reads what was there before they are
    /// not; the next `hob` that finds nobody reading takes them away.
    pub from_disk: bool,
}

/// Who has erased how much, and why: what one entry says.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Erasure {
    /// The entry that says so.
    pub entry: u64,
    /// When.
    pub at: String,
    /// By whom.
    pub by: String,
    /// Why.
    pub why: String,
    /// Of which run, where they belonged to one.
    pub run: Option<String>,
    /// How many payloads.
    pub payloads: usize,
}

impl Erasure {
    /// What an entry says was erased, if it is about that.
    pub(super) fn of(index: u64, entry: &Entry) -> Option<Self> {
        (entry.action == ERASED).then(|| Self {
            entry: index,
            at: entry.at.to_string(),
            by: entry.actor.clone(),
            why: entry.reason.clone(),
            run: entry.run.map(|run| run.to_string()),
            payloads: digests(entry).count(),
        })
    }
}

/// The payloads that an entry says were erased; none where it is about something else.
pub(super) fn digests(entry: &Entry) -> impl Iterator<Item = Digest> + '_ {
    let named = entry.facts.get("digests").filter(|_| entry.action == ERASED);
    let named = named.and_then(|value| value.as_array()).into_iter().flatten();
    named.filter_map(|digest| digest.as_str()?.parse().ok())
}

impl House {
    /// Erases payloads for good, and says whether they are gone from the disk too. Who asked, and why, is in the log
    /// before anything goes.
    ///
    /// # Errors
    /// Where there is no such payload or run, no reason is given, or the store could not.
    pub async fn erase(
        &self,
        actor: &Actor,
        what: Erasable,
        why: &str,
    ) -> Result<Done, HouseError> {
        let asked = match what {
            Erasable::Payload(digest) => Asked::new(actor, "erase", ("payload", digest)),
            Erasable::Run(run) => Asked::new(actor, "erase", ("run", run)),
        };
        self.told(asked, self.erased(actor, what, why).await).await
    }

    async fn erased(&self, actor: &Actor, what: Erasable, why: &str) -> Result<Done, HouseError> {
        if why.trim().is_empty() {
            let hint =
                "say with --reason why it goes: what was erased can never be looked at again";
            return Err(HouseError::fixable("no reason is given", hint));
        }
        let (run, digests) = self.erasable(what).await?;
        let scribe = match run {
            Some(run) => self.scribe_of(&self.load(run).await?)?.by(actor),
            None => self.scribe_of_house(actor),
        };
        for some in digests.chunks(DIGESTS_MAX) {
            let named: Vec<String> = some.iter().map(ToString::to_string).collect();
            let note = Note::new(ERASED, why).fact("digests", named);
            self.write_notes(&scribe, vec![note]).await?;
            self.failpoint.hit("erasure-told");
            self.store.erase(some, self.clock.now()).await?;
        }
        // Asked even where nothing was left to erase: what went before may still be there.
        Ok(Done { payloads: digests.len(), from_disk: self.store.is_cleared().await? })
    }

    async fn all_payloads_of(&self, run: RunId) -> Result<Vec<Digest>, HouseError> {
        let mut all = Vec::new();
        loop {
            let some = self.store.payloads_of(run, all.last().copied(), READ_ROWS_MAX).await?;
            if some.is_empty() {
                return Ok(all);
            }
            all.extend(some);
        }
    }

    /// The run that payloads belong to, and those of them that are still there.
    async fn erasable(&self, what: Erasable) -> Result<(Option<RunId>, Vec<Digest>), HouseError> {
        let (mut run, asked) = match what {
            Erasable::Payload(digest) => (None, vec![digest]),
            Erasable::Run(run) => {
                self.load(run).await?;
                (Some(run), self.all_payloads_of(run).await?)
            }
        };
        let mut there = Vec::new();
        for digest in asked {
            match self.store.payload(digest).await? {
                Some(StoredPayload::Kept(kept)) => {
                    run = run.or(kept.run());
                    there.push(digest);
                }
                Some(StoredPayload::Erased { .. }) => {}
                None => {
                    return Err(HouseError::fixable(
                        format!("there is no payload {digest}"),
                        "`hob ledger show --json` names those of each entry",
                    ));
                }
            }
        }
        Ok((run, there))
    }
}
