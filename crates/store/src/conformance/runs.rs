//! Runs move by revision, are found by what they are, and have a journal without gaps.

use std::sync::Arc;

use domain::ProposalId;

use super::sample::{Sample, at, insert, journal};
use crate::error::CommitError;
use crate::port::{RunFilter, Store};
use crate::record::{Ending, Failure, FailureClass, Gate, RunRow, RunState, Step};
use crate::transaction::{Guard, Transaction, Write};

fn update(run: &RunRow) -> Transaction {
    Transaction { runs: vec![Write::Update(run.clone())], ..Transaction::default() }
}

fn every_state(sample: &Sample) -> Vec<RunState> {
    let (machine, baseline) = (sample.machine(), sample.machine());
    let ending = Ending::Escalated;
    let steps = [
        Step::Prepare,
        Step::Act { machine },
        Step::Export { machine },
        Step::Verify { machine, baseline },
        Step::Judge,
        Step::Propose,
        Step::Escalate { ending },
    ];
    let mut states = vec![RunState::Queued];
    states.extend(steps.map(|step| RunState::Working { attempt: 2, step }));
    states
        .push(RunState::Waiting { attempt: 2, gate: Gate::Retry { at: at(5), then: Step::Judge } });
    states.push(RunState::Proposed { proposal: ProposalId::fresh(sample) });
    states.push(RunState::Stopping { step: Step::Prepare });
    states.push(RunState::Ended { ending });
    states
}

/// What is written is what is read, whatever the state.
pub async fn a_run_reads_back_in_every_state(store: &Arc<dyn Store>) {
    let sample = Sample::default();
    let mut run = sample.run("work");
    run.revision = store.commit(insert(&[&run])).await.expect("a run is kept").run_revisions[0];
    for state in every_state(&sample) {
        run.run.state = state;
        run.run.fence += 1;
        run.run.failures.push(Failure {
            attempt: 1,
            step: "act".into(),
            class: FailureClass::Checks,
            reason: "expected `1`, got `2`\n— \u{202e}".into(),
            work: (run.revision % 2 == 0).then(|| domain::Digest::of(b"work")),
        });
        let done = store.commit(update(&run)).await.expect("a run is written");
        assert_eq!(done.run_revisions, [run.revision + 1]);
        run.revision += 1;
        assert_eq!(store.run(run.id).await.expect("runs are read"), Some(run.clone()));
    }
}

/// Two that read the same revision do not both write.
pub async fn a_stale_revision_is_refused(store: &Arc<dyn Store>) {
    let sample = Sample::default();
    let mut run = sample.run("work");
    run.revision = store.commit(insert(&[&run])).await.expect("a run is kept").run_revisions[0];
    store.commit(update(&run)).await.expect("the first one writes");
    match store.commit(update(&run)).await {
        Err(CommitError::StaleRevision { what: "run", id, expected, found }) => {
            assert_eq!((id, expected, found), (run.id.to_string(), run.revision, run.revision + 1));
        }
        other => panic!("the second one was answered with {other:?}"),
    }
}

/// Insert and update are not the same thing.
pub async fn a_run_is_inserted_once_and_updated_only_if_there(store: &Arc<dyn Store>) {
    let sample = Sample::default();
    let run = sample.run("work");
    let missing = store.commit(update(&run)).await;
    assert!(matches!(missing, Err(CommitError::Missing { what: "run", .. })), "{missing:?}");
    store.commit(insert(&[&run])).await.expect("a run is kept");
    let twice = store.commit(insert(&[&run])).await;
    assert!(matches!(twice, Err(CommitError::Duplicate { what: "run", .. })), "{twice:?}");
    assert_eq!(store.run(sample.run("x").id).await.expect("runs are read"), None);
}

/// Agent, repository, identity, being unfinished; newest first, paged.
pub async fn runs_are_found_by_what_they_are(store: &Arc<dyn Store>) {
    let sample = Sample::default();
    let mut runs: Vec<RunRow> = (0..6).map(|n| sample.run(&format!("work {}", n % 2))).collect();
    runs[1].agent.name = "dependency-updates".into();
    runs[2].repository = "/srv/git/other".into();
    runs[3].run.state = RunState::Ended { ending: Ending::NoChange };
    store.commit(insert(&runs.iter().collect::<Vec<_>>())).await.expect("runs are kept");
    let check = async |filter: RunFilter, expect: &[usize]| {
        let found = store.runs(filter.clone()).await.expect("runs are read");
        let found: Vec<_> = found.into_iter().map(|run| run.id).collect();
        let expect: Vec<_> = expect.iter().map(|n| runs[*n].id).collect();
        assert_eq!(found, expect, "{filter:?}");
    };
    let all = RunFilter::default();
    check(all.clone(), &[5, 4, 3, 2, 1, 0]).await;
    check(RunFilter { agent: Some("dependency-updates".into()), ..all.clone() }, &[1]).await;
    check(RunFilter { repository: Some("/srv/git/other".into()), ..all.clone() }, &[2]).await;
    check(RunFilter { identity: Some("work 1".into()), unfinished: true, ..all.clone() }, &[5, 1])
        .await;
    check(RunFilter { unfinished: true, limit: 2, ..all.clone() }, &[5, 4]).await;
    check(RunFilter { unfinished: true, before: Some(runs[4].id), limit: 2, ..all }, &[2, 1]).await;
}

/// Work that is under way is not begun a second time, whoever asks first.
pub async fn an_identity_can_be_guarded(store: &Arc<dyn Store>) {
    let sample = Sample::default();
    let guarded = |run: &RunRow| Transaction {
        guards: vec![Guard::NoUnfinishedRun { identity: run.identity.clone() }],
        ..insert(&[run])
    };
    let (mut first, second) = (sample.run("work"), sample.run("work"));
    first.revision =
        store.commit(guarded(&first)).await.expect("the first one is kept").run_revisions[0];
    match store.commit(guarded(&second)).await {
        Err(CommitError::Duplicate { what: "run", existing }) => {
            assert_eq!(existing, first.id.to_string());
        }
        other => panic!("the second one was answered with {other:?}"),
    }
    first.run.state = RunState::Proposed { proposal: ProposalId::fresh(&sample) };
    first.revision =
        store.commit(update(&first)).await.expect("the first one proposes").run_revisions[0];
    store.commit(guarded(&second)).await.expect("then the second one may begin");
    let third = sample.run("work");
    assert!(store.commit(guarded(&third)).await.is_err(), "and the third one has to wait for it");
    first.run.state = RunState::Ended { ending: Ending::NoChange };
    store.commit(update(&first)).await.expect("the first one ends");
}

/// Rows are numbered from 1 within their run, also after a refusal.
pub async fn a_journal_has_no_gaps(store: &Arc<dyn Store>) {
    let sample = Sample::default();
    let (run, other) = (sample.run("a"), sample.run("b"));
    store.commit(insert(&[&run, &other])).await.expect("runs are kept");
    let said = |commands: &[(&RunRow, &str)]| Transaction {
        journal: commands.iter().map(|(run, command)| journal(run.id, command)).collect(),
        ..Transaction::default()
    };
    let done = store.commit(said(&[(&run, "start"), (&other, "start"), (&run, "done")])).await;
    assert_eq!(done.expect("journal rows are kept").journal_seqs, [1, 1, 2]);
    let refused = Transaction { completed: vec![(99, 1)], ..said(&[(&run, "lost")]) };
    assert!(store.commit(refused).await.is_err());
    let done = store.commit(said(&[(&run, "cancel")])).await;
    assert_eq!(done.expect("journal rows are kept").journal_seqs, [3]);
    let rows = store.journal(run.id, 0, 0).await.expect("journals are read");
    assert_eq!(rows.iter().map(|row| row.seq).collect::<Vec<_>>(), [1, 2, 3]);
    for (after, limit, expected) in [(0, 1, vec![1]), (1, 2, vec![2, 3]), (3, 9, vec![])] {
        let page = store.journal(run.id, after, limit).await.expect("journals are read");
        assert_eq!(page.iter().map(|row| row.seq).collect::<Vec<u64>>(), expected);
    }
    assert_eq!(rows[2].entry, journal(run.id, "cancel"));
    let unknown = store.commit(said(&[(&sample.run("c"), "start")])).await;
    assert!(matches!(unknown, Err(CommitError::Missing { what: "run", .. })), "{unknown:?}");
}
