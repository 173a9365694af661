//! Proposals move by revision; machines and baselines are kept by their names.

use std::sync::Arc;

use domain::Digest;
use serde_json::json;

use super::sample::{Sample, at, insert};
use crate::error::CommitError;
use crate::port::{ProposalFilter, Store};
use crate::record::{Approval, Machine, MachineState, Proposal, ProposalState};
use crate::transaction::{Transaction, Write};

fn write(proposal: Write<Proposal>) -> Transaction {
    Transaction { proposals: vec![proposal], ..Transaction::default() }
}

/// Two reviewers that saw the same page do not both decide.
pub async fn a_proposal_reads_back_and_moves_by_revision(store: &Arc<dyn Store>) {
    let sample = Sample::default();
    let run = sample.run("work");
    store.commit(insert(&[&run])).await.expect("a run is kept");
    let mut proposal = sample.proposal(&run);
    let done = store.commit(write(Write::Insert(proposal.clone()))).await;
    proposal.revision = done.expect("a proposal is kept").proposal_revisions[0];
    assert_eq!(store.proposal(proposal.id).await.expect("it is read"), Some(proposal.clone()));
    let twice = store.commit(write(Write::Insert(proposal.clone()))).await;
    assert!(matches!(twice, Err(CommitError::Duplicate { what: "proposal", .. })), "{twice:?}");

    proposal.state = ProposalState::Approved;
    let digest = proposal.digest;
    proposal.approvals.push(Approval { actor: "local:anna".into(), digest, at: at(7) });
    let done = store.commit(write(Write::Update(proposal.clone()))).await;
    let stale = store.commit(write(Write::Update(proposal.clone()))).await;
    assert!(matches!(stale, Err(CommitError::StaleRevision { what: "proposal", .. })), "{stale:?}");
    proposal.revision = done.expect("a proposal is written").proposal_revisions[0];
    assert_eq!(store.proposal(proposal.id).await.expect("it is read"), Some(proposal));
    let orphan = store.commit(write(Write::Insert(sample.proposal(&sample.run("x"))))).await;
    assert!(matches!(orphan, Err(CommitError::Missing { what: "run", .. })), "{orphan:?}");
}

/// Run, agent, repository, state; newest first, paged.
pub async fn proposals_are_found_by_what_they_are(store: &Arc<dyn Store>) {
    let sample = Sample::default();
    let (run, mut other) = (sample.run("work"), sample.run("other"));
    other.agent.name = "dependency-updates".into();
    other.repository = "/srv/git/other".into();
    store.commit(insert(&[&run, &other])).await.expect("runs are kept");
    let mut all: Vec<Proposal> = (0..3).map(|_| sample.proposal(&run)).collect();
    all.push(sample.proposal(&other));
    all[0].state = ProposalState::Merged;
    all[1].state = ProposalState::Approved;
    for proposal in &all {
        store.commit(write(Write::Insert(proposal.clone()))).await.expect("a proposal is kept");
    }
    let check = async |filter: ProposalFilter, expect: &[usize]| {
        let found = store.proposals(filter.clone()).await.expect("proposals are read");
        let found: Vec<_> = found.into_iter().map(|proposal| proposal.id).collect();
        let expect: Vec<_> = expect.iter().map(|n| all[*n].id).collect();
        assert_eq!(found, expect, "{filter:?}");
    };
    let any = ProposalFilter::default();
    check(any.clone(), &[3, 2, 1, 0]).await;
    check(ProposalFilter { run: Some(run.id), ..any.clone() }, &[2, 1, 0]).await;
    check(ProposalFilter { agent: Some("dependency-updates".into()), ..any.clone() }, &[3]).await;
    check(ProposalFilter { repository: Some("/srv/git/other".into()), ..any.clone() }, &[3]).await;
    let states = vec![ProposalState::Open, ProposalState::Approved];
    check(ProposalFilter { states, limit: 2, before: Some(all[3].id), ..any }, &[2, 1]).await;
}

/// Whatever is written last counts.
pub async fn a_machine_reads_back_as_it_was_written_last(store: &Arc<dyn Store>) {
    let sample = Sample::default();
    let run = sample.run("work");
    store.commit(insert(&[&run])).await.expect("a run is kept");
    let mut machines: Vec<Machine> = (0..3)
        .map(|n| Machine {
            id: sample.machine(),
            run: run.id,
            state: MachineState::Launching,
            made_at: at(n),
        })
        .collect();
    let put = |machines: &[Machine]| Transaction {
        machines: machines.to_vec(),
        ..Transaction::default()
    };
    store.commit(put(&machines)).await.expect("machines are kept");
    machines[0].state = MachineState::Running;
    machines[1].state = MachineState::Released;
    store.commit(put(&machines[..2])).await.expect("machines are kept");
    for machine in machines {
        let read = store.machine(machine.id).await.expect("machines are read");
        assert_eq!(read, Some(machine));
    }
    let unknown = store.machine(sample.machine()).await.expect("machines are read");
    assert_eq!(unknown, None);
}

/// Paid once, and replaced where it is measured again.
pub async fn a_baseline_is_kept_under_its_key(store: &Arc<dyn Store>) {
    let key = Digest::of(b"repository, commit, command, image");
    let put = |value| Transaction { baselines: vec![(key, value)], ..Transaction::default() };
    assert_eq!(store.baseline(key).await.expect("baselines are read"), None);
    for value in [json!({ "passed": 256, "failed": [] }), json!({ "passed": 255 })] {
        store.commit(put(value.clone())).await.expect("a baseline is kept");
        assert_eq!(store.baseline(key).await.expect("baselines are read"), Some(value));
    }
}

/// Those that were written last stay; one that is written again is young again.
pub async fn the_baselines_that_were_written_first_go(store: &Arc<dyn Store>) {
    let key = |n: u8| Digest::of(&[n]);
    let put = async |n: u8, doc: &str| {
        let tx = Transaction { baselines: vec![(key(n), json!(doc))], ..Transaction::default() };
        store.commit(tx).await.expect("a baseline is kept");
    };
    let left = async || {
        let mut left = vec![];
        for n in 0..5 {
            let read = store.baseline(key(n)).await.expect("baselines are read");
            left.extend(read.map(|_| n));
        }
        left
    };
    for n in 0..5 {
        put(n, "small").await;
    }
    assert_eq!(store.trim_baselines(5, 1_000).await.expect("baselines are kept"), 0);
    put(0, "young again").await;
    assert_eq!(store.trim_baselines(3, 1_000).await.expect("baselines are trimmed"), 2);
    assert_eq!(left().await, [0, 3, 4]);
    put(3, &"large".repeat(100)).await;
    put(1, "small").await;
    assert_eq!(store.trim_baselines(9, 520).await.expect("baselines are trimmed"), 2);
    assert_eq!(left().await, [1, 3]);
}
