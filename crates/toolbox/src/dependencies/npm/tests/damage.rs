//! Damaged and hostile files: each gets an error that names the place, and none a panic.

use proptest::prelude::*;

use super::super::Npm;
use super::{graph, path, tree};
use crate::dependencies::{Ecosystem as _, Project};
use crate::files::Content;

const MANIFEST: &str = "{ \"dependencies\": { \"x\": \"^1.0.0\" } }";
const LOCK: &str = r#"{
  "lockfileVersion": 3,
  "packages": {
    "": { "dependencies": { "x": "^1.0.0" } },
    "node_modules/x": { "version": "1.2.0", "resolved": "http://localhost/x/-/x-1.2.0.tgz", "integrity": "sha512-AA==" }
  }
}"#;

#[track_caller]
fn manifest_error(text: &str) -> String {
    let found = Npm.discover(&tree(&[("package.json", text)]));
    let [left] = found.left.try_into().expect("one thing is left");
    left.detail
}

#[track_caller]
fn lock_error(text: &str) -> String {
    graph(&[("package.json", MANIFEST), ("package-lock.json", text)]).unwrap_err().to_string()
}

#[test]
fn a_damaged_manifest_is_told_by_line() {
    let check = manifest_error;
    insta::assert_snapshot!(check(""), @"`package.json`: the file is empty; restore it, or delete it");
    insta::assert_snapshot!(check("{\n  \"dependencies\": {,}\n}"), @"`package.json` line 2: not the JSON that npm writes: key must be a string");
    insta::assert_snapshot!(check("[]"), @"`package.json` line 1: a package.json holds one object");
    insta::assert_snapshot!(check("{\n\"name\": \"a\" // why\n}"), @"`package.json` line 2: not the JSON that npm writes: expected `,` or `}`");
    insta::assert_snapshot!(check("{\n<<<<<<< HEAD\n\"name\": \"a\"\n=======\n"), @"`package.json` line 2: a merge conflict was committed; resolve it and commit the file again");
    insta::assert_snapshot!(check("{\n\"dependencies\": {\n\"x\": 1\n}}"), @"`package.json` line 3: `x` in `dependencies` must be a string");
    insta::assert_snapshot!(check("{\n\"dependencies\": {\n\"x\": \"1\",\n\"x\": \"2\"\n}}"), @r#"`package.json` line 4: the key "x" stands twice; npm reads only the last one"#);
    insta::assert_snapshot!(check("{\"dependencies\": {},\n\"dependencies\": {}}"), @r#"`package.json` line 2: the key "dependencies" stands twice; npm reads only the last one"#);
    insta::assert_snapshot!(check("{\"dependencies\": \"x\"}"), @"`package.json` line 1: `dependencies` must be an object");
    insta::assert_snapshot!(check(&"[".repeat(100_000)), @"`package.json` line 1: not the JSON that npm writes: recursion limit exceeded");
}

#[test]
fn a_damaged_lock_is_told_by_line() {
    let check = lock_error;
    assert!(graph(&[("package.json", MANIFEST), ("package-lock.json", LOCK)]).is_ok());
    insta::assert_snapshot!(check(" \n"), @"`package-lock.json`: the file is empty; restore it, or delete it");
    insta::assert_snapshot!(check(&LOCK.replace("{ \"version\"", "{ \"version")), @"`package-lock.json` line 5: not the JSON that npm writes: expected `:`");
    insta::assert_snapshot!(check(&LOCK.replace("  \"packages\"", "=======\n\"packages\"")), @"`package-lock.json` line 3: a merge conflict was committed; resolve it and commit the file again");
    insta::assert_snapshot!(check(&LOCK.replace(": 3", ": 1")), @"`package-lock.json` line 2: lockfileVersion 1 (npm 6 and older) is not supported; `npm install --package-lock-only` with npm 7 or newer makes it version 2 or 3");
    insta::assert_snapshot!(check(&LOCK.replace(": 3", ": 4")), @"`package-lock.json` line 2: lockfileVersion 4 is not known; 2 and 3 are");
    insta::assert_snapshot!(check(&LOCK.replace(": 3", ": \"3\"")), @r#"`package-lock.json` line 2: not the JSON that npm writes: invalid type: string "3", expected u64"#);
    insta::assert_snapshot!(check("{ \"lockfileVersion\": 3 }"), @"`package-lock.json`: `packages` is missing; `npm install` writes it anew");
    insta::assert_snapshot!(check(&LOCK.replace("\"\":", "\"node_modules/x\":")), @r#"`package-lock.json` line 6: not the JSON that npm writes: the key "node_modules/x" stands twice"#);
    insta::assert_snapshot!(check(&LOCK.replace("\"integrity\"", "\"version\"")), @"`package-lock.json` line 5: not the JSON that npm writes: duplicate field `version`");
    insta::assert_snapshot!(check(&format!("{LOCK}\n}}")), @"`package-lock.json` line 8: not the JSON that npm writes: trailing characters");
}

#[test]
fn manifest_and_lock_that_contradict_each_other_are_told() {
    let check = lock_error;
    insta::assert_snapshot!(check(&LOCK.replace("1.2.0", "2.0.0")), @"`package.json` line 1: asks for x@^1.0.0, but `package-lock.json` holds 2.0.0; `npm install` makes them agree");
    insta::assert_snapshot!(check(&LOCK.replace("node_modules/x", "node_modules/y")), @"`package.json` line 1: asks for x@^1.0.0, but `package-lock.json` holds none; `npm install` makes them agree");
    insta::assert_snapshot!(check(&LOCK.replace("\"version\": \"1.2.0\", ", "")), @"`package.json` line 1: asks for x@^1.0.0, but `package-lock.json` holds no version of it; `npm install` makes them agree");
}

#[test]
fn a_file_beyond_all_measure_is_not_read() {
    let mut files = tree(&[("package.json", MANIFEST)]);
    files.set(path("package-lock.json"), Content::TooLarge(100_000_000));
    let project: Project = Npm.discover(&files).projects.remove(0);
    let error = Npm.graph(&project, &files, None).unwrap_err();
    insta::assert_snapshot!(error, @"`package-lock.json` has 100000000 bytes, more than hob reads");
}

#[test]
fn a_lock_that_names_places_outside_harms_nobody() {
    let lock = LOCK
        .replace("\"node_modules/x\":", "\"../../etc\": { \"version\": \"1.0.0\" }, \"/node_modules//\": {}, \"node_modules/l\": { \"link\": true, \"resolved\": \"node_modules/l\" }, \"node_modules/x\":");
    let graph =
        graph(&[("package.json", MANIFEST), ("package-lock.json", &lock)]).expect("a graph");
    assert_eq!(graph.named("x").count(), 1);
}

proptest! {
    #[test]
    fn no_damage_is_a_panic(at in 0..LOCK.len(), byte in any::<u8>(), cut in any::<bool>()) {
        let mut lock = LOCK.as_bytes().to_vec();
        if cut { lock.truncate(at) } else { lock[at] = byte }
        let mut files = tree(&[("package.json", MANIFEST)]);
        files.set(path("package-lock.json"), Content::Bytes(lock.clone()));
        let found = Npm.discover(&files);
        for project in &found.projects {
            drop(Npm.graph(project, &files, None));
        }
        files.set(path("package.json"), Content::Bytes(lock));
        drop(Npm.discover(&files));
    }

    #[test]
    fn no_text_is_a_panic(manifest in "[{}\\[\\]\":,a-z0-9^. /@]{0,80}", lock in "\\PC{0,60}") {
        let files = tree(&[("package.json", &manifest), ("package-lock.json", &lock)]);
        for project in &Npm.discover(&files).projects {
            drop(Npm.graph(project, &files, None));
        }
    }
}
