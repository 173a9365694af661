//! One request's line in the ledger: written exactly once, whatever becomes of the request.

use std::sync::Arc;

use domain::machine::EgressRecord;

use crate::port::EgressAudit;

/// The longest texts that a machine can put into the ledger, in characters.
const METHOD_MAX: usize = 32;
const HOST_MAX: usize = 260;
const PATH_MAX: usize = 2048;

/// A line that is being filled; it is recorded when it is closed, at the latest when it is dropped.
#[derive(Debug)]
pub(crate) struct Entry {
    audit: Arc<dyn EgressAudit>,
    record: Option<EgressRecord>,
    spent: Option<String>,
}

/// What is known of a request when its line begins.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Line<'a> {
    pub(crate) method: &'a str,
    pub(crate) host: &'a str,
    /// 0 where none could be read.
    pub(crate) port: u16,
    /// The path, or the whole target as it was sent.
    pub(crate) target: &'a str,
    /// Where it stands apart from the target.
    pub(crate) query: Option<&'a str>,
}

impl Entry {
    /// A request that nobody has decided about yet.
    pub(crate) fn new(audit: &Arc<dyn EgressAudit>, line: &Line<'_>) -> Self {
        let (path, own) = match line.target.split_once('?') {
            Some((path, query)) => (path, Some(query)),
            None => (line.target, None),
        };
        let query = line.query.or(own).map(|query| domain::Digest::of(query.as_bytes()));
        let record = EgressRecord {
            method: printable(line.method, METHOD_MAX),
            host: printable(line.host, HOST_MAX),
            port: line.port,
            path: printable(path, PATH_MAX),
            query,
            allowed: false,
            rule: String::new(),
            status: None,
            bytes: 0,
            cached: false,
        };
        Self { audit: Arc::clone(audit), record: Some(record), spent: None }
    }

    /// A request beyond what the machine may ask in all. It is refused for `reason`; only the first is put on record.
    pub(crate) fn beyond(mut self, reason: String, first: bool) -> Self {
        if !first {
            self.record = None;
        }
        self.spent = Some(reason);
        self
    }

    /// Why nothing more may be asked.
    pub(crate) fn spent(&self) -> Option<&str> {
        self.spent.as_deref()
    }

    /// Changes the line; without effect once it is closed.
    pub(crate) fn note(&mut self, change: impl FnOnce(&mut EgressRecord)) {
        if let Some(record) = &mut self.record {
            change(record);
        }
    }

    /// A rule lets the request through.
    pub(crate) fn allow(&mut self, rule: &str) {
        self.note(|record| {
            record.allowed = true;
            rule.clone_into(&mut record.rule);
        });
    }

    /// The request is refused.
    pub(crate) fn refuse(mut self, reason: &str) {
        self.note(|record| {
            record.allowed = false;
            record.rule = printable(reason, PATH_MAX);
        });
        self.close();
    }

    /// The request was let through and went wrong.
    pub(crate) fn fail(&mut self, reason: &str) {
        self.note(|record| {
            let reason = printable(reason, PATH_MAX);
            record.rule =
                if record.rule.is_empty() { reason } else { format!("{}; {reason}", record.rule) };
        });
        self.close();
    }

    /// It was no request after all: what follows has lines of its own.
    pub(crate) fn forget(mut self) {
        self.record = None;
    }

    /// The line is complete.
    pub(crate) fn close(&mut self) {
        if let Some(record) = self.record.take() {
            self.audit.record(record);
        }
    }
}

impl Drop for Entry {
    fn drop(&mut self) {
        if self.record.is_some() {
            self.fail("the machine did not wait for the end");
        }
    }
}

/// What a machine wrote, fit for a ledger: cut, and with nothing that a terminal would act upon.
fn printable(text: &str, max: usize) -> String {
    text.chars().take(max).map(|char| if char.is_control() { '\u{fffd}' } else { char }).collect()
}
