//! Ids that name one vulnerability: the connected components of "is an alias of".

use std::collections::HashMap;

/// Groups of ids, over a whole database. Case does not tell two ids apart.
#[derive(Debug, Clone, Default)]
pub(super) struct Aliases {
    numbers: HashMap<String, usize>,
    spelled: Vec<String>,
    parents: Vec<usize>,
}

impl Aliases {
    /// Says that all of `ids` name one vulnerability.
    pub(super) fn link<'a>(&mut self, ids: impl IntoIterator<Item = &'a str>) {
        let mut ids = ids.into_iter().map(str::trim).filter(|id| !id.is_empty());
        let Some(first) = ids.next() else { return };
        let first = self.number(first);
        for id in ids {
            let b = self.number(id);
            let (a, b) = (self.root(first), self.root(b));
            self.parents[b.max(a)] = b.min(a);
        }
    }

    /// The number of an id's group, where the id is known.
    pub(super) fn group(&self, id: &str) -> Option<usize> {
        self.numbers.get(&id.trim().to_uppercase()).map(|at| self.find(*at))
    }

    /// Every id with its group's number.
    pub(super) fn members(&self) -> impl Iterator<Item = (usize, &str)> {
        self.spelled.iter().enumerate().map(|(at, id)| (self.find(at), id.as_str()))
    }

    fn number(&mut self, id: &str) -> usize {
        let next = self.parents.len();
        let at = *self.numbers.entry(id.to_uppercase()).or_insert(next);
        if at == next {
            self.parents.push(next);
            self.spelled.push(id.to_owned());
        }
        at
    }

    fn root(&mut self, mut at: usize) -> usize {
        while self.parents[at] != at {
            self.parents[at] = self.parents[self.parents[at]];
            at = self.parents[at];
        }
        at
    }

    fn find(&self, mut at: usize) -> usize {
        while self.parents[at] != at {
            at = self.parents[at];
        }
        at
    }
}
