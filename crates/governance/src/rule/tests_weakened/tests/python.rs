//! Python tests, weakened and not.

use super::{Allow, Deny, NeedsApproval, all_hold, holds};

const BEFORE: &str = r#"
import pytest
import unittest


def test_adds():
    """assert that it adds"""
    assert add(1, 2) == 3
    assert add(
        0, 0,
    ) == 0, "nothing"


@pytest.mark.parametrize("x", [1, 2])
def test_refuses(x):
    with pytest.raises(ValueError):
        add(x, None)


class TakeTest(unittest.TestCase):
    def test_takes(self):
        self.assertEqual(take(3), 2)
"#;

fn with(old: &str, new: &str) -> String {
    assert!(BEFORE.contains(old), "{old}");
    BEFORE.replacen(old, new, 1)
}

#[test]
fn ordinary_edits_pass() {
    for after in [
        with("add(1, 2) == 3", "add(2, 2) == 4"),
        with("def test_adds", "def test_adds_up"),
        with("[1, 2]", "[1, 2, 3]"),
        with(
            "    assert add(1, 2) == 3",
            "    # never skip\n    assert (\n        add(1, 2) == 3\n    )",
        ),
        with("def test_adds", "@pytest.mark.skip\ndef test_new():\n    pass\n\n\ndef test_adds"),
        with("import unittest", "import unittest\n\nNOTE = '''\npytest.skip('x')\n'''"),
        BEFORE.replace('\n', "\r\n"),
        BEFORE.replace("    ", "\t"),
    ] {
        holds("tests/test_a.py", BEFORE, &after, Allow);
    }
}

#[test]
fn a_test_that_moved_passes_where_a_runner_finds_it() {
    all_hold(&[("test_a.py", Some(BEFORE), None), ("tests/test_b.py", None, Some(BEFORE))], Allow);
    all_hold(&[("test_a.py", Some(BEFORE), None), ("tests/a.py", None, Some(BEFORE))], Deny);
    all_hold(
        &[("tests/test_a.py", Some(BEFORE), None), ("tests/helper_a.py", None, Some(BEFORE))],
        Deny,
    );
}

#[test]
fn clear_weakenings_are_denied() {
    for after in [
        with("def test_adds", "@pytest.mark.skip(reason='flaky')\ndef test_adds"),
        with("def test_adds", "@pytest.mark.xfail\ndef test_adds"),
        with("def test_adds", "@pytest.mark.skipif(True, reason='x')\ndef test_adds"),
        with("    def test_takes", "    @unittest.skip('x')\n    def test_takes"),
        with("    def test_takes", "    @unittest.expectedFailure\n    def test_takes"),
        with("class TakeTest", "@unittest.skip('x')\nclass TakeTest"),
        with("        self.assertEqual", "        self.skipTest('x')\n        self.assertEqual"),
        with(
            "        self.assertEqual",
            "        raise unittest.SkipTest\n        self.assertEqual",
        ),
        with("    assert add(1, 2) == 3", "    pytest.skip('x')\n    assert add(1, 2) == 3"),
        with("import unittest", "import unittest\npytestmark = pytest.mark.skip"),
        with("import unittest", "import unittest\npytest.skip('x', allow_module_level=True)"),
        with("import unittest", "import unittest\n__test__ = False"),
        with("    assert add(1, 2) == 3", "    return\n    assert add(1, 2) == 3"),
        with("    assert add(1, 2) == 3", "    if False:\n        assert add(1, 2) == 3"),
        with("assert add(1, 2) == 3", "assert True"),
        with("assert add(1, 2) == 3", "assert (add(1, 2) == 3, 'always')"),
        with("assert add(1, 2) == 3", "assert add(1, 2) == 3 or True"),
        with("assert add(1, 2) == 3", "assert add(1, 2) == add(1, 2)"),
        with("self.assertEqual(take(3), 2)", "self.assertTrue(True)"),
        with("self.assertEqual(take(3), 2)", "pass"),
        with("with pytest.raises(ValueError):", "if x:"),
        with("def test_takes", "def takes"),
        with(
            "class TakeTest(unittest.TestCase):\n    def test_takes(self):\n        self.assertEqual(take(3), 2)\n",
            "",
        ),
        with("    assert add(1, 2) == 3", "    import os; os._exit(0)\n    assert add(1, 2) == 3"),
    ] {
        holds("tests/test_a.py", BEFORE, &after, Deny);
    }
    all_hold(&[("tests/test_a.py", Some(BEFORE), None)], Deny);
    holds("tests/conftest.py", "x = 1\n", "x = 1\ncollect_ignore = ['test_a.py']\n", Deny);
    all_hold(&[("conftest.py", None, Some("collect_ignore_glob = ['*']\n"))], Deny);
}

#[test]
fn what_may_be_honest_is_for_a_person() {
    for after in [
        with("    assert add(1, 2) == 3\n", ""),
        with(
            "def test_adds",
            "@pytest.mark.skipif(sys.platform == 'win32', reason='x')\ndef test_adds",
        ),
        with(
            "    assert add(1, 2) == 3",
            "    if windows():\n        pytest.skip('x')\n    assert add(1, 2) == 3",
        ),
        with("assert add(1, 2) == 3", "assert add(1, 2)"),
        with("self.assertEqual(take(3), 2)", "verify_take(3, 2)"),
        with(
            "    assert add(1, 2) == 3",
            "    try:\n        x()\n    except Exception:\n        pass\n    assert add(1, 2) == 3",
        ),
    ] {
        holds("tests/test_a.py", BEFORE, &after, NeedsApproval);
    }
    holds(
        "conftest.py",
        "",
        "def pytest_collection_modifyitems(items):\n    items.clear()\n",
        NeedsApproval,
    );
}

#[test]
fn tricks_do_not_help() {
    for after in [
        with("self.assertEqual(take(3), 2)", "pass  # self.assertEqual(take(3), 2)"),
        with("self.assertEqual(take(3), 2)", "'''self.assertEqual(take(3), 2)'''"),
        with("self.assertEqual(take(3), 2)", "f'self.assertEqual(take(3), 2)'"),
        with("self.assertEqual(take(3), 2)", "self.\u{430}ssertEqual(take(3), 2)"),
        with("def test_takes", "def t\u{435}st_takes"),
        with("def test_adds", "@pytest . mark \\\n    . skip\ndef test_adds"),
        with("def test_adds", "@pytest.mark.skip(\n    reason='x',\n)\ndef test_adds"),
        with(
            "class TakeTest(unittest.TestCase):\n    def",
            "if 0:\n  class TakeTest(unittest.TestCase):\n    def",
        ),
        format!("'''{}'''", BEFORE.replace("\"\"\"", "")),
    ] {
        holds("tests/test_a.py", BEFORE, &after, Deny);
    }
}
