//! Tests of the `tests_weakened` rule: ordinary edits, weakenings, and weakenings in disguise.

use domain::RepoPath;
use domain::change::{FileChange, FileMode, FileVersion};
use domain::finding::Decision::{self, Allow, Deny, NeedsApproval};
use proptest::prelude::*;

use crate::sample::Sample;

mod javascript;
mod python;
mod rust;
mod settings;

/// What the rule says of one file.
#[track_caller]
fn holds(path: &str, before: &str, after: &str, expected: Decision) {
    let verdict = Sample::default().file(path, before, after).judged("tests_weakened");
    assert_eq!(verdict.decision, expected, "{path}\n{after}\n{:#?}", verdict.findings);
    for finding in &verdict.findings {
        assert!(finding.path.is_some() && finding.line.is_some(), "{finding:?}");
    }
}

/// What it says of several.
#[track_caller]
fn all_hold(files: &[(&str, Option<&str>, Option<&str>)], expected: Decision) {
    let sample = files.iter().fold(Sample::default(), |sample, (path, before, after)| {
        sample.change(path, *before, *after)
    });
    let verdict = sample.judged("tests_weakened");
    assert_eq!(verdict.decision, expected, "{files:?}\n{:#?}", verdict.findings);
}

#[test]
fn files_that_are_no_tests_may_change_and_go() {
    for path in
        ["src/main.go", "README.md", "src/lib.rs", "src/app.ts", "pkg/util.py", "Cargo.lock"]
    {
        all_hold(&[(path, Some("should assert\nexpect it\n"), None)], Allow);
        holds(path, "a\nmust be checked\n", "b\n", Allow);
    }
}

#[test]
fn a_test_of_another_language_is_judged_by_its_words() {
    let go = "func TestA(t *testing.T) {\n\tif f() != 1 {\n\t\tt.Fatal(\"no\")\n\t}\n}\n";
    all_hold(&[("a_test.go", Some(go), None)], Deny);
    all_hold(&[("a_test.go", Some(go), None), ("b/a_test.go", None, Some(go))], Allow);
    all_hold(&[("a_test.go", Some(go), None), ("b/a.go", None, Some(go))], Deny);
    holds("a_test.go", go, &go.replace("if", "t.Skip(\"x\")\n\tif"), Deny);
    holds("a_test.go", go, &go.replace("t.Fatal(\"no\")", "// t.Fatal(\"no\")\n"), Deny);
    holds("a_test.go", go, &go.replace("\"no\"", "\"not one\""), Allow);
    holds("a_test.go", go, &format!("{go}{}", go.replace("TestA", "TestB")), Allow);
    let java = "@Test\nvoid a() { assertEquals(1, f()); assertTrue(g()); }\n";
    holds("src/test/java/ATest.java", java, &java.replace("@Test", "@Test @Disabled"), Deny);
    holds("src/test/java/ATest.java", java, &java.replace("assertTrue(g());", ""), NeedsApproval);
}

#[test]
fn a_snapshot_that_goes_is_for_a_person() {
    let snapshot = "// v1\n\nexports[`a 1`] = `x`;\n\nexports[`b 1`] = `y`;\n";
    let path = "src/__snapshots__/a.test.js.snap";
    all_hold(&[(path, Some(snapshot), None)], NeedsApproval);
    all_hold(
        &[(path, Some(snapshot), None), ("b/__snapshots__/a.snap", None, Some(snapshot))],
        Allow,
    );
    holds(path, snapshot, &snapshot.replace("exports[`b 1`] = `y`;\n", ""), NeedsApproval);
    holds(path, snapshot, &snapshot.replace("`y`", "`z`"), Allow);
}

#[test]
fn a_test_that_cannot_be_read_any_more_is_denied() {
    let before = b"#[test]\nfn a() { assert!(f()); }\n".as_slice();
    for after in [[before, b"\0"].concat(), [before, b"\xff"].concat()] {
        for path in ["tests/a.rs", "src/lib.rs", "tests/a.rb"] {
            let verdict =
                Sample::default().bytes(path, Some(before), Some(&after)).judged("tests_weakened");
            assert_eq!(verdict.decision, Deny, "{path}");
        }
    }
    let large = [before, " ".repeat(super::TEXT_BYTES_MAX).as_bytes()].concat();
    let file = FileChange {
        path: RepoPath::new("tests/a.rs").unwrap(),
        before: Some(version(before)),
        after: Some(version(&large)),
    };
    assert!(super::changed(&file).is_err());
}

fn version(bytes: &[u8]) -> FileVersion {
    FileVersion { mode: FileMode::Regular, size: bytes.len() as u64, content: Some(bytes.to_vec()) }
}

#[test]
fn brackets_and_quotes_without_end_cost_no_more_than_their_length() {
    for piece in [
        "(",
        "{",
        "`${",
        "'",
        "/a\\/",
        "/*",
        "r#\"",
        "\"\"\"",
        "it(",
        "#[test] fn a() {",
        "def test_a():\n",
        "if (",
        "expect(",
        "assert ",
    ] {
        let text = piece.repeat(2_000);
        for path in ["tests/a.rs", "tests/a.test.ts", "tests/test_a.py"] {
            let verdict = Sample::default().file(path, &text, &text).judged("tests_weakened");
            assert_eq!(verdict.decision, Allow, "{path} {piece}");
        }
    }
}

proptest! {
    // Each case is judged by every rule, for eight kinds of file on four occasions.
    #![proptest_config(ProptestConfig::with_cases(40))]

    #[test]
    fn bytes_of_any_kind_are_judged_and_the_same_bytes_weaken_nothing(
        bytes in prop::collection::vec(any::<u8>(), 0..200),
        pieces in prop::collection::vec(prop::sample::select(vec![
            "#[test]", "#[cfg(", "fn a", "(", ")", "{", "}", "assert!", "assert ", "it", ".only", "'", "\"", "`",
            "${", "=>", "expect(", "def test_a", ":", "\n", "\n    ", "@pytest.mark.skip", "class A", "/", "//", "#",
            "/*", "*/", "r#", "return", "if false", "mod a", ";", ",", "==", "é", "\\", "[", "]", "skip", ": true",
        ]), 0..60),
    ) {
        let text = pieces.concat();
        let all = [text.as_bytes(), &bytes].concat();
        for path in ["tests/a.rs", "a.test.ts", "test_a.py", "a_test.go", "package.json", "Cargo.toml", "tox.ini", "x.sh"] {
            for bytes in [all.as_slice(), text.as_bytes()] {
                let same = Sample::default().bytes(path, Some(bytes), Some(bytes)).judged("tests_weakened");
                prop_assert_eq!(same.findings, vec![]);
                Sample::default().bytes(path, None, Some(bytes)).judged("tests_weakened");
                Sample::default().bytes(path, Some(bytes), None).judged("tests_weakened");
            }
        }
    }
}
