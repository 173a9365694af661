//! What a step leaves for the ledger besides what its machines tell.

use std::sync::Arc;

use domain::machine::Backend;
use sandbox::port::{EgressAudit, Machine, MachineSpec, Reclaimed, Sandbox, SandboxError};
use toolbox::registry::Endpoint;

use super::*;
use crate::claims::tests::Place;

/// A host that can make no machines.
#[derive(Debug)]
struct NoMachines;

#[async_trait::async_trait]
impl Sandbox for NoMachines {
    fn backend(&self) -> Backend {
        Backend::Namespaces
    }

    fn state(&self, image: &str) -> Digest {
        Digest::of(image.as_bytes())
    }

    async fn launch(
        &self,
        _: &MachineSpec,
        _: Arc<dyn EgressAudit>,
    ) -> Result<Box<dyn Machine>, SandboxError> {
        Err(SandboxError::Launch("there is no room".to_owned()))
    }

    async fn reclaim(&self) -> Result<Reclaimed, SandboxError> {
        Ok(Reclaimed::default())
    }

    async fn settle(&self, _: Duration) -> usize {
        0
    }
}

/// A host whose machines never come up, and which says when one is asked for.
#[derive(Debug, Default)]
struct Hanging {
    asked: tokio::sync::Notify,
}

#[async_trait::async_trait]
impl Sandbox for Hanging {
    fn backend(&self) -> Backend {
        Backend::Namespaces
    }

    fn state(&self, image: &str) -> Digest {
        Digest::of(image.as_bytes())
    }

    async fn launch(
        &self,
        _: &MachineSpec,
        _: Arc<dyn EgressAudit>,
    ) -> Result<Box<dyn Machine>, SandboxError> {
        self.asked.notify_one();
        std::future::pending().await
    }

    async fn reclaim(&self) -> Result<Reclaimed, SandboxError> {
        Ok(Reclaimed::default())
    }

    async fn settle(&self, _: Duration) -> usize {
        0
    }
}

fn workshop(sandbox: Arc<dyn Sandbox>, cache: &std::path::Path) -> Workshop {
    let settings = toolbox::registry::Settings {
        cache_dir: cache.to_owned(),
        fresh_ms: 0,
        concurrency_max: 1,
        timeout_ms: 1_000,
        response_max_bytes: 1_000,
    };
    Workshop {
        sandbox,
        presets: vec![],
        without_registry: vec![],
        registries: Client::new(settings).unwrap(),
    }
}

/// A run that may be worked on for so long, and that is worked on until it is given up or left.
async fn hanging(
    place: &Place,
    cache: &std::path::Path,
    time: &str,
) -> (House, Arc<Hanging>, RunId) {
    let mut house = place.house(&Arc::default()).await;
    let sandbox = Arc::new(Hanging::default());
    house.workshop = Some(workshop(sandbox.clone(), cache));
    let mut asked = place.asked();
    asked.definition =
        asked.definition.replace("budget: { time: 2h,", &format!("budget: {{ time: {time},"));
    let run = place.begun_with(&house, asked).await;
    (house, sandbox, run)
}

#[tokio::test]
async fn a_step_that_does_not_end_is_ended_by_the_runs_own_time() {
    let (place, cache) = (Place::new(), tempfile::tempdir().unwrap());
    let (house, _, run) = hanging(&place, cache.path(), "1s").await;
    let rest = tokio::time::timeout(Duration::from_secs(60), house.drive(run)).await;
    assert_eq!(rest.expect("its time ends it").unwrap(), crate::Rest::Settled);
    let row = house.load(run).await.unwrap();
    let failure = row.run.failures.last().unwrap();
    assert_eq!(failure.class, store::record::FailureClass::Budget);
    assert_eq!(failure.reason, "the run's time of 1 s is used up in the step `act`");
    let spent = Facts::read(run, &row.facts).unwrap().spent;
    assert!(spent.total() >= 1_000, "{spent:?}");
}

#[tokio::test]
async fn what_a_process_took_that_was_told_to_leave_is_counted() {
    let (place, cache) = (Place::new(), tempfile::tempdir().unwrap());
    let (house, sandbox, run) = hanging(&place, cache.path(), "2h").await;
    let mut driving = std::pin::pin!(house.drive(run));
    tokio::select! {
        rest = &mut driving => panic!("{rest:?}"),
        () = sandbox.asked.notified() => {}
    }
    let meter = Meter::default();
    meter.reaches(Duration::from_millis(5)).await;
    house.leave();
    assert_eq!(driving.await.unwrap(), crate::Rest::Left);
    let spent = Facts::read(run, &house.load(run).await.unwrap().facts).unwrap().spent;
    assert!(spent.act >= 5, "{spent:?}");
    // Whoever goes on has so much less.
    let row = house.load(run).await.unwrap();
    let stage = Stage::open(&house, &row, (1, Fence(1)), (1, 1)).unwrap();
    let whole = Duration::from_millis(row.run.limits.time_ms);
    assert!(stage.time_left() <= whole - Duration::from_millis(spent.total()));
}

#[tokio::test]
async fn what_has_no_room_in_the_store_is_a_failure_that_people_are_told() {
    let place = Place::new();
    let house = place.house(&Arc::default()).await;
    let run = place.begun(&house).await;
    let mut row = house.load(run).await.unwrap();
    let mut facts = Facts::read(run, &row.facts).unwrap();
    // What the first step adds has no room any more; what tells people has.
    facts.request.advisories = Some(String::new());
    let room = store::record::versioned::RECORD_MAX_BYTES - facts.document().to_string().len();
    facts.request.advisories = Some("x".repeat(room - 260));
    row.facts = facts.document();
    git(&place, &["checkout", "-q", "-b", &"b".repeat(240)]);
    let tx = store::transaction::Transaction {
        runs: vec![Write::Update(row)],
        ..store::transaction::Transaction::default()
    };
    house.commit(tx).await.unwrap();
    assert_eq!(house.drive(run).await.unwrap(), crate::Rest::Settled);
    let row = house.load(run).await.unwrap();
    let failure = &row.run.failures[0];
    assert_eq!(failure.class, store::record::FailureClass::Budget, "{}", failure.reason);
    assert!(failure.reason.starts_with("the step `prepare`: "), "{}", failure.reason);
    assert!(row.run.state.is_ended(), "{:?}", row.run.state);
    assert!(house.settings.escalations().join(format!("{run}.md")).exists());
}

fn git(place: &Place, args: &[&str]) {
    #[expect(clippy::disallowed_methods, reason = "the test's repository is moved by git")]
    let git = std::process::Command::new("git").current_dir(place.repo()).args(args).status();
    assert!(git.unwrap().success(), "{args:?}");
}

#[tokio::test]
async fn an_attempt_begins_with_nothing_of_the_one_before() {
    let place = Place::new();
    let house = place.house(&Arc::default()).await;
    let run = place.begun(&house).await;
    let row = house.load(run).await.unwrap();
    let mut stage = Stage::open(&house, &row, (2, Fence(1)), (1, 1)).unwrap();
    let machine = domain::MachineId::fresh(&*house.clock);
    let words = || vec!["old".to_owned()];
    stage.facts.machines.acted = Some(machine);
    stage.facts.machines.verified = Some(machine);
    stage.facts.checks_incomplete = true;
    (stage.facts.check_notes, stage.facts.checks_left_out) = (words(), words());
    prepare::prepare(&mut stage).await.unwrap();
    let facts = &stage.facts;
    let fresh = Facts::new(facts.request.clone());
    assert_eq!(facts.machines, fresh.machines);
    assert!(!facts.checks_incomplete && facts.told_of_checks().next().is_none());
}

#[tokio::test]
async fn what_this_host_asks_of_registries_is_one_entry_of_the_step_that_asked() {
    let place = Place::new();
    let mut house = place.house(&Arc::default()).await;
    let cache = tempfile::tempdir().unwrap();
    house.workshop = Some(workshop(Arc::new(NoMachines), cache.path()));
    let run = place.begun(&house).await;
    let row = house.load(run).await.unwrap();
    let open = || Stage::open(&house, &row, (1, Fence(1)), (1, 1)).unwrap();
    let (one, other) = (open(), open());
    let client = one.asking(house.workshop().unwrap());
    let endpoint = Endpoint {
        ecosystem: domain::dependency::Ecosystem::Cargo,
        base: "https://registry.invalid/index".to_owned(),
        authorization: None,
    };
    for path in ["../a", "../b"] {
        client.get(&endpoint, path, path, "*/*").await.unwrap_err();
    }
    other.tell_asked();
    assert!(one.notes.take().notes.is_empty(), "nothing was asked in the other one's name");
    one.tell_asked();
    let told = one.notes.take().notes;
    assert_eq!(told.iter().map(Note::action).collect::<Vec<_>>(), ["registry.asked"]);
    let hosts = serde_json::json!({
        "registry.invalid": { "sent": 0, "kept": 0, "refused": 2, "failed": 0 }
    });
    assert_eq!(told[0].value("hosts"), Some(&hosts));
    one.tell_asked();
    assert!(one.notes.take().notes.is_empty(), "it is told once");
}
