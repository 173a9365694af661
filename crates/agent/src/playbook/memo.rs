//! What package managers answered in one run: the same question about the same files is never asked twice.
//!
//! A checkout is the base commit and the files that differ from it, so the project's own files, those that differ and
//! what is asked of them are the whole question. The answers of one attempt hold for the next: both start from the same commit, and what the
//! registries said first is what one run goes by. Answers for want of a network are never kept.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use domain::RepoPath;
use sha2::{Digest as _, Sha256};
use toolbox::dependencies::Graph;
use toolbox::files::Content;

use super::checkout::{Mark, Refused};

/// The most bytes of files that are kept; beyond it nothing new is remembered.
const KEPT_MAX_BYTES: usize = 64 * 1024 * 1024;

/// The answers of package managers in one run, for all its attempts on one base commit. Empty at first.
#[derive(Debug, Default)]
pub struct Memo {
    kept: Mutex<Kept>,
}

#[derive(Debug, Default)]
struct Kept {
    moved: BTreeMap<Key, Result<Mark, Refused>>,
    graphs: BTreeMap<Key, Result<Arc<Graph>, Refused>>,
    bytes: usize,
    /// How often a package manager was really asked.
    asked: usize,
}

/// A question, by the digest of all that decides its answer.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Key(Vec<u8>);

/// A question in the making.
#[derive(Debug, Default)]
pub(crate) struct Question(Sha256);

impl Question {
    pub(crate) fn part(mut self, bytes: &[u8]) -> Self {
        self.0.update(u64::try_from(bytes.len()).unwrap_or(u64::MAX).to_be_bytes());
        self.0.update(bytes);
        self
    }

    /// A file and what it holds.
    pub(crate) fn file(self, path: &RepoPath, content: Option<&Content>) -> Self {
        let this = self.part(path.as_str().as_bytes());
        match content {
            Some(Content::Bytes(bytes)) => this.part(bytes),
            other => this.part(format!("{other:?}").as_bytes()).part(b"no bytes"),
        }
    }

    pub(crate) fn key(self) -> Key {
        Key(self.0.finalize().to_vec())
    }
}

impl Memo {
    fn kept(&self) -> MutexGuard<'_, Kept> {
        // Every entry is whole before it goes in.
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts a question that a package manager is really asked; the line says which it is, for a person.
    pub fn count(&self) -> String {
        let mut kept = self.kept();
        kept.asked += 1;
        format!("resolving ({} time)", ordinal(kept.asked))
    }

    pub(crate) fn moved(&self, key: &Key) -> Option<Result<Mark, Refused>> {
        self.kept().moved.get(key).cloned()
    }

    pub(crate) fn keep_moved(&self, key: Key, answer: &Result<Mark, Refused>) {
        let bytes = answer.as_ref().map_or(0, Mark::bytes);
        let mut kept = self.kept();
        if kept.bytes.saturating_add(bytes) <= KEPT_MAX_BYTES {
            kept.bytes += bytes;
            kept.moved.insert(key, answer.clone());
        }
    }

    pub(crate) fn graph(&self, key: &Key) -> Option<Result<Arc<Graph>, Refused>> {
        self.kept().graphs.get(key).cloned()
    }

    pub(crate) fn keep_graph(&self, key: Key, answer: &Result<Arc<Graph>, Refused>) {
        self.kept().graphs.insert(key, answer.clone());
    }
}

fn ordinal(number: usize) -> String {
    let ending = match (number % 10, number % 100) {
        (_, 11..=13) => "th",
        (1, _) => "st",
        (2, _) => "nd",
        (3, _) => "rd",
        _ => "th",
    };
    format!("{number}{ending}")
}

#[cfg(test)]
mod tests {
    use super::ordinal;

    #[test]
    fn numbers_are_said_as_people_say_them() {
        let said = [1, 2, 3, 4, 11, 12, 13, 21, 112, 122].map(ordinal);
        let known = ["1st", "2nd", "3rd", "4th", "11th", "12th", "13th", "21st", "112th", "122nd"];
        assert_eq!(said, known);
    }
}
