//! The audit log taken elsewhere: exports, proofs and kept checkpoints, verified where no hob has ever been.

use std::path::Path;

use serde_json::Value;

use crate::household::{Household, Told};

/// A run that was accepted and whose process is dead: the cheapest thing that a log can tell of.
pub(crate) fn accepted(house: &Household) -> String {
    let words = ["run", "dependency-updates", "--repo", "repo", "--set", "checks=true"];
    let died = house.command(&words).env("HOB_FAILPOINT", "action-claimed").output().unwrap();
    assert_eq!(Told::from(died).signal, Some(9));
    house.runs()[0]["run"].as_str().unwrap().to_owned()
}

/// `hob ledger verify` with a data folder that has never seen this log.
fn elsewhere(house: &Household, words: &[&str]) -> Told {
    let mut command = house.command(&[&["ledger", "verify"], words].concat());
    Told::from(command.env("HOB_DATA", house.beside("elsewhere")).output().unwrap())
}

/// The newest checkpoint in an export.
fn checkpoint(export: &Path) -> String {
    let text = std::fs::read_to_string(export).unwrap();
    let lines = text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let notes: Vec<String> =
        lines.filter_map(|line| Some(line["checkpoint"]["note"].as_str()?.to_owned())).collect();
    notes.last().unwrap_or_else(|| panic!("{text}")).clone()
}

#[test]
fn an_export_and_a_proof_say_whose_key_they_were_verified_by() {
    let house = Household::with_sample();
    let run = accepted(&house);
    house.hob(&["ledger", "export", "log.jsonl"]).expect(0);
    house.hob(&["ledger", "prove", &run, "--file", "proof.json"]).expect(0);
    for file in [["--export", "log.jsonl"], ["--proof", "proof.json"]] {
        let own = house.hob(&["ledger", "verify", file[0], file[1], "--json"]).expect(0).json();
        assert_eq!(own["key_of"], "this host's key", "{own:#}");
        let key = own["key"].as_str().unwrap();
        let strange = elsewhere(&house, &[file[0], file[1]]).expect(0).out;
        assert!(strange.contains("proves nothing about who wrote it"), "{strange}");
        let given = elsewhere(&house, &[file[0], file[1], "--key", key, "--json"]).expect(0).json();
        assert_eq!(given["key_of"], "the key that was given", "{given:#}");
    }
    assert!(!house.beside("elsewhere").exists(), "what is verified offline makes no data folder");

    // With the key of another log, neither holds.
    let mut other = house.command(&["ledger", "verify", "--json"]);
    other.env("HOB_DATA", house.beside("other"));
    let other = Told::from(other.output().unwrap()).expect(0).json();
    let key = other["key"].as_str().unwrap();
    elsewhere(&house, &["--export", "log.jsonl", "--key", key]).expect(1);
    elsewhere(&house, &["--proof", "proof.json", "--key", key]).expect(1);
}

#[test]
fn a_proof_counts_the_entries_of_its_run_and_falls_with_one_changed_letter() {
    let house = Household::with_sample();
    let run = accepted(&house);
    house.hob(&["ledger", "prove", &run, "--file", "proof.json"]).expect(0);
    let entries = house.hob(&["ledger", "show", &run, "--json"]).expect(0).json();
    let proof = elsewhere(&house, &["--proof", "proof.json", "--json"]).expect(0).json();
    assert_eq!(proof["run"], run.as_str());
    assert_eq!(proof["entries"].as_u64(), entries.as_array().map(|all| all.len() as u64));
    assert!(proof["entries"].as_u64() > Some(0), "{proof:#}");

    let text = std::fs::read_to_string(house.beside("proof.json")).unwrap();
    let forged = text.replacen("run.accepted", "run.forgiven", 1);
    assert_ne!(text, forged);
    std::fs::write(house.beside("forged.json"), forged).unwrap();
    let told = elsewhere(&house, &["--proof", "forged.json"]).expect(1);
    assert!(told.said.contains("does not hold"), "{}", told.said);
}

#[test]
fn a_kept_checkpoint_shows_a_log_that_does_not_go_on_from_it() {
    let house = Household::with_sample();
    accepted(&house);
    house.hob(&["ledger", "export", "old.jsonl"]).expect(0);
    accepted(&house);
    house.hob(&["ledger", "export", "new.jsonl"]).expect(0);
    for name in ["old", "new"] {
        let note = checkpoint(&house.beside(&format!("{name}.jsonl")));
        std::fs::write(house.beside(&format!("{name}.checkpoint")), note).unwrap();
    }
    house.hob(&["ledger", "verify", "--checkpoint", "old.checkpoint"]).expect(0);
    house.hob(&["ledger", "verify", "--checkpoint", "new.checkpoint"]).expect(0);
    elsewhere(&house, &["--export", "new.jsonl", "--checkpoint", "old.checkpoint"]).expect(0);
    let cut = ["--export", "old.jsonl", "--checkpoint", "new.checkpoint"];
    let told = elsewhere(&house, &cut).expect(1).out;
    assert!(told.contains("fault:") && told.contains("does NOT verify"), "{told}");
}

#[test]
fn a_changed_export_and_one_with_an_endless_line_are_told() {
    let house = Household::with_sample();
    accepted(&house);
    house.hob(&["ledger", "export", "log.jsonl"]).expect(0);
    let text = std::fs::read_to_string(house.beside("log.jsonl")).unwrap();
    let forged = text.replacen("run.accepted", "run.forgiven", 1);
    assert_ne!(text, forged);
    std::fs::write(house.beside("forged.jsonl"), forged).unwrap();
    let told = elsewhere(&house, &["--export", "forged.jsonl"]).expect(1).out;
    assert!(told.contains("altered"), "{told}");

    // A line of holes: whoever reads it whole before looking at it needs all that memory.
    let endless = std::fs::File::create(house.beside("endless.jsonl")).unwrap();
    endless.set_len(1 << 40).unwrap();
    let told = elsewhere(&house, &["--export", "endless.jsonl"]).expect(1);
    assert!(told.said.contains("bytes"), "{}", told.said);
}
