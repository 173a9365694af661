//! What older versions of hob have stored still loads, and what is stored now looks as it always did: a sample of every
//! document of the engine's own, in `tests/records/vN/<kind>-<which>.json`. What a version has once written stays there.

use std::collections::BTreeMap;
use std::path::PathBuf;

use domain::dependency::Update;
use domain::finding::Verdict;
use domain::report::CheckReport;
use domain::{Actor, Digest, Fence, MachineId, ProposalId, Timestamp};
use runs::{Action, Answer, Command, Done, Ending, FailureClass, Step};
use serde_json::Value;

use crate::intent::{Intended, Intent};

/// Every sample of a kind, by the rest of its name.
#[track_caller]
fn samples(kind: &str) -> BTreeMap<String, Value> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/records/v1");
    let mut found = BTreeMap::new();
    for file in std::fs::read_dir(folder).unwrap() {
        let path = file.unwrap().path();
        let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
        let (of, which) = name.split_once('-').unwrap_or((&name, ""));
        assert!(KINDS.contains(&of), "nothing looks at {}", path.display());
        if of == kind {
            let text = std::fs::read_to_string(&path).unwrap();
            found.insert(which.to_owned(), serde_json::from_str(&text).unwrap());
        }
    }
    found
}

const KINDS: [&str; 5] = ["action", "baseline", "command", "entry", "proposal"];

fn machines() -> [MachineId; 2] {
    ["mach_01k2q8z5x4w3v2t1s0r9q8p7n6", "mach_01k2q8z5x4w3v2t1s0r9q8p7n7"]
        .map(|id| id.parse().unwrap())
}

fn proposal() -> ProposalId {
    "prop_01k2q8z5x4w3v2t1s0r9q8p7n6".parse().unwrap()
}

#[test]
fn actions_of_the_outbox_and_the_journal() {
    let (fence, [machine, baseline]) = (Fence(4), machines());
    let perform = |step| Action::Perform { fence, attempt: 2, step };
    let expected = [
        ("perform-prepare", perform(Step::Prepare)),
        ("perform-act", perform(Step::Act { machine })),
        ("perform-export", perform(Step::Export { machine })),
        ("perform-verify", perform(Step::Verify { machine, baseline })),
        ("perform-judge", perform(Step::Judge)),
        ("perform-propose", perform(Step::Propose)),
        ("perform-escalate", perform(Step::Escalate { ending: Ending::Escalated })),
        ("wake", Action::Wake { fence, at: Timestamp::from_millis(1_700_000_000_123) }),
        ("interrupt", Action::Interrupt { fence }),
        ("release", Action::Release { machine }),
        ("withdraw", Action::Withdraw { proposal: proposal() }),
        ("unpublish", Action::Unpublish { fence }),
    ];
    let samples = samples("action");
    assert_eq!(samples.len(), expected.len());
    for (which, action) in expected {
        let sample = &samples[which];
        assert_eq!(crate::outbox::from_document(sample).unwrap(), action, "{which}");
        assert_eq!(crate::outbox::document(&action), *sample, "{which}");
    }
}

#[test]
fn commands_of_the_journal() {
    let (fence, spare) = (Fence(4), machines());
    let failed = Command::Failed {
        fence,
        class: FailureClass::Checks,
        reason: "`cargo test` newly fails: one".to_owned(),
        work: None,
        jitter: 0,
    };
    let done = Command::Done { fence, done: Done::Published { proposal: proposal() }, spare };
    let expected = [
        ("start", Command::Start),
        ("done", done),
        ("failed", failed),
        ("wake", Command::Wake { fence }),
        ("cancel", Command::Cancel),
        ("answered", Command::Answered { answer: Answer::Merged }),
    ];
    let samples = samples("command");
    assert_eq!(samples.len(), expected.len());
    for (which, command) in expected {
        assert_eq!(crate::outbox::command(&command), samples[which], "{which}");
    }
}

#[test]
fn baselines() {
    for (which, sample) in samples("baseline") {
        let read = crate::baseline::read(&sample);
        let read = read.unwrap_or_else(|| panic!("baseline {which} is measured again"));
        let written = crate::baseline::document(&read);
        let Some(sample) = sample.as_object() else { panic!("{which} is an object") };
        for (key, value) in sample {
            assert_eq!(written[key], *value, "{which}");
        }
    }
}

#[test]
fn what_is_known_of_a_proposal() {
    let actor = Actor::local("bob");
    let at = Timestamp::from_millis(1_700_000_000_456);
    let commit = |digit: &str| digit.repeat(40).parse().unwrap();
    let merge = Intended::Merge { target: "main".to_owned(), old: commit("1"), new: commit("3") };
    let reject = Intended::Reject { why: "not now".to_owned() };
    let expected = [
        ("", None),
        ("merge-intended", Some(merge)),
        ("reject-intended", Some(reject)),
        ("rejected", None),
    ];
    let samples = samples("proposal");
    assert_eq!(samples.len(), expected.len());
    for (which, answer) in expected {
        let facts = samples[which].clone();
        let made = record(facts.clone());
        let intent = answer.map(|answer| Intent { actor: actor.clone(), at, answer });
        assert_eq!(crate::intent::of(&made).unwrap(), intent, "{which}");
        let written = intent.map(|intent| serde_json::to_value(intent).unwrap());
        assert_eq!(facts.get("intent"), written.as_ref(), "{which}");
        let rejection = (which == "rejected").then(|| "not now".to_owned());
        assert_eq!(crate::intent::rejection(&made).unwrap(), rejection, "{which}");
        let shown = crate::request::review::review(&made);
        assert_eq!(shown.repository, "/home/ann/app");
        assert_eq!((shown.target.as_deref(), shown.approvals_needed), (Some("main"), 2));
        assert_eq!(shown.requester.as_deref(), Some("local:ann"));
        let updates: Vec<Update> = serde_json::from_value(facts["updates"].clone()).unwrap();
        assert_eq!((updates[0].package.as_str(), updates[0].to.as_str()), ("regex", "1.5.5"));
        let checks: Vec<CheckReport> = serde_json::from_value(facts["checks"].clone()).unwrap();
        assert_eq!(checks[0].command, "cargo test --locked");
        let verdict: Verdict = serde_json::from_value(facts["verdict"].clone()).unwrap();
        assert_eq!(verdict.findings[0].line, Some(12));
    }
}

fn record(facts: Value) -> store::record::Proposal {
    let commit = || "1".repeat(40).parse().unwrap();
    store::record::Proposal {
        id: proposal(),
        revision: 1,
        run: "run_01k2q8z5x4w3v2t1s0r9q8p7n6".parse().unwrap(),
        agent: "cve-remediation".to_owned(),
        repository: "/home/ann/app/.git".to_owned(),
        branch: "hob/x".to_owned(),
        base: commit(),
        head: commit(),
        digest: Digest::of(b"change"),
        title: String::new(),
        body: String::new(),
        state: store::record::ProposalState::Open,
        approvals: vec![],
        made: Timestamp::from_millis(1),
        updated: Timestamp::from_millis(1),
        facts,
    }
}

#[test]
fn entries_of_the_ledger_and_the_payloads_that_they_name() {
    let samples = samples("entry");
    assert!(samples.len() >= 7, "{}", samples.len());
    for (which, sample) in &samples {
        // The files hold their keys in the order of the canonical form, and reading keeps it.
        let bytes = sample.to_string().into_bytes();
        let entry = ledger::Entry::parse(&bytes).unwrap_or_else(|e| panic!("{which}: {e}"));
        assert_eq!(entry.to_bytes().unwrap(), bytes, "{which}");
        let named: Vec<(&str, u64)> =
            entry.payloads.iter().map(|payload| (payload.name.as_str(), payload.bytes)).collect();
        match which.as_str() {
            "command-ran" => assert_eq!(named, [("stdout", 6), ("stderr", 0)]),
            "large-facts" => assert_eq!(named, [("facts", 20_000)]),
            "proposal-published" => assert_eq!(named, [("body", 10)]),
            _ => assert_eq!(named, [], "{which}"),
        }
    }
}
