//! What happened in a run, line by line: its states, its commands with their output, what was asked of the network.

use domain::{RunId, Timestamp};
use ledger::Entry;
use store::record::{JournalRow, LedgerRow, RunState, StoredPayload};

use crate::error::HouseError;
use crate::house::House;

/// Where a reader of a run's log stands; the default is the beginning.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LogPlace {
    /// The next entry of the audit log that is new to the reader.
    entry: u64,
    /// The newest row of the journal that the reader has seen.
    seq: u64,
    /// Where the run stood after that row.
    stood: Option<String>,
}

/// The most rows of each kind that one part of a log is made from.
const PART_MAX: usize = 500;

/// One thing that happened.
#[derive(Debug, Clone, serde::Serialize)]
pub struct LogLine {
    /// When.
    pub at: String,
    /// What: an action of the audit log, or `run.state` for a step of the run itself.
    pub what: String,
    /// In a sentence.
    pub said: String,
    /// Whether it is what every run does in the same way, and worth a look only where something is sought.
    #[serde(skip)]
    pub routine: bool,
    /// What a command wrote.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub output: Vec<LogOutput>,
}

/// What a command wrote to one of its streams.
#[derive(Debug, Clone, serde::Serialize)]
pub struct LogOutput {
    /// `stdout` or `stderr`.
    pub stream: String,
    /// The text, with what is not UTF-8 replaced; nothing where it was erased.
    pub text: Option<String>,
}

/// What is new in a run's log.
#[derive(Debug, Clone)]
pub struct LogPart {
    /// In the order of time.
    pub lines: Vec<LogLine>,
    /// Where the next part begins.
    pub next: LogPlace,
    /// Whether there is more to be read at once.
    pub more: bool,
    /// Whether nothing more will follow before a person answers: the run is over, or its proposal waits.
    pub at_rest: bool,
}

impl House {
    /// The lines of a run's log after a place: what is new there, or the first part of it. A run at rest says so in the
    /// same part as its last line. Only what is new is read.
    pub async fn run_log(&self, run: RunId, after: LogPlace) -> Result<LogPart, HouseError> {
        // The state is read first: what a run at rest wrote is then all there to be read.
        let state = self.load(run).await?.run.state;
        let at_rest = matches!(state, RunState::Ended { .. } | RunState::Proposed { .. });
        let rows = self.store.journal(run, after.seq, PART_MAX).await?;
        let entries = self.store.ledger_rows_of_run(run, after.entry, PART_MAX).await?;
        let entries: Vec<(u64, Entry)> = entries
            .iter()
            .map(|row| Ok((row.index, entry_of(row)?)))
            .collect::<Result<_, HouseError>>()?;
        // Where one of the two goes on beyond this part, the other waits for it, so that both are told in the order of
        // time from part to part.
        let journal_until =
            is_full(&entries).then(|| entries.last().map(|(_, entry)| entry.at)).flatten();
        let ledger_until = is_full(&rows).then(|| rows.last().map(|row| row.entry.at)).flatten();
        let (both, more) = match (journal_until, ledger_until) {
            (Some(entry), Some(row)) if entry <= row => ((Some(entry), None), true),
            (Some(_), Some(row)) => ((None, Some(row)), true),
            (until, other) => ((until, other), until.is_some() || other.is_some()),
        };
        let may = |until: Option<Timestamp>, at: Timestamp| until.is_none_or(|until| at <= until);
        let mut next = after;
        let mut dated = Vec::new();
        for row in rows.into_iter().take_while(|row| may(both.0, row.entry.at)) {
            let stands = step_of(&row).unwrap_or_else(|| row.entry.after.clone());
            let from = next.stood.unwrap_or_else(|| row.entry.before.clone());
            dated.push((row.entry.at, state_line(&row, &from, &stands)));
            next.seq = row.seq;
            next.stood = Some(stands);
        }
        for (index, entry) in entries.into_iter().take_while(|(_, entry)| may(both.1, entry.at)) {
            next.entry = index + 1;
            dated.push((entry.at, self.entry_line(entry).await?));
        }
        dated.sort_by_key(|(at, _)| *at);
        let lines = dated.into_iter().map(|(_, line)| line).collect();
        Ok(LogPart { lines, next, more, at_rest: at_rest && !more })
    }

    async fn entry_line(&self, entry: Entry) -> Result<LogLine, HouseError> {
        let mut output = Vec::new();
        for payload in &entry.payloads {
            if !matches!(payload.name.as_str(), "stdout" | "stderr") || payload.bytes == 0 {
                continue;
            }
            let text = match self.store.payload(payload.digest).await? {
                Some(StoredPayload::Kept(kept)) => {
                    Some(String::from_utf8_lossy(kept.bytes()).into_owned())
                }
                Some(StoredPayload::Erased { .. }) | None => None,
            };
            output.push(LogOutput { stream: payload.name.clone(), text });
        }
        Ok(LogLine {
            at: entry.at.to_string(),
            said: said(&entry),
            routine: is_routine(&entry),
            what: entry.action,
            output,
        })
    }
}

/// Whether there may be more than what was read.
const fn is_full<T>(read: &[T]) -> bool {
    read.len() >= PART_MAX
}

fn entry_of(row: &LedgerRow) -> Result<Entry, HouseError> {
    Entry::parse(&row.entry.bytes)
        .map_err(|error| HouseError::Inconsistent(format!("entry {}: {error}", row.index)))
}

/// The step that a row of the journal begins: says more than that the run is under way.
fn step_of(row: &JournalRow) -> Option<String> {
    let actions = row.entry.actions.as_array()?;
    actions.iter().find_map(|action| match crate::outbox::from_document(action) {
        Ok(runs::Action::Perform { step, .. }) => Some(step.name().to_owned()),
        Ok(_) | Err(_) => None,
    })
}

fn state_line(row: &JournalRow, from: &str, to: &str) -> LogLine {
    let command = row.entry.command.get("command").and_then(|name| name.as_str());
    LogLine {
        at: row.entry.at.to_string(),
        what: "run.state".to_owned(),
        said: format!("{from} -> {to} ({})", command.unwrap_or("?")),
        routine: false,
        output: Vec::new(),
    }
}

/// What the commands that take a change out are for, as `forge::export` names it.
const EXPORT_PURPOSE: &str = "export change";

/// Requests that were let through, and the plumbing that takes a change out of a machine where it went well.
fn is_routine(entry: &Entry) -> bool {
    match entry.action.as_str() {
        // What a command came to says all that its beginning does.
        "egress.allowed" | "command.begun" => true,
        "command.ran" => {
            let went_well = entry.facts.get("exit").and_then(serde_json::Value::as_i64) == Some(0);
            went_well && entry.reason == EXPORT_PURPOSE
        }
        _ => false,
    }
}

/// The particulars that a reader looks for first, then the reason.
fn said(entry: &Entry) -> String {
    let text = |name: &str| entry.facts.get(name).and_then(|fact| fact.as_str());
    let number = |name: &str| entry.facts.get(name).and_then(serde_json::Value::as_i64);
    match entry.action.as_str() {
        "command.ran" => {
            let exit =
                number("exit").map_or_else(|| "no exit".to_owned(), |exit| format!("exit {exit}"));
            let millis = number("millis").unwrap_or_default();
            format!("$ {}  ({exit}, {millis} ms)", text("command").unwrap_or("?"))
        }
        "command.begun" => format!("$ {}  (begins)", text("command").unwrap_or("?")),
        "egress.allowed" | "egress.refused" => {
            let [method, host, path] =
                ["method", "host", "path"].map(|name| text(name).unwrap_or("?"));
            format!("{method} {host}{path}: {}", entry.reason)
        }
        _ => entry.reason.clone(),
    }
}

#[cfg(test)]
mod tests;
