//! Requests to the audit log: verify, show, export, prove, erase.

mod beside;
mod erase;
mod verify;

pub use erase::{Done as Erased, Erasable, Erasure};

use std::collections::BTreeMap;
use std::io::{BufRead, Read as _, Write};
use std::path::Path;

use base64::Engine as _;
use domain::RunId;
use ledger::export::{self, Import};
use ledger::{Bundle, Entry, Inclusion, Verification, VerifierKey, bundle};
use store::record::LedgerRow;

use crate::error::HouseError;
use crate::house::House;

/// How many rows are read at a time.
const PAGE: usize = 2_000;

/// What a verification came to.
#[derive(Debug, Clone, serde::Serialize)]
pub struct Verified {
    /// Whether nothing is wrong.
    pub clean: bool,
    /// How many entries there are.
    pub size: u64,
    /// How many of them a signed checkpoint covers.
    pub sealed: u64,
    /// The root over all of them, base64; empty where places are missing.
    pub root: String,
    /// The key that it was verified by.
    pub key: String,
    /// Whose key that is.
    pub key_of: &'static str,
    /// What is wrong, each with its place.
    pub faults: Vec<String>,
    /// How many more faults there are than are told.
    pub more: usize,
    /// How many entries no checkpoint covers yet: whoever edits the database could still change them.
    pub unsealed: u64,
    /// What is unusual and may be right.
    pub remarks: Vec<String>,
    /// What was erased of the content that entries name, by whom and why.
    pub erasures: Vec<Erasure>,
}

/// An entry for people.
#[derive(Debug, Clone, serde::Serialize)]
pub struct Shown {
    /// Its place in the log.
    pub index: u64,
    /// When.
    pub at: String,
    /// Who.
    pub actor: String,
    /// What.
    pub action: String,
    /// For which run.
    pub run: Option<String>,
    /// Why.
    pub reason: String,
    /// With what small facts.
    pub facts: BTreeMap<String, serde_json::Value>,
    /// With what content, by salted digest.
    pub payloads: Vec<ledger::PayloadRef>,
}

/// What an export or a proof is verified by, besides the key that it names itself.
#[derive(Debug, Clone, Copy, Default)]
pub struct By<'a> {
    /// The key that it must be signed with.
    pub key: Option<&'a str>,
    /// Where this host's own key lies, if it has one.
    pub host_key: Option<&'a Path>,
    /// A checkpoint of the same log that was kept elsewhere: the log must be a continuation of it.
    pub checkpoint: Option<&'a str>,
}

impl By<'_> {
    fn key(&self) -> Result<Option<VerifierKey>, HouseError> {
        self.key.map(VerifierKey::parse).transpose().map_err(|error| {
            HouseError::fixable(error.to_string(), "give the key as `hob ledger verify` prints it")
        })
    }

    fn whose(&self, named: &VerifierKey) -> &'static str {
        let own = || {
            let text = std::fs::read_to_string(self.host_key?).ok()?;
            Some(ledger::SigningKey::parse(&text).ok()?.verifier().clone())
        };
        if self.key.is_some() {
            "the key that was given"
        } else if own().is_some_and(|own| own == *named) {
            "this host's key"
        } else {
            "the file's own key, which proves nothing about who wrote it"
        }
    }
}

/// What a proof came to.
#[derive(Debug, Clone, serde::Serialize)]
pub struct ProofVerified {
    /// Whose entries.
    pub run: RunId,
    /// How many of them are in the log.
    pub entries: usize,
    /// How many entries the log had.
    pub size: u64,
    /// The root over all of them, base64.
    pub root: String,
    /// The key that it was verified by.
    pub key: String,
    /// Whose key that is.
    pub key_of: &'static str,
}

/// Verifies offline what [`House::prove_run`] wrote.
pub fn verify_proof(from: impl BufRead, by: By<'_>) -> Result<ProofVerified, HouseError> {
    let broken = |error: &dyn std::error::Error| {
        let what = format!("the proof does not hold: {}", crate::chain(error));
        HouseError::fixable(what, "ask for the file that `hob ledger prove` wrote")
    };
    let mut text = String::new();
    let max = bundle::BUNDLE_MAX_BYTES as u64 + 1;
    from.take(max).read_to_string(&mut text).map_err(|error| broken(&error))?;
    let bundle = Bundle::parse(text.trim_end()).map_err(|error| broken(&error))?;
    let key = by.key()?;
    let shown = bundle.verify(key.as_ref()).map_err(|error| broken(&error))?;
    Ok(ProofVerified {
        run: bundle.run,
        entries: shown.entries.len(),
        size: shown.size,
        root: base64::engine::general_purpose::STANDARD.encode(shown.root),
        key_of: by.whose(&bundle.key),
        key: key.unwrap_or(bundle.key).to_string(),
    })
}

fn verified(verification: Verification, key: &VerifierKey, key_of: &'static str) -> Verified {
    let root = verification.root.map(|root| base64::engine::general_purpose::STANDARD.encode(root));
    Verified {
        clean: verification.is_clean(),
        size: verification.size,
        sealed: verification.sealed,
        root: root.unwrap_or_default(),
        key: key.to_string(),
        key_of,
        faults: verification.faults.iter().map(ToString::to_string).collect(),
        more: verification.more,
        unsealed: verification.unsealed,
        remarks: verification.remarks.iter().map(ToString::to_string).collect(),
        erasures: Vec::new(),
    }
}

/// Verifies an export offline: by the key that was given, or by the key that it names itself.
pub fn verify_export(mut from: impl BufRead, by: By<'_>) -> Result<Verified, HouseError> {
    let unreadable = |error: &dyn std::error::Error| {
        HouseError::fixable(error.to_string(), "name a file that `hob ledger export` wrote")
    };
    let key = by.key()?;
    // One byte more than a line may have: the reader of lines then says which line is too long.
    let max = export::LINE_MAX_BYTES as u64 + 2;
    let mut import = Import::default();
    let mut line = String::new();
    loop {
        line.clear();
        if from.by_ref().take(max).read_line(&mut line).map_err(|error| unreadable(&error))? == 0 {
            break;
        }
        import.push(line.trim_end_matches('\n')).map_err(|error| unreadable(&error))?;
    }
    let elsewhere: Vec<String> = by.checkpoint.map(str::to_owned).into_iter().collect();
    let imported = import.finish(key.as_ref(), &elsewhere).map_err(|error| unreadable(&error))?;
    let key_of = by.whose(&imported.key);
    Ok(verified(imported.verification, &key.unwrap_or(imported.key), key_of))
}

impl House {
    /// Entries, of one run or from a place on, at most `limit`.
    pub async fn show_ledger(
        &self,
        run: Option<RunId>,
        from: u64,
        limit: usize,
    ) -> Result<Vec<Shown>, HouseError> {
        let rows = match run {
            Some(run) => {
                self.load(run).await?;
                self.rows_of(run, from, limit).await?
            }
            None => self.ledger_of(from, limit).await?,
        };
        rows.into_iter()
            .map(|row| {
                let entry = Entry::parse(&row.entry.bytes).map_err(|error| {
                    HouseError::Inconsistent(format!("entry {}: {error}", row.index))
                })?;
                Ok(Shown {
                    index: row.index,
                    at: entry.at.to_string(),
                    actor: entry.actor,
                    action: entry.action,
                    run: entry.run.map(|run| run.to_string()),
                    reason: entry.reason,
                    facts: entry.facts,
                    payloads: entry.payloads,
                })
            })
            .collect()
    }

    /// A run's entries by their own signed bytes; what the database files them under can be changed.
    async fn rows_of(
        &self,
        run: RunId,
        mut from: u64,
        limit: usize,
    ) -> Result<Vec<LedgerRow>, HouseError> {
        let (name, mut found) = (run.to_string(), Vec::new());
        loop {
            let rows = self.store.ledger_rows(from, PAGE).await?;
            let Some(last) = rows.last().filter(|_| found.len() < limit) else {
                found.truncate(limit);
                return Ok(found);
            };
            from = last.index + 1;
            found.extend(rows.into_iter().filter(|row| {
                // Most entries are of other runs: only those that hold the name at all are read.
                row.entry.run == Some(run)
                    || String::from_utf8_lossy(&row.entry.bytes).contains(&name)
                        && Entry::parse(&row.entry.bytes).is_ok_and(|entry| entry.run == Some(run))
            }));
        }
    }

    /// Writes the whole log so that it verifies anywhere.
    pub async fn export_ledger(&self, out: &mut (dyn Write + Send)) -> Result<(), HouseError> {
        self.seal().await?;
        let io = |error: std::io::Error| {
            HouseError::fixable(format!("writing the export: {error}"), "make space for it")
        };
        let checkpoints = self.all_checkpoints().await?;
        let size = checkpoints.last().map_or(0, |checkpoint| checkpoint.size);
        let header = export::header(self.key.verifier(), size, checkpoints.len() as u64);
        writeln!(out, "{}", header.trim_end()).map_err(io)?;
        for checkpoint in &checkpoints {
            writeln!(out, "{}", export::checkpoint(&checkpoint.note).trim_end()).map_err(io)?;
        }
        let mut from = 0;
        while from < size {
            let rows = self.store.ledger_rows(from, PAGE).await?;
            let Some(last) = rows.last() else { break };
            from = last.index + 1;
            for row in rows.iter().filter(|row| row.index < size) {
                let line = export::entry(row.index, &row.entry.bytes, &row.entry.leaf_hash);
                writeln!(out, "{}", line.trim_end()).map_err(io)?;
            }
        }
        Ok(())
    }

    /// A proof that one run's entries are in the log, as one JSON document.
    pub async fn prove_run(&self, run: RunId) -> Result<String, HouseError> {
        self.load(run).await?;
        self.seal().await?;
        let newest = self.store.newest_checkpoint().await?;
        let newest =
            newest.ok_or_else(|| HouseError::Inconsistent("nothing is sealed".to_owned()))?;
        let broken = |error: ledger::tree::TreeError| HouseError::Inconsistent(error.to_string());
        let mut entries = Vec::new();
        for row in self
            .rows_of(run, 0, usize::MAX)
            .await?
            .into_iter()
            .filter(|row| row.index < newest.size)
        {
            let needed = Inclusion::needed(row.index, newest.size).map_err(broken)?;
            let stored = self.hashes(&needed).await?;
            let proof = Inclusion::prove(&stored, row.index, newest.size).map_err(broken)?;
            entries.push(bundle::Proven {
                index: row.index,
                bytes: row.entry.bytes,
                path: proof.hashes,
            });
        }
        let bundle =
            Bundle { run, key: self.key.verifier().clone(), checkpoint: newest.note, entries };
        Ok(bundle.to_json())
    }
}
