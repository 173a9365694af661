//! From a proposal to the person's answer, and what a second run makes of it.

use std::process::{Child, Output};

use serde_json::Value;

use crate::household::{Household, Told};

#[test]
fn a_proposal_is_looked_at_approved_and_merged() {
    let house = Household::with_sample();
    let before = house.standing();
    let report = house.update(&[]).expect(0).json();
    assert_eq!(report["outcome"], "proposed", "{report:#}");
    assert_eq!(report["updates"][0]["package"], "itoa");
    let id = report["proposal"]["id"].as_str().unwrap();
    let head = report["proposal"]["head"].as_str().unwrap();

    let listed = house.reviews();
    assert_eq!((listed.len(), listed[0]["id"].as_str()), (1, Some(id)));
    let shown = house.hob(&["review", "show", id, "--json"]).expect(0).json();
    assert_eq!(shown["digest"], report["proposal"]["digest"]);
    let diff = house.hob(&["review", "diff", id]).expect(0).out;
    assert!(diff.contains("-version = \"1.0.1\"") && diff.contains("+checksum"), "{diff}");

    let refused = house.hob(&["review", "merge", id]).expect(4);
    assert!(refused.said.contains("approv"), "{}", refused.said);
    assert_eq!(house.standing(), before);

    let again = house.update(&[]).expect(0).json();
    assert_eq!(again["outcome"], "no_change", "{again:#}");
    assert_eq!(again["proposal"]["id"], id, "the open proposal is named: {again:#}");
    assert_eq!(house.branches().len(), 1);

    let of_other_bytes = format!("sha256:{}", "0".repeat(64));
    house.hob(&["review", "approve", id, "--digest", &of_other_bytes]).expect(4);
    let approved = house.hob(&["review", "approve", id]).expect(0);
    assert!(approved.said.contains("approves their own request"), "{}", approved.said);
    let entries = || {
        house.hob(&["ledger", "show", "--json"]).expect(0).out.matches("proposal.approved").count()
    };
    let given = entries();
    let twice = house.hob(&["review", "approve", id]).expect(0);
    assert!(twice.said.contains("already approved by you"), "{}", twice.said);
    assert_eq!(entries(), given, "a second time is no second entry");
    let listed = house.hob(&["runs", "list"]).expect(0).out;
    assert!(listed.contains("proposed"), "{listed}");
    let merged = house.hob(&["review", "merge", id, "--json"]).expect(0).json();
    assert_eq!(merged["commit"], head, "{merged:#}");
    assert_eq!(house.git(&["rev-parse", "main"]), head);
    assert_eq!(house.branches(), Vec::<String>::new(), "what was merged needs no branch");
    let lock = std::fs::read_to_string(house.repo().join("Cargo.lock")).unwrap();
    assert!(lock.contains("version = \"1.0.1\""), "the work tree is its owner's");
    let run = report["run"].as_str().unwrap();
    let runs = house.runs();
    let line = runs.iter().find(|line| line["run"] == run).unwrap();
    assert!(line.to_string().contains("merged"), "{line}");
    assert_eq!(house.reviews().len(), 0);
    house.is_tidy();
}

#[test]
fn a_rejected_proposal_is_gone_with_its_branch() {
    let house = Household::with_sample();
    let report = house.update(&[]).expect(0).json();
    let id = report["proposal"]["id"].as_str().unwrap();
    let text = house.hob(&["review", "show", id]).expect(0).out;
    assert!(text.contains("`true`: before green; after green"), "the words of the run: {text}");
    assert!(!house.hob(&["review", "list"]).expect(0).out.contains("base moved"));
    house.git(&["commit", "-q", "--allow-empty", "-m", "moved on"]);
    let listed = house.hob(&["review", "list"]).expect(0).out;
    assert!(listed.contains("(its base moved)"), "{listed}");
    let before = house.standing();
    let why = format!("not this week: {}", "for many reasons, ".repeat(200));
    house.hob(&["review", "reject", id, "--why", &why]).expect(0);
    let shown = house.hob(&["review", "show", id, "--json"]).expect(0).json();
    assert_eq!(shown["why"], why.as_str(), "whole");
    assert!(house.hob(&["review", "show", id]).expect(0).out.contains(&why));
    assert!(house.hob(&["review", "list"]).expect(0).said.contains("nothing waits"));
    house.hob(&["runs", "resume"]).expect(0);
    assert_eq!(house.branches(), Vec::<String>::new());
    assert_eq!(house.reviews().len(), 0);
    house.hob(&["review", "merge", id]).expect(4);
    assert_eq!(house.standing(), before);
    house.is_tidy();
}

#[test]
fn two_at_once_make_one_proposal() {
    let house = Household::with_sample();
    let words = ["run", "dependency-updates", "--repo", "repo", "--set", "checks=true", "--json"];
    let both: Vec<Child> = [(); 2].iter().map(|()| house.start(&words)).collect();
    let told: Vec<Output> =
        both.into_iter().map(|child| child.wait_with_output().unwrap()).collect();
    for output in told {
        let report = Told::from(output).expect(0).json();
        assert!(["proposed", "no_change"].contains(&report["outcome"].as_str().unwrap()));
        assert_eq!(report["attempts"], 1, "{report:#}");
    }
    let entries = house.hob(&["ledger", "show", "--json"]).expect(0).json();
    let entries = entries.as_array().unwrap();
    let proposed = entries.iter().find(|entry| entry["action"] == "proposal.published").unwrap();
    let count = |action: &str| {
        let of_run = |entry: &&Value| entry["run"] == proposed["run"] && entry["action"] == action;
        entries.iter().filter(of_run).count()
    };
    // One for the brain, two for the checks: nothing was lost and done again.
    assert_eq!(["machine.asked", "machine.launched", "machine.released"].map(count), [3, 3, 3]);
    assert_eq!(count("change.exported"), 1);
    assert_eq!(house.branches().len(), 1);
    assert_eq!(house.reviews().len(), 1);
    house.is_tidy();
}

#[test]
fn who_acts_is_never_taken_from_the_environment() {
    let house = Household::with_sample();
    let own = house.hob(&["agents", "show", "dependency-updates"]).expect(0).out;
    let elsewhere = own.replacen("---\n", "---\nrepositories: [\"elsewhere/*\"]\n", 1);
    std::fs::write(house.beside("own.md"), elsewhere).unwrap();
    let mut asking = house.command(&["run", "./own.md", "--repo", "repo"]);
    asking.env("USER", "mallory").env("LOGNAME", "mallory");
    Told::from(asking.output().unwrap()).expect(4);
    let log = house.hob(&["ledger", "show", "--json"]).expect(0).out;
    assert!(log.contains("event.settled") && log.contains("local:"), "{log}");
    assert!(!log.contains("mallory"), "{log}");
}

#[test]
fn a_repository_at_work_holds_up_no_list_and_no_other_run() {
    let house = Household::with_sample();
    house.git(&["clone", "-q", ".", "../other"]);
    assert_eq!(house.update(&[]).expect(0).json()["outcome"], "proposed");
    let mirrors = house.data().join("mirrors");
    let mirror = crate::household::names(&mirrors).pop().unwrap();
    let lock =
        std::fs::File::options().write(true).open(mirrors.join(mirror).join("lock")).unwrap();
    lock.lock().unwrap();
    assert_eq!(house.reviews().len(), 1);
    let words = ["run", "dependency-updates", "--repo", "other", "--set", "checks=true", "--json"];
    assert_eq!(house.hob(&words).expect(0).json()["outcome"], "proposed");
    // Who does need it says whom it waits for.
    let mut waiting = house.start(&["run", "dependency-updates", "--repo", "repo"]);
    let said = std::io::BufReader::new(waiting.stderr.take().unwrap());
    let mut lines = std::io::BufRead::lines(said).map_while(Result::ok);
    let told = lines.find(|line| line.contains("waiting for the mirror")).unwrap();
    assert!(told.contains("pid ") && told.contains("since 20"), "{told}");
    lock.unlock().unwrap();
    lines.for_each(drop);
    assert_eq!(waiting.wait().unwrap().code(), Some(0));
    house.is_tidy();
}

#[test]
fn what_was_rejected_is_not_proposed_again_until_something_changes() {
    let house = Household::with_sample();
    let first = house.update(&[]).expect(0).json();
    let id = first["proposal"]["id"].as_str().unwrap();
    house.hob(&["review", "reject", id, "--why", "not this week"]).expect(0);
    let again = house.update(&[]).expect(0).json();
    assert_eq!(again["outcome"], "no_change", "{again:#}");
    let reason = again["reason"].as_str().unwrap();
    assert!(reason.contains(id) && reason.contains("not this week"), "{reason}");
    assert_eq!((&again["updates"], &again["proposal"]), (&Value::Array(vec![]), &Value::Null));
    assert_eq!(again["left"][0]["why"], "rejected by people", "{again:#}");
    assert_eq!((house.branches().len(), house.reviews().len()), (0, 0));
    // Another setting is other work; what was measured on the base holds, and the ledger says whose it is.
    let asked = house.update(&["--set", "attempts=2"]).expect(0).json();
    assert_eq!(asked["outcome"], "proposed", "{asked:#}");
    let words = ["ledger", "show", asked["run"].as_str().unwrap(), "--json"];
    let entries = house.hob(&words).expect(0).json();
    let of = |action: &str| {
        let mut entries = entries.as_array().unwrap().iter();
        entries.find(|entry| entry["action"] == action).unwrap().clone()
    };
    for action in ["baseline.reused", "check.compared"] {
        assert_eq!(of(action)["facts"]["base_run"], first["run"], "{action}");
        assert_eq!(of(action)["facts"]["base_machine"].as_str().unwrap().len(), 31, "{action}");
    }
    assert!(of("check.compared")["reason"].as_str().unwrap().contains("as it was measured before"));
    assert!(of("brain.told")["facts"]["proposals"].to_string().contains(id));
    house.git(&["commit", "-q", "--allow-empty", "-m", "moved on"]);
    assert_eq!(house.update(&[]).expect(0).json()["outcome"], "proposed");
    house.is_tidy();
}
