//! The queue against a model of it: the same history must give the same answers.

use std::collections::BTreeMap;
use std::sync::Arc;

use domain::RunId;

use super::sample::{Sample, action, at, insert};
use crate::error::CommitError;
use crate::port::Store;
use crate::queue::QueueFilter;
use crate::transaction::Transaction;

/// One step of a history. `pick` chooses among all claims that were ever given out, stale ones included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Op {
    /// Adds a row that is due after so many milliseconds.
    Add {
        /// From now.
        after: u64,
    },
    /// Time passes.
    Wait {
        /// Milliseconds.
        ms: u64,
    },
    /// A worker claims.
    Claim {
        /// Which.
        worker: u8,
        /// For so many milliseconds.
        lease_ms: u64,
    },
    /// A worker renews.
    Renew {
        /// Which.
        worker: u8,
        /// Which claim.
        pick: u8,
        /// For so many milliseconds.
        lease_ms: u64,
    },
    /// A claim is completed, and a row added in the same transaction.
    Complete {
        /// Which claim.
        pick: u8,
    },
    /// Two claims are completed in one transaction.
    CompleteTwo {
        /// Which claim.
        pick: u8,
        /// Which other claim.
        other: u8,
    },
    /// A claim is given back.
    Release {
        /// Which claim.
        pick: u8,
        /// Due again after so many milliseconds.
        after: u64,
    },
    /// A worker is declared dead.
    Expire {
        /// Which.
        worker: u8,
    },
}

impl Op {
    /// Any three numbers are a step.
    pub fn from_numbers(kind: u8, pick: u8, amount: u16) -> Self {
        let (worker, ms) = (pick % 3, u64::from(amount % 500));
        match kind % 9 {
            0 => Self::Add { after: ms },
            1 => Self::Wait { ms },
            2 | 3 => Self::Claim { worker, lease_ms: ms },
            4 => Self::Renew { worker, pick, lease_ms: ms },
            5 => Self::Complete { pick },
            6 => Self::CompleteTwo { pick, other: amount.to_be_bytes()[1] },
            7 => Self::Release { pick, after: ms },
            _ => Self::Expire { worker },
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Row {
    ready: u64,
    worker: Option<String>,
    token: u64,
    claims: u64,
}

/// What the queue is, in a few lines.
#[derive(Debug, Default)]
struct Model {
    now: u64,
    rows: BTreeMap<u64, Row>,
    given_out: Vec<(u64, u64)>,
}

impl Model {
    fn pick(&self, pick: u8) -> (u64, u64) {
        let count = self.given_out.len();
        if count == 0 { (1, 1) } else { self.given_out[usize::from(pick) % count] }
    }

    fn is_held(&self, (id, token): (u64, u64)) -> bool {
        self.rows.get(&id).is_some_and(|row| row.token == token && row.worker.is_some())
    }

    fn readiest(&self) -> Option<u64> {
        self.rows.iter().min_by_key(|(id, row)| (row.ready, **id)).map(|(id, _)| *id)
    }
}

/// Plays a history on an empty store and on the model; panics where they differ.
pub async fn replay(store: &Arc<dyn Store>, history: &[Op]) {
    let run = Sample::default().run("work");
    store.commit(insert(&[&run])).await.expect("a run is kept");
    let mut model = Model::default();
    for (n, op) in history.iter().enumerate() {
        step(store, &mut model, run.id, *op).await;
        let what = format!("after step {n}, {op:?}, of {history:?}");
        compare(store, &model, run.id, &what).await;
    }
}

async fn compare(store: &Arc<dyn Store>, model: &Model, run: RunId, what: &str) {
    let stored = store.outbox_of(run).await.expect("the queue is read");
    let ids: Vec<u64> = stored.iter().map(|row| row.id).collect();
    assert_eq!(ids, model.rows.keys().copied().collect::<Vec<_>>(), "{what}");
    for row in stored {
        let expect = &model.rows[&row.id];
        assert_eq!(row.claims, expect.claims, "{what}");
        let lease = row.lease.map(|lease| (lease.worker, lease.token, lease.until));
        let held = expect.worker.clone().map(|worker| (worker, expect.token, at(expect.ready)));
        assert_eq!(lease, held, "{what}");
    }
    let next = store.next_due(QueueFilter::All).await.expect("the queue is read");
    assert_eq!(next, model.readiest().map(|id| at(model.rows[&id].ready)), "{what}");
    for (id, token) in &model.given_out {
        let held = store.holds(*id, *token).await.expect("the queue is read");
        assert_eq!(held, model.is_held((*id, *token)), "{what}: row {id}, token {token}");
    }
}

async fn step(store: &Arc<dyn Store>, model: &mut Model, run: RunId, op: Op) {
    match op {
        Op::Wait { ms } => model.now += ms,
        Op::Add { after } => {
            let outbox = vec![action(run, "act", model.now + after)];
            let done = store.commit(Transaction { outbox, ..Transaction::default() }).await;
            added(model, done.expect("actions are kept").outbox_ids[0], model.now + after);
        }
        Op::Claim { worker, lease_ms } => claim(store, model, &worker.to_string(), lease_ms).await,
        Op::Renew { worker, pick, lease_ms } => {
            let (worker, claim) = (worker.to_string(), model.pick(pick));
            let lost = store.renew(&worker, &[claim], at(model.now), lease_ms).await;
            let mine = model.is_held(claim) && model.rows[&claim.0].worker == Some(worker);
            if let Some(row) = model.rows.get_mut(&claim.0).filter(|_| mine) {
                row.ready = model.now + lease_ms;
            }
            let expect = if mine { vec![] } else { vec![claim.0] };
            assert_eq!(lost.expect("leases are renewed"), expect);
        }
        Op::Complete { pick } => complete(store, model, run, vec![model.pick(pick)]).await,
        Op::CompleteTwo { pick, other } => {
            complete(store, model, run, vec![model.pick(pick), model.pick(other)]).await;
        }
        Op::Release { pick, after } => {
            let (id, token) = model.pick(pick);
            let held = model.is_held((id, token));
            let released = store.release(id, token, at(model.now + after)).await;
            assert_eq!(released.is_ok(), held, "{released:?}");
            if let Some(row) = model.rows.get_mut(&id).filter(|_| held) {
                *row =
                    Row { worker: None, ready: model.now + after, claims: row.claims - 1, ..*row };
            }
        }
        Op::Expire { worker } => {
            let worker = Some(worker.to_string());
            let name = worker.clone().unwrap_or_default();
            let freed = store.expire_worker(&name, at(model.now)).await;
            let mut expect = Vec::new();
            for (id, row) in model.rows.iter_mut().filter(|(_, row)| row.worker == worker) {
                expect.push(*id);
                *row = Row { worker: None, ready: model.now, ..*row };
            }
            assert_eq!(freed.expect("leases are ended"), expect);
        }
    }
}

fn added(model: &mut Model, id: u64, ready: u64) {
    assert!(model.rows.keys().all(|known| *known < id), "row numbers only grow");
    model.rows.insert(id, Row { ready, worker: None, token: 0, claims: 0 });
}

async fn claim(store: &Arc<dyn Store>, model: &mut Model, worker: &str, lease_ms: u64) {
    let claimed = store.claim(worker, at(model.now), lease_ms, QueueFilter::All).await;
    let claimed = claimed.expect("claims are answered");
    let expect = model.readiest().filter(|id| model.rows[id].ready <= model.now);
    assert_eq!(claimed.as_ref().map(|claimed| claimed.row.id), expect);
    let (Some(claimed), Some(id)) = (claimed, expect) else { return };
    let row = model.rows.get_mut(&id).expect("the model named it");
    assert!(claimed.token > row.token, "tokens only grow");
    let claims = row.claims + 1;
    *row = Row {
        worker: Some(worker.to_owned()),
        ready: model.now + lease_ms,
        token: claimed.token,
        claims,
    };
    assert_eq!(claimed.row.claims, claims);
    model.given_out.push((id, claimed.token));
}

async fn complete(store: &Arc<dyn Store>, model: &mut Model, run: RunId, claims: Vec<(u64, u64)>) {
    let twice = claims.len() == 2 && claims[0] == claims[1];
    let accepted = !twice && claims.iter().all(|claim| model.is_held(*claim));
    let outbox = vec![action(run, "act", model.now)];
    let tx = Transaction { completed: claims.clone(), outbox, ..Transaction::default() };
    match store.commit(tx).await {
        Ok(done) => {
            assert!(accepted, "a stale claim was completed");
            for (id, _) in claims {
                model.rows.remove(&id);
            }
            added_after(model, done.outbox_ids[0]);
        }
        Err(CommitError::StaleLease { .. }) => assert!(!accepted, "the newest claim was refused"),
        Err(e) => panic!("{e}"),
    }
}

/// Like [`added`], where the rows that were greatest may just have been completed.
fn added_after(model: &mut Model, id: u64) {
    let greatest = model.given_out.iter().map(|(id, _)| *id).max();
    assert!(greatest.is_none_or(|known| known < id), "row numbers are not used again");
    let now = model.now;
    added(model, id, now);
}

/// Histories from fixed seeds; a backend's own tests add random ones that shrink.
pub async fn random_histories_agree_with_the_model(store: &Arc<dyn Store>) {
    let mut seed: u64 = 0x9e37_79b9_7f4a_7c15;
    let mut next = || {
        // xorshift64: <https://www.jstatsoft.org/article/view/v008i14>
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        seed.to_be_bytes()
    };
    let history: Vec<Op> = (0..150)
        .map(|_| {
            let [kind, pick, high, low, ..] = next();
            Op::from_numbers(kind, pick, u16::from_be_bytes([high, low]))
        })
        .collect();
    replay(store, &history).await;
}
