//! A house without a workshop, with runs put there by hand: what a command writes, and what it does where somebody else
//! came first.

use domain::clock::SystemClock;
use domain::{EventId, Fence, ProposalId};
use runs::{Command, FailureClass, Limits, Run, State, Step};
use store::record::{AgentVersion, RunState};
use store::transaction::{Transaction, Write};

use super::*;
use crate::audit::Note;
use crate::commit::Along;
use crate::facts::Request;
use crate::progress::Silent;

/// A data folder.
struct Place(tempfile::TempDir);

impl Place {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    async fn house(&self) -> House {
        let data = self.0.path().join("data");
        let options = store::sqlite::Options::default();
        let store = store::sqlite::Sqlite::open(&data.join("store"), &options).unwrap();
        let house = House::open(Parts {
            settings: Settings::new(data),
            clock: Arc::new(SystemClock),
            store: Arc::new(store),
            git: forge::Git::new(forge::git::Settings::default()).await.unwrap(),
            workshop: None,
            listener: Arc::new(Silent),
            failpoint: Failpoint::default(),
        });
        house.await.unwrap()
    }
}

fn request() -> Request {
    Request {
        event: EventId::fresh(&SystemClock),
        actor: Actor::local("ann"),
        source: "/somewhere".to_owned(),
        branch: None,
        definition: String::new(),
        settings: vec![],
        advisories: None,
    }
}

/// A run in a state, as it lies in the store.
async fn run_in(house: &House, state: State) -> RunRow {
    let limits = Limits {
        attempts_max: 3,
        losses_max: 5,
        time_ms: 3_600_000,
        backoff_ms: 2_000,
        backoff_max_ms: 60_000,
    };
    let now = house.clock.now();
    let run = Run { state, fence: Fence(1), ..Run::accepted(now, limits) };
    let row = RunRow {
        id: RunId::fresh(&SystemClock),
        revision: 0,
        agent: AgentVersion { name: "sample".to_owned(), digest: domain::Digest::of(b"sample") },
        repository: "/somewhere".to_owned(),
        identity: "work".to_owned(),
        run: crate::persist::to_record(&run),
        facts: Facts::new(request()).document(),
        updated: now,
    };
    let id = row.id;
    let tx = Transaction { runs: vec![Write::Insert(row)], ..Transaction::default() };
    house.commit(tx).await.unwrap();
    house.load(id).await.unwrap()
}

#[tokio::test]
async fn a_run_that_was_written_since_it_was_looked_at_is_not_cancelled_unseen() {
    let place = Place::new();
    let house = place.house().await;
    let proposal = ProposalId::fresh(&SystemClock);
    let row = run_in(&house, State::Proposed { proposal }).await;
    // What recording an answer does to the run.
    let tx = Transaction { runs: vec![Write::Update(row.clone())], ..Transaction::default() };
    house.commit(tx).await.unwrap();
    let scribe = house.scribe_of(&row).unwrap();
    let applied = house.apply_to(&row, &Command::Cancel, &scribe, Along::default()).await.unwrap();
    assert!(applied.is_none(), "{applied:?}");
    let now = house.load(row.id).await.unwrap().run.state;
    assert_eq!(now, RunState::Proposed { proposal });
}

#[tokio::test]
async fn a_step_that_failed_is_told_with_whose_fault_it_was_and_when_it_is_tried_again() {
    let place = Place::new();
    let house = place.house().await;
    let row = run_in(&house, State::Working { attempt: 1, step: Step::Prepare }).await;
    let scribe = house.scribe_of(&row).unwrap();
    let command = Command::Failed {
        fence: Fence(1),
        class: FailureClass::Infrastructure,
        reason: "the disk is gone".to_owned(),
        work: None,
        jitter: 0,
    };
    house.apply(row.id, &command, &scribe, Along::default()).await.unwrap();
    let told = house.show_ledger(Some(row.id), 0, 10).await.unwrap();
    let told = told.iter().find(|entry| entry.action == "step.failed").unwrap();
    assert_eq!(told.reason, "the disk is gone");
    assert_eq!(told.facts["class"], "infrastructure");
    assert_eq!((&told.facts["step"], &told.facts["attempt"]), (&"prepare".into(), &1.into()));
    let RunState::Waiting { gate: store::record::Gate::Retry { at, .. }, .. } =
        house.load(row.id).await.unwrap().run.state
    else {
        panic!("it is tried again")
    };
    assert_eq!(told.facts["retry_at"], at.to_string());
}

#[tokio::test]
async fn a_run_whose_definition_makes_no_agent_any_more_is_for_people() {
    let place = Place::new();
    let house = place.house().await;
    let run = run_in(&house, State::Queued).await.id;
    assert_eq!(house.drive(run).await.unwrap(), crate::Rest::Settled);
    let row = house.load(run).await.unwrap();
    let ending = store::record::Ending::Escalated;
    assert_eq!(row.run.state, RunState::Ended { ending });
    assert_eq!((row.run.losses, row.run.attempts), (0, 2), "it does so again and again");
    let told = house.settings.escalations().join(format!("{run}.md"));
    let told = std::fs::read_to_string(told).unwrap();
    assert!(told.contains("sample needs people: the run's definition makes no agent"), "{told}");
}

#[tokio::test]
async fn a_run_that_nothing_brings_on_is_told_as_our_own_bug_and_can_be_ended() {
    let place = Place::new();
    let house = place.house().await;
    let gate = runs::Gate::Retry { at: house.clock.now(), then: Step::Prepare };
    let states = [
        State::Working { attempt: 1, step: Step::Prepare },
        State::Waiting { attempt: 1, gate },
        State::Stopping { step: Step::Judge },
    ];
    for state in states {
        let run = run_in(&house, state.clone()).await.id;
        for told in [house.drive(run).await.map(drop), house.reconcile().await] {
            let Err(HouseError::Inconsistent(told)) = told else { panic!("{state:?}: {told:?}") };
            assert!(told.contains(&format!("{run} is {}", state.name())), "{told}");
        }
        house.cancel_run(&Actor::local("ann"), run).await.unwrap();
        let ending = store::record::Ending::Cancelled;
        assert_eq!(house.load(run).await.unwrap().run.state, RunState::Ended { ending });
        house.reconcile().await.unwrap();
    }
}

#[tokio::test]
async fn what_people_take_for_their_answer_is_not_the_runs_time() {
    let place = Place::new();
    let house = place.house().await;
    let proposal = ProposalId::fresh(&SystemClock);
    let row = run_in(&house, State::Proposed { proposal }).await;
    let mut facts = Facts { took_ms: Some(1_500), ..Facts::new(request()) };
    facts.spent.act = 1_000;
    let long_ago = domain::Timestamp::from_millis(1_000);
    let mut row = RunRow { facts: facts.document(), ..row };
    row.run.accepted = long_ago;
    let (id, scribe) = (row.id, house.scribe_of(&row).unwrap());
    let tx = Transaction { runs: vec![Write::Update(row)], ..Transaction::default() };
    house.commit(tx).await.unwrap();
    let total = async || house.report(id).await.unwrap().seconds.total.to_string();
    assert_eq!(total().await, "1.5");
    let answer = Command::Answered { answer: runs::Answer::Merged };
    house.apply(id, &answer, &scribe, Along::default()).await.unwrap();
    assert_eq!(total().await, "1.5");
}

#[tokio::test]
async fn what_is_worked_is_counted_whoever_counts_and_once() {
    let place = Place::new();
    let house = place.house().await;
    let step = Step::Judge;
    let run = run_in(&house, State::Working { attempt: 1, step }).await.id;
    let spent = async || Facts::read(run, &house.load(run).await.unwrap().facts).unwrap().spent;
    let meters = [crate::meter::Meter::default(), crate::meter::Meter::default()];
    meters[1].reaches(Duration::from_millis(3)).await;
    let [one, other] = meters.map(|meter| crate::meter::Counted::none(step, meter));
    let (mut one, mut other) = (one, other);
    house.count(run, &mut one).await.unwrap();
    let first = spent().await.judge;
    assert!(first >= 3, "{first}");
    house.count(run, &mut other).await.unwrap();
    let both = spent().await.judge;
    assert!(both >= first + 3, "{both}");
    let rest = one.with_the_rest(spent().await).judge - both;
    assert!(rest < first + 1_000, "what is counted is not counted again: {rest}");
}

#[tokio::test]
async fn a_long_reason_is_a_payload_whole() {
    let place = Place::new();
    let house = place.house().await;
    let row = run_in(&house, State::Working { attempt: 1, step: Step::Prepare }).await;
    let reason = "the compiler said so much ".repeat(400);
    let command = Command::Failed {
        fence: Fence(1),
        class: FailureClass::Checks,
        reason: reason.clone(),
        work: None,
        jitter: 0,
    };
    let scribe = house.scribe_of(&row).unwrap();
    let notes = vec![Note::new("sample.short", "short")];
    let along = Along { notes, ..Along::default() };
    house.apply(row.id, &command, &scribe, along).await.unwrap();
    let told = house.show_ledger(Some(row.id), 0, 10).await.unwrap();
    let of = |action: &str| told.iter().find(|entry| entry.action == action).unwrap();
    assert!(of("sample.short").payloads.is_empty());
    let failed = of("step.failed");
    assert!(failed.reason.contains("characters left out"), "{}", failed.reason);
    let [payload] = &failed.payloads[..] else { panic!("one payload: {failed:?}") };
    assert_eq!(payload.name, "reason");
    let kept = house.store.payload(payload.digest).await.unwrap();
    let Some(store::record::StoredPayload::Kept(kept)) = kept else { panic!("{kept:?}") };
    assert_eq!(kept.bytes(), reason.as_bytes());
}

#[tokio::test]
async fn more_than_one_read_gives_back_is_read_page_by_page() {
    const MORE: usize = store::port::READ_ROWS_MAX + 3;
    let place = Place::new();
    let house = place.house().await;
    let row = run_in(&house, State::Working { attempt: 1, step: Step::Prepare }).await;
    let many: Vec<RunRow> = std::iter::repeat_with(|| RunRow {
        id: RunId::fresh(&SystemClock),
        revision: 0,
        ..row.clone()
    })
    .take(MORE - 1)
    .collect();
    let notes = (0..MORE).map(|_| Note::new("sample.told", "once more")).collect();
    let mut tx = crate::commit::written(&house.scribe_of_house(&Actor::house()), notes);
    tx.runs = many.iter().cloned().map(Write::Insert).collect();
    tx.proposals = many.iter().map(|row| Write::Insert(proposal_of(row))).collect();
    house.commit(tx).await.unwrap();
    assert_eq!(house.list_runs(false, MORE + 9).await.unwrap().len(), MORE);
    assert_eq!(house.list_runs(false, MORE - 1).await.unwrap().len(), MORE - 1);
    let unfinished = house.unfinished_runs().await.unwrap();
    assert_eq!((unfinished.len(), unfinished.first()), (MORE, Some(&row.id)), "oldest first");
    assert_eq!(house.open_proposals("sample", "/somewhere").await.unwrap().len(), MORE - 1);
    assert!(house.show_ledger(None, 0, MORE).await.unwrap().len() == MORE);
    assert_eq!(house.show_ledger(None, 2, 5).await.unwrap().len(), 5);
}

fn proposal_of(row: &RunRow) -> store::record::Proposal {
    let commit: CommitId = "0123456789012345678901234567890123456789".parse().unwrap();
    store::record::Proposal {
        id: ProposalId::fresh(&SystemClock),
        revision: 0,
        run: row.id,
        agent: row.agent.name.clone(),
        repository: row.repository.clone(),
        branch: "hob/sample".to_owned(),
        base: commit.clone(),
        head: commit,
        digest: domain::Digest::of(b"sample"),
        title: String::new(),
        body: String::new(),
        state: store::record::ProposalState::Open,
        approvals: vec![],
        made: row.updated,
        updated: row.updated,
        facts: serde_json::json!({}),
    }
}

#[tokio::test]
async fn a_run_that_cannot_be_read_holds_up_neither_the_list_nor_the_other_runs_nor_the_seal() {
    let place = Place::new();
    let house = place.house().await;
    let proposal = ProposalId::fresh(&SystemClock);
    let mut strange = run_in(&house, State::Proposed { proposal }).await;
    strange.facts = serde_json::json!({ "v": 1, "written_by": "somebody else" });
    let (id, run) = (strange.id, strange.run.clone());
    let note = Note::new("sample.told", "something is to be sealed");
    let mut tx = crate::commit::written(&house.scribe_of_house(&Actor::house()), vec![note]);
    tx.runs = vec![Write::Update(strange)];
    house.commit(tx).await.unwrap();
    let good = run_in(&house, crate::persist::from_record(&run).state).await;

    let lines = house.list_runs(false, 10).await.unwrap();
    assert_eq!(lines.iter().map(|line| line.run).collect::<Vec<_>>(), [good.id, id]);
    assert!(lines[1].reason.contains("cannot be read"), "{:?}", lines[1]);
    assert_eq!(lines[1].repository, "/somewhere");

    // A reconciler that cannot do its part: the folder of workers is gone.
    std::fs::remove_dir_all(house.settings.workers()).unwrap();
    std::fs::write(house.settings.workers(), "a file").unwrap();
    assert!(house.reconcile().await.is_err());
    let rows = house.store.ledger_hash_rows().await.unwrap();
    assert_eq!(rows.sealed, house.store.ledger_size().await.unwrap());
    assert!(rows.sealed > 0);
}
