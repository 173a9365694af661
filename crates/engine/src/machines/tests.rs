//! What the ledger says of machines is what was seen, and nobody acts on what is somebody else's.

use domain::Clock as _;
use domain::clock::SystemClock;
use runs::Action;
use store::queue::Claim;
use store::transaction::Transaction;

use super::*;
use crate::claims::Next;
use crate::claims::tests::Place;
use crate::perform::Stage;

/// A run with a machine that is up as far as the rows say, and the claim of its release.
async fn releasing(house: &House, run: RunId) -> (MachineId, Claim) {
    let machine = MachineId::fresh(&SystemClock);
    let Next::Claimed(prepare) = house.claim_next(run).await.unwrap() else { panic!("it is due") };
    let row = store::record::Machine {
        id: machine,
        run,
        state: MachineState::Running,
        made_at: SystemClock.now(),
    };
    let release = crate::outbox::to_row(run, &Action::Release { machine }, SystemClock.now());
    let tx = Transaction {
        completed: vec![(prepare.row.id, prepare.token)],
        outbox: vec![release],
        machines: vec![row],
        ..Transaction::default()
    };
    house.store.commit(tx).await.unwrap();
    let Next::Claimed(claim) = house.claim_next(run).await.unwrap() else { panic!("it is due") };
    (machine, *claim)
}

async fn told(house: &House, run: RunId) -> Vec<String> {
    let rows = house.store.ledger_rows_of_run(run, 0, 0).await.unwrap();
    let text = rows.iter().map(|row| String::from_utf8_lossy(&row.entry.bytes)).collect::<String>();
    let actions = ["machine.released", "machine.left"];
    actions.into_iter().filter(|action| text.contains(action)).map(str::to_owned).collect()
}

async fn released(house: &House, run: RunId, claim: Claim) -> Vec<String> {
    house.perform(run, claim, &house.leaving()).await.unwrap();
    told(house, run).await
}

#[tokio::test]
async fn a_machine_of_another_process_is_not_called_released() {
    let place = Place::new();
    let house = place.house(&Arc::default()).await;
    let run = place.begun(&house).await;
    let (machine, claim) = releasing(&house, run).await;
    assert_eq!(released(&house, run, claim).await, ["machine.left"]);
    let row = house.store.machine(machine).await.unwrap().unwrap();
    assert_eq!(row.state, MachineState::Running);
}

#[tokio::test]
async fn a_machine_that_was_seen_to_be_gone_is_called_released() {
    let place = Place::new();
    let house = place.house(&Arc::default()).await;
    let run = place.begun(&house).await;
    let (machine, claim) = releasing(&house, run).await;
    house.asked.ask(machine, run);
    house.asked.is_gone(machine);
    assert_eq!(released(&house, run, claim).await, ["machine.released"]);
    let row = house.store.machine(machine).await.unwrap().unwrap();
    assert_eq!((row.state, house.asked.how_far(machine)), (MachineState::Released, None));
}

#[tokio::test]
async fn a_machine_that_goes_beside_everything_else_is_told_of_at_the_end() {
    let place = Place::new();
    let house = place.house(&Arc::default()).await;
    let run = place.begun(&house).await;
    let (machine, claim) = releasing(&house, run).await;
    house.asked.ask(machine, run);
    assert_eq!(released(&house, run, claim).await, Vec::<String>::new());
    house.tell_of_machines(false).await.unwrap();
    assert_eq!(told(&house, run).await, Vec::<String>::new());
    house.tell_of_machines(true).await.unwrap();
    assert_eq!(told(&house, run).await, ["machine.released"]);
    let row = house.store.machine(machine).await.unwrap().unwrap();
    assert_eq!(row.state, MachineState::Released);
}

#[tokio::test]
async fn whoever_lost_a_step_writes_no_escalation() {
    let place = Place::new();
    let (one, other) = (place.house(&Arc::default()).await, place.house(&Arc::default()).await);
    let run = place.begun(&one).await;
    let Next::Claimed(held) = one.claim_next(run).await.unwrap() else { panic!("it is due") };
    one.clear_away().await;
    let Next::Claimed(newer) = other.claim_next(run).await.unwrap() else { panic!("given back") };
    let row = one.load(run).await.unwrap();
    let step = runs::Step::Escalate { ending: runs::Ending::Escalated };
    for (house, claim, may) in [(&one, &held, false), (&other, &newer, true)] {
        let fences = (1, domain::Fence(1));
        let mut stage = Stage::open(house, &row, fences, (claim.row.id, claim.token)).unwrap();
        let done = crate::perform::step(&mut stage, step).await;
        assert_eq!(done.is_ok(), may, "{done:?}");
        let text = house.settings.escalations().join(format!("{run}.md"));
        assert_eq!(text.exists(), may);
    }
}
