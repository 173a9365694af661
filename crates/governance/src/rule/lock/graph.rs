//! Who needs whom in a lock file.

use super::entry::{Kind, Lock};

/// What the entries at `from` need, directly and further on; they themselves too.
pub(super) fn needed(lock: &Lock, from: impl IntoIterator<Item = usize>) -> Vec<bool> {
    walk(lock.entries.len(), from, |at| &lock.entries[at].needs)
}

/// Who needs the entries at `from`, directly and further on; they themselves too.
pub(super) fn needing(lock: &Lock, from: impl IntoIterator<Item = usize>) -> Vec<bool> {
    let mut users: Vec<Vec<usize>> = vec![Vec::new(); lock.entries.len()];
    for (at, entry) in lock.entries.iter().enumerate() {
        for needed in &entry.needs {
            users[*needed].push(at);
        }
    }
    walk(lock.entries.len(), from, |at| &users[at])
}

/// What the project's own packages need, directly and further on.
pub(super) fn used(lock: &Lock) -> Vec<bool> {
    let own = |at: &usize| lock.entries[*at].kind == Kind::Local;
    needed(lock, (0..lock.entries.len()).filter(own))
}

fn walk<'l>(
    count: usize,
    from: impl IntoIterator<Item = usize>,
    next: impl Fn(usize) -> &'l Vec<usize>,
) -> Vec<bool> {
    let mut seen = vec![false; count];
    let mut open: Vec<usize> = from.into_iter().collect();
    while let Some(at) = open.pop() {
        if !std::mem::replace(&mut seen[at], true) {
            open.extend(next(at).iter().copied().filter(|next| !seen[*next]));
        }
    }
    seen
}
