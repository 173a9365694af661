//! Notes that wait to be written: in the order in which they came, bounded, one list for a run and all its machines.
//!
//! A machine outlives the step that made it, so what it tells must not hang on a step. The list is written by whoever
//! performs a step of the run: at each heartbeat, whenever a command is about to start, and with the step's end.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use serde_json::json;
use tokio::sync::{Notify, oneshot};

use crate::audit::Note;

/// The most notes that wait. They pile up only while nothing can be written.
const NOTES_MAX: usize = 20_000;

/// The most bytes of payloads that wait.
const BYTES_MAX: usize = 64 * 1024 * 1024;

/// The most requests to the network among them, so that a machine cannot crowd out what the host tells of itself.
const REQUESTS_MAX: usize = NOTES_MAX / 2;

/// The list, shared by all who tell.
#[derive(Debug, Clone, Default)]
pub(crate) struct Pending(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    held: Mutex<Held>,
    wanted: Notify,
}

#[derive(Debug, Default)]
struct Held {
    notes: Vec<Note>,
    bytes: usize,
    requests: usize,
    /// What found no room, by action.
    dropped: BTreeMap<&'static str, u64>,
    waiting: Vec<oneshot::Sender<()>>,
}

/// Notes on their way to the ledger; whoever waits for them goes on when this is dropped.
#[derive(Debug)]
pub(crate) struct Taken {
    pub(crate) notes: Vec<Note>,
    _waiting: Vec<oneshot::Sender<()>>,
}

impl Held {
    fn has_room_for(&self, note: &Note) -> bool {
        self.notes.len() < NOTES_MAX
            && self.bytes + note.bytes() <= BYTES_MAX
            && (!note.is_request() || self.requests < REQUESTS_MAX)
    }

    fn push(&mut self, note: Note) {
        if !self.has_room_for(&note) {
            *self.dropped.entry(note.action()).or_default() += 1;
            return;
        }
        self.bytes += note.bytes();
        self.requests += usize::from(note.is_request());
        self.notes.push(note);
    }

    fn take(&mut self) -> Vec<Note> {
        let mut notes = std::mem::take(&mut self.notes);
        self.bytes = 0;
        self.requests = 0;
        let dropped = std::mem::take(&mut self.dropped);
        if !dropped.is_empty() {
            let reason = "there was no room for them while nothing could be written";
            let note = Note::new("ledger.dropped", reason)
                .fact("entries", dropped.values().sum::<u64>())
                .fact("actions", json!(dropped));
            notes.push(note);
        }
        notes
    }
}

impl Pending {
    /// Adds a note; where there is no room for it, it is counted.
    pub(crate) fn add(&self, note: Note) {
        self.lock().push(note);
    }

    /// Adds a note and waits until whoever writes has tried to write it: at once where the disk has space.
    pub(crate) async fn add_and_wait(&self, note: Note) {
        let (done, written) = oneshot::channel();
        {
            let mut held = self.lock();
            held.push(note);
            held.waiting.push(done);
        }
        self.0.wanted.notify_one();
        // The other end is never used, only dropped.
        drop(written.await);
    }

    /// Waits until somebody waits for their note to be written.
    pub(crate) async fn wanted(&self) {
        self.0.wanted.notified().await;
    }

    /// Takes all notes.
    pub(crate) fn take(&self) -> Taken {
        let mut held = self.lock();
        Taken { notes: held.take(), _waiting: std::mem::take(&mut held.waiting) }
    }

    /// Puts notes back that could not be written, before those that came since.
    pub(crate) fn give_back(&self, notes: Vec<Note>) {
        let mut held = self.lock();
        let since = std::mem::take(&mut held.notes);
        (held.bytes, held.requests) = (0, 0);
        for note in notes.into_iter().chain(since) {
            held.push(note);
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Held> {
        self.0.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_finds_no_room_is_counted_and_told() {
        let pending = Pending::default();
        for _ in 0..REQUESTS_MAX + 7 {
            pending.add(Note::new("egress.refused", "no rule"));
        }
        pending.add(Note::new("command.ran", "a command still has room"));
        let told = pending.take().notes;
        assert_eq!(told.len(), REQUESTS_MAX + 2);
        let last = told.last().unwrap();
        assert_eq!(last.action(), "ledger.dropped");
        assert_eq!(last.value("actions"), Some(&json!({ "egress.refused": 7 })));
    }

    #[test]
    fn what_is_given_back_keeps_its_place_and_the_bound() {
        let pending = Pending::default();
        let full = (0..NOTES_MAX).map(|_| Note::new("command.ran", "")).collect();
        pending.add(Note::new("command.begun", "came since"));
        pending.give_back(full);
        let told = pending.take().notes;
        assert_eq!(told.len(), NOTES_MAX + 1);
        assert_eq!(told.last().unwrap().value("entries"), Some(&json!(1)));
        assert!(pending.take().notes.is_empty());
    }
}
