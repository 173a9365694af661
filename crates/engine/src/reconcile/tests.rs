//! What a reconciler looks after, and that it looks at once where somebody gave it a signal.

use std::task::Poll;

use domain::clock::SystemClock;
use domain::{CommitId, Digest, ProposalId, RunId, Timestamp};
use runs::{Action, Ending, State};
use store::record::{Proposal, ProposalState, RunRow, RunState};
use store::transaction::{Transaction, Write};

use super::*;
use crate::audit::Note;
use crate::claims::tests::{Jumping, Place};

/// A house with a run that has ended with people, and everything that was signalled meanwhile heard.
async fn house(place: &Place) -> (House, RunRow) {
    let house = place.house(&Arc::new(Jumping::default())).await;
    let run = place.begun(&house).await;
    house.drive(run).await.unwrap();
    let row = house.load(run).await.unwrap();
    assert!(row.run.state.is_ended(), "{row:?}");
    house.signals.take();
    (house, row)
}

fn in_state(mut row: RunRow, state: State) -> RunRow {
    let run = crate::persist::from_record(&row.run);
    row.run = crate::persist::to_record(&runs::Run { state, ..run });
    row
}

/// A run like another one, whose proposal waits for people.
async fn proposed(house: &House, like: &RunRow) -> (RunRow, Proposal) {
    let commit: CommitId = "1".repeat(40).parse().unwrap();
    let (run, id) = (RunId::fresh(&SystemClock), ProposalId::fresh(&SystemClock));
    let row = RunRow { id: run, revision: 0, ..like.clone() };
    let row = in_state(row, State::Proposed { proposal: id });
    let proposal = Proposal {
        id,
        revision: 0,
        run,
        agent: row.agent.name.clone(),
        repository: row.repository.clone(),
        branch: format!("hob/{run}-sample"),
        base: commit.clone(),
        head: commit,
        digest: Digest::of(b"change"),
        title: String::new(),
        body: String::new(),
        state: ProposalState::Open,
        approvals: vec![],
        made: house.clock.now(),
        updated: house.clock.now(),
        facts: serde_json::json!({}),
    };
    let tx = Transaction {
        runs: vec![Write::Insert(row)],
        proposals: vec![Write::Insert(proposal)],
        ..Transaction::default()
    };
    house.commit(tx).await.unwrap();
    house.signals.take();
    (house.load(run).await.unwrap(), house.store.proposal(id).await.unwrap().unwrap())
}

fn git(mirror: &forge::Mirror, args: &[&str]) -> String {
    #[expect(clippy::disallowed_methods, reason = "the test looks with git itself")]
    let mut git = std::process::Command::new("git");
    let told = git.arg("--git-dir").arg(mirror.git_dir()).args(args).output().unwrap();
    assert!(told.status.success(), "{args:?}: {}", String::from_utf8_lossy(&told.stderr));
    String::from_utf8(told.stdout).unwrap()
}

/// What an attempt leaves in the mirror.
fn attempted(mirror: &forge::Mirror, run: RunId) {
    git(mirror, &["update-ref", &format!("refs/hob/attempts/{run}/1"), "refs/heads/main"]);
    std::fs::write(mirror.folder().join("fences").join(run.to_string()), "65537\n").unwrap();
}

#[tokio::test]
async fn mirrors_forget_runs_that_are_over_and_keep_what_an_open_proposal_needs() {
    let place = Place::new();
    let (house, ended) = house(&place).await;
    let (open, mut proposal) = proposed(&house, &ended).await;
    let mirror = house.mirror_at(&place.repo().display().to_string()).unwrap();
    mirror.refresh(None).await.unwrap();
    for run in [ended.id, open.id] {
        attempted(&mirror, run);
    }
    let holds = |run: RunId| git(&mirror, &["for-each-ref"]).contains(&run.to_string());
    let fence = |run: RunId| {
        std::fs::read_to_string(mirror.folder().join("fences").join(run.to_string())).ok()
    };
    house.reconcile().await.unwrap();
    assert!(!holds(ended.id) && holds(open.id));
    assert_eq!(fence(ended.id).as_deref(), Some("closed\n"), "who comes back late is refused");
    assert_eq!(fence(open.id).as_deref(), Some("65537\n"));

    proposal.state = ProposalState::Rejected;
    let tx = Transaction { proposals: vec![Write::Update(proposal)], ..Transaction::default() };
    house.commit(tx).await.unwrap();
    house.reconcile().await.unwrap();
    assert!(!holds(open.id));

    // Long after.
    let long_ago = Timestamp::from_millis(1_700_000_000_000);
    let old = RunRow { updated: long_ago, ..house.load(ended.id).await.unwrap() };
    let tx = Transaction { runs: vec![Write::Update(old)], ..Transaction::default() };
    house.commit(tx).await.unwrap();
    house.reconcile().await.unwrap();
    assert_eq!((fence(ended.id), fence(open.id).as_deref()), (None, Some("closed\n")));
}

#[tokio::test]
async fn an_answer_ends_its_run_at_once_and_the_end_is_sealed_at_once() {
    use Reconciler::{Ledger, Mirrors, Proposals};
    let place = Place::new();
    let (house, ended) = house(&place).await;
    let (run, mut proposal) = proposed(&house, &ended).await;
    proposal.state = ProposalState::Rejected;
    let tx = Transaction { proposals: vec![Write::Update(proposal)], ..Transaction::default() };
    house.commit(tx).await.unwrap();
    let mut period = period();
    assert_eq!(house.reconcile_next(&mut period).await.unwrap(), [Proposals, Mirrors].into());
    let ending = RunState::Ended { ending: store::record::Ending::Rejected };
    assert_eq!(house.load(run.id).await.unwrap().run.state, ending);
    assert_eq!(house.reconcile_next(&mut period).await.unwrap(), [Mirrors, Ledger].into());
    let sealed = house.store.ledger_hash_rows().await.unwrap().sealed;
    assert_eq!(sealed, house.store.ledger_size().await.unwrap());
}

#[tokio::test]
async fn what_a_dead_process_held_is_done_at_once_where_its_death_is_seen() {
    use Reconciler::{Ends, Leases, Machines, Mirrors};
    let place = Place::new();
    let (house, ended) = house(&place).await;
    let dead = "worker-1-gone";
    std::fs::write(house.settings.workers().join(format!("{dead}.lock")), "").unwrap();
    let machine = domain::MachineId::fresh(&SystemClock);
    let release = Action::Release { machine };
    let tx = Transaction {
        outbox: vec![crate::outbox::to_row(ended.id, &release, house.clock.now())],
        ..Transaction::default()
    };
    house.commit(tx).await.unwrap();
    let row = house.store.outbox_of(ended.id).await.unwrap().remove(0);
    let filter = store::queue::QueueFilter::Row { id: row.id, token: None };
    house.store.claim(dead, house.clock.now(), 3_600_000, filter).await.unwrap().unwrap();
    house.drain_all().await.unwrap();
    // Looking for the dead comes first there; what was found goes on as a signal.
    assert_eq!(house.signals.take(), [Machines, Ends, Mirrors].into());
    assert_eq!(house.store.outbox_of(ended.id).await.unwrap(), []);
    house.signals.give([Leases]);
    assert_eq!(house.reconcile_next(&mut period()).await.unwrap(), [Leases].into());
}

/// Polls a piece of work so often, and leaves it there. What it came to, where it was done by then.
async fn stopped_after<T>(polls: usize, work: impl Future<Output = T>) -> Option<T> {
    let (mut work, mut left) = (std::pin::pin!(work), polls);
    std::future::poll_fn(|context| match work.as_mut().poll(context) {
        Poll::Ready(done) => Poll::Ready(Some(done)),
        Poll::Pending if left == 0 => Poll::Ready(None),
        Poll::Pending => {
            left -= 1;
            Poll::Pending
        }
    })
    .await
}

#[tokio::test]
async fn a_seal_that_was_stopped_anywhere_is_done_by_the_next() {
    let place = Place::new();
    let house = place.house(&Arc::default()).await;
    for polls in 0.. {
        let note = Note::new("sample.told", "something is to be sealed");
        let scribe = house.scribe_of_house(&domain::Actor::house());
        house.write_notes(&scribe, vec![note]).await.unwrap();
        let done = stopped_after(polls, house.seal()).await;
        house.seal_own().await.unwrap();
        let rows = house.store.ledger_hash_rows().await.unwrap();
        assert_eq!(rows.sealed, house.store.ledger_size().await.unwrap(), "after {polls} polls");
        if done.is_some() {
            break;
        }
    }
}

/// A run like another one, of which nothing can be read any more; its proposal was rejected.
async fn unreadable(house: &House, like: &RunRow) -> RunRow {
    let (mut row, mut proposal) = proposed(house, like).await;
    row.facts = serde_json::json!({ "v": 1, "written_by": "somebody else" });
    proposal.state = ProposalState::Rejected;
    let tx = Transaction {
        runs: vec![Write::Update(row.clone())],
        proposals: vec![Write::Update(proposal)],
        ..Transaction::default()
    };
    house.commit(tx).await.unwrap();
    row
}

#[tokio::test]
async fn a_run_that_cannot_be_read_holds_up_no_other_one() {
    let place = Place::new();
    let (house, ended) = house(&place).await;
    let mut good = Vec::new();
    unreadable(&house, &ended).await;
    for _ in 0..2 {
        let (row, mut proposal) = proposed(&house, &ended).await;
        proposal.state = ProposalState::Rejected;
        let tx = Transaction { proposals: vec![Write::Update(proposal)], ..Transaction::default() };
        house.commit(tx).await.unwrap();
        good.push(row.id);
        // The list begins with the newest.
        let strange = unreadable(&house, &ended).await;
        let takes_back = crate::outbox::to_row(
            strange.id,
            &Action::Unpublish { fence: domain::Fence(1) },
            house.clock.now(),
        );
        let tx = Transaction { outbox: vec![takes_back], ..Transaction::default() };
        house.commit(tx).await.unwrap();
    }
    house.follow_proposals().await.unwrap();
    house.drain_all().await.unwrap();
    for run in good {
        assert!(house.load(run).await.unwrap().run.state.is_ended());
    }
}

#[tokio::test]
async fn who_is_told_to_leave_does_not_wait_for_a_signal() {
    let place = Place::new();
    let (house, _) = house(&place).await;
    house.leave();
    assert_eq!(house.reconcile_next(&mut period()).await, None);
}

#[tokio::test]
async fn a_run_that_is_over_or_proposed_concerns_the_seal_and_a_baseline_its_bound() {
    let place = Place::new();
    let (house, ended) = house(&place).await;
    let over = in_state(ended.clone(), State::Ended { ending: Ending::NoChange });
    let proposal = ProposalId::fresh(&SystemClock);
    let concerned = |row: RunRow| {
        let tx = Transaction { runs: vec![Write::Update(row)], ..Transaction::default() };
        signals::concerned(&tx)
    };
    assert_eq!(concerned(over), [Reconciler::Mirrors, Reconciler::Ledger].into());
    let waits = in_state(ended.clone(), State::Proposed { proposal });
    assert_eq!(concerned(waits), [Reconciler::Ledger].into());
    assert_eq!(concerned(in_state(ended, State::Queued)), BTreeSet::new());
    let baselines = vec![(Digest::of(b"key"), serde_json::json!({}))];
    house.commit(Transaction { baselines, ..Transaction::default() }).await.unwrap();
    let heard = house.reconcile_next(&mut period()).await.unwrap();
    assert_eq!(heard, [Reconciler::Baselines].into());
}
