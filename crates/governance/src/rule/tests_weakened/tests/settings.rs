//! What runners are told: manifests, settings and scripts.

use super::{Allow, Deny, NeedsApproval, all_hold, holds};

fn package(script: &str, jest: &str) -> String {
    format!(
        "{{\n  \"scripts\": {{\n    \"test\": \"{script}\"\n  }},\n  \"jest\": {{ {jest} }},\n  \"dependencies\": {{ \"a\": \"1\" }}\n}}\n"
    )
}

#[test]
fn the_test_script_of_a_package_is_watched() {
    let before = package("jest --ci", "");
    for (script, expected) in [
        ("jest --ci", Allow),
        ("vitest run", NeedsApproval),
        ("jest --ci || true", Deny),
        ("jest --ci; exit 0", Deny),
        ("exit 0", Deny),
        ("echo skipped", Deny),
        ("jest --ci --passWithNoTests", Deny),
        ("jest --ci --testPathIgnorePatterns a", Deny),
    ] {
        holds("package.json", &before, &package(script, ""), expected);
    }
    holds(
        "package.json",
        &before,
        &package("jest --ci", "\"testPathIgnorePatterns\": [\"a\"]"),
        Deny,
    );
    holds("package.json", &before, &package("jest --ci", "\"testTimeout\": 9"), NeedsApproval);
    holds("package.json", &before, &before.replace("\"a\": \"1\"", "\"a\": \"2\""), Allow);
    holds("package.json", &before, "{ \"scripts\": {} }\n", Deny);
}

#[test]
fn cargo_is_not_told_to_leave_tests_out() {
    let before =
        "[package]\nname = \"a\"\n\n[lib]\npath = \"src/a.rs\"\n\n[dependencies]\nb = \"1\"\n";
    holds("Cargo.toml", before, &before.replace("\"1\"", "\"2\""), Allow);
    for (old, new) in [
        ("src/a.rs\"", "src/a.rs\"\ntest = false"),
        ("src/a.rs\"", "src/a.rs\"\ndoctest = false"),
        ("name = \"a\"", "name = \"a\"\nautotests = false"),
    ] {
        holds("Cargo.toml", before, &before.replace(old, new), Deny);
    }
    let plain = "[package]\nname = \"a\"\n";
    holds("Cargo.toml", plain, &format!("{plain}\n[lib]\ntest = false\n"), Deny);
    holds(
        "Cargo.toml",
        plain,
        &format!("{plain}\n[[test]]\nname = \"x\"\npath = \"y.rs\"\n"),
        NeedsApproval,
    );
}

#[test]
fn pytest_is_not_told_to_leave_tests_out() {
    let before = "[project]\nname = \"a\"\n\n[tool.pytest.ini_options]\naddopts = \"-q\"\n";
    holds("pyproject.toml", before, &before.replace("\"-q\"", "\"-q --ignore=tests/a\""), Deny);
    holds("pyproject.toml", before, &before.replace("\"-q\"", "\"-k 'not slow'\""), Deny);
    holds("pyproject.toml", before, &before.replace("\"-q\"", "\"-v\""), NeedsApproval);
    holds("pyproject.toml", before, &before.replace("\"a\"", "\"b\""), Allow);
    let before = "[metadata]\nname = a\n[tool:pytest]\naddopts = -q\n";
    holds("setup.cfg", before, &before.replace("-q", "-q --deselect x"), Deny);
    holds("setup.cfg", before, &before.replace("= a", "= b"), Allow);
    holds("pytest.ini", "[pytest]\n", "[pytest]\nnorecursedirs = tests\n", Deny);
    all_hold(&[("pytest.ini", None, Some("[pytest]\ntestpaths = a\n"))], NeedsApproval);
}

#[test]
fn scripts_that_run_tests_still_fail() {
    let before = "set -e\ncargo test --workspace\n";
    holds("scripts/check.sh", before, "set -e\ncargo test --workspace || true\n", Deny);
    holds("Makefile", "check:\n\tpytest\n", "check:\n\t-pytest\n", Deny);
    holds("scripts/check.sh", before, "set -e\ncargo build\n", NeedsApproval);
    holds("scripts/check.sh", before, &format!("# cargo test || true\n{before}"), Allow);
    holds("scripts/check.sh", before, "set -e\ncargo test --workspace --locked\n", Allow);
    holds(
        "jest.config.js",
        "module.exports = {}\n",
        "module.exports = { testMatch: ['a'] }\n",
        NeedsApproval,
    );
    holds(".mocharc.yml", "a: 1\n", "a: 1\ninvert: true\n", Deny);
}
