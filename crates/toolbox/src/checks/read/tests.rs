//! Outputs of real test programs, cut to what tells cases apart.

use insta::assert_snapshot;
use proptest::prelude::*;

use super::*;

fn ran(out: &str, err: &str) -> ExecResult {
    ExecResult {
        exit: Exit::Code(1),
        stdout: out.as_bytes().to_vec(),
        stderr: err.as_bytes().to_vec(),
        dropped_bytes: 0,
        millis: 5,
    }
}

fn shown(format: ResultFormat, out: &str, err: &str) -> String {
    let result = read(format, &ran(out, err));
    let mark = |outcome| match outcome {
        TestOutcome::Passed => '+',
        TestOutcome::Failed => '-',
        TestOutcome::Skipped => '~',
    };
    let tests: Vec<String> = result
        .tests
        .into_iter()
        .map(|(name, outcome)| format!("{} {name}", mark(outcome)))
        .collect();
    format!("{}\n=====\n{}", tests.join("\n"), result.excerpt)
}

#[test]
fn no_test_is_read_out_of_an_output_that_was_cut() {
    let whole = ran(include_str!("captures/cargo-test.stdout"), "");
    assert!(!read(ResultFormat::CargoTest, &whole).tests.is_empty());
    let result = read(ResultFormat::CargoTest, &ExecResult { dropped_bytes: 1, ..whole });
    assert!(result.cut);
    assert_eq!((result.exit, result.tests.len()), (Some(1), 0));
    assert!(!result.excerpt.is_empty());
}

#[test]
fn cargo_tests_are_named_by_binary_and_test() {
    let err = include_str!("captures/cargo-test.stderr");
    let out = include_str!("captures/cargo-test.stdout");
    assert_snapshot!(shown(ResultFormat::CargoTest, out, err), @r"
    - it tests/it.rs: result
    + it tests/it.rs: works
    + one doc-tests: one/src/lib.rs - add (line 3)
    - one doc-tests: one/src/lib.rs - add (line 6)
    + one doc-tests: one/src/lib.rs - add (line 9)
    - one unittests src/lib.rs: tests::breaks
    + one unittests src/lib.rs: tests::panics
    + one unittests src/lib.rs: tests::prints
    ~ one unittests src/lib.rs: tests::slow
    + one unittests src/lib.rs: tests::works
    + two unittests src/lib.rs: works
    + two unittests src/main.rs: works
    =====
    ---- tests::breaks stdout ----

    thread 'tests::breaks' (18109) panicked at one/src/lib.rs:16:22:
    assertion `left == right` failed: sums differ
      left: 3
     right: 4
    ");
}

#[test]
fn a_test_program_that_dies_is_a_failure_of_its_own() {
    let err = "     Running unittests src/lib.rs (target/debug/deps/one-83d69e65c7120d7f)\nerror: test failed, to rerun pass `--lib`\n\nCaused by:\n  process didn't exit successfully: `one` (signal: 6, SIGABRT: process abort signal)\n";
    let out = "\nrunning 2 tests\ntest works ... ok\n";
    assert_snapshot!(shown(ResultFormat::CargoTest, out, err), @r"
    - one unittests src/lib.rs: (the test program did not finish)
    + one unittests src/lib.rs: works
    =====
    exit status 1
         Running unittests src/lib.rs (target/debug/deps/one-83d69e65c7120d7f)
    error: test failed, to rerun pass `--lib`
    Caused by:
      process didn't exit successfully: `one` (signal: 6, SIGABRT: process abort signal)
    ");
}

#[test]
fn a_compilers_error_is_quoted_before_any_test() {
    let err = "   Compiling one v0.1.0\nwarning: unused\nerror[E0425]: cannot find function `sub` in this scope\n --> src/lib.rs:1:5\n  |\n1 | sub();\n  | ^^^ not found\n\nerror: could not compile `one` (lib) due to 1 previous error\n";
    assert_snapshot!(shown(ResultFormat::CargoTest, "", err), @r"
    =====
    error[E0425]: cannot find function `sub` in this scope
     --> src/lib.rs:1:5
      |
    1 | sub();
      | ^^^ not found
    ");
}

#[test]
fn without_as_many_blocks_as_binaries_names_go_without_the_binary() {
    let err = "     Running unittests src/lib.rs (target/debug/deps/one-1)\n     Running benches/own.rs (target/debug/deps/own-2)\n     Running tests/it.rs (target/debug/deps/it-3)\n";
    let block = "running 1 test\ntest works ... RESULT\n\ntest result: x\n";
    let out = format!(
        "{}own harness\n{}",
        block.replace("RESULT", "ok"),
        block.replace("RESULT", "FAILED")
    );
    assert_snapshot!(shown(ResultFormat::CargoTest, &out, err), @r"
    + works
    - works (2)
    =====
    exit status 1
         Running unittests src/lib.rs (target/debug/deps/one-1)
         Running benches/own.rs (target/debug/deps/own-2)
         Running tests/it.rs (target/debug/deps/it-3)
    ");
}

#[test]
fn how_many_passed_is_known_without_names() {
    use ResultFormat::{CargoTest, ExitStatus, JavaScript, Nextest, Pytest, Tap, Unittest};
    let running = "     Running unittests src/lib.rs (target/debug/deps/one-1)\n";
    let quiet = "\nrunning 3 tests\n...\ntest result: ok. 3 passed; 0 failed; 0 ignored\n";
    let empty = "\nrunning 0 tests\n\ntest result: ok. 0 passed; 0 failed; 0 ignored\n";
    for (format, out, err, passed) in [
        (CargoTest, quiet, running, Some(3)),
        (CargoTest, empty, running, Some(0)),
        (CargoTest, "", "    Finished `test` profile in 0.1s\n", Some(0)),
        // A harness of its own; and an output that went elsewhere.
        (CargoTest, "all fine\n", running, None),
        (CargoTest, "", "", None),
        (Nextest, "", "     Summary [   0.1s] 2 tests run: 2 passed, 0 skipped\n", Some(2)),
        (Nextest, "", "error: no tests to run\n", Some(0)),
        (Pytest, "..\n2 passed, 1 warning in 0.02s\n", "", Some(2)),
        (Pytest, "==== no tests ran in 0.01s ====\n", "", Some(0)),
        (Pytest, "==== 2 skipped in 0.01s ====\n", "", Some(0)),
        (Pytest, "usage: pytest\n", "", None),
        (Unittest, "", "Ran 0 tests in 0.000s\n\nOK\n", Some(0)),
        (Unittest, "", "...\nRan 3 tests in 0.000s\n\nOK (skipped=1)\n", Some(2)),
        (Unittest, "", "s\nRan 1 test in 0.000s\n\nOK (skipped=1)\n", Some(0)),
        (Tap, "TAP version 13\n1..0\n", "", Some(0)),
        (JavaScript, "\n  0 passing (1ms)\n", "", Some(0)),
        (JavaScript, "\n  ...\n\n  3 passing (1ms)\n", "", Some(3)),
        (JavaScript, "", "No tests found, exiting with code 0\n", Some(0)),
        (JavaScript, "\nNo test files found, exiting with code 0\n", "", Some(0)),
        (JavaScript, "TAP version 13\n1..0\n# tests 0\n# pass 0\n", "", Some(0)),
        (JavaScript, "ℹ tests 0\nℹ suites 0\nℹ pass 0\n", "", Some(0)),
        (JavaScript, "all fine\n", "", None),
        (ExitStatus, "1 passed\n", "", None),
    ] {
        assert_eq!(read(format, &ran(out, err)).passed, passed, "{format:?} {out} {err}");
    }
}

#[test]
fn node_taps_results_carry_no_times() {
    let named = "
    - test/a.js > red before > fails for years
    + test/a.js > adds > one
    + test/a.js > adds > two # not a directive
    ~ test/a.js > later
    + test/a.js > some day
    + test/b.js > buffered > deeper > leaf
    + test/b.js > buffered > inside
    + test/b.js > top
    - test/c.js";
    for out in [include_str!("captures/tap-16.stdout"), include_str!("captures/tap-21.stdout")] {
        let mut expected: Vec<&str> =
            named.lines().map(str::trim).filter(|l| !l.is_empty()).collect();
        let told = shown(ResultFormat::JavaScript, out, "");
        let mut tests: Vec<&str> = told.lines().take_while(|line| *line != "=====").collect();
        expected.sort_unstable();
        tests.sort_unstable();
        assert_eq!(tests, expected);
    }
}

#[test]
fn buffered_subtests_are_read_in_their_braces() {
    let out = "TAP version 14\nok 1 - a.js # time=11.789ms {\n    ok 1 - adds # time=2ms\n    not ok 2 - divides # time=1.5ms {\n        not ok 1 - by zero\n        1..1\n    }\n    1..2\n}\nok 2 - b.js # SKIP not here\n1..2\n# time=20ms\n";
    assert_snapshot!(shown(ResultFormat::Tap, out, "").split("\n=====").next().unwrap(), @r"
    + a.js > adds
    - a.js > divides > by zero
    ~ b.js
    ");
    // Totals are no titles.
    let out =
        "TAP version 13\n# adds\nok 1 one\n# time=5ms\nok 2 two\n1..2\n# tests 2\n# pass  2\n";
    assert_snapshot!(shown(ResultFormat::Tap, out, "").split("\n=====").next().unwrap(), @r"
    + adds > one
    + adds > two
    ");
}

#[test]
fn vitest_before_2_names_files_in_other_ways() {
    let (out, err) =
        (include_str!("captures/vitest-1.stdout"), include_str!("captures/vitest-1.stderr"));
    assert_snapshot!(shown(ResultFormat::JavaScript, out, err).split("\n=====").next().unwrap(), @r"
    + a.test.ts
    - b.test.ts > s > bad
    - c.test.ts
    ");
    let out = " ✓ a.test.ts (3)\n ❯ src/b.test.ts (2) 5ms\n   ✓ s (1)\n\n Test Files  1 failed | 1 passed (2)\n      Tests  1 failed | 4 passed (5)\n";
    assert_snapshot!(shown(ResultFormat::JavaScript, out, "").split("\n=====").next().unwrap(), @"+ a.test.ts");
}

#[test]
fn nextest_is_read_up_to_its_summary() {
    assert_snapshot!(shown(ResultFormat::Nextest, "", include_str!("captures/nextest.stderr")), @r"
    - one tests::breaks
    + one tests::panics
    + one tests::prints
    + one tests::works
    - one::it result
    + one::it works
    + two works
    + two::bin/two works
    =====
            FAIL [   0.258s] (1/8) one tests::breaks
      stdout ───

        running 1 test
        test tests::breaks ... FAILED

        failures:

        failures:
            tests::breaks

        test result: FAILED. 0 passed; 1 failed; 0 ignored; 0 measured; 4 filtered out; finished in 0.23s

      stderr ───

        thread 'tests::breaks' (18193) panicked at one/src/lib.rs:16:22:
        assertion `left == right` failed: sums differ
          left: 3
         right: 4
    ");
}

#[test]
fn pytest_is_read_from_its_summary() {
    assert_snapshot!(shown(ResultFormat::Pytest, include_str!("captures/pytest-summary.stdout"), ""), @r#"
    ~ tests/test_a.py:21: why not
    ~ tests/test_a.py:6: not now
    ~ tests/test_a.py::TestC::test_ef
    + tests/test_a.py::TestC::test_m
    - tests/test_a.py::test_bad
    - tests/test_a.py::test_err
    + tests/test_a.py::test_ok
    + tests/test_a.py::test_param[\xe9\n]
    - tests/test_a.py::test_param[a b]
    + tests/test_a.py::test_param[x::y - z]
    ~ tests/test_a.py::test_xf
    + tests/test_a.py::test_xp
    - tests/test_b.py
    =====
    _______________________ ERROR collecting tests/test_b.py _______________________
    ImportError while importing test module '/checkout/tests/test_b.py'.
    Hint: make sure your test modules/packages have valid Python names.
    Traceback:
    /usr/lib/python3.11/importlib/__init__.py:126: in import_module
        return _bootstrap._gcd_import(name[level:], package, level)
               ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
    tests/test_b.py:1: in <module>
        import does_not_exist
    E   ModuleNotFoundError: No module named 'does_not_exist'
    "#);
}

#[test]
fn pytest_is_read_from_its_progress_lines_too() {
    let out = "============================= test session starts ==============================\ntests/test_a.py::test_ok PASSED                                          [  8%]\ntests/test_a.py::test_skip SKIPPED (not now)                             [ 25%]\ntests/test_a.py::test_param[x::y - z] PASSED                             [ 66%]\ntests/test_a.py::test_bad FAILED                                         [ 16%]\n";
    assert_snapshot!(shown(ResultFormat::Pytest, out, ""), @r"
    - tests/test_a.py::test_bad
    + tests/test_a.py::test_ok
    + tests/test_a.py::test_param[x::y - z]
    ~ tests/test_a.py::test_skip
    =====
    exit status 1
    ============================= test session starts ==============================
    tests/test_a.py::test_ok PASSED                                          [  8%]
    tests/test_a.py::test_skip SKIPPED (not now)                             [ 25%]
    tests/test_a.py::test_param[x::y - z] PASSED                             [ 66%]
    tests/test_a.py::test_bad FAILED                                         [ 16%]
    ");
}

#[test]
fn unittest_is_read_from_standard_error() {
    assert_snapshot!(shown(ResultFormat::Unittest, "noise\n", include_str!("captures/unittest.stderr")), @r#"
    - tests.test_u.TestC.test_doc
    ~ tests.test_u.TestC.test_ef
    + tests.test_u.TestC.test_m
    + tests.test_u.TestC.test_print
    ~ tests.test_u.TestC.test_sk
    - tests.test_u.TestC.test_sub
    - tests.test_u.TestC.test_us
    - tests.test_u.TestS.setUpClass
    - unittest.loader._FailedTest.tests.test_b.tests.test_b
    =====
    ERROR: tests.test_b (unittest.loader._FailedTest.tests.test_b)
    ----------------------------------------------------------------------
    ImportError: Failed to import test module: tests.test_b
    Traceback (most recent call last):
      File "/usr/lib/python3.11/unittest/loader.py", line 419, in _find_test_path
        module = self._get_module_from_name(name)
                 ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
      File "/usr/lib/python3.11/unittest/loader.py", line 362, in _get_module_from_name
        __import__(name)
      File "/checkout/tests/test_b.py", line 1, in <module>
        import does_not_exist
    ModuleNotFoundError: No module named 'does_not_exist'
    "#);
}

#[test]
fn tap_keeps_its_subtests_apart() {
    assert_snapshot!(shown(ResultFormat::Tap, include_str!("captures/node-tap.stdout"), ""), @r"
    - /checkout/n/c.test.js
    - bad
    + ok
    + ok (2)
    ~ skipped
    + suite > deep > same
    - suite > inner bad
    + suite > inner ok
    ~ todo
    + with subtests > sub # 1
    + with subtests > sub2
    =====
    not ok 2 - bad
      ---
      duration_ms: 7.10972
      location: '/checkout/n/a.test.js:3:1'
      failureType: 'testCodeFailure'
      error: |-
        Expected values to be strictly equal:
        
        1 !== 2
        
      code: 'ERR_ASSERTION'
      name: 'AssertionError'
      expected: 2
      actual: 1
      operator: 'strictEqual'
      stack: |-
        TestContext.<anonymous> (/checkout/n/a.test.js:3:24)
    ");
}

#[test]
fn tap_of_older_producers_groups_by_comments() {
    let out = "TAP version 13\n# adds\nok 1 should be equal\nnot ok 2 should be equal\n  ---\n    operator: equal\n    ok 9 - inside diagnostics\n  ...\n# subtracts\nok 3 (unnamed assert)\n\n1..3\n# tests 3\n# pass  2\n";
    assert_snapshot!(shown(ResultFormat::JavaScript, out, ""), @r"
    + adds > should be equal
    - adds > should be equal (2)
    + subtracts > (unnamed assert)
    =====
    not ok 2 should be equal
      ---
        operator: equal
        ok 9 - inside diagnostics
    ");
}

#[test]
fn node_spec_is_read_up_to_its_counts() {
    assert_snapshot!(shown(ResultFormat::JavaScript, include_str!("captures/node-spec.stdout"), ""), @r"
    - /checkout/n/c.test.js
    - bad
    + ok
    + ok (2)
    ~ skipped
    + suite > deep > same
    - suite > inner bad
    + suite > inner ok
    ~ todo
    + with subtests > sub # 1
    + with subtests > sub2
    =====
    ✖ bad (1.98829ms)
      AssertionError [ERR_ASSERTION]: Expected values to be strictly equal:
      
      1 !== 2
      
        generatedMessage: true,
        code: 'ERR_ASSERTION',
        actual: 1,
        expected: 2,
        operator: 'strictEqual'
      }
    ");
}

#[test]
fn mochas_failures_are_those_of_its_list() {
    assert_snapshot!(shown(ResultFormat::JavaScript, include_str!("captures/mocha.stdout"), ""), @r#"
    - hooked > "before all" hook for "never"
    - suite > bad
    + suite > deep > same
    - suite > deep > same (2)
    + suite > ok
    ~ suite > pending
    ~ suite > skipped
    + top
    =====
      1) suite
           bad:

          AssertionError [ERR_ASSERTION]: Expected values to be strictly equal:

    1 !== 2

          + expected - actual

          -1
          +2
    "#);
}

#[test]
fn jest_tells_tests_by_file() {
    assert_snapshot!(shown(ResultFormat::JavaScript, "", include_str!("captures/jest.stderr")), @r"
    - j/a.test.js › suite › bad
    - j/b.test.js › Test suite failed to run
    + j/c.test.js
    =====
      ● suite › bad

        expect(received).toBe(expected) // Object.is equality

        Expected: 2
        Received: 1

        > 1 | describe('suite',()=>{it('ok',()=>{});it('bad',()=>{expect(1).toBe(2)});it.skip('skipped',()=>{});it.todo('later');describe('deep',()=>{it('same',()=>{});});});
            |                                                               ^
          2 | test('top',()=>{console.log('✕ fake')});
          3 |
    ");
    assert_snapshot!(shown(ResultFormat::JavaScript, "", include_str!("captures/jest-verbose.stderr")), @r"
    - j/a.test.js › suite › bad
    + j/a.test.js › suite › deep › same
    ~ j/a.test.js › suite › later
    + j/a.test.js › suite › ok
    ~ j/a.test.js › suite › skipped
    + j/a.test.js › top
    - j/b.test.js › Test suite failed to run
    + j/c.test.js › ok
    =====
      ● suite › bad

        expect(received).toBe(expected) // Object.is equality

        Expected: 2
        Received: 1

        > 1 | describe('suite',()=>{it('ok',()=>{});it('bad',()=>{expect(1).toBe(2)});it.skip('skipped',()=>{});it.todo('later');describe('deep',()=>{it('same',()=>{});});});
            |                                                               ^
          2 | test('top',()=>{console.log('✕ fake')});
          3 |
    ");
}

#[test]
fn vitest_tells_tests_by_file() {
    let (out, err) =
        (include_str!("captures/vitest.stdout"), include_str!("captures/vitest.stderr"));
    assert_snapshot!(shown(ResultFormat::JavaScript, out, err), @r"
    - w/a.test.mjs > suite > bad
    - w/b.test.mjs
    + w/c.test.mjs
    =====
     FAIL  w/b.test.mjs [ w/b.test.mjs ]
    Error: Cannot find module './nope.js' imported from /checkout/w/b.test.mjs
     ❯ w/b.test.mjs:1:1
          1| import './nope.js';
           | ^
          2|

    ⎯⎯⎯⎯⎯⎯⎯⎯⎯⎯⎯⎯⎯⎯⎯⎯⎯⎯⎯⎯⎯⎯⎯⎯[1/2]⎯


    ⎯⎯⎯⎯⎯⎯⎯ Failed Tests 1 ⎯⎯⎯⎯⎯⎯⎯
    ");
    assert_snapshot!(shown(ResultFormat::JavaScript, include_str!("captures/vitest-verbose.stdout"), err), @r"
    - w/a.test.mjs > suite > bad
    + w/a.test.mjs > suite > deep > same
    ~ w/a.test.mjs > suite > later
    + w/a.test.mjs > suite > ok
    ~ w/a.test.mjs > suite > skipped
    + w/a.test.mjs > top
    - w/b.test.mjs
    + w/c.test.mjs > ok > x
    =====
     FAIL  w/b.test.mjs [ w/b.test.mjs ]
    Error: Cannot find module './nope.js' imported from /checkout/w/b.test.mjs
     ❯ w/b.test.mjs:1:1
          1| import './nope.js';
           | ^
          2|

    ⎯⎯⎯⎯⎯⎯⎯⎯⎯⎯⎯⎯⎯⎯⎯⎯⎯⎯⎯⎯⎯⎯⎯⎯[1/2]⎯


    ⎯⎯⎯⎯⎯⎯⎯ Failed Tests 1 ⎯⎯⎯⎯⎯⎯⎯
    ");
}

#[test]
fn without_names_the_end_is_quoted() {
    assert_snapshot!(shown(ResultFormat::ExitStatus, "out", "first\n\x1b[31mlast\x1b[0m\n"), @r"
    =====
    exit status 1
    first
    last
    ");
    assert_snapshot!(shown(ResultFormat::ExitStatus, "out only", "\n"), @r"
    =====
    exit status 1
    out only
    ");
    assert_snapshot!(shown(ResultFormat::JavaScript, "", ""), @r"
    =====
    exit status 1
    ");
}

#[test]
fn a_quote_is_about_the_test_that_is_asked_for() {
    let out = include_str!("captures/cargo-test.stdout");
    let quoted = quote(ResultFormat::CargoTest, &ran(out, ""), &["it tests/it.rs: result"]);
    assert_snapshot!(quoted, @r#"
    ---- result stdout ----
    running 3 tests
    test fake ... FAILED
    Error: "no"
    "#);
}

#[test]
fn a_failed_set_up_quotes_its_command() {
    let command = Exec::new(["npm", "ci"], "install");
    let result = setup_failed(&command, &ran("", "npm error code E404"));
    assert_eq!(result.exit, None);
    assert_snapshot!(result.excerpt, @r"
    `npm ci` failed: exit status 1
    npm error code E404
    ");
}

fn any_format() -> impl Strategy<Value = ResultFormat> {
    prop_oneof![
        Just(ResultFormat::CargoTest),
        Just(ResultFormat::Nextest),
        Just(ResultFormat::Pytest),
        Just(ResultFormat::Unittest),
        Just(ResultFormat::Tap),
        Just(ResultFormat::JavaScript),
        Just(ResultFormat::ExitStatus),
    ]
}

#[test]
fn a_set_up_by_npm_that_fails_is_told_by_its_first_words_and_not_by_its_usage() {
    let usage = "npm error   --allow-scripts\nnpm error     Comma-separated list\n".repeat(40);
    let err = format!(
        "npm warn old\nnpm error code EUSAGE\nnpm error\nnpm error `npm ci` can only install packages when in sync.\nnpm error\nnpm error Missing: a@1.2.6 from lock file\nnpm error\nnpm error Clean install a project\nnpm error\nnpm error Usage:\nnpm error npm ci\n{usage}npm error A complete log of this run can be found in: x\n"
    );
    let told = setup_failed(&Exec::new(["npm", "ci"], "install"), &ran("", &err)).excerpt;
    assert_eq!(
        told,
        "`npm ci` failed: exit status 1\nnpm error code EUSAGE\nnpm error `npm ci` can only install packages when in sync.\nnpm error Missing: a@1.2.6 from lock file"
    );
}

/// Lines of test programs in any order, cut anywhere.
fn any_output() -> impl Strategy<Value = String> {
    let line = prop_oneof![
        "\\PC{0,30}",
        "test [a-z:]{0,5} \\.\\.\\. (ok|FAILED|ignored|)",
        "(running [0-9]{0,2} tests?|failures:|test result: .)",
        " {0,6}(not )?ok [0-9]{0,2} - [a-z#]{0,5}( # SKIP| # TODO)?",
        "(TAP version 13|1\\.\\.[0-9]|---|  \\.\\.\\.|# Subtest: [a-z]{0,3})",
        "(PASSED|FAILED|ERROR|SKIPPED) [a-z:\\[\\] -]{0,9}",
        "(=====|-----) ?[a-z ]{0,9} ?(=====|-----)",
        " {0,8}(✓|✔|✕|×|✖|▶|﹣|❯|●|[0-9]\\)) [a-z> ]{0,6}(\\([0-9]ms\\))?",
        "(  [0-9] (passing|failing)|Test Suites: 1|Tests: 1|Test Files 1|ℹ tests 1|FAIL [a-z]|PASS [a-z])",
        "[a-z_]{1,4} \\([a-zA-Z.]{1,6}\\)( \\.\\.\\. (ok|FAIL|ERROR))?",
        "        (PASS|FAIL|SIGABRT) \\[   0\\.[0-9]s\\] [a-z]{1,3} [a-z]{1,3}",
    ];
    proptest::collection::vec(line, 0..30).prop_map(|lines| lines.join("\n"))
}

proptest! {
    #[test]
    fn no_output_makes_a_reader_panic_or_quote_without_end(
        format in any_format(), out in any_output(), err in any_output(), bytes in proptest::collection::vec(any::<u8>(), 0..100),
    ) {
        let mut result = ran(&out, &err);
        result.stdout.extend(bytes);
        let read = read(format, &result);
        prop_assert!(read.excerpt.chars().count() <= QUOTE_MAX_CHARS + 100);
        let names: Vec<&str> = read.tests.keys().map(String::as_str).collect();
        prop_assert!(quote(format, &result, &names).chars().count() <= QUOTE_MAX_CHARS + 100);
    }
}
