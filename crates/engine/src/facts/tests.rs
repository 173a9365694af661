//! What hob has written of runs must stay readable: the documents are here as they were stored.

use domain::RunId;
use domain::clock::SystemClock;
use serde_json::{Value, json};

use super::*;

fn request() -> Value {
    json!({
        "event": "evt_01k2q8z5x4w3v2t1s0r9q8p7n6",
        "actor": { "name": "local:ann", "trust": "owner" },
        "source": "/home/ann/app",
        "branch": null,
        "definition": "---\nname: sample\n---\n",
        "settings": ["level=major"],
        "advisories": null
    })
}

/// A run that was accepted, as the first shape has it.
fn accepted() -> Value {
    json!({
        "v": 1, "request": request(), "branch": null, "base": null, "shallow": false, "notes": [],
        "outcome": null, "change": null, "checks": [], "check_notes": [], "checks_left_out": [], "checks_incomplete": false,
        "verdict": null, "proposal": null,
        "machines": { "backend": null, "acted": null, "verified": null },
        "previous": null, "told": null, "spent": { "prepare": 1, "act": 2, "verify": 3, "judge": 4 }, "reason": ""
    })
}

#[test]
fn a_stored_document_reads_back_and_is_written_as_it_was() {
    let run = RunId::fresh(&SystemClock);
    let facts = Facts::read(run, &accepted()).unwrap();
    assert_eq!(facts.document(), accepted());
    assert_eq!((facts.request.source.as_str(), facts.spent.verify), ("/home/ann/app", 3));
}

#[test]
fn a_document_without_what_was_added_later_is_readable() {
    let run = RunId::fresh(&SystemClock);
    let facts = Facts::read(run, &json!({ "v": 1, "request": request() })).unwrap();
    assert_eq!(facts, Facts { spent: SpentMillis::default(), ..Facts::new(facts.request.clone()) });
}

#[test]
fn a_newer_document_and_one_with_a_strange_key_are_refused_by_the_name_of_the_run() {
    let run = RunId::fresh(&SystemClock);
    for (key, value) in [("v", json!(2)), ("dance", json!(true))] {
        let mut document = accepted();
        document[key] = value;
        let error = Facts::read(run, &document).unwrap_err();
        assert!(error.to_string().contains(&run.to_string()), "{error}");
    }
}
