//! What holds after every command, shown with random sequences, and the table in the docs.

use std::collections::BTreeSet;

use domain::{Clock, Digest, MachineId, ProposalId, Timestamp};
use proptest::prelude::*;

use crate::{
    Action, Answer, Command, Done, Ending, FailureClass, Fence, Gate, Limits, Run, State, Step,
    apply,
};

/// A clock whose randomness counts up, so that ids differ and repeat from test to test.
#[derive(Debug, Default)]
struct Counting(std::sync::atomic::AtomicU64);

impl Clock for Counting {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(1)
    }

    fn fill_random(&self, bytes: &mut [u8]) {
        let next = self.0.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        for (slot, byte) in bytes.iter_mut().rev().zip(next.to_le_bytes()) {
            *slot = byte;
        }
    }
}

const LIMITS: Limits =
    Limits { attempts_max: 3, losses_max: 2, time_ms: 500, backoff_ms: 10, backoff_max_ms: 100 };

/// What a random driver does with the newest action, or out of turn.
#[derive(Debug, Clone)]
enum Move {
    Right,
    Other(u8),
    Fail(u8),
    Stale,
    Cancel,
    Wake,
    Start,
    Answer(u8),
    Later(u16),
}

fn moves() -> impl Strategy<Value = Vec<Move>> {
    let one = prop_oneof![
        8 => Just(Move::Right),
        2 => (0_u8..12).prop_map(Move::Other),
        3 => (0_u8..5).prop_map(Move::Fail),
        1 => Just(Move::Stale),
        1 => Just(Move::Cancel),
        3 => Just(Move::Wake),
        2 => Just(Move::Start),
        1 => (0_u8..3).prop_map(Move::Answer),
        1 => (0_u16..200).prop_map(Move::Later),
    ];
    prop::collection::vec(one, 1..60)
}

fn results(proposal: ProposalId) -> [Done; 12] {
    [
        Done::Prepared,
        Done::Changed,
        Done::NoChange,
        Done::HandOver { reason: "r".into() },
        Done::Exported,
        Done::Verified,
        Done::Allowed,
        Done::Reported,
        Done::Denied { reason: "r".into() },
        Done::Published { proposal },
        Done::Escalated,
        Done::ToldBefore,
    ]
}

fn right(step: Step, proposal: ProposalId) -> Done {
    match step {
        Step::Prepare => Done::Prepared,
        Step::Act { .. } => Done::Changed,
        Step::Export { .. } => Done::Exported,
        Step::Verify { .. } => Done::Verified,
        Step::Judge => Done::Allowed,
        Step::Propose => Done::Published { proposal },
        Step::Escalate { .. } => Done::Escalated,
    }
}

struct World {
    clock: Counting,
    proposal: ProposalId,
    now: Timestamp,
    run: Run,
    started: BTreeSet<MachineId>,
    released: BTreeSet<MachineId>,
    pending: Vec<Action>,
}

impl World {
    fn new() -> Self {
        let clock = Counting::default();
        let proposal = ProposalId::fresh(&clock);
        let now = Timestamp::from_millis(0);
        let run = Run::accepted(now, LIMITS);
        let sets = (BTreeSet::new(), BTreeSet::new());
        Self { clock, proposal, now, run, started: sets.0, released: sets.1, pending: vec![] }
    }

    fn command(&self, given: &Move) -> Command {
        let spare = [MachineId::fresh(&self.clock), MachineId::fresh(&self.clock)];
        let fence = self.run.fence;
        match given {
            Move::Right => match self.run.state {
                State::Working { step, .. } | State::Stopping { step } => {
                    Command::Done { fence, done: right(step, self.proposal), spare }
                }
                State::Queued
                | State::Waiting { .. }
                | State::Proposed { .. }
                | State::Ended { .. } => Command::Start,
            },
            Move::Other(which) => {
                let done = results(self.proposal)[usize::from(*which)].clone();
                Command::Done { fence, done, spare }
            }
            Move::Fail(which) => {
                let class = FailureClass::ALL[usize::from(*which)];
                let work = which.is_multiple_of(2).then(|| Digest::of(b"work"));
                Command::Failed { fence, class, reason: "r".into(), work, jitter: 65_535 }
            }
            Move::Stale => {
                let fence = Fence(fence.0.wrapping_sub(1));
                Command::Done { fence, done: Done::Prepared, spare }
            }
            Move::Cancel => Command::Cancel,
            Move::Wake => Command::Wake { fence },
            Move::Start | Move::Later(_) => Command::Start,
            Move::Answer(which) => Command::Answered {
                answer: [Answer::Merged, Answer::Rejected, Answer::Superseded][usize::from(*which)],
            },
        }
    }

    fn step(&mut self, given: &Move) {
        if let Move::Later(ms) = given {
            self.now = self.now.plus_millis(u64::from(*ms));
        }
        let command = self.command(given);
        let before = self.run.clone();
        let answer = apply(&before, &command, self.now, self.now.as_millis());
        if before.is_ended() {
            assert!(answer.is_err(), "an ended run took {command:?}");
        }
        if matches!(given, Move::Stale) {
            assert!(answer.is_err(), "a stale fence was taken");
        }
        let Ok((run, actions)) = answer else { return };
        self.take(run, actions);
    }

    fn take(&mut self, run: Run, actions: Vec<Action>) {
        assert!(run.fence >= self.run.fence);
        self.run = run;
        self.pending.retain(|action| match action {
            Action::Perform { fence, .. } | Action::Wake { fence, .. } => *fence == self.run.fence,
            Action::Interrupt { .. }
            | Action::Release { .. }
            | Action::Withdraw { .. }
            | Action::Unpublish { .. } => false,
        });
        for action in &actions {
            match action {
                Action::Perform { step, .. } => self.started.extend(step.machines()),
                Action::Release { machine } => {
                    self.released.insert(*machine);
                }
                Action::Wake { .. }
                | Action::Interrupt { .. }
                | Action::Withdraw { .. }
                | Action::Unpublish { .. } => {}
            }
        }
        self.pending.extend(actions);
        self.check();
    }

    /// A run that is not over has something to wait for, and holds exactly the machines of its step.
    fn check(&self) {
        let held: BTreeSet<MachineId> = match self.run.state {
            State::Working { step, .. } | State::Stopping { step } => {
                step.machines().into_iter().collect()
            }
            State::Queued
            | State::Waiting { .. }
            | State::Proposed { .. }
            | State::Ended { .. } => BTreeSet::new(),
        };
        let open: BTreeSet<MachineId> = self.started.difference(&self.released).copied().collect();
        assert_eq!(open, held, "machines that nobody will release in {:?}", self.run.state);
        self.check_not_stuck();
        assert!(self.run.attempts <= self.run.limits.attempts_max);
    }
}

impl World {
    /// A run that is not over goes on: an action of it is to be performed, its pause is timed, people are asked, or it
    /// stands in the queue. Whatever it waits for, it takes when it comes.
    fn check_not_stuck(&self) {
        let (state, fence) = (self.run.state.clone(), self.run.fence);
        let due = |wanted: &dyn Fn(&Action) -> bool| {
            self.pending.iter().filter(|action| wanted(action)).count()
        };
        let performs = due(&|action| matches!(action, Action::Perform { .. }));
        let wakes = due(&|action| matches!(action, Action::Wake { .. }));
        let after = |command| {
            let taken = apply(&self.run, &command, self.now, 0);
            taken.unwrap_or_else(|refused| panic!("{state:?} does not take {command:?}: {refused}"))
        };
        let goes_on = |command| {
            let (next, actions) = after(command);
            assert!(matches!(next.state, State::Working { .. }), "{:?}", next.state);
            let begins =
                |a: &Action| matches!(a, Action::Perform { fence, .. } if *fence == next.fence);
            assert_eq!(actions.iter().filter(|action| begins(action)).count(), 1, "{actions:?}");
        };
        match state {
            State::Queued => {
                assert_eq!((performs, wakes), (0, 0), "whoever takes it from the queue starts it");
                goes_on(Command::Start);
            }
            State::Working { step, .. } | State::Stopping { step } => {
                let this = due(
                    &|a| matches!(a, Action::Perform { step: s, fence: f, .. } if (*s, *f) == (step, fence)),
                );
                assert_eq!((this, performs, wakes), (1, 1, 0), "what is under way in {state:?}");
            }
            State::Waiting { gate: Gate::Retry { at, .. }, .. } => {
                let this = due(&|a| *a == Action::Wake { fence, at });
                assert_eq!((this, performs, wakes), (1, 0, 1), "what {state:?} waits for");
                goes_on(Command::Wake { fence });
            }
            State::Proposed { .. } => {
                assert_eq!((performs, wakes), (0, 0), "people are asked");
                for answer in [Answer::Merged, Answer::Rejected, Answer::Superseded] {
                    assert!(after(Command::Answered { answer }).0.is_ended());
                }
            }
            State::Ended { .. } => assert_eq!((performs, wakes), (0, 0), "it is over"),
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn any_sequence_of_commands_keeps_the_invariants(sequence in moves()) {
        let mut world = World::new();
        world.check();
        for given in &sequence {
            world.step(given);
        }
    }

    #[test]
    fn a_pause_never_exceeds_its_ceiling(losses in 0_u32..200, jitter in any::<u16>()) {
        prop_assert!(LIMITS.pause_ms(losses, jitter) <= LIMITS.backoff_max_ms);
    }
}

#[track_caller]
fn walk(moves: &[Move]) -> Run {
    let mut world = World::new();
    for given in moves {
        world.step(given);
    }
    world.run
}

#[test]
fn a_run_where_all_goes_well_is_proposed() {
    let run = walk(&[const { Move::Right }; 7]);
    assert!(matches!(run.state, State::Proposed { .. }), "{:?}", run.state);
    assert_eq!((run.attempts, run.losses), (1, 0));
}

#[test]
fn a_lost_machine_costs_no_attempt() {
    let infrastructure = || Move::Fail(0);
    let run = walk(&[Move::Start, Move::Right, infrastructure(), Move::Wake, Move::Right]);
    assert_eq!((run.attempts, run.losses, run.failures.len()), (1, 1, 1));
    assert!(matches!(run.state, State::Working { attempt: 1, step: Step::Act { .. } }));
}

#[test]
fn five_lost_machines_are_borne_and_the_sixth_is_told_to_people() {
    let mut world = World::new();
    world.run.limits.losses_max = Limits::LOSSES_MAX;
    world.step(&Move::Start);
    for _ in 0..5 {
        world.step(&Move::Fail(0));
        assert!(matches!(world.run.state, State::Waiting { .. }), "{:?}", world.run);
        world.step(&Move::Wake);
    }
    world.step(&Move::Fail(0));
    let escalates = Step::Escalate { ending: Ending::Escalated };
    assert_eq!(world.run.state, State::Working { attempt: 1, step: escalates });
}

#[test]
fn the_last_attempt_that_fails_is_told_to_people() {
    let mut world = World::new();
    world.run.limits.attempts_max = 20;
    world.step(&Move::Start);
    for attempt in 1..20 {
        let work = Some(Digest::of(&[attempt]));
        let (fence, class) = (world.run.fence, FailureClass::Agent);
        let failed = Command::Failed { fence, class, reason: "r".into(), work, jitter: 0 };
        let (run, actions) = apply(&world.run, &failed, world.now, 0).unwrap();
        world.take(run, actions);
        let next = State::Working { attempt: u32::from(attempt) + 1, step: Step::Prepare };
        assert_eq!(world.run.state, next);
    }
    world.step(&Move::Fail(1));
    let escalates = Step::Escalate { ending: Ending::Escalated };
    assert_eq!(world.run.state, State::Working { attempt: 20, step: escalates });
}

#[test]
fn people_who_know_are_not_told_again_but_of_what_is_denied_always() {
    for (ending, over) in [(Ending::Escalated, Some(Ending::NoChange)), (Ending::Denied, None)] {
        let mut world = World::new();
        world.step(&Move::Start);
        world.run.state = State::Working { attempt: 1, step: Step::Escalate { ending } };
        world.step(&Move::Other(11));
        let ended = match world.run.state {
            State::Ended { ending } => Some(ending),
            State::Queued
            | State::Working { .. }
            | State::Waiting { .. }
            | State::Proposed { .. }
            | State::Stopping { .. } => None,
        };
        assert_eq!(ended, over, "{ending:?}");
    }
}

#[test]
fn only_time_that_was_worked_is_used_up() {
    let much_later = Timestamp::from_millis(1_000 * LIMITS.time_ms);
    for (worked_ms, goes_on) in [(0, true), (LIMITS.time_ms - 1, true), (LIMITS.time_ms, false)] {
        let mut world = World::new();
        world.step(&Move::Start);
        let prepared = world.command(&Move::Right);
        let (run, _) = apply(&world.run, &prepared, much_later, worked_ms).unwrap();
        let acts = matches!(run.state, State::Working { step: Step::Act { .. }, .. });
        assert_eq!(acts, goes_on, "{worked_ms}: {:?}", run.state);
    }
}

#[test]
fn broken_checks_begin_the_next_attempt_which_is_told_why() {
    let checks = Move::Fail(2);
    let run = walk(&[Move::Start, Move::Right, Move::Right, Move::Right, checks]);
    assert!(matches!(run.state, State::Working { attempt: 2, step: Step::Prepare }));
    assert_eq!(run.failures[0].class, FailureClass::Checks);
}

/// Two attempts whose checks fail, with these messages, in these works.
#[track_caller]
fn two_failures(messages: [&str; 2], works: [Option<&[u8]>; 2]) -> Run {
    let mut world = World::new();
    world.step(&Move::Start);
    for (reason, work) in messages.into_iter().zip(works) {
        for _ in 0..3 {
            world.step(&Move::Right);
        }
        assert!(matches!(world.run.state, State::Working { step: Step::Verify { .. }, .. }));
        let (fence, class) = (world.run.fence, FailureClass::Checks);
        let (reason, work) = (reason.to_owned(), work.map(Digest::of));
        let failed = Command::Failed { fence, class, reason, work, jitter: 0 };
        let (run, actions) = apply(&world.run, &failed, world.now, 0).unwrap();
        world.take(run, actions);
    }
    world.run
}

#[test]
fn who_fails_the_same_way_in_the_same_work_does_not_begin_once_more() {
    let (took, again) = ("`x` newly fails: a, b in 0.12s", "`x` newly fails: a, b in 12.03s");
    let [one, other] = [Some(&b"one"[..]), Some(&b"other"[..])];
    let run = two_failures([took, again], [one, one]);
    let escalates = Step::Escalate { ending: Ending::Escalated };
    assert_eq!(run.state, State::Working { attempt: 2, step: escalates });
    let told = &run.failures.last().unwrap().reason;
    assert!(told.starts_with(again) && told.contains("attempt 1 failed the same way"), "{told}");
    let differently = "`x` newly fails: c in 0.12s";
    let others = [
        ([took, differently], [one, one]),
        ([took, again], [one, other]),
        ([took, again], [None, None]),
    ];
    for (messages, works) in others {
        let run = two_failures(messages, works);
        let next = State::Working { attempt: 3, step: Step::Prepare };
        assert_eq!(run.state, next, "{messages:?} {works:?}");
    }
}

#[track_caller]
fn at_propose() -> World {
    let mut world = World::new();
    for _ in 0..6 {
        world.step(&Move::Right);
    }
    assert!(matches!(world.run.state, State::Working { step: Step::Propose, .. }));
    world
}

#[test]
fn what_a_publication_may_have_left_is_taken_back_wherever_it_is_given_up() {
    let gives_up: [&[Move]; 5] = [
        &[Move::Fail(3)],
        &[Move::Fail(4)],
        &[Move::Cancel, Move::Fail(0)],
        &[Move::Fail(0), Move::Cancel],
        &[const { Move::Fail(0) }; 1],
    ];
    for (nth, moves) in gives_up.into_iter().enumerate() {
        let mut world = at_propose();
        if nth == 4 {
            world.run.losses = LIMITS.losses_max;
        }
        for given in moves {
            world.step(given);
        }
        let taken_back = world.pending.iter().any(|a| matches!(a, Action::Unpublish { .. }));
        assert!(taken_back, "{moves:?} ends {:?} and leaves a branch", world.run.state);
    }
    let mut again = at_propose();
    again.step(&Move::Fail(0));
    assert!(
        again.pending.iter().all(|a| !matches!(a, Action::Unpublish { .. })),
        "it is tried again"
    );
}

#[test]
fn telling_people_is_not_tried_for_ever_and_not_cancelled_meanwhile() {
    let mut world = at_propose();
    world.step(&Move::Fail(3));
    for tried in 0..=LIMITS.losses_max {
        assert!(!world.run.is_ended(), "given up after {tried}");
        world.step(&Move::Fail(0));
        world.step(&Move::Cancel);
        world.step(&Move::Wake);
    }
    assert_eq!(world.run.state, State::Ended { ending: Ending::Denied });
}

#[test]
fn the_table_in_the_docs_is_what_the_code_does() {
    let clock = Counting::default();
    let ids = [MachineId::fresh(&clock), MachineId::fresh(&clock)];
    let table = crate::picture::draw(ids, ProposalId::fresh(&clock));
    let page = include_str!("../../../docs/reference/run-states.md");
    let held = page
        .split_once("<!-- table: begin -->\n")
        .and_then(|(_, rest)| rest.split_once("<!-- table: end -->\n"))
        .map(|(held, _)| held);
    assert!(held == Some(&*table), "docs/reference/run-states.md should hold:\n{table}");
}
