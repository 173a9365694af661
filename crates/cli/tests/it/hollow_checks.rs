//! Checks that are found in the repository itself: what they need is installed, and what they no longer run is told.

use serde_json::Value;

use crate::household::Household;

/// A repository of npm's with one outdated dependency, and the lock that npm itself writes for it.
fn with_package(manifests: &[(&str, &str)], test: (&str, &str)) -> Household {
    let house = Household::with_sample();
    house.git(&["rm", "-q", "-r", "."]);
    for (path, text) in manifests.iter().copied().chain([test]) {
        let path = house.repo().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
    #[expect(clippy::disallowed_methods, reason = "a story drives npm as a person would")]
    let told = std::process::Command::new("npm")
        .args(["install", "--package-lock-only", "--ignore-scripts", "--no-audit", "--no-fund"])
        .current_dir(house.repo())
        .output()
        .unwrap();
    assert!(told.status.success(), "{}", String::from_utf8_lossy(&told.stderr));
    let manifest = house.repo().join(manifests.last().unwrap().0);
    // The lock holds what was exact; the range admits what is newer.
    for path in [manifest, house.repo().join("package-lock.json")] {
        let text = std::fs::read_to_string(&path).unwrap();
        std::fs::write(&path, text.replace("\"inherits\": \"2.0.3\"", "\"inherits\": \"^2.0.3\""))
            .unwrap();
    }
    house.commit_all();
    house
}

fn update(house: &Household) -> Value {
    house.hob(&["run", "dependency-updates", "--repo", "repo", "--json"]).json()
}

const ALONE: &str =
    r#"{ "scripts": { "test": "node test.js" }, "dependencies": { "inherits": "2.0.3" } }"#;

#[test]
fn a_member_of_a_workspace_is_tested_with_what_its_root_installs() {
    let root = r#"{ "name": "root", "private": true, "workspaces": ["packages/*"] }"#;
    let member = r#"{ "name": "a", "version": "1.0.0", "scripts": { "test": "node test.js" }, "dependencies": { "inherits": "2.0.3" } }"#;
    let test = "require('inherits')(function A() {}, function B() {});\n";
    let manifests = [("package.json", root), ("packages/a/package.json", member)];
    let house = with_package(&manifests, ("packages/a/test.js", test));
    let report = update(&house);
    assert_eq!(report["outcome"], "proposed", "{report:#}");
    let check = &report["checks"][0];
    assert_eq!((&check["base"]["exit"], &check["after"]["exit"]), (&0.into(), &0.into()));
    assert_eq!((&report["complete"], &check["outcome"]), (&true.into(), &"held".into()));
    house.is_tidy();
}

#[test]
fn a_command_that_runs_no_test_any_more_is_broken_and_one_that_runs_fewer_is_told() {
    let is_new = "const isNew = require('inherits/package.json').version !== '2.0.3';";
    let (begin, one) = ("const test = require('node:test');", "test('subtracts', () => {});");
    let silent = format!("{is_new} if (isNew) process.exit(0);\n{begin}\n{one}\n");
    let house = with_package(&[("package.json", ALONE)], ("test.js", &silent));
    let report = update(&house);
    assert_ne!(report["outcome"], "proposed", "{report:#}");
    assert_eq!(report["left"][0]["why"], "fix needs a code change", "{report:#}");

    let fewer = format!("{is_new}\n{begin}\n{one}\nif (!isNew) test('adds', () => {{}});\n");
    let house = with_package(&[("package.json", ALONE)], ("test.js", &fewer));
    let report = update(&house);
    assert_eq!(report["outcome"], "proposed", "{report:#}");
    assert_eq!(report["checks"][0]["vanished"], serde_json::json!(["adds"]), "{report:#}");
    assert_eq!(report["verdict"]["decision"], "needs_approval", "{report:#}");
    let id = report["proposal"]["id"].as_str().unwrap();
    let shown = house.hob(&["review", "show", id]).expect(0).out;
    assert!(shown.contains("not run any more"), "{shown}");
}

#[test]
fn a_check_that_passes_no_test_and_a_manifest_that_none_installs_are_for_people() {
    let example = r#"{ "dependencies": { "inherits": "2.0.3" } }"#;
    let manifests = [("examples/x/package.json", example), ("package.json", ALONE)];
    let house = with_package(&manifests, ("test.js", "console.log('TAP version 13\\n1..0');\n"));
    let report = update(&house);
    assert_eq!(
        (&report["outcome"], &report["complete"]),
        (&"proposed".into(), &false.into()),
        "{report:#}"
    );
    assert_eq!(report["checks"][0]["outcome"], "nothing_tested", "{report:#}");
    assert_eq!(report["verdict"]["decision"], "needs_approval", "{report:#}");
    let findings = report["verdict"]["findings"].to_string();
    for words in ["nothing was tested", "examples/x/package.json` is changed, and no check"] {
        assert!(findings.contains(words), "{words}: {report:#}");
    }
    let id = report["proposal"]["id"].as_str().unwrap();
    let shown = house.hob(&["review", "show", id]).expect(0).out;
    assert!(shown.contains("nothing was tested"), "{shown}");
}

#[test]
fn a_check_that_is_red_before_and_after_without_a_word_is_not_called_held() {
    let house = with_package(&[("package.json", ALONE)], ("test.js", "process.exit(1);\n"));
    let report = update(&house);
    assert_eq!(
        (&report["outcome"], &report["complete"]),
        (&"proposed".into(), &false.into()),
        "{report:#}"
    );
    assert_eq!(report["checks"][0]["outcome"], "not_compared", "{report:#}");
    assert_eq!(report["verdict"]["decision"], "needs_approval", "{report:#}");
}
