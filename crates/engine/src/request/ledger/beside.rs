//! What the database holds beside the log: payloads that entries name, how runs have ended, what became
//! of proposals. The log's signed bytes say how it should be.

use std::collections::{BTreeMap, BTreeSet};

use domain::{CommitId, Digest, ProposalId, RunId};
use ledger::Entry;
use ledger::verify::FAULTS_MAX;
use store::error::Error as StoreError;
use store::port::{ProposalFilter, RunFilter};
use store::record::{LedgerRow, Proposal, ProposalState, StoredPayload};

use super::erase::{self, Erasure};
use crate::error::HouseError;
use crate::house::House;
use crate::keeper::checkpoint;

/// What the log says, and where the database says something else.
#[derive(Debug, Default)]
pub(super) struct Beside {
    said: Said,
    /// Payloads that are gone, with the place of the entry that names them.
    gone: Vec<(Digest, String)>,
    /// Payloads that are there, with the place of the entry that names them.
    there: BTreeMap<Digest, String>,
    pub(super) faults: Vec<String>,
    pub(super) more: usize,
    pub(super) remarks: Vec<String>,
    /// Who has erased what, and why.
    pub(super) erasures: Vec<Erasure>,
}

/// What entries say became of things; the last word counts.
#[derive(Debug, Default, Clone)]
struct Said {
    endings: BTreeMap<RunId, String>,
    answers: BTreeMap<ProposalId, Vec<String>>,
    published: BTreeMap<ProposalId, Facts>,
    approvals: BTreeSet<(ProposalId, String, String)>,
    erased: BTreeSet<Digest>,
}

/// The small facts of an entry.
type Facts = BTreeMap<String, serde_json::Value>;

impl Said {
    fn hear(&mut self, entry: &Entry) {
        let fact = |name: &str| entry.facts.get(name).and_then(|value| value.as_str());
        self.erased.extend(erase::digests(entry));
        match (entry.action.as_str(), entry.run) {
            ("run.ended", Some(run)) => {
                self.endings.insert(run, entry.reason.clone());
            }
            (action, _) => {
                let answer = action.strip_prefix("proposal.");
                let proposal: Option<ProposalId> =
                    fact("proposal").and_then(|text| text.parse().ok());
                let (Some(answer), Some(proposal)) = (answer, proposal) else { return };
                match answer {
                    "published" => {
                        self.published.insert(proposal, entry.facts.clone());
                    }
                    "approved" => {
                        let digest = fact("digest").unwrap_or_default().to_owned();
                        self.approvals.insert((proposal, entry.actor.clone(), digest));
                    }
                    _ => {}
                }
                self.answers.entry(proposal).or_default().push(answer.to_owned());
            }
        }
    }
}

impl Beside {
    fn fault(&mut self, fault: String) {
        if self.faults.len() < FAULTS_MAX {
            self.faults.push(fault);
        } else {
            self.more += 1;
        }
    }

    /// Lays an entry beside what it is filed under and what it names.
    pub(super) async fn look(&mut self, house: &House, row: &LedgerRow) -> Result<(), HouseError> {
        // What cannot be read is told by the verifier.
        let Ok(entry) = Entry::parse(&row.entry.bytes) else { return Ok(()) };
        let index = row.index;
        let name = |run: Option<RunId>| run.map_or_else(|| "no run".to_owned(), |r| r.to_string());
        if row.entry.run != entry.run {
            let (filed, signed) = (name(row.entry.run), name(entry.run));
            self.fault(format!("entry {index} is about {signed} and is filed under {filed}"));
        }
        for named in &entry.payloads {
            let place = format!("entry {index}: its payload `{}` ({})", named.name, named.digest);
            match house.store.payload(named.digest).await {
                Ok(Some(StoredPayload::Erased { .. })) => self.gone.push((named.digest, place)),
                Ok(Some(StoredPayload::Kept(kept))) => {
                    self.there.insert(named.digest, place.clone());
                    if kept.bytes().len() as u64 != named.bytes {
                        self.fault(format!("{place} has not {} bytes", named.bytes));
                    }
                    if kept.run() != entry.run {
                        let (filed, signed) = (name(kept.run()), name(entry.run));
                        self.fault(format!("{place} is about {signed} and is filed under {filed}"));
                    }
                }
                Ok(None) => self.fault(format!("{place} is missing, and was not erased")),
                Err(StoreError::Corrupt { detail, .. }) => {
                    self.fault(format!("{place} was altered: {detail}"));
                }
                Err(error) => return Err(error.into()),
            }
        }
        if entry.action == checkpoint::RENEWED {
            self.remarks.push(format!(
                "entry {index}: no checkpoint was kept outside the database then; whether the log was cut before \
                 it cannot be told"
            ));
        }
        self.erasures.extend(Erasure::of(index, &entry));
        self.said.hear(&entry);
        Ok(())
    }

    /// Lays runs and proposals beside what the log says; `from` is where it was read to.
    pub(super) async fn compare(&mut self, house: &House, from: u64) -> Result<(), HouseError> {
        let (runs, proposals) = (self.runs(house).await?, self.proposals(house).await?);
        // What was said before the rows were read must be in them; what is in them was said by now.
        let mut by_now = self.said.clone();
        let mut from = from;
        while let Some(rows) = house.ledger_page(&mut from).await? {
            rows.iter().filter_map(|row| Entry::parse(&row.entry.bytes).ok()).for_each(|entry| {
                by_now.hear(&entry);
            });
        }
        for (digest, place) in std::mem::take(&mut self.gone) {
            if !by_now.erased.contains(&digest) {
                self.fault(format!("{place} was erased, and no entry says by whom"));
            }
        }
        for digest in &self.said.erased {
            self.remarks.extend(self.there.get(digest).map(|place| {
                format!(
                    "{place} was to be erased and is still there: give the command again, if it is not at work"
                )
            }));
        }
        if let Some(runs) = runs {
            self.compare_runs(&runs, &by_now);
        }
        if let Some(proposals) = proposals {
            self.compare_proposals(&proposals, &by_now);
        }
        Ok(())
    }

    fn compare_runs(&mut self, runs: &BTreeMap<RunId, Option<String>>, by_now: &Said) {
        for (run, ending) in runs {
            let said = by_now.endings.get(run);
            if let Some(ending) = ending
                && said != Some(ending)
            {
                let said = said.map_or("nothing of an end", String::as_str);
                self.fault(format!("{run} ended as {ending}, the log says {said}"));
            }
        }
        for (run, said) in self.said.endings.clone() {
            match runs.get(&run) {
                Some(Some(_)) => {}
                Some(None) => self.fault(format!("{run} is not over, the log says {said}")),
                None => self.fault(format!("{run} is missing, the log says {said}")),
            }
        }
    }

    fn compare_proposals(&mut self, proposals: &BTreeMap<ProposalId, Proposal>, by_now: &Said) {
        for (id, proposal) in proposals {
            let state = proposal.state;
            let is_said = by_now
                .answers
                .get(id)
                .is_some_and(|said| said.iter().any(|word| word == state.name()));
            if state != ProposalState::Open && !is_said {
                self.fault(format!("{id} is {}, the log does not say so", state.name()));
            }
            for approval in &proposal.approvals {
                let said = (*id, approval.actor.clone(), approval.digest.to_string());
                if !by_now.approvals.contains(&said) {
                    let by = &approval.actor;
                    self.fault(format!("{id} was approved by {by}, the log does not say so"));
                }
            }
            let Some(facts) = by_now.published.get(id) else {
                self.fault(format!(
                    "{id} is there, and the log does not say that it was published"
                ));
                continue;
            };
            for (name, value) in published(proposal) {
                let said = facts.get(name).and_then(|value| value.as_str()).unwrap_or_default();
                if said != value {
                    self.fault(format!("{id} has the {name} {value}, the log says {said}"));
                }
            }
        }
        for (proposal, answers) in self.said.answers.clone() {
            let is_final = |word: &&String| {
                ["merged", "rejected", "superseded", "withdrawn"].contains(&word.as_str())
            };
            let last = answers.iter().rfind(is_final);
            match (proposals.get(&proposal).map(|proposal| proposal.state), last) {
                (Some(ProposalState::Open | ProposalState::Approved), Some(last)) => {
                    self.fault(format!("{proposal} waits for an answer, the log says {last}"));
                }
                (Some(_), _) => {}
                (None, _) => self.fault(format!("{proposal} is missing, the log knows it")),
            }
        }
    }

    /// How every run has ended, where it has; nothing where they cannot be read, which is a fault.
    async fn runs(
        &mut self,
        house: &House,
    ) -> Result<Option<BTreeMap<RunId, Option<String>>>, HouseError> {
        let (mut found, mut before) = (BTreeMap::new(), None);
        loop {
            let rows = house.store.runs(RunFilter { before, ..RunFilter::default() }).await;
            let Some(rows) = self.readable(rows)? else { return Ok(None) };
            let Some(last) = rows.last() else { return Ok(Some(found)) };
            before = Some(last.id);
            found.extend(rows.iter().map(|row| {
                let ending = match crate::persist::from_record(&row.run).state {
                    runs::State::Ended { ending } => Some(ending.name().to_owned()),
                    _ => None,
                };
                (row.id, ending)
            }));
        }
    }

    /// Every proposal; nothing where they cannot be read, which is a fault.
    async fn proposals(
        &mut self,
        house: &House,
    ) -> Result<Option<BTreeMap<ProposalId, Proposal>>, HouseError> {
        let (mut found, mut before) = (BTreeMap::new(), None);
        loop {
            let filter = ProposalFilter { before, ..ProposalFilter::default() };
            let rows = house.store.proposals(filter).await;
            let Some(rows) = self.readable(rows)? else { return Ok(None) };
            let Some(last) = rows.last() else { return Ok(Some(found)) };
            before = Some(last.id);
            found.extend(rows.into_iter().map(|row| (row.id, row)));
        }
    }

    fn readable<T>(&mut self, rows: Result<T, StoreError>) -> Result<Option<T>, HouseError> {
        match rows {
            Ok(rows) => Ok(Some(rows)),
            Err(StoreError::Corrupt { place, detail }) => {
                self.fault(format!("{place}: {detail}"));
                Ok(None)
            }
            Err(error) => Err(error.into()),
        }
    }
}

/// What the entry of a proposal's publication says of it too.
fn published(proposal: &Proposal) -> [(&'static str, String); 3] {
    let commit = |commit: &CommitId| commit.as_str().to_owned();
    [
        ("base", commit(&proposal.base)),
        ("head", commit(&proposal.head)),
        ("digest", proposal.digest.to_string()),
    ]
}
