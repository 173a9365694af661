//! Who finds whom in a lock, and what that makes of each package.

use std::fmt::Write as _;

use super::super::Npm;
use super::{graph, only_project, tree};
use crate::dependencies::{Ecosystem as _, Graph, Source};

/// `name@version flags -> name@version ..` for each package.
fn told(graph: &Graph) -> String {
    let mut lines: Vec<String> = graph
        .packages
        .iter()
        .map(|package| {
            let mut line = format!("{}@{}", package.name, package.version);
            if package.direct {
                line.push_str(" direct");
            }
            if package.development_only {
                line.push_str(" development");
            }
            if package.source != Source::Registry {
                write!(line, " {:?}", package.source).unwrap();
            }
            for id in &package.dependencies {
                let to = graph.get(*id);
                write!(line, " -> {}@{}", to.name, to.version).unwrap();
            }
            line
        })
        .collect();
    lines.sort();
    lines.join("\n")
}

const MANIFEST: &str = r#"{
  "workspaces": ["packages/*"],
  "dependencies": { "a": "^1.0.0", "other-b": "npm:b@^2.0.0", "tool": "github:acme/tool#v1" },
  "devDependencies": { "d": "~1.0.0" },
  "optionalDependencies": { "missing": "^1.0.0" },
  "peerDependencies": { "p": ">=1" }
}"#;
const MEMBER: &str = r#"{ "name": "m", "version": "0.1.0", "dependencies": { "a": "^2.0.0" }, "devDependencies": { "e": "1" } }"#;
const LOCK: &str = r#"{
  "name": "root", "lockfileVersion": 3, "requires": true,
  "packages": {
    "": { "name": "root", "workspaces": ["packages/*"] },
    "node_modules/a": { "version": "1.5.0", "integrity": "sha512-AA==", "dependencies": { "b": "^1.0.0", "c": "*" }, "optionalDependencies": { "c": "*", "fsevents": "^2" } },
    "node_modules/a/node_modules/b": { "version": "1.0.1", "dependencies": { "c": "*" } },
    "node_modules/b": { "version": "1.9.0", "dev": true },
    "node_modules/c": { "version": "3.0.0", "dependencies": { "b": ">=1" }, "peerDependencies": { "p": "*" } },
    "node_modules/d": { "version": "1.0.9", "dev": true, "dependencies": { "c": "*", "b": "^1.9.0" }, "devDependencies": { "never": "1" } },
    "node_modules/e": { "version": "1.1.0", "dev": true },
    "node_modules/m": { "resolved": "packages/m", "link": true },
    "node_modules/other-b": { "name": "b", "version": "2.3.0" },
    "node_modules/p": { "version": "1.0.0", "peer": true },
    "node_modules/tool": { "version": "1.0.0", "resolved": "git+ssh://git@github.com/acme/tool.git#abc" },
    "node_modules/unasked": { "version": "9.0.0", "extraneous": true },
    "packages/m": { "version": "0.1.0", "dependencies": { "a": "^2.0.0" }, "devDependencies": { "e": "1" } },
    "packages/m/node_modules/a": { "version": "2.0.0", "inBundle": false }
  }
}"#;

#[test]
fn each_package_finds_what_node_would_find() {
    let graph = graph(&[
        ("package.json", MANIFEST),
        ("packages/m/package.json", MEMBER),
        ("package-lock.json", LOCK),
    ])
    .expect("a graph");
    assert!(graph.whole);
    insta::assert_snapshot!(told(&graph), @r#"
        a@1.5.0 direct -> b@1.0.1 -> c@3.0.0
        a@2.0.0 direct
        b@1.0.1 -> c@3.0.0
        b@1.9.0
        b@2.3.0 direct
        c@3.0.0 -> b@1.9.0 -> p@1.0.0
        d@1.0.9 direct development -> b@1.9.0 -> c@3.0.0
        e@1.1.0 direct development
        m@0.1.0 Workspace -> e@1.1.0 -> a@2.0.0
        p@1.0.0 direct
        tool@1.0.0 direct Other("git+ssh://git@github.com/acme/tool.git#abc")
        unasked@9.0.0
        "#);
    let direct: Vec<String> = graph
        .direct
        .iter()
        .map(|r| {
            let alias = r.alias.as_deref().unwrap_or("-");
            format!(
                "{}:{} {} {alias} {} {} {:?}",
                r.manifest,
                r.line.unwrap_or(0),
                r.package,
                r.range,
                r.development,
                r.source
            )
        })
        .collect();
    insta::assert_snapshot!(direct.join("\n"), @r#"
        package.json:3 a - ^1.0.0 false Registry
        package.json:3 b other-b ^2.0.0 false Registry
        package.json:3 tool - github:acme/tool#v1 false Other("github:acme/tool#v1")
        package.json:4 d - ~1.0.0 true Registry
        package.json:5 missing - ^1.0.0 false Registry
        package.json:6 p - >=1 false Registry
        packages/m/package.json:1 a - ^2.0.0 false Registry
        packages/m/package.json:1 e - 1 true Registry
        "#);
}

#[test]
fn without_a_lock_only_pins_are_known() {
    let manifest = r#"{ "dependencies": { "a": "1.2.3", "b": "^1.0.0" }, "devDependencies": { "c": "=2.0.0" } }"#;
    let graph = graph(&[("package.json", manifest)]).expect("a graph");
    assert!(!graph.whole);
    insta::assert_snapshot!(told(&graph), @r#"
        a@1.2.3 direct
        c@2.0.0 direct development
        "#);
    assert_eq!(graph.direct.len(), 3);
}

#[test]
fn only_a_project_without_a_lock_is_resolved() {
    let with = tree(&[("package.json", MANIFEST), ("package-lock.json", "{}")]);
    let project = only_project(&with);
    assert_eq!(Npm.resolve(&project, &with), None);
    let without = tree(&[
        ("web/package.json", r#"{ "dependencies": { "x": "file:../lib", "y": "1" } }"#),
        ("lib/package.json", "{}"),
        ("web/.npmrc", ""),
    ]);
    let exec = Npm.resolve(&only_project(&without), &without).expect("a command");
    assert!(exec.cwd.is_root());
    assert_eq!(
        exec.argv[3],
        r#"{"root":"web","files":["lib/package.json","web/.npmrc","web/package.json"]}"#
    );
}
