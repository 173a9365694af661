//! Which edits and which order come of bumps.

use super::super::Npm;
use super::{only_project, plan, tree};
use crate::dependencies::{Bump, Ecosystem as _, Plan};

const LOCK: &str = r#"{
  "lockfileVersion": 2,
  "packages": {
    "": {},
    "node_modules/a": { "version": "1.0.0", "resolved": "http://localhost/a/-/a-1.0.0.tgz", "dependencies": { "b": "^1.0.0" } },
    "node_modules/b": { "version": "1.0.0", "dependencies": { "c": "~1.0.0" } },
    "node_modules/c": { "version": "1.0.0" },
    "node_modules/d": { "version": "1.0.0", "peerDependencies": { "a": "^1.0.0" } },
    "node_modules/e": { "version": "1.0.0", "bundleDependencies": ["f"], "dependencies": { "f": "1" } },
    "node_modules/e/node_modules/f": { "version": "1.0.0", "inBundle": true }
  }
}"#;
const MANIFEST: &str = r#"{ "dependencies": { "a": "^1.0.0", "d": "*", "e": "1" } }"#;

fn files(manifest: &str) -> [(&str, &str); 2] {
    [("package.json", manifest), ("package-lock.json", LOCK)]
}

/// The order that the first command carries.
fn order(plan: &Plan) -> serde_json::Value {
    serde_json::from_str(&plan.commands[0].argv[3]).expect("an order")
}

#[test]
fn a_transitive_package_needs_no_edit() {
    let plan = plan(&files(MANIFEST), ("c", "1.0.0", "1.0.7")).expect("a plan");
    assert_eq!(plan.edits, []);
    insta::assert_snapshot!(order(&plan), @r#"{"phases":[[{"name":"c","from":"1.0.0","to":"1.0.7","down":false,"pins":[],"not":[]}]],"manifests":["package.json"],"lockfileVersion":2,"resolved":true}"#);
    assert_eq!(
        plan.commands[1].display(),
        "npm ci --dry-run --ignore-scripts --no-audit --no-fund"
    );
    assert_eq!(
        plan.writes.iter().map(|path| path.as_str()).collect::<Vec<_>>(),
        ["package-lock.json"]
    );
}

#[test]
fn a_direct_package_is_pinned_for_the_run_and_its_peer_range_is_left_to_npm() {
    let plan = plan(&files(MANIFEST), ("a", "1.0.0", "2.0.0")).expect("a plan");
    let [edit] = plan.edits.as_slice() else { panic!("one edit: {plan:?}") };
    assert_eq!(edit.text, MANIFEST.replace("^1.0.0", "^2.0.0"));
    insta::assert_snapshot!(order(&plan), @r#"{"phases":[[{"name":"a","from":"1.0.0","to":"2.0.0","down":false,"pins":[{"manifest":"package.json","path":["dependencies","a"],"value":"2.0.0"}],"not":["d@1.0.0"]}]],"manifests":["package.json"],"lockfileVersion":2,"resolved":true}"#);
}

#[test]
fn what_asks_for_a_moving_package_moves_before_it() {
    let files = tree(&files(MANIFEST));
    let project = only_project(&files);
    let graph = Npm.graph(&project, &files, None).expect("a graph");
    let bumps: Vec<Bump> = ["c", "b", "a"]
        .map(|name| Bump { package: name.into(), from: "1.0.0".into(), to: "1.0.5".into() })
        .into();
    let plan = Npm.plan(&project, &files, &graph, &bumps).expect("a plan");
    let phases: Vec<_> = order(&plan)["phases"]
        .as_array()
        .expect("phases")
        .iter()
        .map(|phase| phase[0]["name"].as_str().expect("a name").to_owned())
        .collect();
    assert_eq!(phases, ["a", "b", "c"]);
}

#[test]
fn what_cannot_move_says_why() {
    let check = |bump| plan(&files(MANIFEST), bump).unwrap_err().to_string();
    insta::assert_snapshot!(check(("c", "1.0.0", "1.1.0")), @"c: 1.1.0 is held back: b@1.0.0 asks for c@~1.0.0");
    insta::assert_snapshot!(check(("f", "1.0.0", "1.1.0")), @"f: e@1.0.0 brings 1.0.0 inside its own package; only a newer version of it can bring another one");
    insta::assert_snapshot!(check(("c", "0.9.0", "1.1.0")), @"c: version 0.9.0 is not in the lock file");
    insta::assert_snapshot!(check(("c", "1.0.0", "newest")), @"c: `newest` is not a version");
    let unlocked = [("package.json", r#"{ "dependencies": { "a": "1.0.0" } }"#)];
    insta::assert_snapshot!(plan(&unlocked, ("c", "1.0.0", "1.1.0")).unwrap_err(), @"c: no requirement of the project names it and there is no package-lock.json: each install takes the newest version that its parents admit");
}

#[test]
fn nothing_to_move_is_no_plan() {
    assert_eq!(plan(&files(MANIFEST), ("c", "1.0.0", "1.0.0")), Ok(Plan::default()));
}

#[test]
fn every_other_byte_of_a_manifest_stays() {
    let manifest = "\u{feff}{\r\n\t\"description\" : \"caf\\u00e9 \u{1f980}\",\r\n\t\"dependencies\":{\"a\" :\"1.0.0\",\"d\":\"*\",\"e\":\"1\"},\r\n\t\"overrides\": { \"d\": { \"a\": \"1.0.0\" }, \"a@1\": { \".\": \"~1.0.0\" }, \"b\": \"$a\" } }";
    let plan = plan(&files(manifest), ("a", "1.0.0", "1.2.0")).expect("a plan");
    let expect = manifest
        .replace("\"a\" :\"1.0.0\"", "\"a\" :\"1.2.0\"")
        .replace("\"a\": \"1.0.0\"", "\"a\": \"1.2.0\"")
        .replace("~1.0.0", "~1.2.0");
    assert_eq!(plan.edits[0].text, expect);
}
