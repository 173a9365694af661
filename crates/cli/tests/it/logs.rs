//! What a person can see of a run afterwards, and how it is tried once more.

use crate::household::Household;

#[test]
fn a_log_has_the_commands_and_what_they_wrote() {
    let house = Household::with_sample();
    let report = house.update(&[]).expect(0).json();
    let run = report["run"].as_str().unwrap();

    let log = house.hob(&["runs", "logs", run]).expect(0).out;
    for said in ["queued -> prepare (start)", "prepare -> act (done)", "act -> export (done)"] {
        assert!(log.contains(&format!("run.state          {said}")), "{log}");
    }
    assert!(!log.contains("export.git"), "the plumbing of the export is routine: {log}");
    let (_, after) = log.split_once("$ cargo update").expect("the command is told");
    assert!(after.contains("\n    "), "what it wrote stands below it: {log}");
    assert!(!log.contains("GET "), "requests that were let through are routine: {log}");
    let all = house.hob(&["runs", "logs", run, "--all"]).expect(0).out;
    assert!(all.contains("egress.allowed") && all.contains("GET "), "{all}");
    assert!(all.contains("export.git"), "{all}");
    let followed = house.hob(&["runs", "logs", run, "--follow"]).expect(0).out;
    assert_eq!(followed, log, "a proposal waits for people, so following ends");
    let lines = house.hob(&["runs", "logs", run, "--json"]).expect(0).json();
    assert!(lines.as_array().unwrap().iter().any(|line| line["what"] == "change.judged"));
}

#[test]
fn an_ended_run_can_be_tried_once_more() {
    let house = Household::with_sample();
    let first = house.update(&[]).expect(0).json();
    let run = first["run"].as_str().unwrap();
    let refused = house.hob(&["runs", "retry", run]).expect(1);
    assert!(refused.said.contains("is not over"), "{}", refused.said);

    house.hob(&["review", "reject", first["proposal"]["id"].as_str().unwrap()]).expect(0);
    house.hob(&["runs", "resume"]).expect(0);
    let retry = || house.hob(&["runs", "retry", run, "--json"]).expect(0).json();
    let again = retry();
    assert_ne!(again["run"], first["run"]);
    assert_eq!(again["outcome"], "no_change", "what was rejected stays so: {again:#}");
    std::fs::write(house.repo().join("README.md"), "a sample\n").unwrap();
    house.commit_all();
    let again = retry();
    assert_eq!(again["outcome"], "proposed", "{again:#}");
    assert_eq!(again["updates"], first["updates"]);
    house.is_tidy();
}
