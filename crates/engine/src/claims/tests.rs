//! Runs under a clock that is set: each comes to its end, once, and nobody loses what they hold.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

use domain::Actor;
use domain::clock::SystemClock;
use store::record::NewOutboxRow;

use super::*;
use crate::driver::Rest;
use crate::failpoint::Failpoint;
use crate::house::{Parts, Settings};
use crate::progress::Silent;
use crate::request::start_run::StartRun;

const HOUR_MS: i64 = 3_600_000;

const TEN_YEARS_MS: i64 = 10 * 365 * 24 * HOUR_MS;

const DEFINITION: &str = include_str!("../../../../agents/dependency-updates.md");

/// A clock that somebody sets again and again: each look at it is so far away from the look before.
#[derive(Debug, Default)]
pub(crate) struct Jumping {
    jump: AtomicI64,
    looks: AtomicU64,
}

impl Clock for Jumping {
    fn now(&self) -> Timestamp {
        let jump = self.jump.load(Ordering::Relaxed);
        let looks = self.looks.fetch_add(1, Ordering::Relaxed);
        let away = if looks.is_multiple_of(3) { 0 } else { jump };
        Timestamp::from_millis(SystemClock.now().as_millis().saturating_add_signed(away))
    }

    fn fill_random(&self, bytes: &mut [u8]) {
        SystemClock.fill_random(bytes);
    }
}

/// A folder with a repository and the data of a house.
pub(crate) struct Place(tempfile::TempDir);

impl Place {
    pub(crate) fn new() -> Self {
        let place = Self(tempfile::tempdir().unwrap());
        std::fs::create_dir(place.repo()).unwrap();
        let commit = ["commit", "-q", "--allow-empty", "-m", "one"];
        let ann = ["-c", "user.name=Ann", "-c", "user.email=ann@example.invalid"];
        for words in [vec!["init", "-q", "-b", "main"], [&ann[..], &commit[..]].concat()] {
            #[expect(clippy::disallowed_methods, reason = "the test's repository is made by git")]
            let git =
                std::process::Command::new("git").current_dir(place.repo()).args(&words).status();
            assert!(git.unwrap().success(), "{words:?}");
        }
        place
    }

    pub(crate) fn repo(&self) -> std::path::PathBuf {
        self.0.path().join("repo")
    }

    /// A house that makes no machines: a run in it pauses a few times, and ends with people.
    pub(crate) async fn house(&self, clock: &Arc<Jumping>) -> House {
        let data = self.0.path().join("data");
        let options = store::sqlite::Options::default();
        let store = store::sqlite::Sqlite::open(&data.join("store"), &options).unwrap();
        let house = House::open(Parts {
            settings: Settings {
                backoff_ms: 20,
                backoff_max_ms: 50,
                losses_max: 3,
                ..Settings::new(data)
            },
            clock: clock.clone(),
            store: Arc::new(store),
            git: forge::Git::new(forge::git::Settings::default()).await.unwrap(),
            workshop: None,
            listener: Arc::new(Silent),
            failpoint: Failpoint::default(),
        });
        house.await.unwrap()
    }

    pub(crate) fn asked(&self) -> StartRun {
        StartRun {
            definition: DEFINITION.to_owned(),
            settings: vec![],
            source: self.repo().display().to_string(),
            branch: None,
            advisories: None,
        }
    }

    pub(crate) async fn begun(&self, house: &House) -> RunId {
        self.begun_with(house, self.asked()).await
    }

    pub(crate) async fn begun_with(&self, house: &House, asked: StartRun) -> RunId {
        let run = house.start_run(&Actor::local("ann"), asked).await.unwrap();
        house.begin(run).await.unwrap();
        run
    }
}

/// The clock jumps to and fro once the run was accepted.
async fn ends_as_ever(jump_ms: i64) {
    let place = Place::new();
    let clock = Arc::new(Jumping::default());
    let house = place.house(&clock).await;
    let run = place.begun(&house).await;
    clock.jump.store(jump_ms, Ordering::Relaxed);
    let rest = tokio::time::timeout(Duration::from_secs(20), house.drive(run)).await;
    assert_eq!(rest.expect("nobody waits for the clock").unwrap(), Rest::Settled);
    let row = house.load(run).await.unwrap();
    let run = crate::persist::from_record(&row.run);
    assert!(run.is_ended(), "{:?}", run.state);
    assert_eq!((run.attempts, run.losses, run.failures.len()), (1, 4, 4));
    for failure in &run.failures {
        assert!(failure.reason.contains("cannot work on runs"), "{}", failure.reason);
    }
    let facts = crate::facts::Facts::read(row.id, &row.facts).unwrap();
    assert!(facts.spent.act < 20_000, "{:?}", facts.spent);
    let took = facts.took_ms.unwrap();
    assert!(took >= facts.spent.total() && took < 20_000, "{took}");
}

#[tokio::test]
async fn a_clock_that_is_set_back_holds_nothing_up() {
    ends_as_ever(-HOUR_MS).await;
    ends_as_ever(-TEN_YEARS_MS).await;
}

#[tokio::test]
async fn a_clock_that_is_set_forward_uses_nothing_up() {
    ends_as_ever(HOUR_MS).await;
    ends_as_ever(TEN_YEARS_MS).await;
}

#[tokio::test]
async fn what_a_living_process_holds_is_not_taken_whatever_the_clock_says() {
    let place = Place::new();
    let clock = Arc::new(Jumping::default());
    let (one, other) = (place.house(&clock).await, place.house(&clock).await);
    let run = place.begun(&one).await;
    let Next::Claimed(held) = one.claim_next(run).await.unwrap() else { panic!("it is due") };
    for jump in [HOUR_MS, -HOUR_MS, TEN_YEARS_MS, -TEN_YEARS_MS] {
        clock.jump.store(jump, Ordering::Relaxed);
        for house in [&one, &other, &one, &other] {
            house.bury_the_dead().await.unwrap();
            house.drain(run).await.unwrap();
            assert!(matches!(house.claim_next(run).await.unwrap(), Next::Wait(_)), "{jump}");
        }
    }
    one.clear_away().await;
    let Next::Claimed(again) = other.claim_next(run).await.unwrap() else {
        panic!("it was given back")
    };
    assert!(again.token > held.token);
}

#[tokio::test]
async fn time_in_which_no_process_works_is_not_used_up() {
    let place = Place::new();
    let clock = Arc::new(Jumping::default());
    let run = place.begun(&place.house(&clock).await).await;
    clock.jump.store(TEN_YEARS_MS, Ordering::Relaxed);
    let much_later = SystemClock.now().plus_millis(HOUR_MS.unsigned_abs());
    let house = loop {
        let house = place.house(&clock).await;
        if house.steady.now() > much_later {
            break house;
        }
    };
    assert_eq!(house.drive(run).await.unwrap(), Rest::Settled);
    let row = house.load(run).await.unwrap();
    let run = crate::persist::from_record(&row.run);
    for failure in &run.failures {
        assert!(failure.reason.contains("cannot work on runs"), "{}", failure.reason);
    }
    assert_eq!(run.failures.len(), 4);
}

#[tokio::test]
async fn what_is_done_in_a_machine_is_for_the_process_that_keeps_it_alone() {
    let place = Place::new();
    let clock = Arc::new(Jumping::default());
    let (one, other) = (place.house(&clock).await, place.house(&clock).await);
    let run = place.begun(&one).await;
    let Next::Claimed(prepare) = one.claim_next(run).await.unwrap() else { panic!("it is due") };
    let machine = domain::MachineId::fresh(&SystemClock);
    one.worker.keeps(machine);
    let step = Step::Export { machine };
    let export = Action::Perform { fence: domain::Fence(2), attempt: 1, step };
    let tx = store::transaction::Transaction {
        completed: vec![(prepare.row.id, prepare.token)],
        outbox: [export, Action::Release { machine }]
            .iter()
            .map(|action| crate::outbox::to_row(run, action, clock.now()))
            .collect(),
        ..store::transaction::Transaction::default()
    };
    one.store.commit(tx).await.unwrap();
    assert!(matches!(other.claim_next(run).await.unwrap(), Next::Wait(_)));
    assert!(other.is_held(run).await.unwrap());
    drop(one);
    for _ in 0..2 {
        assert!(matches!(other.claim_next(run).await.unwrap(), Next::Claimed(_)));
    }
}

#[tokio::test]
async fn who_joins_a_run_or_lets_it_go_on_is_in_its_part_of_the_ledger() {
    let place = Place::new();
    let house = place.house(&Arc::default()).await;
    let run = place.begun(&house).await;
    let bob = Actor::local("bob");
    assert_eq!(house.start_run(&bob, place.asked()).await.unwrap(), run);
    house.resume_run(&bob, run).await.unwrap();
    let told = house.show_ledger(Some(run), 0, 100).await.unwrap();
    let by_bob: Vec<&str> = told
        .iter()
        .filter(|entry| entry.actor == bob.name)
        .map(|entry| entry.action.as_str())
        .collect();
    assert_eq!(by_bob, ["event.settled", "run.resumed"]);
    let joined = told.iter().find(|entry| entry.action == "event.settled").unwrap();
    assert_eq!(joined.facts["outcome"], "joined");
    house.drive(run).await.unwrap();
    house.resume_run(&bob, run).await.unwrap();
    let told = house.show_ledger(Some(run), 0, 100).await.unwrap();
    let resumed = told.iter().filter(|entry| entry.action == "run.resumed").count();
    assert_eq!(resumed, 1, "a run that is over does not go on");
}

fn row(lease: Option<(u64, u64)>) -> OutboxRow {
    let step = Step::Prepare;
    let action = Action::Perform { fence: domain::Fence(1), attempt: 1, step };
    let NewOutboxRow { run, action, body, due } =
        crate::outbox::to_row(RunId::fresh(&SystemClock), &action, Timestamp::from_millis(0));
    let lease = lease.map(|(token, until)| store::queue::Lease {
        worker: "w".into(),
        token,
        until: Timestamp::from_millis(until),
    });
    OutboxRow { id: 7, new: NewOutboxRow { run, action, body, due }, lease, claims: 1 }
}

#[test]
fn a_lease_is_given_up_once_it_did_not_change_for_its_length() {
    let (watched, start) = (Watched::default(), Instant::now());
    let after = |ms: u64| start + Duration::from_millis(ms);
    assert_eq!(LEASE_MS, 30_000);
    assert!(!watched.is_held(&row(None), after(0)));
    assert!(watched.is_held(&row(Some((1, 5))), after(0)));
    assert!(watched.is_held(&row(Some((1, 5))), after(LEASE_MS - 1)));
    assert!(!watched.is_held(&row(Some((1, 5))), after(LEASE_MS)));
    // A sign of life, even one that the clock says was given long ago.
    assert!(watched.is_held(&row(Some((1, 4))), after(LEASE_MS)));
    assert!(watched.is_held(&row(Some((2, 4))), after(2 * LEASE_MS)));
    assert!(!watched.is_held(&row(Some((2, 4))), after(3 * LEASE_MS)));
}
